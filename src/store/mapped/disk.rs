//! Changes made durable together.
//!
//! A sync of a file waits for the journal of the file system, and so does a sync of a folder: with
//! thousands of queues one by one takes minutes. From [`MANY`] on the file system is synced as a
//! whole instead, which waits once.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::FsWord;

use super::file::MappedFile;
use super::space::sync_dir;
use super::tap::{tapped, tapped_whole};
use crate::error::{StoreError, is_disk_full};

/// Files and folders from which on the whole file system is synced. Fewer would make a quiet broker
/// write what other programs on the disk have not written yet.
const MANY: usize = if cfg!(test) { 8 } else { 64 };
/// ext4, XFS and Btrfs. What lies over another file system, or is served by a program, may not hear of
/// its errors.
const TRUSTED: [FsWord; 3] = [0xEF53, 0x5846_5342, 0x9123_683E];
/// Folders above a file whose names may be new with it: a queue's, its topic's, that of all queues,
/// and the root.
const FOLDERS: usize = 4;

/// What was changed and is not on the disk yet.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    pages: Vec<(Arc<MappedFile>, Range<usize>)>,
    files: BTreeSet<PathBuf>,
    folders: BTreeSet<PathBuf>,
}

impl Changes {
    /// Bytes of a file were written through its mapping.
    pub(crate) fn note_pages(&mut self, file: Arc<MappedFile>, range: Range<usize>) {
        if !range.is_empty() {
            self.pages.push((file, range));
        }
    }

    /// A file was changed by calls.
    pub(crate) fn note_file(&mut self, path: &Path) {
        self.files.insert(path.to_path_buf());
    }

    /// Names in a folder were made or taken away.
    pub(crate) fn note_folder(&mut self, dir: &Path) {
        if !self.folders.contains(dir) {
            self.folders.insert(dir.to_path_buf());
        }
    }

    /// Files were made in a folder that may be new itself.
    pub(crate) fn note_new_folder(&mut self, dir: &Path) {
        dir.ancestors().take(FOLDERS).for_each(|dir| self.note_folder(dir));
    }

    fn count(&self) -> usize {
        self.pages.len() + self.files.len() + self.folders.len()
    }

    /// Waits for one after the other, as far as `wanted`.
    fn sync_each(&self, wanted: impl Fn(&Path) -> bool) -> Result<(), StoreError> {
        for (file, range) in self.pages.iter().filter(|(file, _)| wanted(file.path())) {
            sync_one(file.path(), file.sync(range.start, range.end))?;
        }
        for path in self.files.iter().filter(|path| wanted(path)) {
            sync_one(path, sync_file(path))?;
        }
        for dir in self.folders.iter().filter(|dir| wanted(dir)) {
            sync_one(dir, sync_dir(dir))?;
        }
        Ok(())
    }
}

/// What was deleted meanwhile needs no sync.
fn sync_one(path: &Path, done: io::Result<()>) -> Result<(), StoreError> {
    match done {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(|e| StoreError::io("sync", path, e)),
    }
}

fn sync_file(path: &Path) -> io::Result<()> {
    let file = super::space::open(path)?;
    let len = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    tapped(path, 0..len, || file.sync_all())
}

/// The file system of a store's root.
#[derive(Debug)]
pub(crate) struct Disk {
    path: PathBuf,
    /// Kept open: what failed to be written since its last sync is told at the next one, whoever
    /// tried to write it. The first one may tell of what nobody was told before.
    root: File,
    device: u64,
    /// A sync of the whole file system can be trusted.
    as_a_whole: bool,
}

impl Disk {
    pub(crate) fn open(root: &Path) -> Result<Self, StoreError> {
        let error = |e| StoreError::io("open", root, e);
        let open = File::open(root).map_err(error)?;
        let device = open.metadata().map_err(error)?.dev();
        let kind = rustix::fs::fstatfs(&open).map_err(|e| error(e.into()))?.f_type;
        let as_a_whole = TRUSTED.contains(&kind) && tells_errors();
        Ok(Self { path: root.to_path_buf(), root: open, device, as_a_whole })
    }

    /// Makes changes durable. After an error nobody knows which of them are.
    pub(crate) fn sync(&self, changes: &Changes) -> Result<(), StoreError> {
        if changes.count() < MANY || !self.as_a_whole {
            return changes.sync_each(|_| true);
        }
        match tapped_whole(&self.path, || Ok(rustix::fs::syncfs(&self.root)?)) {
            Ok(()) => changes.sync_each(|path| !self.holds(path)),
            // Our files have their blocks: this is of another program's. Whether ours are written
            // each of them tells.
            Err(e) if is_disk_full(&e) => changes.sync_each(|_| true),
            Err(e) => Err(StoreError::io("sync the file system of", &self.path, e)),
        }
    }

    /// Whether a file lies on this file system: folders may be links, or disks of their own.
    fn holds(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|there| there.dev() == self.device)
    }
}

/// The kernel tells at a sync of a file system which data could not be written since version 5.8, and
/// which of its own records since 5.17.
fn tells_errors() -> bool {
    const SINCE: (u32, u32) = (5, 17);
    let system = rustix::system::uname();
    let release = system.release().to_str().unwrap_or_default();
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse::<u32>);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= SINCE,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::Device;

    fn changes(root: &Path, files: usize) -> Changes {
        let mut changes = Changes::default();
        for number in 0..files {
            let path = root.join(number.to_string());
            fs::write(&path, b"x").unwrap();
            changes.note_file(&path);
        }
        changes.note_folder(root);
        changes
    }

    #[test]
    fn few_changes_are_synced_one_by_one_and_many_at_once() {
        for files in [1, MANY - 2, MANY - 1, MANY * 2] {
            let dir = tempfile::tempdir().unwrap();
            let device = Device::attach(dir.path());
            let disk = Disk::open(dir.path()).unwrap();
            disk.sync(&changes(dir.path(), files)).unwrap();
            let many = files + 1 >= MANY && disk.as_a_whole;
            let expected = if many { 1 } else { files + 1 };
            assert_eq!(device.syncs(), expected, "{files} files");
            device.detach();
            let image = tempfile::tempdir().unwrap();
            device.image(&image.path().join("image"), &mut fastrand::Rng::with_seed(1));
            let there = fs::read_dir(image.path().join("image")).unwrap().count();
            assert_eq!(there, files, "all of it is on the disk");
        }
    }

    #[test]
    fn a_failed_sync_is_an_error_of_all() {
        for files in [1, MANY * 2] {
            let dir = tempfile::tempdir().unwrap();
            let device = Device::attach(dir.path());
            let disk = Disk::open(dir.path()).unwrap();
            let changes = changes(dir.path(), files);
            device.break_down();
            assert!(matches!(disk.sync(&changes), Err(StoreError::Io { .. })), "{files} files");
            device.detach();
        }
    }

    #[test]
    fn what_was_deleted_meanwhile_needs_no_sync() {
        let dir = tempfile::tempdir().unwrap();
        let disk = Disk::open(dir.path()).unwrap();
        for files in [1, MANY * 2] {
            let mut changes = changes(dir.path(), files);
            changes.note_new_folder(&dir.path().join("gone/too"));
            (0..files)
                .for_each(|number| fs::remove_file(dir.path().join(number.to_string())).unwrap());
            disk.sync(&changes).unwrap();
        }
    }
}
