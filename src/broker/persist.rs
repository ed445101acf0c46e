//! The JSON files of the broker's tables: loading with a backup, replacing safely, and the tasks
//! that keep them up to date.
//!
//! A table is a file `X` and its predecessor `X.bak`, as 4.4.0 keeps them; at every moment one of
//! them is whole. A damaged `X` never becomes the backup; it is set aside as `X.damaged`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::LOG;

/// How long a handler waits for a change to reach the disk before it answers all the same.
const KEPT_WAIT_MAX: Duration = Duration::from_secs(3);

/// Pause before a failed write is tried again.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A table cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is there but cannot be understood, and its backup does not help.
    #[error(
        "{path} is damaged ({reason}) and {path}.bak cannot replace it ({backup}); nothing was \
         changed. Restore one of the two, or move both away to start with an empty table",
        path = path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What is wrong with its backup.
        backup: String,
    },
}

/// One table on disk.
#[derive(Debug)]
pub(crate) struct ConfigFile {
    path: PathBuf,
    damaged: AtomicBool,
}

enum Content<T> {
    Absent,
    Good(T),
    Bad(String),
}

impl ConfigFile {
    /// The file at `path`, which need not exist.
    pub(crate) fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), damaged: AtomicBool::new(false) }
    }

    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the table; the backup serves where the file is missing, empty or damaged. `None`
    /// when there is neither.
    ///
    /// # Errors
    /// When what is there is damaged. (4.4.0 starts with an empty table where there is no backup,
    /// and then overwrites the damaged file.)
    pub(crate) fn load<T: DeserializeOwned>(&self) -> Result<Option<T>, LoadError> {
        let reason = match read(&self.path) {
            Content::Good(table) => {
                tracing::info!(target: LOG, "load {} OK", self.path.display());
                return Ok(Some(table));
            }
            Content::Absent => None,
            Content::Bad(reason) => Some(reason),
        };
        let backup = read(&self.beside("bak"));
        let damaged = |backup: &str| LoadError::Damaged {
            path: self.path.clone(),
            reason: reason.clone().unwrap_or_else(|| "missing".to_owned()),
            backup: backup.to_owned(),
        };
        match (&reason, backup) {
            (_, Content::Good(table)) => {
                if let Some(reason) = &reason {
                    self.damaged.store(true, Ordering::Relaxed);
                    tracing::error!(target: LOG, path = %self.path.display(), reason, "damaged, the backup serves");
                }
                tracing::info!(target: LOG, "load {} OK", self.path.display());
                Ok(Some(table))
            }
            (None, Content::Absent) => Ok(None),
            (Some(_), Content::Absent) => Err(damaged("missing")),
            (_, Content::Bad(why)) => Err(damaged(&why)),
        }
    }

    /// Puts `text` in place and keeps what was there as the backup.
    ///
    /// # Errors
    /// What the file system says; then the old content still stands.
    pub(crate) fn save(&self, text: &str) -> io::Result<()> {
        if self.damaged.load(Ordering::Relaxed) {
            fs::rename(&self.path, self.beside("damaged"))?;
            self.damaged.store(false, Ordering::Relaxed);
        }
        store::replace_file(&self.path, text.as_bytes())
    }

    fn beside(&self, suffix: &str) -> PathBuf {
        let mut name = self.path.clone().into_os_string();
        name.push(".");
        name.push(suffix);
        name.into()
    }
}

fn read<T: DeserializeOwned>(path: &Path) -> Content<T> {
    let bytes = match fs::read(path) {
        Ok(bytes) if bytes.is_empty() => return Content::Absent,
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Content::Absent,
        Err(error) => return Content::Bad(error.to_string()),
    };
    match protocol::json::from_slice(&bytes) {
        Ok(table) => Content::Good(table),
        Err(error) => Content::Bad(error.to_string()),
    }
}

/// Counts the changes of a table and knows which of them are on disk.
#[derive(Debug)]
pub(crate) struct Changes {
    made: AtomicU64,
    wake: Notify,
    kept: watch::Sender<u64>,
    /// As `kept`, for those who only look.
    kept_seen: AtomicU64,
    /// The last try to write the table failed.
    failing: AtomicBool,
}

