//! One file of an append-only run: mapped when first used, written by one [`Tail`], read as
//! [`Slice`]s.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::SystemTime;

use bytes::Bytes;
use parking_lot::{Mutex, RwLock};

use super::map::Mapping;
use super::tap::tapped;
use super::{PAGE, page_up, space};

/// Bytes made ready in one go, so that the writer gets some while more are on their way.
const READY_STEP: usize = 256 * 1024;
/// Bytes that are overwritten with zeroes rather than given back.
const FEW: usize = 64 * 1024;

/// A file of fixed length, filled from its start.
pub(crate) struct MappedFile {
    path: PathBuf,
    base: i64,
    len: usize,
    /// Mapped on first use. Dropping it here would only close the file for new readers.
    map: RwLock<Option<Arc<Mapping>>>,
    /// Bytes below are written and never change.
    published: AtomicUsize,
    /// Bytes below have blocks on the disk.
    reserved: AtomicUsize,
    /// Bytes below can be written without waiting for the disk or failing.
    ready: AtomicUsize,
    /// One reservation at a time.
    reserving: Mutex<()>,
    /// A [`Tail`] exists.
    has_tail: AtomicBool,
}

impl MappedFile {
    /// Creates the file at its full length, with the first `ready` bytes
    /// [ready](Self::make_ready). The name is durable only after [`sync_dir`](super::sync_dir).
    pub(crate) fn create(path: PathBuf, base: i64, len: usize, ready: usize) -> io::Result<Self> {
        let file = space::create(&path, len)?;
        let ready = ready.min(len);
        let made = if ready == 0 { Ok(()) } else { space::reserve(&file, 0, ready) }
            .and_then(|()| Mapping::of(&file, len))
            .and_then(|map| map.populate_alone(0, ready).map(|()| map));
        match made {
            Ok(map) => {
                let file = Self::with(path, base, len, Some(Arc::new(map)), 0);
                file.set_reserved(ready);
                Ok(file)
            }
            Err(error) => {
                // Nothing but an empty shell: it must not be found at the next start.
                let _ = fs::remove_file(&path);
                Err(error)
            }
        }
    }

    /// Takes up an existing file whose length was checked, all of it published: recovery reads
    /// it and says where it really ends.
    pub(super) fn existing(path: PathBuf, base: i64, len: usize) -> Self {
        Self::with(path, base, len, None, len)
    }

