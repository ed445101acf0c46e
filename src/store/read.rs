//! Reading a queue: what a pull gets, without copying a byte of it.

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::message::Message;
use protocol::{Pieces, sysflag};

use crate::arrival::MessageFilter;
use crate::config::{BrokerRole, StoreConfig};
use crate::consume_queue::ConsumeQueue;
use crate::format::ext;
use crate::format::queue_entry::{ENTRY_LEN, QueueEntry, entries};
use crate::inner::Inner;
use crate::mapped::{MappedFile, prefetch};

/// Bytes at the end of the log that are taken for being in memory as they were written.
const FRESH: i64 = 64 * 1024 * 1024;

/// A read looks at this many bytes of queue entries at least.
const SCAN_MIN: usize = 16_000;

/// A read that begins so many messages before the end of its queue may find them on the disk only.
const WARM_MESSAGES: i64 = 32 * 1024;

/// How a read ended. The names are Java's: they go into the reply's remark.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadStatus {
    /// There are messages.
    Found,
    /// Messages there are, but none the filter lets pass, within what one read looks at.
    NoMatchedMessage,
    /// The messages were deleted from the log.
    MessageWasRemoving,
    /// The queue cannot be read at this offset.
    OffsetFoundNull,
    /// Beyond the end by more than one.
    OffsetOverflowBadly,
    /// Just at the end: the next message will have this offset.
    OffsetOverflowOne,
    /// Before the first message that still exists.
    OffsetTooSmall,
    /// There is no such queue. 4.4.0 knows it and never says it.
    NoMatchedLogicQueue,
    /// The queue is empty.
    NoMessageInQueue,
}

impl ReadStatus {
    /// Java's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::NoMatchedMessage => "NO_MATCHED_MESSAGE",
            Self::MessageWasRemoving => "MESSAGE_WAS_REMOVING",
            Self::OffsetFoundNull => "OFFSET_FOUND_NULL",
            Self::OffsetOverflowBadly => "OFFSET_OVERFLOW_BADLY",
            Self::OffsetOverflowOne => "OFFSET_OVERFLOW_ONE",
            Self::OffsetTooSmall => "OFFSET_TOO_SMALL",
            Self::NoMatchedLogicQueue => "NO_MATCHED_LOGIC_QUEUE",
            Self::NoMessageInQueue => "NO_MESSAGE_IN_QUEUE",
        }
    }
}

/// What a read found.
#[derive(Debug, Clone)]
pub struct ReadResult {
    /// How it ended.
    pub status: ReadStatus,
    /// Where to read next.
    pub next_begin_offset: i64,
    /// First offset of the queue.
    pub min_offset: i64,
    /// Offset behind the last message of the queue.
    pub max_offset: i64,
    /// The records, still in the log's files: for each file the parts of it.
    pub messages: Vec<Pieces>,
    /// How many records there are.
    pub message_count: usize,
    /// How many bytes they have together.
    pub total_bytes: usize,
    /// The messages counted in units of 64 KiB, as Java's commercial statistics do.
    pub commercial_count: usize,
    /// The reader is so far behind that a replica should serve it.
    pub suggest_slave: bool,
    /// Bytes of log between the last message looked at and the end; `None` if none was looked at.
    pub behind_bytes: Option<i64>,
    /// How long reading took.
    pub took: Duration,
}

impl ReadResult {
    /// The records as they lie: one or several in each slice.
    pub fn slices(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        self.messages.iter().flat_map(Pieces::iter)
    }

    fn empty(status: ReadStatus, next_begin_offset: i64, min_offset: i64, max_offset: i64) -> Self {
        Self {
            status,
            next_begin_offset,
            min_offset,
            max_offset,
            messages: Vec::new(),
            message_count: 0,
            total_bytes: 0,
            commercial_count: 0,
            suggest_slave: false,
            behind_bytes: None,
            took: Duration::ZERO,
        }
    }
}

impl Inner {
    pub(crate) fn read(
        &self,
        topic: &str,
        queue_id: i32,
        offset: i64,
        max_messages: i32,
        filter: &dyn MessageFilter,
    ) -> ReadResult {
        let queue = self.queues.find(topic, queue_id);
        self.read_queue(queue.as_deref(), offset, max_messages, filter)
    }