impl Default for Changes {
    fn default() -> Self {
        Self {
            made: AtomicU64::new(0),
            wake: Notify::new(),
            kept: watch::Sender::new(0),
            kept_seen: AtomicU64::new(0),
            failing: AtomicBool::new(false),
        }
    }
}

impl Changes {
    /// Notes a change, which others can already see; returns its number.
    pub(crate) fn note(&self) -> u64 {
        let number = self.made.fetch_add(1, Ordering::AcqRel) + 1;
        self.wake.notify_one();
        number
    }

    /// The number of the last change.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Acquire)
    }

    /// Whether there are changes that are not on disk.
    pub(crate) fn pending(&self) -> bool {
        self.made() > *self.kept.borrow()
    }

    /// The newest change, if it is on its way to the disk and likely to get there.
    pub(crate) fn on_its_way(&self) -> Option<u64> {
        let made = self.made();
        let kept = self.kept_seen.load(Ordering::Acquire);
        (made > kept && !self.failing.load(Ordering::Relaxed)).then_some(made)
    }

    /// Waits until change `number` was written, or trying took too long: a disk that does not
    /// take a table keeps nobody from an answer, as in 4.4.0.
    pub(crate) async fn wait_kept(&self, number: u64) {
        let mut kept = self.kept.subscribe();
        let _ = tokio::time::timeout(KEPT_WAIT_MAX, kept.wait_for(|done| *done >= number)).await;
    }
}

/// A table that is kept in a file.
pub(crate) trait Kept: Send + Sync + 'static {
    /// Its file.
    fn file(&self) -> &ConfigFile;

    /// Its changes.
    fn changes(&self) -> &Changes;

    /// The whole table as the text of the file.
    fn encode(&self) -> String;

    /// Writes the table; a failure is logged and the table stays in memory.
    fn keep(&self) {
        let number = self.changes().made();
        self.keep_text(number, &self.encode());
    }

    /// Writes `text`, which holds the changes up to `number`.
    fn keep_text(&self, number: u64, text: &str) {
        if let Err(error) = self.file().save(text) {
            tracing::error!(target: LOG, path = %self.file().path().display(), %error, "persist table");
            self.changes().failing.store(true, Ordering::Relaxed);
            return;
        }
        self.changes().failing.store(false, Ordering::Relaxed);
        self.changes().kept_seen.fetch_max(number, Ordering::AcqRel);
        self.changes().kept.send_if_modified(|kept| {
            let newer = number > *kept;
            *kept = number.max(*kept);
            newer
        });
    }
}

/// Writes `table` whenever it changed, until stopped; what failed is tried again.
pub(crate) async fn keep_on_change<K: Kept>(table: Arc<K>, stop: CancellationToken) {
    loop {
        let retry = if table.changes().pending() { RETRY_PAUSE } else { Duration::MAX };
        let wake = tokio::time::timeout(retry, table.changes().wake.notified());
        if stop.run_until_cancelled(wake).await.is_none() {
            return;
        }
        keep_blocking(&table).await;
    }
}

/// Writes `table` every `period` if it changed, and once in any case, until stopped.
pub(crate) async fn keep_every<K: Kept>(
    table: Arc<K>,
    first: Duration,
    period: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut written = false;
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if table.changes().pending() || !written {
            keep_blocking(&table).await;
            written = true;
        }
    }
}

/// Writes `table` on a thread that may wait for the disk.
pub(crate) async fn keep_blocking<K: Kept>(table: &Arc<K>) {
    let table = Arc::clone(table);
    if let Err(error) = tokio::task::spawn_blocking(move || table.keep()).await {
        tracing::error!(target: LOG, %error, "persist table");
    }
}