    fn with(
        path: PathBuf,
        base: i64,
        len: usize,
        map: Option<Arc<Mapping>>,
        published: usize,
    ) -> Self {
        Self {
            path,
            base,
            len,
            map: RwLock::new(map),
            published: AtomicUsize::new(published),
            reserved: AtomicUsize::new(published),
            ready: AtomicUsize::new(published),
            reserving: Mutex::new(()),
            has_tail: AtomicBool::new(false),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Offset of the first byte.
    pub(crate) fn base(&self) -> i64 {
        self.base
    }

    /// Offset behind the last byte.
    pub(crate) fn end(&self) -> i64 {
        self.base.saturating_add(as_offset(self.len))
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether `offset` lies in this file, written there or not.
    pub(crate) fn holds(&self, offset: i64) -> bool {
        self.base <= offset && offset < self.end()
    }

    /// Bytes that are written.
    pub(crate) fn published(&self) -> usize {
        self.published.load(Ordering::Acquire)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.published() == self.len
    }

    /// Bytes that have blocks.
    pub(crate) fn reserved(&self) -> usize {
        self.reserved.load(Ordering::Acquire)
    }

    fn map(&self) -> io::Result<Arc<Mapping>> {
        if let Some(map) = self.map.read().as_ref() {
            return Ok(Arc::clone(map));
        }
        let mut slot = self.map.write();
        if let Some(map) = slot.as_ref() {
            return Ok(Arc::clone(map));
        }
        let file = space::open(&self.path)?;
        let map = Arc::new(Mapping::of(&file, self.len)?);
        *slot = Some(Arc::clone(&map));
        Ok(map)
    }

    /// The written bytes from `from` on; empty if there are none.
    pub(crate) fn slice_from(&self, from: usize) -> io::Result<Slice> {
        let to = self.published();
        Ok(Slice { map: self.map()?, from: from.min(to), to })
    }

    /// The bytes `from..to`, if all of them are written.
    pub(crate) fn slice(&self, from: usize, to: usize) -> io::Result<Option<Slice>> {
        if from > to || to > self.published() {
            return Ok(None);
        }
        Ok(Some(Slice { map: self.map()?, from, to }))
    }

    /// Bytes that can be written.
    pub(crate) fn ready(&self) -> usize {
        self.ready.load(Ordering::Acquire)
    }

    /// Gives blocks to the bytes below `to` that have none yet. On a full disk the error is
    /// `StorageFull`, and what is reserved stays so.
    pub(crate) fn reserve(&self, to: usize) -> io::Result<()> {
        let _one_at_a_time = self.reserving.lock();
        self.reserve_locked(to)
    }

    fn reserve_locked(&self, to: usize) -> io::Result<()> {
        let from = self.reserved();
        let to = to.min(self.len);
        if to > from {
            let file = space::open(&self.path)?;
            space::reserve(&file, from, to)?;
            self.reserved.store(to, Ordering::Release);
        }
        Ok(())
    }

    /// Makes the bytes below `to` writable: blocks on the disk, and pages in memory that were
    /// writable once. Blocks alone are not enough: a file system may need space to note that they
    /// are used, and would kill the process for the lack of it.
    pub(crate) fn make_ready(&self, to: usize) -> io::Result<()> {
        self.make_ready_by(to, Mapping::populate)
    }

    /// The same for a few pages of one file of many, each of which would take memory around them.
    pub(crate) fn make_few_ready(&self, to: usize) -> io::Result<()> {
        self.make_ready_by(to, Mapping::populate_alone)
    }

    fn make_ready_by(
        &self,
        to: usize,
        populate: impl Fn(&Mapping, usize, usize) -> io::Result<()>,
    ) -> io::Result<()> {
        let to = to.min(self.len);
        while self.ready() < to {
            let _one_at_a_time = self.reserving.lock();
            let from = self.ready();
            let step = to.min(from + READY_STEP);
            if from < step {
                self.reserve_locked(step)?;
                let map = self.map()?;
                populate(&map, from, step)?;
                self.ready.store(step, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Writes `from..to` to the disk and waits.
    pub(crate) fn sync(&self, from: usize, to: usize) -> io::Result<()> {
        let to = to.min(self.len);
        let map = self.map()?;
        tapped(&self.path, from..to, || map.sync(from, to))
    }

    /// Makes length and reservation durable.
    pub(crate) fn sync_all(&self) -> io::Result<()> {
        tapped(&self.path, 0..self.len, || space::open(&self.path)?.sync_all())
    }

    /// The bytes up to the last one that was ever written. For recovery, which must not touch holes:
    /// there are file systems (tmpfs) where reading one takes memory that may not be there.
    pub(crate) fn written(&self) -> io::Result<Slice> {
        let end = space::written(&space::open(&self.path)?)?;
        Ok(Slice { map: self.map()?, from: 0, to: end.min(self.published()) })
    }

    /// The next range at or behind `from` that may hold anything but zeroes: holes and reserved
    /// blocks never written are left out where the file system tells them.
    pub(crate) fn next_data(&self, from: usize) -> io::Result<Option<(usize, usize)>> {
        space::next_data(&space::open(&self.path)?, from)
    }

    /// When the content last changed.
    pub(crate) fn modified(&self) -> io::Result<SystemTime> {
        fs::metadata(&self.path)?.modified()
    }

    /// Unmaps the file if nobody holds a part of it; the next use maps it again.
    pub(crate) fn unmap(&self) -> bool {
        let mut slot = self.map.write();
        let idle = slot.as_ref().is_some_and(|map| Arc::strong_count(map) == 1);
        if idle {
            *slot = None;
            // New mappings have no pages yet.
            self.ready.fetch_min(self.published() / PAGE * PAGE, Ordering::AcqRel);
        }
        idle
    }

    /// Takes the name away. The bytes stay until the last slice is gone.
    pub(crate) fn remove(&self) -> io::Result<()> {
        fs::remove_file(&self.path)
    }

    /// Gives back the blocks reserved behind what is written. Only for a file nobody writes to any
    /// more.
    pub(crate) fn release_reserved(&self) -> io::Result<()> {
        let from = page_up(self.published());
        if from < self.reserved() {
            self.set_reserved(from);
            space::clear(&space::open(&self.path)?, from, self.len)?;
        }
        Ok(())
    }

    /// Declares the bytes from `at` on unwritten and makes them zero, so that nothing old can be
    /// taken for a record once new bytes end before it. The caller makes that durable: else what
    /// was cut might be back after a power cut. Needs the file to itself: slices of what is cut
    /// would see it change.
    pub(crate) fn truncate(&mut self, at: usize) -> io::Result<()> {
        assert!(at <= self.len, "cut within the file");
        assert!(!*self.has_tail.get_mut(), "no writer while cutting");
        self.assert_unshared();
        let file = space::open(&self.path)?;
        let page_end = page_up(at).min(self.len);
        space::write_zeroes(&file, at, page_end)?;
        self.clear_data(&file, page_end)?;
        self.published.store(at, Ordering::Release);
        self.set_reserved(at / PAGE * PAGE);
        Ok(())
    }

    /// Makes what was written from `at` on zero. A few pages keep their blocks: giving them back can
    /// take the disk longer than anything else here.
    fn clear_data(&self, file: &File, mut at: usize) -> io::Result<()> {
        while let Some((from, to)) = space::next_data(file, at)?.filter(|_| at < self.len) {
            let (from, to) = (from.max(at), to.min(self.len));
            if to - from <= FEW {
                space::write_zeroes(file, from, to)?;
            } else {
                space::clear(file, from, to)?;
            }
            at = to;
        }
        Ok(())
    }

    fn set_reserved(&self, at: usize) {
        self.reserved.store(at, Ordering::Release);
        self.ready.store(at, Ordering::Release);
    }

    /// As [`truncate`](Self::truncate) where what follows is known to be zero already.
    pub(crate) fn truncate_clean(&mut self, at: usize) {
        assert!(at <= self.len, "cut within the file");
        self.assert_unshared();
        self.published.store(at, Ordering::Release);
        self.set_reserved(at / PAGE * PAGE);
    }

    /// Slices of bytes that are cut would see them change.
    fn assert_unshared(&mut self) {
        let holders = self.map.get_mut().as_ref().map_or(0, Arc::strong_count);
        assert!(holders <= 1, "no slices while cutting");
    }

    /// The writer of this file, from the published mark on. There is one at a time; asking for a
    /// second one is a bug.
    pub(crate) fn tail(self: &Arc<Self>) -> io::Result<Tail> {
        let map = self.map()?;
        assert!(!self.has_tail.swap(true, Ordering::AcqRel), "one writer a file");
        Ok(Tail { at: self.published(), map, file: Arc::clone(self) })
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.path.display(), self.published())
    }
}

/// The one writer of a file.
#[derive(Debug)]
pub(crate) struct Tail {
    file: Arc<MappedFile>,
    map: Arc<Mapping>,
    at: usize,
}

impl Tail {
    pub(crate) fn file(&self) -> &Arc<MappedFile> {
        &self.file
    }

    /// Where the next byte goes.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Bytes to the end of the file.
    pub(crate) fn left(&self) -> usize {
        self.file.len - self.at
    }

    /// Offset of the next byte.
    pub(crate) fn offset(&self) -> i64 {
        self.file.base + as_offset(self.at)
    }

    /// Whether `bytes` more can be written.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.at + bytes <= self.file.ready()
    }

    /// Writes behind what was written; nobody sees it before [`publish`](Self::publish). The
    /// space must be [ready](MappedFile::make_ready).
    pub(crate) fn put(&mut self, bytes: &[u8]) {
        let end = self.at + bytes.len();
        assert!(end <= self.file.ready(), "space is made ready before it is written");
        // SAFETY: `at` is never below the published mark, slices end at the mark, and this is the
        // only writer of the file: `MappedFile::tail` hands out one at a time.
        unsafe { self.map.write(self.at, bytes) };
        self.at = end;
    }

    /// Leaves the rest of the file as it is and takes it for written.
    pub(crate) fn skip_rest(&mut self) {
        self.at = self.file.len;
    }

    /// Shows what was put.
    pub(crate) fn publish(&self) {
        self.file.published.store(self.at, Ordering::Release);
    }
}

impl Drop for Tail {
    fn drop(&mut self) {
        self.file.has_tail.store(false, Ordering::Release);
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} mapped bytes", self.len())
    }
}

/// Written bytes of a file, kept mapped.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    map: Arc<Mapping>,
    from: usize,
    to: usize,
}

impl Slice {
    /// As a buffer that can be sliced further and sent without copying.
    pub(crate) fn into_bytes(self) -> Bytes {
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for Slice {
    fn as_ref(&self) -> &[u8] {
        // SAFETY: slices are made for published bytes only, and those never change.
        unsafe { self.map.slice(self.from, self.to) }
    }
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_ref()
    }
}

/// A length within a file as an offset; files are shorter than `i64` by far.
pub(super) fn as_offset(len: usize) -> i64 {
    i64::try_from(len).unwrap_or(i64::MAX)
}