    /// The same where it need not wait for the disk, and nobody who looks at what it finds; else
    /// nothing.
    pub(crate) fn read_warm(
        &self,
        topic: &str,
        queue_id: i32,
        offset: i64,
        max_messages: i32,
        filter: &dyn MessageFilter,
    ) -> Option<ReadResult> {
        let queue = self.queues.find(topic, queue_id);
        if queue.as_deref().is_some_and(|queue| self.may_be_cold(queue, offset)) {
            return None;
        }
        Some(self.read_queue(queue.as_deref(), offset, max_messages, filter))
    }

    fn read_queue(
        &self,
        queue: Option<&ConsumeQueue>,
        offset: i64,
        max_messages: i32,
        filter: &dyn MessageFilter,
    ) -> ReadResult {
        let start = Instant::now();
        let mut result = self.found_in(queue, offset, max_messages, filter);
        result.took = start.elapsed();
        self.stats.note_get(result.message_count, result.took);
        result
    }

    fn found_in(
        &self,
        queue: Option<&ConsumeQueue>,
        offset: i64,
        max_messages: i32,
        filter: &dyn MessageFilter,
    ) -> ReadResult {
        let config = self.config.load();
        // A replica knows less than its master: by default it does not correct its readers.
        let corrects = config.broker_role != BrokerRole::Slave || config.offset_check_in_slave;
        let next = |to: i64| if corrects { to } else { offset };
        let Some(queue) = queue else {
            return ReadResult::empty(ReadStatus::NoMessageInQueue, next(0), 0, 0);
        };
        let (min, max) = (queue.min_offset(), queue.max_offset());
        let none = |status, to| ReadResult::empty(status, next(to), min, max);
        if max == 0 {
            return none(ReadStatus::NoMessageInQueue, 0);
        }
        if offset < min {
            return none(ReadStatus::OffsetTooSmall, min);
        }
        if offset == max {
            return none(ReadStatus::OffsetOverflowOne, offset);
        }
        if offset > max {
            return none(ReadStatus::OffsetOverflowBadly, if min == 0 { min } else { max });
        }
        match queue.slice(offset) {
            Ok(Some(slice)) => {
                let mut scan = Scan::new(self, &config, queue, max_messages);
                let looked_at = scan.run(entries(&slice), filter);
                scan.finish(offset + looked_at, min, max)
            }
            Ok(None) => none(ReadStatus::OffsetFoundNull, queue.next_file(offset)),
            // The entries may well be there: the reader is to come again at the same offset.
            Err(error) => {
                tracing::error!(topic = %queue.topic(), queue_id = queue.queue_id(), offset, %error,
                    "consume queue cannot be opened");
                none(ReadStatus::MessageWasRemoving, offset)
            }
        }
    }

    /// Whether a read at this offset may have to wait for the disk.
    fn may_be_cold(&self, queue: &ConsumeQueue, offset: i64) -> bool {
        let behind = queue.max_offset().saturating_sub(offset);
        if !(1..=WARM_MESSAGES).contains(&behind) {
            return behind > 0;
        }
        let end = self.log.appended.get();
        queue.entry(offset).is_some_and(|entry| !self.is_fresh(entry.physical_offset, end))
    }

    /// Whether this process wrote what lies there a moment ago: it is in memory as it was written.
    /// Of anything older nobody knows.
    fn is_fresh(&self, physical_offset: i64, log_end: i64) -> bool {
        physical_offset >= self.opened_end && log_end.saturating_sub(physical_offset) <= FRESH
    }

    /// Whether a message is so far behind the end of the log that it counts as on disk only.
    pub(crate) fn is_far_behind(&self, physical_offset: i64, config: &StoreConfig) -> bool {
        let ratio = f64::from(config.access_message_in_memory_max_ratio) / 100.0;
        let window = (self.memory as f64 * ratio) as i64;
        self.log.appended.get().saturating_sub(physical_offset) > window
    }
}

