//! A disk for tests: it knows what was synced, and makes images of what a power cut may leave.
//!
//! Every sync of the store goes through [`sync`]. In tests a device that is attached to the folder
//! takes a copy of what was there when the sync began: that much is on the disk. Of the rest each
//! sector may be there or not, and each name that was not synced.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::ops::Range;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use parking_lot::Mutex;

#[cfg(test)]
mod tests;

const PAGE: usize = 4096;
const SECTOR: usize = 512;

static DEVICES: Mutex<Vec<Arc<Device>>> = Mutex::new(Vec::new());

/// Runs a sync of a part of a file, or of a folder's names.
pub(crate) fn sync(
    path: &Path,
    range: Range<usize>,
    run: impl FnOnce() -> io::Result<()>,
) -> io::Result<()> {
    let Some(device) = device_of(path) else { return run() };
    let _alone = device.syncing.lock();
    device.works()?;
    let before = Before::of(path, range);
    run()?;
    device.synced(path, before);
    Ok(())
}

/// Runs a sync of everything below a folder.
pub(crate) fn sync_whole(root: &Path, run: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    let Some(device) = device_of(root) else { return run() };
    let _alone = device.syncing.lock();
    device.works()?;
    if device.broken_as_a_whole.load(Ordering::SeqCst) {
        return Err(Device::error());
    }
    let all = std::iter::once(root.to_path_buf()).chain(tree(root));
    let before: Vec<_> = all.map(|path| (Before::of(&path, 0..usize::MAX), path)).collect();
    // Not run: it would wait for whatever else the machine has to write.
    before.into_iter().for_each(|(before, path)| device.synced(&path, before));
    Ok(())
}

fn device_of(path: &Path) -> Option<Arc<Device>> {
    DEVICES.lock().iter().find(|device| path.starts_with(&device.root)).cloned()
}

/// What a sync finds when it begins.
enum Before {
    Names(BTreeSet<PathBuf>),
    Pages(u64, BTreeMap<usize, Vec<u8>>),
}

impl Before {
    fn of(path: &Path, range: Range<usize>) -> Self {
        if path.is_dir() {
            return Self::Names(names_in(path));
        }
        let bytes = fs::read(path).unwrap_or_default();
        let first = range.start / PAGE;
        let last = range.end.min(bytes.len()).div_ceil(PAGE);
        let page = |number: usize| {
            let end = ((number + 1) * PAGE).min(bytes.len());
            (number, bytes[number * PAGE..end].to_vec())
        };
        Self::Pages(inode(path), (first..last).map(page).collect())
    }
}

fn inode(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |there| there.ino())
}

fn names_in(dir: &Path) -> BTreeSet<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// What of a folder is on the disk.
pub(crate) struct Device {
    root: PathBuf,
    disk: Mutex<Disk>,
    /// Every sync fails from now on.
    broken: AtomicBool,
    /// Every sync of everything.
    broken_as_a_whole: AtomicBool,
    syncs: AtomicUsize,
    /// One sync at a time: else an older copy could go over a newer one.
    syncing: Mutex<()>,
}

#[derive(Default)]
struct Disk {
    names: BTreeSet<PathBuf>,
    /// Which file has the name, and its pages.
    pages: BTreeMap<PathBuf, (u64, BTreeMap<usize, Vec<u8>>)>,
}

impl Device {
    /// Takes everything in the folder for synced, and follows it from now on.
    pub(crate) fn attach(root: &Path) -> Arc<Self> {
        let mut disk = Disk::default();
        for path in tree(root) {
            if let Before::Pages(inode, pages) = Before::of(&path, 0..usize::MAX) {
                disk.pages.insert(path.clone(), (inode, pages));
            }
            disk.names.insert(path);
        }
        let device = Arc::new(Self {
            root: root.to_path_buf(),
            disk: Mutex::new(disk),
            broken: AtomicBool::new(false),
            broken_as_a_whole: AtomicBool::new(false),
            syncs: AtomicUsize::new(0),
            syncing: Mutex::default(),
        });
        DEVICES.lock().push(Arc::clone(&device));
        device
    }

