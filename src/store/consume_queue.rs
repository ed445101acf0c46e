//! A consume queue: where the messages of one topic and queue id lie, in order.
//!
//! It is derived data: the dispatcher writes it from the log, recovery cuts it to what the log
//! still holds. Readers see an entry only after it is whole.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;
use protocol::message::FIXED_LEN;

use crate::error::{StoreError, is_disk_full};
use crate::format::ext::{self, ExtUnit};
use crate::format::queue_entry::{ENTRY_LEN, QueueEntry};
use crate::mapped::{Changes, MappedFile, PAGE, Segments, Slice, Tail, page_up};
use crate::queue_ext::QueueExt;
use crate::queue_load::{EntryFile, LoadedQueue};

const ENTRY: i64 = ENTRY_LEN as i64;
/// Most bytes reserved at once; the steps start at a page and double.
const RESERVE_STEP_MAX: usize = 256 * 1024;
/// Largest queue offset; more would not leave room for file offsets.
const OFFSET_MAX: i64 = i64::MAX / (4 * ENTRY);

/// The entries of one queue.
#[derive(Debug)]
pub(crate) struct ConsumeQueue {
    topic: Arc<str>,
    queue_id: i32,
    segments: Segments,
    ext: Option<QueueExt>,
    writer: Mutex<Writer>,
    /// Offset in bytes of the first entry whose message still exists.
    min: AtomicI64,
    /// Offset in bytes behind the last entry.
    max: AtomicI64,
    /// Queue offset of the next message to be appended; the log's writer owns it.
    next: AtomicI64,
    /// The topic was deleted; the log's writer must look it up again.
    deleted: AtomicBool,
    /// On the list of queues to flush.
    pub(crate) dirty: AtomicBool,
    /// Bytes before are on the disk.
    flushed: AtomicI64,
    /// Files were made whose names may not be on the disk yet.
    new_names: AtomicBool,
    /// Read or written since the last [`release`](Self::release).
    used: AtomicBool,
    /// An empty file to begin with, left over by recovery.
    spare: Mutex<Option<MappedFile>>,
}

#[derive(Debug)]
struct Writer {
    tail: Option<Tail>,
    /// Physical offset of the newest entry, -1 for none: what is not newer was seen before.
    max_physical: i64,
}

/// What became of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Put {
    /// Written.
    Done,
    /// Was there already, or is not wanted any more.
    Known,
}

impl LoadedQueue {
    /// Opens the queue to everybody.
    pub(crate) fn share(
        self,
        topic: Arc<str>,
        queue_id: i32,
        ext: Option<(&Path, usize, bool)>,
        changes: &mut Changes,
    ) -> Result<ConsumeQueue, StoreError> {
        let ext = match ext {
            Some((dir, file_len, clean)) => {
                Some(QueueExt::load(dir, file_len, self.max_ext_address, clean, changes)?)
            }
            None => None,
        };
        let (end, max_physical) = (self.end, self.max_physical);
        let min = self.run.files().first().map_or(0, MappedFile::base);
        let queue = ConsumeQueue::with(topic, queue_id, self.run.share(), ext);
        queue.writer.lock().max_physical = max_physical;
        *queue.spare.lock() = self.spare;
        queue.min.store(min, Ordering::Release);
        queue.max.store(end, Ordering::Release);
        queue.flushed.store(end, Ordering::Release);
        queue.next.store((end / ENTRY).max(self.next_min), Ordering::Release);
        Ok(queue)
    }
}

impl ConsumeQueue {
    /// A queue without files, which come with the first entry.
    pub(crate) fn empty(
        topic: Arc<str>,
        queue_id: i32,
        dir: &Path,
        file_len: usize,
        ext: Option<QueueExt>,
    ) -> Self {
        Self::with(topic, queue_id, Segments::empty(dir.to_path_buf(), file_len), ext)
    }

    fn with(topic: Arc<str>, queue_id: i32, segments: Segments, ext: Option<QueueExt>) -> Self {
        Self {
            topic,
            queue_id,
            segments,
            ext,
            writer: Mutex::new(Writer { tail: None, max_physical: -1 }),
            min: AtomicI64::new(0),
            max: AtomicI64::new(0),
            next: AtomicI64::new(0),
            deleted: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            flushed: AtomicI64::new(0),
            new_names: AtomicBool::new(false),
            used: AtomicBool::new(false),
            spare: Mutex::default(),
        }
    }

    pub(crate) fn topic(&self) -> &Arc<str> {
        &self.topic
    }

    pub(crate) fn queue_id(&self) -> i32 {
        self.queue_id
    }

