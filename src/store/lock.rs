//! The lock on the store's folder: one broker at a time, ours or Java's.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;

use parking_lot::Mutex;
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::error::StoreError;

/// What 4.4.0 writes into the lock file.
const CONTENT: &[u8] = b"lock";

/// Folders locked by this process, by device and inode of their lock file. The system's lock is
/// the process's: a second one of the same process would succeed, and closing the file a second
/// time would drop the first.
static LOCKED: Mutex<Option<HashSet<(u64, u64)>>> = Mutex::new(None);

/// Held as long as the store is open.
#[derive(Debug)]
pub(crate) struct FolderLock {
    /// Closing it gives the lock up.
    file: Option<File>,
    id: (u64, u64),
}

impl FolderLock {
    /// Takes the lock, or says that somebody has it.
    ///
    /// It is fcntl's, over the whole file: that overlaps the byte a Java broker locks, so each
    /// sees the other. std's file lock is another kind, which Java does not see.
    pub(crate) fn take(path: &Path) -> Result<Self, StoreError> {
        let mut locked = LOCKED.lock();
        let locked = locked.get_or_insert_default();
        // Asked before opening: see above what closing does.
        if let Ok(there) = fs::metadata(path)
            && locked.contains(&(there.dev(), there.ino()))
        {
            return Err(StoreError::Locked(path.to_path_buf()));
        }
        let error = |e| StoreError::io("open", path, e);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(error)?;
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => {
                return Err(StoreError::Locked(path.to_path_buf()));
            }
            Err(errno) => return Err(StoreError::io("lock", path, errno.into())),
        }
        file.write_all_at(CONTENT, 0).map_err(error)?;
        file.sync_all().map_err(error)?;
        let there = file.metadata().map_err(error)?;
        let id = (there.dev(), there.ino());
        locked.insert(id);
        Ok(Self { file: Some(file), id })
    }
}

/// Whether somebody, of this process or another one, holds the lock; it is not taken.
pub(crate) fn is_held(path: &Path) -> bool {
    let locked = LOCKED.lock();
    let Ok(there) = fs::metadata(path) else { return false };
    if locked.as_ref().is_some_and(|locked| locked.contains(&(there.dev(), there.ino()))) {
        return true;
    }
    // Not held by this process: closing the file drops nothing.
    let Ok(file) = OpenOptions::new().read(true).write(true).open(path) else { return false };
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).is_err()
}

impl Drop for FolderLock {
    fn drop(&mut self) {
        let mut locked = LOCKED.lock();
        // Closed before the next one may open it: closing late would drop the next one's lock.
        self.file = None;
        if let Some(locked) = locked.as_mut() {
            locked.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_even_within_a_process() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let lock = FolderLock::take(&path).unwrap();
        assert!(matches!(FolderLock::take(&path), Err(StoreError::Locked(_))));
        assert_eq!(fs::read(&path).unwrap(), CONTENT);
        drop(lock);
        FolderLock::take(&path).unwrap();
    }
}
