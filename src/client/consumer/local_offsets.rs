//! Offsets in a file of our own, for members that each get all messages (Java:
//! `LocalFileOffsetStore`, with the same file).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use protocol::bodies::{MessageQueue, ResetOffsetBody};
use protocol::json;

use crate::{ClientError, LOG};

/// `<folder>/<client id>/<group>/offsets.json` and what is to be written to it.
#[derive(Debug)]
pub(crate) struct LocalOffsets {
    path: PathBuf,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    offsets: BTreeMap<MessageQueue, i64>,
    changed: bool,
}

impl LocalOffsets {
    /// Reads the file, or the one before it if it is damaged.
    ///
    /// # Errors
    /// When there is a file and neither can be read: starting elsewhere would lose or repeat
    /// messages without a word.
    pub(crate) fn load(dir: &Path, client_id: &str, group: &str) -> Result<Self, ClientError> {
        let path = dir.join(client_id).join(group).join("offsets.json");
        let offsets = match read(&path) {
            Ok(Some(offsets)) => offsets,
            other => match read(&backup(&path)) {
                Ok(Some(offsets)) => offsets,
                Ok(None) if other.is_ok() => BTreeMap::new(),
                Ok(None) | Err(_) => {
                    let why = other.err().unwrap_or_else(|| "damaged".to_owned());
                    return Err(ClientError::Invalid(format!("{}: {why}", path.display())));
                }
            },
        };
        Ok(Self { path, table: Mutex::new(Table { offsets, changed: false }) })
    }

    pub(crate) fn get(&self, queue: &MessageQueue) -> Option<i64> {
        self.table.lock().offsets.get(queue).copied()
    }

    pub(crate) fn set(&self, queue: &MessageQueue, offset: i64) {
        let mut table = self.table.lock();
        let before = table.offsets.insert(queue.clone(), offset);
        table.changed |= before != Some(offset);
    }

    /// Writes what changed; the file before stays beside it.
    pub(crate) fn save(&self) {
        let body = {
            let mut table = self.table.lock();
            if !std::mem::take(&mut table.changed) {
                return;
            }
            json::to_vec(&ResetOffsetBody { offset_table: table.offsets.clone() })
        };
        if let Err(error) = replace(&self.path, &body) {
            self.table.lock().changed = true;
            tracing::error!(target: LOG, path = %self.path.display(), %error, "offsets not saved");
        }
    }
}

fn backup(path: &Path) -> PathBuf {
    path.with_extension("json.bak")
}

/// The offsets in a file; none when there is no file or nothing in it.
fn read(path: &Path) -> Result<Option<BTreeMap<MessageQueue, i64>>, String> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    if bytes.is_empty() {
        return Ok(None);
    }
    let body: ResetOffsetBody = json::from_slice(&bytes).map_err(|error| error.to_string())?;
    Ok(Some(body.offset_table))
}

/// Puts a file in place whole, with its old content beside it.
fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::create_dir_all(dir)?;
    let new = path.with_extension("json.tmp");
    let mut file = std::fs::File::create(&new)?;
    io::Write::write_all(&mut file, content)?;
    file.sync_all()?;
    match std::fs::copy(path, backup(path)) {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    std::fs::rename(&new, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(dir: &Path) -> Result<LocalOffsets, ClientError> {
        LocalOffsets::load(dir, "10.0.0.1@DEFAULT", "G")
    }

    #[test]
    fn offsets_outlive_the_process_and_a_damaged_file() {
        let dir = tempfile::tempdir().unwrap();
        let queue = MessageQueue::new("T", "b", 3);
        let offsets = load(dir.path()).unwrap();
        assert_eq!(offsets.get(&queue), None);
        for offset in [7, 9] {
            offsets.set(&queue, offset);
            offsets.save();
        }
        assert_eq!(load(dir.path()).unwrap().get(&queue), Some(9));
        let file = dir.path().join("10.0.0.1@DEFAULT/G/offsets.json");
        std::fs::write(&file, "{\"offsetTa").unwrap();
        assert_eq!(load(dir.path()).unwrap().get(&queue), Some(7));
        std::fs::write(dir.path().join("10.0.0.1@DEFAULT/G/offsets.json.bak"), "x").unwrap();
        let error = load(dir.path()).unwrap_err().to_string();
        assert!(error.contains("offsets.json"), "{error}");
    }

    #[test]
    fn a_file_of_javas_is_read() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("10.0.0.1@DEFAULT/G");
        std::fs::create_dir_all(&folder).unwrap();
        let text = "{\n\t\"offsetTable\":{{\n\t\t\t\"brokerName\":\"b\",\n\t\t\t\"queueId\":3,\n\
                    \t\t\t\"topic\":\"T\"\n\t\t}:12\n\t}\n}";
        std::fs::write(folder.join("offsets.json"), text).unwrap();
        let offsets = load(dir.path()).unwrap();
        assert_eq!(offsets.get(&MessageQueue::new("T", "b", 3)), Some(12));
    }
}
