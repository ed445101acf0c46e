//! The index: from topic and key to messages, over all its files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::RwLock;
use protocol::properties::KEY_SEPARATOR;

use crate::error::StoreError;
use crate::format::index::{Header, Shape, key_hash, topic_hash};
use crate::index_file::IndexFile;
use crate::mapped::sync_dir;

/// Digits of a file name: local time of its making, down to the millisecond.
const NAME_DIGITS: usize = 17;
/// Names tried, a millisecond apart, before making a file is given up.
const NAME_TRIES: i64 = 1000;

pub(crate) type Shared = Arc<RwLock<IndexFile>>;

/// All index files, oldest first.
pub(crate) struct Index {
    dir: PathBuf,
    shape: Shape,
    files: RwLock<Vec<Shared>>,
}

/// What the index wants to know of a message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Keyed<'a> {
    pub(crate) topic: &'a str,
    /// The client's unique key.
    pub(crate) unique: Option<&'a str>,
    /// The user's keys, blanks between.
    pub(crate) keys: Option<&'a str>,
    pub(crate) physical_offset: i64,
    pub(crate) store_timestamp: i64,
}

/// What a query of the index found.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Physical offsets, newest file first.
    pub(crate) offsets: Vec<i64>,
    /// Store time of the newest message the index knows.
    pub(crate) last_timestamp: i64,
    /// And its offset.
    pub(crate) last_offset: i64,
}

impl Index {
    /// Opens the files. Unless they are `whole`, those newer than the checkpoint says are deleted,
    /// since their pages may have reached the disk in any order; the log's tail is indexed again.
    pub(crate) fn load(
        dir: PathBuf,
        shape: Shape,
        whole: bool,
        checked_until: i64,
    ) -> Result<Self, StoreError> {
        let mut files = Vec::new();
        for path in list(&dir)? {
            let file = match IndexFile::open(path, shape) {
                Ok(file) => file,
                Err(error) => {
                    // Derived data: a file that cannot be read costs lookups, not messages.
                    tracing::warn!(%error, "index file left out");
                    continue;
                }
            };
            if !whole && file.header().end_timestamp > checked_until {
                file.remove().map_err(|e| StoreError::io("remove", file.path(), e))?;
                continue;
            }
            files.push(Arc::new(RwLock::new(file)));
        }
        Ok(Self { dir, shape, files: RwLock::new(files) })
    }

    /// Indexes a message by its unique key and its keys. `done` counts the keys that are in
    /// already, so that a message that met a full disk can go on where it stopped.
    ///
    /// The files that this message found full are handed to `full`, whatever fails behind them: they
    /// want to be flushed.
    pub(crate) fn put(
        &self,
        message: &Keyed<'_>,
        done: &mut usize,
        now_ms: impl Fn() -> i64,
        full: impl Fn(Shared),
    ) -> io::Result<()> {
        let keys = message.keys.unwrap_or_default().split(KEY_SEPARATOR);
        let keys = message.unique.into_iter().chain(keys.filter(|key| !key.is_empty()));
        let mut keys = keys.skip(*done).peekable();
        if keys.peek().is_none() {
            return Ok(());
        }
        let topic = topic_hash(message.topic);
        let mut last = self.files.read().last().cloned();
        loop {
            if let Some(file) = &last {
                // Locked once for all keys: this is done for every message.
                let mut file = file.write();
                if *done == 0 && message.physical_offset < file.header().end_offset {
                    return Ok(());
                }
                while let Some(key) = keys.peek()
                    && file.put(
                        key_hash(topic, key),
                        message.physical_offset,
                        message.store_timestamp,
                    )?
                {
                    keys.next();
                    *done += 1;
                }
                if keys.peek().is_none() {
                    return Ok(());
                }
            }
            let next = self.add(last.as_ref(), now_ms())?;
            last.replace(next).into_iter().for_each(&full);
        }
    }

    /// A new last file, which goes on where the one before stopped.
    fn add(&self, before: Option<&Shared>, now_ms: i64) -> io::Result<Shared> {
        let before = before.map(|file| file.read().header());
        let file = Arc::new(RwLock::new(self.create(before, now_ms)?));
        self.files.write().push(Arc::clone(&file));
        Ok(file)
    }

    fn create(&self, before: Option<Header>, now_ms: i64) -> io::Result<IndexFile> {
        fs::create_dir_all(&self.dir)?;
        for later in 0..NAME_TRIES {
            let path = self.dir.join(file_name(now_ms.saturating_add(later)));
            match IndexFile::create(path, self.shape, before) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                other => return other,
            }
        }
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "no free name for an index file"))
    }

    /// The offsets of a key's messages stored within `begin..=end`.
    pub(crate) fn find(&self, topic: &str, key: &str, max: usize, begin: i64, end: i64) -> Found {
        let hash = key_hash(topic_hash(topic), key);
        let mut found = Found::default();
        let files = self.files.read().clone();
        for (number, file) in files.iter().rev().enumerate() {
            let file = file.read();
            let header = file.header();
            if number == 0 {
                found.last_timestamp = header.end_timestamp;
                found.last_offset = header.end_offset;
            }
            if header.touches(begin, end) {
                file.find(hash, begin, end, max, &mut found.offsets);
            }
            if header.begin_timestamp < begin || found.offsets.len() >= max {
                break;
            }
        }
        found
    }

    /// Deletes the files, but for the last, that know no message at or behind `log_min`.
    pub(crate) fn remove_expired(&self, log_min: i64) -> io::Result<usize> {
        let mut files = self.files.write();
        let mut removed = 0;
        while files.len() > 1
            && let Some(first) = files.first()
            && first.read().header().end_offset < log_min
        {
            first.read().remove()?;
            files.remove(0);
            removed += 1;
        }
        Ok(removed)
    }

    /// Makes the index take messages from `log_end` on again, where the log lost its end.
    pub(crate) fn cut_to_log(&self, log_end: i64) -> io::Result<()> {
        self.files.read().iter().try_for_each(|file| file.write().lower_end(log_end))
    }

    /// Writes the last file to the disk; the others are there since they were full.
    pub(crate) fn sync_last(&self) -> io::Result<()> {
        let last = self.files.read().last().cloned();
        match last {
            Some(last) => {
                last.read().sync()?;
                sync_dir(&self.dir)
            }
            None => Ok(()),
        }
    }

    /// Writes a full file to the disk and gives the store time it reaches to.
    pub(crate) fn sync_full(&self, file: &Shared) -> io::Result<i64> {
        let file = file.read();
        file.sync()?;
        sync_dir(&self.dir)?;
        Ok(file.header().end_timestamp)
    }
}

impl std::fmt::Debug for Index {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Index({})", self.dir.display())
    }
}

/// The index files of a folder, oldest first.
fn list(dir: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(|e| StoreError::io("list", dir, e))?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| StoreError::io("list", dir, e))?;
        let name = entry.file_name();
        let name = name.to_str().unwrap_or_default();
        if name.len() == NAME_DIGITS && name.bytes().all(|byte| byte.is_ascii_digit()) {
            found.push(entry.path());
        } else {
            tracing::warn!(path = %entry.path().display(), "not an index file, left alone");
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// `yyyyMMddHHmmssSSS`, local time.
fn file_name(now_ms: i64) -> String {
    let time = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    let local = time.to_zoned(TimeZone::system());
    let (date, time) = (local.date(), local.time());
    format!(
        "{:04}{:02}{:02}{:02}{:02}{:02}{:03}",
        date.year(),
        date.month(),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}