/// One read on its way through a queue.
struct Scan<'a> {
    inner: &'a Inner,
    config: &'a StoreConfig,
    queue: &'a ConsumeQueue,
    max_messages: i32,
    log_end: i64,
    found: Found,
    status: ReadStatus,
    last_physical: i64,
    /// Entries before this offset point into a file that was deleted.
    skip_until: i64,
}

impl<'a> Scan<'a> {
    fn new(
        inner: &'a Inner,
        config: &'a StoreConfig,
        queue: &'a ConsumeQueue,
        max_messages: i32,
    ) -> Self {
        Self {
            inner,
            config,
            queue,
            max_messages,
            log_end: inner.log.appended.get(),
            found: Found::default(),
            status: ReadStatus::NoMatchedMessage,
            last_physical: 0,
            skip_until: i64::MIN,
        }
    }

    /// Goes through the entries until the reply is full. The result is how many were looked at.
    fn run(&mut self, list: impl Iterator<Item = QueueEntry>, filter: &dyn MessageFilter) -> i64 {
        let window = usize::try_from(self.max_messages).unwrap_or(0).saturating_mul(ENTRY_LEN);
        let window = window.max(SCAN_MIN).div_ceil(ENTRY_LEN);
        let mut looked_at = 0;
        for entry in list.take(window) {
            self.last_physical = entry.physical_offset;
            if entry.physical_offset >= self.skip_until {
                if self.is_full(&entry) {
                    break;
                }
                if let Err(error) = self.take(&entry, filter) {
                    let offset = entry.physical_offset;
                    tracing::error!(offset, %error, "commit log cannot be opened");
                    // What was found is given; the reader comes again for this one.
                    break;
                }
            }
            looked_at += 1;
        }
        looked_at
    }

    /// The limits of one reply; its first message always fits.
    fn is_full(&self, entry: &QueueEntry) -> bool {
        if self.found.bytes == 0 {
            return false;
        }
        let count = i32::try_from(self.found.count).unwrap_or(i32::MAX);
        let bytes = i64::try_from(self.found.bytes).unwrap_or(i64::MAX) + i64::from(entry.size);
        let config = self.config;
        let (bytes_max, count_max) = if self.inner.is_far_behind(entry.physical_offset, config) {
            (
                config.max_transfer_bytes_on_message_in_disk,
                config.max_transfer_count_on_message_in_disk,
            )
        } else {
            (
                config.max_transfer_bytes_on_message_in_memory,
                config.max_transfer_count_on_message_in_memory,
            )
        };
        count >= self.max_messages || bytes > i64::from(bytes_max) || count >= count_max
    }

    fn take(&mut self, entry: &QueueEntry, filter: &dyn MessageFilter) -> io::Result<()> {
        if entry.is_filler() || !self.passes(entry, filter) {
            return Ok(());
        }
        let Some(range) = self.found.locate(self.inner, entry)? else {
            if entry.physical_offset >= self.inner.log.min_offset() {
                // It leads nowhere: its neighbours need not.
                self.refuse(entry);
                return Ok(());
            }
            if self.found.bytes == 0 {
                self.status = ReadStatus::MessageWasRemoving;
            }
            self.skip_until = self.inner.log.next_file(entry.physical_offset);
            return Ok(());
        };
        let record = self.found.record(&range).unwrap_or_default();
        prefetch(record);
        let wanted = self.is_intact(record, entry) && filter.matches_record(record);
        if !wanted {
            if self.found.bytes == 0 {
                self.status = ReadStatus::NoMatchedMessage;
            }
            return Ok(());
        }
        self.found.add(range);
        self.status = ReadStatus::Found;
        self.skip_until = i64::MIN;
        Ok(())
    }

    /// Whether the record is the one that the entry is of. A client that gets something else drops
    /// the whole reply, so that a damaged record would take its neighbours along.
    fn is_intact(&self, record: &[u8], entry: &QueueEntry) -> bool {
        // Only what comes from the disk can have changed.
        let intact = self.inner.is_fresh(entry.physical_offset, self.log_end)
            || Message::decode(record).is_ok_and(|message| {
                message.encoded_len() == record.len()
                    && sysflag::message::is_queued(message.sys_flag)
                    && message.check_body().is_ok()
            });
        if !intact {
            self.refuse(entry);
        }
        intact
    }

