//! The checkpoint file, see [`crate::format::checkpoint`].

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

use crate::error::StoreError;
use crate::format::checkpoint::{FILE_LEN, Mark, Times, USED_LEN};
use crate::mapped::{sync_dir, tapped};

/// The open file and the times in it.
#[derive(Debug)]
pub(crate) struct Checkpoint {
    path: PathBuf,
    file: File,
    times: Mutex<Times>,
    /// The mark that was found.
    found: Option<Mark>,
    /// Offset of the log before which log and queues are on the disk.
    derived: AtomicI64,
}

impl Checkpoint {
    /// Opens the file, made if need be.
    pub(crate) fn open(path: &Path) -> Result<Self, StoreError> {
        let error = |e| StoreError::io("open", path, e);
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(error)?;
        let mut bytes = [0; USED_LEN];
        let mut len = 0;
        while len < USED_LEN {
            match file.read_at(&mut bytes[len..], len as u64).map_err(error)? {
                0 => break,
                more => len += more,
            }
        }
        let times = Times::decode(&bytes[..len]);
        let found = Mark::decode(&bytes[..len]);
        if file.metadata().map_err(error)?.len() != FILE_LEN as u64 {
            file.set_len(FILE_LEN as u64).map_err(error)?;
            file.sync_all().map_err(error)?;
            path.parent().map_or(Ok(()), sync_dir).map_err(error)?;
        }
        tracing::info!(path = %path.display(), ?times, "store checkpoint file");
        let derived = AtomicI64::new(0);
        Ok(Self { path: path.to_path_buf(), file, times: Mutex::new(times), found, derived })
    }

    /// The mark that the file had when it was opened.
    pub(crate) fn mark(&self) -> Option<i64> {
        self.found.map(|mark| mark.0)
    }

    /// Moves the mark; to be called once log and queues are on the disk up to `offset`.
    pub(crate) fn note_mark(&self, offset: i64) {
        self.derived.fetch_max(offset, Ordering::AcqRel);
    }

    pub(crate) fn times(&self) -> Times {
        *self.times.lock()
    }

    /// Takes back what the file says, durably, before queues are written again that it calls
    /// flushed: only what lies before `offset` is left to rely on.
    pub(crate) fn lower(&self, offset: i64) -> io::Result<()> {
        *self.times.lock() = Times::default();
        self.derived.store(offset, Ordering::Release);
        self.write()
    }

    /// Changes the times in memory; times never go back.
    pub(crate) fn note(&self, physic: i64, logics: i64, index: i64) {
        let mut times = self.times.lock();
        times.physic = times.physic.max(physic);
        times.logics = times.logics.max(logics);
        times.index = times.index.max(index);
    }

    /// Writes the times and waits for the disk.
    pub(crate) fn write(&self) -> io::Result<()> {
        // Threads may write at the same time: each must leave what belongs together.
        let times = self.times.lock();
        let mark = Mark(self.derived.load(Ordering::Acquire));
        self.file.write_all_at(&mark.encode_with(*times), 0)?;
        drop(times);
        tapped(&self.path, 0..USED_LEN, || self.file.sync_data())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_and_the_file_has_javas_length() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        let checkpoint = Checkpoint::open(&path).unwrap();
        assert_eq!(checkpoint.times(), Times::default());
        checkpoint.note(5, 7, 0);
        checkpoint.note(3, 9, 1);
        checkpoint.note_mark(100);
        checkpoint.note_mark(50);
        checkpoint.write().unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().len(), FILE_LEN as u64);
        let again = Checkpoint::open(&path).unwrap();
        assert_eq!(again.times(), Times { physic: 5, logics: 9, index: 1 });
        assert_eq!(again.mark(), Some(100));
    }

    #[test]
    fn a_cut_file_reads_as_far_as_it_goes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("checkpoint");
        std::fs::write(&path, [0, 0, 0, 0, 0, 0, 0, 5, 1]).unwrap();
        assert_eq!(
            Checkpoint::open(&path).unwrap().times(),
            Times { physic: 5, logics: 0, index: 0 }
        );
    }
}