    pub(crate) fn detach(&self) {
        DEVICES.lock().retain(|device| device.root != self.root);
    }

    /// Makes every sync fail from now on.
    pub(crate) fn break_down(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }

    /// Makes every sync of everything fail from now on, those of single files not.
    pub(crate) fn break_down_as_a_whole(&self) {
        self.broken_as_a_whole.store(true, Ordering::SeqCst);
    }

    /// How many syncs were asked for.
    pub(crate) fn syncs(&self) -> usize {
        self.syncs.load(Ordering::SeqCst)
    }

    fn works(&self) -> io::Result<()> {
        self.syncs.fetch_add(1, Ordering::SeqCst);
        let broken = self.broken.load(Ordering::SeqCst);
        if broken { Err(Self::error()) } else { Ok(()) }
    }

    /// EIO.
    fn error() -> io::Error {
        io::Error::from_raw_os_error(5)
    }

    fn synced(&self, path: &Path, before: Before) {
        let mut disk = self.disk.lock();
        match before {
            Before::Names(names) => {
                let gone: Vec<_> = disk
                    .names
                    .iter()
                    .filter(|name| name.parent() == Some(path) && !names.contains(*name))
                    .cloned()
                    .collect();
                for name in gone {
                    disk.names.remove(&name);
                    disk.pages.remove(&name);
                }
                disk.names.extend(names);
            }
            Before::Pages(inode, pages) => {
                let (known, on_disk) = disk.pages.entry(path.to_path_buf()).or_default();
                if std::mem::replace(known, inode) != inode {
                    // Another file that had this name.
                    on_disk.clear();
                }
                on_disk.extend(pages);
            }
        }
    }

    /// Writes to `to` what may be left if the power goes now. Nothing is synced meanwhile.
    pub(crate) fn image(&self, to: &Path, rng: &mut fastrand::Rng) {
        let disk = self.disk.lock();
        fs::create_dir_all(to).unwrap();
        let there: BTreeSet<_> = tree(&self.root).into_iter().collect();
        for path in there.union(&disk.names) {
            let target = to.join(path.strip_prefix(&self.root).unwrap());
            let sure = there.contains(path) && disk.names.contains(path);
            let orphan = target.parent().is_none_or(|parent| !parent.exists());
            if orphan || (!sure && rng.bool()) {
                continue;
            }
            let same = |(known, _): &&(u64, _)| !there.contains(path) || *known == inode(path);
            let synced = disk.pages.get(path).filter(same).map(|(_, pages)| pages);
            if path.is_dir() || (!there.contains(path) && synced.is_none()) {
                fs::create_dir_all(&target).unwrap();
                continue;
            }
            let now = fs::read(path).unwrap_or_default();
            fs::write(&target, mixed(&now, synced, rng)).unwrap();
        }
    }
}

/// A file of which each sector is as it was synced, or as it is now.
fn mixed(
    now: &[u8],
    synced: Option<&BTreeMap<usize, Vec<u8>>>,
    rng: &mut fastrand::Rng,
) -> Vec<u8> {
    let len = synced
        .and_then(BTreeMap::last_key_value)
        .map_or(0, |(number, page)| number * PAGE + page.len());
    let mut file = now.to_vec();
    file.resize(now.len().max(len), 0);
    for (number, page) in file.chunks_mut(PAGE).enumerate() {
        let old = synced.and_then(|pages| pages.get(&number)).cloned().unwrap_or_default();
        let mut old = old;
        old.resize(page.len(), 0);
        if old == page || rng.u8(0..3) == 0 {
            continue;
        }
        let whole = rng.bool();
        for (sector, then) in page.chunks_mut(SECTOR).zip(old.chunks(SECTOR)) {
            if whole || rng.bool() {
                sector.copy_from_slice(then);
            }
        }
    }
    file
}

/// Everything below a folder, parents first.
fn tree(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut dirs = vec![root.to_path_buf()];
    while let Some(dir) = dirs.pop() {
        for path in names_in(&dir) {
            if path.is_dir() {
                dirs.push(path.clone());
            }
            found.push(path);
        }
    }
    found.sort();
    found
}