    fn refuse(&self, entry: &QueueEntry) {
        self.inner.damage.note_refused();
        tracing::error!(topic = %self.queue.topic(), queue_id = self.queue.queue_id(),
            physical_offset = entry.physical_offset, size = entry.size,
            "message is damaged and not given to readers");
    }

    fn passes(&mut self, entry: &QueueEntry, filter: &dyn MessageFilter) -> bool {
        let code = entry.tags_code;
        let passed = if ext::is_address(code) {
            // Without its unit nothing is known of the message: the client filters again anyway.
            let known = self
                .queue
                .with_ext(code, |unit| filter.matches_queue(Some(unit.tags_code), Some(&unit)));
            known.unwrap_or_else(|| filter.matches_queue(None, None))
        } else {
            filter.matches_queue(Some(code), None)
        };
        if !passed && self.found.bytes == 0 {
            self.status = ReadStatus::NoMatchedMessage;
        }
        passed
    }

    fn finish(self, next_begin_offset: i64, min_offset: i64, max_offset: i64) -> ReadResult {
        let behind = self.log_end.saturating_sub(self.last_physical);
        let suggest_slave = self.inner.is_far_behind(self.last_physical, self.config);
        let mut found = self.found;
        found.close_window();
        ReadResult {
            status: self.status,
            next_begin_offset,
            min_offset,
            max_offset,
            messages: found.pieces,
            message_count: found.count,
            total_bytes: found.bytes,
            commercial_count: found.commercial,
            suggest_slave,
            behind_bytes: Some(behind),
            took: Duration::ZERO,
        }
    }
}

/// Bytes that Java's commercial statistics count as one message.
const COMMERCIAL_UNIT: usize = 64 * 1024;

/// The records found, as parts of the log's files: one buffer a file, so that a record costs no
/// allocation of its own.
#[derive(Default)]
struct Found {
    window: Option<Window>,
    pieces: Vec<Pieces>,
    count: usize,
    bytes: usize,
    commercial: usize,
}

/// The written part of a file from some position on.
struct Window {
    file: Arc<MappedFile>,
    from: usize,
    pieces: Pieces,
}

impl Found {
    /// Where the entry's record lies within the window, which is moved if need be.
    fn locate(&mut self, inner: &Inner, entry: &QueueEntry) -> io::Result<Option<Range<usize>>> {
        let Ok(len) = usize::try_from(entry.size) else { return Ok(None) };
        if let Some(range) = self.within(entry.physical_offset, len) {
            return Ok(Some(range));
        }
        let Some(file) = inner.log.segments().find(entry.physical_offset) else { return Ok(None) };
        let from = usize::try_from(entry.physical_offset - file.base()).unwrap_or(usize::MAX);
        let slice = file.slice_from(from)?;
        if slice.len() < len {
            return Ok(None);
        }
        self.close_window();
        self.window = Some(Window { file, from, pieces: Pieces::of(slice.into_bytes()) });
        Ok(Some(0..len))
    }

    fn within(&self, physical_offset: i64, len: usize) -> Option<Range<usize>> {
        let window = self.window.as_ref()?;
        let position = physical_offset.checked_sub(window.file.base())?;
        let position = usize::try_from(position).ok()?;
        let start = position.checked_sub(window.from)?;
        let end = start.checked_add(len)?;
        (end <= window.pieces.whole().len()).then_some(start..end)
    }

    fn record(&self, range: &Range<usize>) -> Option<&[u8]> {
        self.window.as_ref()?.pieces.whole().get(range.clone())
    }

    fn add(&mut self, range: Range<usize>) {
        self.count += 1;
        self.bytes += range.len();
        self.commercial += range.len().div_ceil(COMMERCIAL_UNIT);
        if let Some(window) = &mut self.window {
            let added = window.pieces.add(range.start, range.end);
            debug_assert!(added, "files are shorter than 4 GiB, and records within them");
        }
    }

    fn close_window(&mut self) {
        self.pieces
            .extend(self.window.take().map(|window| window.pieces).filter(|p| !p.is_empty()));
    }
}