    /// Queue offset of the oldest message that still exists.
    pub(crate) fn min_offset(&self) -> i64 {
        self.min.load(Ordering::Acquire) / ENTRY
    }

    /// Queue offset behind the newest entry.
    pub(crate) fn max_offset(&self) -> i64 {
        self.max.load(Ordering::Acquire) / ENTRY
    }

    /// See the field; to be used under the log's lock.
    pub(crate) fn next_offset(&self) -> i64 {
        self.next.load(Ordering::Relaxed)
    }

    /// See the field; to be used under the log's lock.
    pub(crate) fn set_next_offset(&self, next: i64) {
        self.next.store(next, Ordering::Relaxed);
    }

    pub(crate) fn is_deleted(&self) -> bool {
        self.deleted.load(Ordering::Acquire)
    }

    /// Adds the entry of the message with this queue offset. What the filter wants to know goes
    /// into the extension file, if there is one. Up to `lost` messages may be missing before it:
    /// their entries are filled in.
    pub(crate) fn put(
        &self,
        queue_offset: i64,
        mut entry: QueueEntry,
        filter: &ExtUnit<'_>,
        lost: i64,
    ) -> io::Result<Put> {
        let mut writer = self.writer.lock();
        self.note_used();
        if entry.physical_offset <= writer.max_physical || self.is_deleted() {
            return Ok(Put::Known);
        }
        // No checksum covers the offset in a record's head.
        if !(0..=OFFSET_MAX).contains(&queue_offset) {
            tracing::error!(topic = %self.topic, queue_id = self.queue_id, queue_offset,
                physical_offset = entry.physical_offset, "message with an impossible offset");
            return Ok(Put::Known);
        }
        let expected = queue_offset * ENTRY;
        let position = self.tail_for(&mut writer.tail, expected)?.offset();
        // Nor can there have been more than fit in between.
        let room = entry.physical_offset - writer.max_physical.max(0);
        if position < expected && (expected - position) / ENTRY <= lost.min(room / FIXED_LEN as i64)
        {
            self.fill_gap(&mut writer.tail, expected)?;
        }
        let tail = self.tail_for(&mut writer.tail, expected)?;
        let position = tail.offset();
        if queue_offset != 0 && expected < position {
            tracing::warn!(topic = %self.topic, queue_id = self.queue_id, expected, position,
                "entry of a queue written twice");
            return Ok(Put::Known);
        }
        if queue_offset != 0 && expected != position {
            tracing::error!(topic = %self.topic, queue_id = self.queue_id, expected, position,
                "entry of a queue out of order");
        }
        reserve(tail, ENTRY_LEN)?;
        if let Some(ext) = &self.ext
            && let Some(address) = ext.put(filter)?
        {
            entry.tags_code = address;
        }
        tail.put(&entry.encode());
        tail.publish();
        let end = tail.offset();
        writer.max_physical = entry.physical_offset;
        self.max.store(end, Ordering::Release);
        Ok(Put::Done)
    }

    /// Fills in entries up to an offset, where damage of the log took messages away.
    fn fill_gap(&self, slot: &mut Option<Tail>, until: i64) -> io::Result<()> {
        loop {
            let tail = self.tail_for(slot, until)?;
            if tail.offset() >= until {
                return Ok(());
            }
            reserve(tail, ENTRY_LEN)?;
            tail.put(&QueueEntry::FILLER.encode());
            tail.publish();
            self.max.store(tail.offset(), Ordering::Release);
        }
    }