/// Writes `table` if it has changes that are not on disk.
pub(crate) async fn keep_if_changed<K: Kept>(table: &Arc<K>) {
    if table.changes().pending() {
        keep_blocking(table).await;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    type Table = BTreeMap<String, i64>;

    fn file() -> (tempfile::TempDir, ConfigFile) {
        let dir = tempfile::tempdir().unwrap();
        let file = ConfigFile::new(dir.path().join("config/t.json"));
        (dir, file)
    }

    fn put(file: &ConfigFile, suffix: &str, text: &str) {
        fs::create_dir_all(file.path().parent().unwrap()).unwrap();
        let path = if suffix.is_empty() { file.path.clone() } else { file.beside(suffix) };
        fs::write(path, text).unwrap();
    }

    fn one(value: i64) -> Option<Table> {
        Some(BTreeMap::from([("a".to_owned(), value)]))
    }

    #[test]
    fn nothing_there_is_an_empty_table() {
        let (_dir, file) = file();
        assert_eq!(file.load::<Table>().unwrap(), None);
        put(&file, "", "");
        assert_eq!(file.load::<Table>().unwrap(), None);
    }

    #[test]
    fn the_predecessor_stays_as_the_backup() {
        let (_dir, file) = file();
        file.save("{\"a\":1}").unwrap();
        assert!(!file.beside("bak").exists());
        file.save("{\"a\":2}").unwrap();
        assert_eq!(file.load().unwrap(), one(2));
        fs::remove_file(&file.path).unwrap();
        assert_eq!(file.load().unwrap(), one(1));
    }

    #[test]
    fn a_damaged_file_is_replaced_by_its_backup_and_set_aside() {
        let (_dir, file) = file();
        put(&file, "", "{\"a\":");
        put(&file, "bak", "{\"a\":7}");
        assert_eq!(file.load().unwrap(), one(7));
        file.save("{\"a\":8}").unwrap();
        assert_eq!(fs::read_to_string(file.beside("bak")).unwrap(), "{\"a\":7}");
        assert_eq!(fs::read_to_string(file.beside("damaged")).unwrap(), "{\"a\":");
        file.save("{\"a\":9}").unwrap();
        assert_eq!(fs::read_to_string(file.beside("bak")).unwrap(), "{\"a\":8}");
    }

    #[test]
    fn two_damaged_files_are_an_error_and_stay() {
        for backup in [None, Some("{{"), Some("[1")] {
            let (_dir, file) = file();
            put(&file, "", "{\"a\":");
            if let Some(text) = backup {
                put(&file, "bak", text);
            }
            let error = file.load::<Table>().unwrap_err().to_string();
            assert!(error.contains("t.json is damaged"), "{error}");
            assert_eq!(fs::read_to_string(&file.path).unwrap(), "{\"a\":");
        }
    }

    #[test]
    fn a_file_torn_at_any_byte_is_replaced_by_its_backup() {
        let text = "{\"a\":12345,\"b\":7}";
        for cut in 0..text.len() {
            let zeroed = format!("{}{}", &text[..cut], "\0".repeat(text.len() - cut));
            for torn in [&text[..cut], &zeroed] {
                let (_dir, file) = file();
                put(&file, "", torn);
                put(&file, "bak", "{\"a\":7}");
                assert_eq!(file.load().unwrap(), one(7), "torn at {cut}");
            }
        }
    }

    #[test]
    fn two_files_torn_at_any_byte_are_an_error_and_stay() {
        let text = "{\"a\":12345,\"b\":7}";
        for cut in 1..text.len() {
            let zeroed = format!("{}{}", &text[..cut], "\0".repeat(text.len() - cut));
            for torn in [&text[..cut], &zeroed] {
                let (_dir, file) = file();
                put(&file, "", torn);
                put(&file, "bak", torn);
                assert!(file.load::<Table>().is_err(), "torn at {cut}");
                for path in [file.path.clone(), file.beside("bak")] {
                    assert_eq!(fs::read_to_string(path).unwrap(), torn, "torn at {cut}");
                }
            }
        }
    }

    struct Number(ConfigFile, Changes, AtomicU64);

    impl Kept for Number {
        fn file(&self) -> &ConfigFile {
            &self.0
        }
        fn changes(&self) -> &Changes {
            &self.1
        }
        fn encode(&self) -> String {
            format!("{{\"a\":{}}}", self.2.load(Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn a_change_is_on_disk_when_the_wait_is_over() {
        let (_dir, file) = file();
        let table = Arc::new(Number(file, Changes::default(), AtomicU64::new(0)));
        let stop = CancellationToken::new();
        let task = tokio::spawn(keep_on_change(Arc::clone(&table), stop.clone()));
        for value in 1..20 {
            table.2.store(value, Ordering::Relaxed);
            table.1.wait_kept(table.1.note()).await;
            assert_eq!(table.0.load().unwrap(), one(value as i64));
        }
        assert!(!table.1.pending());
        stop.cancel();
        task.await.unwrap();
    }
}
