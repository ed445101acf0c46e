//! Looking messages up: by physical offset, by key, by time.

use std::io;

use std::sync::Arc;

use bytes::Bytes;
use protocol::message::{Message, at};

use crate::consume_queue::ConsumeQueue;
use crate::format::i64_at;
use crate::format::queue_entry::{ENTRY_LEN, QueueEntry};
use crate::inner::Inner;
use crate::mapped::{MappedFile, Slice};

/// Rounds of a query that finds index entries but no messages.
const QUERY_ROUNDS: usize = 3;
const ENTRY: i64 = ENTRY_LEN as i64;

/// What a query by key found.
#[derive(Debug, Clone, Default)]
pub struct QueryResult {
    /// The records, by offset. Hash collisions are among them, as in 4.4.0: clients look again.
    pub messages: Vec<Bytes>,
    /// Store time of the newest message the index knows.
    pub index_last_update_timestamp: i64,
    /// And its physical offset.
    pub index_last_update_offset: i64,
}

impl Inner {
    /// The record that begins at an offset, if one does. An error says nothing of whether one
    /// does: its file could not be opened just now.
    pub(crate) fn record_at(&self, physical_offset: i64) -> io::Result<Option<Bytes>> {
        let Some(slice) = self.log.slice_from(physical_offset)? else { return Ok(None) };
        let Ok(message) = Message::decode(&slice) else { return Ok(None) };
        if message.physical_offset != physical_offset || message.check_body().is_err() {
            return Ok(None);
        }
        let record = self.log.slice(physical_offset, message.encoded_len())?;
        Ok(record.map(Slice::into_bytes))
    }

    /// Store time of the record at an offset; `None` if it is not in the log any more.
    pub(crate) fn store_time_at(&self, physical_offset: i64, size: i32) -> Option<i64> {
        let size = usize::try_from(size).ok()?;
        let slice = self.log.slice(physical_offset, size).ok()??;
        i64_at(&slice, at::STORE_TIMESTAMP)
    }

    pub(crate) fn query(
        &self,
        topic: &str,
        key: &str,
        max: i32,
        begin: i64,
        end: i64,
    ) -> QueryResult {
        let max = max.min(self.config.load().max_msgs_num_batch);
        let max = usize::try_from(max).unwrap_or(0);
        let mut result = QueryResult::default();
        let mut until = end;
        for _ in 0..QUERY_ROUNDS {
            let mut found = self.index.find(topic, key, max, begin, until);
            if found.offsets.is_empty() {
                break;
            }
            found.offsets.sort_unstable();
            found.offsets.dedup();
            result.index_last_update_timestamp = found.last_timestamp;
            result.index_last_update_offset = found.last_offset;
            result.messages =
                found.offsets.iter().filter_map(|offset| self.record_at(*offset).ok()?).collect();
            // Entries that lead nowhere (their file is deleted) make room for older ones.
            let first = found.offsets.first().and_then(|offset| self.record_at(*offset).ok()?);
            if let Some(time) = first.and_then(|record| i64_at(&record, at::STORE_TIMESTAMP)) {
                until = time;
            }
            if !result.messages.is_empty() || until < begin {
                break;
            }
        }
        result
    }

    pub(crate) fn offset_by_time(&self, topic: &str, queue_id: i32, timestamp: i64) -> i64 {
        let Some(queue) = self.queues.find(topic, queue_id) else { return 0 };
        let Some(file) = self.file_by_time(&queue, timestamp) else { return 0 };
        let Ok(slice) = file.slice_from(0) else { return 0 };
        self.search(&queue, &file, &slice, timestamp).unwrap_or(0)
    }

    /// The first file of the queue whose newest message was stored at or after a time; else the
    /// last one. 4.4.0 goes by the files' modification times, which a copy of the store changes.
    fn file_by_time(&self, queue: &ConsumeQueue, timestamp: i64) -> Option<Arc<MappedFile>> {
        let files = queue.segments().all();
        let newest = |file: &MappedFile| {
            let start = file.published().checked_sub(ENTRY_LEN)?;
            let entry = QueueEntry::decode(&file.slice_from(start).ok()?)?;
            self.store_time_at(entry.physical_offset, entry.size)
        };
        let later = files.iter().find(|file| newest(file).is_some_and(|time| time >= timestamp));
        later.or_else(|| files.last()).cloned()
    }

    /// The entry whose message was stored nearest to `timestamp`, of one file of the queue.
    /// `None` if a message that should be there cannot be read.
    fn search(
        &self,
        queue: &ConsumeQueue,
        file: &MappedFile,
        slice: &Slice,
        timestamp: i64,
    ) -> Option<i64> {
        let log_min = self.log.min_offset();
        let first = file.base() / ENTRY;
        let mut low = ((queue.min_byte() - file.base()) / ENTRY).max(0);
        let mut high = (slice.len() / ENTRY_LEN) as i64 - 1;
        let mut left: Option<(i64, Option<i64>)> = None;
        let mut right: Option<(i64, i64)> = None;
        while low <= high {
            let middle = low.midpoint(high);
            let start = usize::try_from(middle).ok()?.checked_mul(ENTRY_LEN)?;
            let entry = QueueEntry::decode(slice.get(start..)?)?;
            if entry.physical_offset < log_min {
                low = middle + 1;
                left = Some((middle, left.and_then(|(_, time)| time)));
                continue;
            }
            let time = self.store_time_at(entry.physical_offset, entry.size)?;
            match time.cmp(&timestamp) {
                std::cmp::Ordering::Equal => return Some(first + middle),
                std::cmp::Ordering::Greater => {
                    high = middle - 1;
                    right = Some((middle, time));
                }
                std::cmp::Ordering::Less => {
                    low = middle + 1;
                    left = Some((middle, Some(time)));
                }
            }
        }
        let nearest = match (left, right) {
            (Some((before, Some(earlier))), Some((after, later))) => {
                if timestamp.abs_diff(earlier) > timestamp.abs_diff(later) { after } else { before }
            }
            (Some((before, Some(_))), None) => before,
            (_, Some((after, _))) => after,
            // Nothing readable: 4.4.0 answers one below the file's first entry.
            (_, None) => 0,
        };
        Some(first + nearest)
    }
}