    /// The file to write to. A queue that does not start at 0 gets fillers up to its first entry.
    fn tail_for<'a>(&self, slot: &'a mut Option<Tail>, expected: i64) -> io::Result<&'a mut Tail> {
        if slot.is_none()
            && let Some(last) = self.segments.last().filter(|last| !last.is_full())
        {
            *slot = Some(last.tail()?);
        }
        let full = slot.as_ref().is_none_or(|tail| tail.left() == 0);
        if full {
            let last = self.segments.last();
            let file_len = self.segments.file_len() as i64;
            let base = last.as_ref().map_or(expected - expected % file_len, |last| last.end());
            let file = self.new_file(base)?;
            let mut tail = file.tail()?;
            if last.is_none() && expected != base {
                fill(&mut tail, expected)?;
                self.min.store(expected, Ordering::Release);
                self.max.store(expected, Ordering::Release);
                self.flushed.store(base, Ordering::Release);
            }
            self.segments.push(file);
            *slot = Some(tail);
        }
        slot.as_mut().ok_or_else(|| io::Error::other("no file to write to"))
    }

    fn new_file(&self, base: i64) -> io::Result<Arc<MappedFile>> {
        let file = self.spare_or_new(base)?;
        self.new_names.store(true, Ordering::Release);
        if self.segments.last().is_none() {
            self.flushed.store(base, Ordering::Release);
            self.min.store(base, Ordering::Release);
        }
        Ok(Arc::new(file))
    }

    fn spare_or_new(&self, base: i64) -> io::Result<MappedFile> {
        let mut spare = self.spare.lock();
        match spare.take() {
            Some(file) if file.base() == base => match file.make_few_ready(PAGE) {
                Ok(()) => return Ok(file),
                Err(error) => {
                    *spare = Some(file);
                    return Err(error);
                }
            },
            Some(file) => file.remove()?,
            None => {}
        }
        self.segments.create_file(base, PAGE)
    }

    /// Deletes the file that recovery left over, if it was not used after all.
    pub(crate) fn drop_spare(&self) -> io::Result<()> {
        self.spare.lock().take().map_or(Ok(()), |spare| spare.remove())
    }

    /// The entries from a queue offset to the end of their file; `None` where there are none.
    pub(crate) fn slice(&self, queue_offset: i64) -> io::Result<Option<Slice>> {
        let offset = queue_offset.saturating_mul(ENTRY);
        if offset < self.min.load(Ordering::Acquire) {
            return Ok(None);
        }
        let Some(file) = self.segments.find(offset) else { return Ok(None) };
        self.note_used();
        let from = usize::try_from(offset - file.base()).unwrap_or(usize::MAX);
        Ok(Some(file.slice_from(from)?).filter(|slice| !slice.is_empty()))
    }

    fn note_used(&self) {
        if !self.used.load(Ordering::Relaxed) {
            self.used.store(true, Ordering::Relaxed);
        }
    }

    /// Unmaps the files if nobody used the queue since the last time, or in any case; they are
    /// mapped again when they are used. Slices that are out keep theirs. The result is how many.
    pub(crate) fn release(&self, in_any_case: bool) -> usize {
        if self.used.swap(false, Ordering::Relaxed) && !in_any_case {
            return 0;
        }
        let mut writer = self.writer.lock();
        writer.tail = None;
        let ext = self.ext.as_ref().map_or(0, QueueExt::release);
        ext + self.segments.unmap()
    }

    /// The entry of a queue offset.
    pub(crate) fn entry(&self, queue_offset: i64) -> Option<QueueEntry> {
        QueueEntry::decode(&self.slice(queue_offset).ok()??)
    }

    /// Queue offset of the first entry of the next file.
    pub(crate) fn next_file(&self, queue_offset: i64) -> i64 {
        let in_file = (self.segments.file_len() / ENTRY_LEN) as i64;
        queue_offset + in_file - queue_offset % in_file
    }

    /// The extension unit a tags code stands for.
    pub(crate) fn with_ext<R>(&self, code: i64, then: impl FnOnce(ExtUnit<'_>) -> R) -> Option<R> {
        self.ext.as_ref()?.with(code, then)
    }

    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Offset in bytes of the first entry whose message exists.
    pub(crate) fn min_byte(&self) -> i64 {
        self.min.load(Ordering::Acquire)
    }

    /// End of the newest message, as the last entry tells; `None` for an empty queue.
    pub(crate) fn last_physical_end(&self) -> Option<i64> {
        let offset = (self.max_offset() - 1).checked_mul(ENTRY)?;
        let file = self.segments.find(offset)?;
        let number = usize::try_from((offset - file.base()) / ENTRY).ok()?;
        let last = EntryFile::of(&file).ok()?.get(number).ok()?;
        Some(last.physical_offset.saturating_add(i64::from(last.size)))
    }

    /// Offset of the newest message in the log; -1 for none.
    pub(crate) fn max_physical(&self) -> i64 {
        self.writer.lock().max_physical
    }

    /// Moves the minimum up to the first entry at or behind `log_min`. When none is left there, it
    /// stays, but not before the first file.
    pub(crate) fn correct_min(&self, log_min: i64) -> io::Result<()> {
        let old = self.min.load(Ordering::Acquire);
        let mut first_address = None;
        let mut found = None;
        for file in self.segments.all() {
            let mut entries = EntryFile::of(&file)?;
            // Entries are ordered by physical offset, so the newest speaks for the file.
            let Some(newest) = entries.count.checked_sub(1) else { continue };
            let newest = entries.get(newest)?;
            if !newest.is_filler() && newest.physical_offset < log_min {
                continue;
            }
            if let Some(number) = first_existing(&mut entries, log_min)? {
                found = Some(file.base() + number as i64 * ENTRY);
                let code = entries.get(number)?.tags_code;
                first_address = Some(code).filter(|code| ext::is_address(*code));
                break;
            }
        }
        let floor = self.segments.min_offset().unwrap_or(0);
        self.min.store(found.unwrap_or(old).max(floor), Ordering::Release);
        if let (Some(ext), Some(address)) = (&self.ext, first_address) {
            ext.remove_before(address)?;
        }
        Ok(())
    }

    /// Deletes the files, but for the last, whose entries are all older than `log_min`.
    pub(crate) fn remove_expired(&self, log_min: i64) -> io::Result<usize> {
        let mut removed = 0;
        let files = self.segments.all();
        for file in files.iter().take(files.len().saturating_sub(1)) {
            let newest = EntryFile::of(file)?.get(file.len() / ENTRY_LEN - 1)?;
            if newest.physical_offset >= log_min || !self.segments.remove_first(file)? {
                break;
            }
            removed += 1;
        }
        self.correct_min(log_min)?;
        Ok(removed)
    }

    /// Takes the queue out of use: no entry is written any more, and its folders get names that
    /// neither we nor Java take for a queue's, so that a new queue of the same name is free to
    /// begin. The caller deletes the folders; readers finish.
    pub(crate) fn retire(&self) -> io::Result<Vec<PathBuf>> {
        self.deleted.store(true, Ordering::Release);
        // An entry that is being written is written first.
        let mut writer = self.writer.lock();
        writer.tail = None;
        let mut retired = Vec::new();
        retired.extend(self.segments.retire()?);
        if let Some(ext) = &self.ext {
            retired.extend(ext.retire()?);
        }
        Ok(retired)
    }

    /// Hands out the entries that are not on the disk yet, if at least `least_pages` are dirty. They
    /// count as flushed at once: where they cannot be synced nothing is written any more. The result
    /// says whether nothing is left.
    pub(crate) fn take_unflushed(&self, least_pages: i64, changes: &mut Changes) -> bool {
        if self.is_deleted() {
            return true;
        }
        let max = self.max.load(Ordering::Acquire);
        let mut at = self.flushed.load(Ordering::Acquire);
        let page = PAGE as i64;
        if max / page - at / page < least_pages {
            return max == at;
        }
        while at < max {
            let Some(file) = self.segments.find(at) else { break };
            let from = usize::try_from(at - file.base()).unwrap_or(0);
            let to = file.published();
            let end = file.base() + to as i64;
            changes.note_pages(file, from..to);
            if end <= at {
                break;
            }
            at = end;
        }
        if let Some(ext) = &self.ext {
            ext.take_unflushed(changes);
        }
        if self.new_names.swap(false, Ordering::AcqRel) {
            changes.note_new_folder(self.segments.dir());
        }
        self.flushed.store(at, Ordering::Release);
        at >= self.max.load(Ordering::Acquire)
    }
}

