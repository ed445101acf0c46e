//! The extension files of one consume queue, see [`crate::format::ext`].

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;

use crate::error::{StoreError, is_disk_full};
use crate::format::ext::{self, END_LEN, END_MARK, ExtUnit};
use crate::mapped::{Changes, PAGE, Run, Segments, Tail, page_up, remove_all};

/// Bytes reserved at once.
const RESERVE_STEP: usize = 64 * 1024;

/// Units in the order of the queue's entries.
#[derive(Debug)]
pub(crate) struct QueueExt {
    segments: Segments,
    tail: Mutex<Option<Tail>>,
    flushed: AtomicI64,
    /// Where the first file begins. Not where lost units were: entries still have their addresses.
    first: i64,
}

impl QueueExt {
    /// No files yet.
    pub(crate) fn empty(dir: &Path, file_len: usize) -> Self {
        Self::new(Segments::empty(dir.to_path_buf(), file_len), 0)
    }

    fn new(segments: Segments, end: i64) -> Self {
        Self { segments, tail: Mutex::new(None), flushed: AtomicI64::new(end), first: end }
    }

    /// Takes up the files of a queue whose newest entry has the unit at `max_address`.
    pub(crate) fn load(
        dir: &Path,
        file_len: usize,
        max_address: Option<i64>,
        clean: bool,
        changes: &mut Changes,
    ) -> Result<Self, StoreError> {
        let mut run = Run::load(dir, file_len)?;
        let mut end = written_end(&run)?;
        // What the queue does not know was written by a dispatch that did not get further.
        let newest = max_address.and_then(ext::offset_of);
        let known = newest.map(|offset| unit_end(&run, offset)).transpose()?.flatten();
        if let Some(unit_end) = known {
            end = end.min(unit_end);
        } else if let Some(offset) = newest.filter(|offset| *offset >= end) {
            return Self::begin_behind(run, dir, file_len, offset, changes);
        }
        let behind = run.cut(end, clean, changes)?;
        remove_all(&behind, changes)?;
        Ok(Self::new(run.share(), end))
    }

    /// Units up to `offset` and further are lost.
    fn begin_behind(
        mut run: Run,
        dir: &Path,
        file_len: usize,
        offset: i64,
        changes: &mut Changes,
    ) -> Result<Self, StoreError> {
        tracing::error!(dir = %dir.display(), offset, "extension units are lost, filters let pass");
        remove_all(&run.take_all(), changes)?;
        let file_len_i64 = file_len as i64;
        let first = (offset / file_len_i64).saturating_add(1).saturating_mul(file_len_i64);
        Ok(Self::new(Segments::empty(dir.to_path_buf(), file_len), first))
    }

    /// Writes a unit and gives its address; `None` if it does not fit into any file, so that the
    /// queue entry must make do with the tags code.
    pub(crate) fn put(&self, unit: &ExtUnit<'_>) -> io::Result<Option<i64>> {
        let Some(head) = unit.encode_head() else { return Ok(None) };
        let len = head.len() + unit.bit_map.len();
        if len + END_LEN > self.segments.file_len() {
            return Ok(None);
        }
        let mut slot = self.tail.lock();
        let tail = self.tail_for(&mut slot, len)?;
        let Some(address) = ext::address_of(tail.offset()) else { return Ok(None) };
        if ext::address_of(tail.offset() + len as i64).is_none() {
            return Ok(None);
        }
        reserve(tail, len)?;
        tail.put(&head);
        tail.put(unit.bit_map);
        tail.publish();
        Ok(Some(address))
    }

    fn tail_for<'a>(&self, slot: &'a mut Option<Tail>, len: usize) -> io::Result<&'a mut Tail> {
        if slot.is_none()
            && let Some(last) = self.segments.last().filter(|last| !last.is_full())
        {
            *slot = Some(last.tail()?);
        }
        if let Some(tail) = slot.as_mut()
            && len + END_LEN > tail.left()
        {
            reserve(tail, END_MARK.len())?;
            tail.put(&END_MARK);
            tail.skip_rest();
            tail.publish();
            *slot = None;
        }
        if slot.is_none() {
            let base = self.segments.last().map_or(self.first, |last| last.end());
            let file = Arc::new(self.segments.create_file(base, PAGE)?);
            let tail = file.tail()?;
            self.segments.push(file);
            *slot = Some(tail);
        }
        slot.as_mut().ok_or_else(|| io::Error::other("no file to write to"))
    }

    /// Reads the unit at `address`.
    pub(crate) fn with<R>(&self, address: i64, then: impl FnOnce(ExtUnit<'_>) -> R) -> Option<R> {
        let offset = ext::offset_of(address)?;
        let file = self.segments.find(offset)?;
        let from = usize::try_from(offset - file.base()).ok()?;
        let slice = file.slice_from(from).ok()?;
        ExtUnit::decode(&slice).map(then)
    }

    /// Deletes the files that end before the unit at `address`.
    pub(crate) fn remove_before(&self, address: i64) -> io::Result<()> {
        let Some(offset) = ext::offset_of(address) else { return Ok(()) };
        for file in self.segments.all() {
            if file.end() >= offset || !self.segments.remove_first(&file)? {
                break;
            }
        }
        Ok(())
    }

    /// Hands out the units that are not on the disk yet, see
    /// [`ConsumeQueue::take_unflushed`](crate::consume_queue::ConsumeQueue::take_unflushed).
    pub(crate) fn take_unflushed(&self, changes: &mut Changes) {
        let mut at = self.flushed.load(Ordering::Acquire);
        let start = at;
        while let Some(file) = self.segments.find(at) {
            let from = usize::try_from(at - file.base()).unwrap_or(0);
            let to = file.published();
            at = file.base() + to as i64;
            let full = file.is_full();
            changes.note_pages(file, from..to);
            if !full {
                break;
            }
        }
        if at != start {
            changes.note_new_folder(self.segments.dir());
            self.flushed.store(at, Ordering::Release);
        }
    }

    /// Unmaps the files.
    pub(crate) fn release(&self) -> usize {
        *self.tail.lock() = None;
        self.segments.unmap()
    }

    /// See [`Segments::retire`].
    pub(crate) fn retire(&self) -> io::Result<Option<PathBuf>> {
        *self.tail.lock() = None;
        self.segments.retire()
    }
}

/// Where the units end. Only the last file can be unfinished.
fn written_end(run: &Run) -> Result<i64, StoreError> {
    let Some(last) = run.files().last() else { return Ok(0) };
    let slice = last.written().map_err(|e| StoreError::io("map", last.path(), e))?;
    Ok(last.base() + ext::written_len(&slice) as i64)
}

/// Where the unit at `offset` ends, if it can be read.
fn unit_end(run: &Run, offset: i64) -> Result<Option<i64>, StoreError> {
    let Some((file, from)) = run.find(offset) else { return Ok(None) };
    let slice = file.written().map_err(|e| StoreError::io("map", file.path(), e))?;
    let len = slice.get(from..).and_then(ExtUnit::decode).and_then(|unit| unit.encoded_len());
    Ok(len.map(|len| offset + len as i64))
}

fn reserve(tail: &Tail, bytes: usize) -> io::Result<()> {
    if tail.has_room(bytes) {
        return Ok(());
    }
    let needed = page_up(tail.position() + bytes);
    match tail.file().make_few_ready(needed.max(tail.file().ready() + RESERVE_STEP)) {
        Err(error) if is_disk_full(&error) => tail.file().make_few_ready(needed),
        other => other,
    }
}
