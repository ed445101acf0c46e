//! A shared mapping of a whole file.

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering, compiler_fence};

use memmap2::{Advice, MmapOptions, MmapRaw};
use rustix::io::Errno;

/// How many mappings this process has from here. The system allows only so many of them.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// Mappings alive.
pub(crate) fn mappings() -> usize {
    COUNT.load(Ordering::Relaxed)
}

/// Readable and writable memory of a file. It outlives the file's name and descriptor.
pub(super) struct Mapping(MmapRaw);

impl Drop for Mapping {
    fn drop(&mut self) {
        COUNT.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Mapping {
    /// Maps the first `len` bytes. The file must be that long: memory behind its end kills the
    /// process when touched.
    pub(super) fn of(file: &File, len: usize) -> io::Result<Self> {
        let actual = file.metadata()?.len();
        if actual < len as u64 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("file has {actual} bytes, {len} expected"),
            ));
        }
        let map = MmapOptions::new().len(len).map_raw(file)?;
        COUNT.fetch_add(1, Ordering::Relaxed);
        Ok(Self(map))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The bytes `from..to`.
    ///
    /// # Safety
    /// Nobody may write any of these bytes while the slice lives.
    pub(super) unsafe fn slice(&self, from: usize, to: usize) -> &[u8] {
        assert!(from <= to && to <= self.len(), "range within the mapping");
        // SAFETY: the range lies within the mapping, which lives as long as `self`; the caller
        // keeps writers away.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().add(from), to - from) }
    }

    /// Copies `bytes` to `at`.
    ///
    /// # Safety
    /// Nobody else may read or write these bytes at the same time, and no slice of them may be
    /// alive.
    pub(super) unsafe fn write(&self, at: usize, bytes: &[u8]) {
        let end = at.checked_add(bytes.len());
        assert!(end.is_some_and(|end| end <= self.len()), "range within the mapping");
        // SAFETY: source and target are valid for the length and cannot overlap, since no slice of
        // the target is alive; the caller keeps everybody else away.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.as_mut_ptr().add(at), bytes.len());
        }
        // What a killed process leaves is in the order of the calls.
        compiler_fence(Ordering::SeqCst);
    }

    /// Writes the dirty pages of `from..to` to the disk and waits for them.
    pub(super) fn sync(&self, from: usize, to: usize) -> io::Result<()> {
        if from == to {
            return Ok(());
        }
        self.0.flush_range(from, to - from)
    }

    /// As [`populate`](Self::populate), without what the system reads ahead around a page that is
    /// touched: that may be thousands of pages, of zeroes where nothing was written.
    pub(super) fn populate_alone(&self, from: usize, to: usize) -> io::Result<()> {
        self.0.advise(Advice::Random)?;
        let done = self.populate(from, to);
        self.0.advise(Advice::Normal)?;
        done
    }

    /// Makes the pages of `from..to` present and writable. Where touching one would have killed the
    /// process, since the file system finds no space after all, this is an error instead.
    pub(super) fn populate(&self, from: usize, to: usize) -> io::Result<()> {
        if from >= to || to > self.len() {
            return Ok(());
        }
        match self.0.advise_range(Advice::PopulateWrite, from, to - from) {
            Err(e) if e.raw_os_error() == Some(Errno::FAULT.raw_os_error()) => {
                Err(io::Error::new(io::ErrorKind::StorageFull, "no space behind reserved blocks"))
            }
            // A kernel before 5.14: the reservation has to do.
            Err(e) if e.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => Ok(()),
            other => other,
        }
    }
}

/// Asks the processor to fetch the beginning of what will be read soon. Records of one queue lie
/// apart in the log, and waiting for the memory of each in turn is most of what copying them costs.
pub(crate) fn prefetch(bytes: &[u8]) {
    /// What follows is fetched by the processor's own guess.
    const PREFETCHED_BYTES_MAX: usize = 512;
    const LINE: usize = 64;
    for line in bytes.chunks(LINE).take(PREFETCHED_BYTES_MAX / LINE) {
        fetch(line.as_ptr());
    }
}

#[cfg(target_arch = "x86_64")]
fn fetch(line: *const u8) {
    use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
    // SAFETY: every x86_64 processor has the instruction, and it neither reads nor faults as far as
    // the program can tell: any address will do.
    unsafe { _mm_prefetch::<_MM_HINT_T1>(line.cast()) };
}

#[cfg(not(target_arch = "x86_64"))]
fn fetch(_line: *const u8) {}