/// The first entry of a message at or behind `log_min`. Fillers are of no message.
fn first_existing(entries: &mut EntryFile, log_min: i64) -> io::Result<Option<usize>> {
    let exists = |entry: QueueEntry| !entry.is_filler() && entry.physical_offset >= log_min;
    let at = entries.first_not(|entry| !exists(entry))?;
    let mut found = (at < entries.count).then_some(at);
    // A filler between others may have misled the search.
    for number in (0..at).rev() {
        let entry = entries.get(number)?;
        if exists(entry) {
            found = Some(number);
        } else if !entry.is_filler() {
            break;
        }
    }
    Ok(found)
}

/// Writes fillers up to the offset `until`.
fn fill(tail: &mut Tail, until: i64) -> io::Result<()> {
    let missing = usize::try_from(until - tail.offset()).unwrap_or(0);
    tail.file().make_ready(tail.position() + missing)?;
    for _ in 0..missing / ENTRY_LEN {
        tail.put(&QueueEntry::FILLER.encode());
    }
    tail.publish();
    Ok(())
}

/// Sees to blocks for `bytes` more: more than needed while there is space, else just enough.
fn reserve(tail: &Tail, bytes: usize) -> io::Result<()> {
    if tail.has_room(bytes) {
        return Ok(());
    }
    let needed = page_up(tail.position() + bytes);
    let file = tail.file();
    let step = file.ready().clamp(PAGE, RESERVE_STEP_MAX);
    // A queue that grows is worth a larger piece of memory.
    let done = if step < RESERVE_STEP_MAX {
        file.make_few_ready(needed.max(file.ready() + step))
    } else {
        file.make_ready(needed.max(file.ready() + step))
    };
    match done {
        Err(error) if is_disk_full(&error) => file.make_few_ready(needed),
        other => other,
    }
}
