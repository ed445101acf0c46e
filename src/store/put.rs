//! Appending: the checks, and records put straight into the log.

use std::net::SocketAddrV4;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use protocol::batch;
use protocol::message::{
    Head, Message, PROPERTIES_LEN_MAX, TOPIC_LEN_MAX, body_crc, encoded_len, properties_prefix,
    topic_prefix,
};
use protocol::message_id::MessageId;
use protocol::properties::{Properties, name};
use protocol::sysflag;
use smallvec::SmallVec;

use crate::commit_log::{Demand, Place, Refused};
use crate::config::BrokerRole;
use crate::consume_queue::ConsumeQueue;
use crate::error::{AppendError, Illegal, NotWritable};
use crate::inner::Inner;
use crate::mapped::Tail;

/// Upper end of "the writer is held up", ms: more than that is a clock that jumped.
const BUSY_MAX_MS: i64 = 10_000_000;
/// Batches up to this many messages need no memory of their own.
const BATCH_INLINE: usize = 32;

/// A message to append.
#[derive(Debug, Clone, Copy)]
pub struct NewMessage<'a> {
    /// Where it goes, with `queue_id`.
    pub topic: &'a str,
    /// Queue of the topic.
    pub queue_id: i32,
    /// The user's flag.
    pub flag: i32,
    /// System flags, see [`protocol::sysflag::message`].
    pub sys_flag: i32,
    /// When the client made it, ms.
    pub born_timestamp: i64,
    /// Where the client is.
    pub born_host: SocketAddrV4,
    /// This broker's address.
    pub store_host: SocketAddrV4,
    /// How often it was sent back.
    pub reconsume_times: i32,
    /// Physical offset of the half message a committed one came from.
    pub prepared_transaction_offset: i64,
    /// The body; for [`crate::Store::append_batch`] the batch body.
    pub body: &'a [u8],
    /// The properties string, stored as it is.
    pub properties: &'a str,
}

/// Where a message lies now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Appended {
    /// Index within its queue.
    pub queue_offset: i64,
    /// Offset of the record in the log.
    pub physical_offset: i64,
    /// Offset behind the record: durable once `flushed` is there.
    pub end_offset: i64,
    /// When it was stored, ms.
    pub store_timestamp: i64,
}

impl Appended {
    /// The offset message id, given the address the message was stored with.
    #[must_use]
    pub fn id(&self, store_host: SocketAddrV4) -> MessageId {
        MessageId { host: store_host.into(), offset: self.physical_offset }
    }
}

/// Where the messages of a batch lie now: one behind the other, with consecutive queue offsets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendedBatch {
    /// Index of the first one within its queue.
    pub queue_offset: i64,
    /// Offset of each record in the log.
    pub physical_offsets: Vec<i64>,
    /// Offset behind the last record.
    pub end_offset: i64,
    /// When they were stored, ms.
    pub store_timestamp: i64,
}

/// A message of a batch with what is computed before the lock.
struct Part<'a> {
    item: batch::Item<'a>,
    body_crc: i32,
    len: usize,
}

impl Inner {
    pub(crate) fn append(&self, m: &NewMessage<'_>) -> Result<Appended, AppendError> {
        let start = Instant::now();
        let result = self.append_one(m);
        match &result {
            Ok(done) => {
                let bytes = usize::try_from(done.end_offset - done.physical_offset).unwrap_or(0);
                self.stats.note_put(1, bytes, start.elapsed());
            }
            Err(_) => self.stats.note_put_failure(),
        }
        result
    }

    fn append_one(&self, m: &NewMessage<'_>) -> Result<Appended, AppendError> {
        self.check_writable()?;
        check_names(m)?;
        self.check_busy()?;
        let len = encoded_len(m.body.len(), m.topic.len(), m.properties.len());
        if len > self.record_len_max {
            return Err(Illegal::TooLong(len).into());
        }
        let crc = body_crc(m.body);
        let head = head_of(m, m.flag, crc, m.body, m.properties.into());
        let queued = sysflag::message::is_queued(m.sys_flag);
        let demand = Demand { len, queue_entries: i64::from(queued), queued };
        let place = self.append_at(m.topic, m.queue_id, demand, |tail, place| {
            put_record(tail, head, place, m.body, m.topic, m.properties.as_bytes());
        })?;
        Ok(Appended {
            queue_offset: place.queue_offset,
            physical_offset: place.physical_offset,
            end_offset: place.physical_offset + len as i64,
            store_timestamp: place.store_timestamp,
        })
    }

    pub(crate) fn append_batch(&self, m: &NewMessage<'_>) -> Result<AppendedBatch, AppendError> {
        let start = Instant::now();
        let result = self.append_parts(m);
        match &result {
            Ok(done) => {
                let first = done.physical_offsets.first().copied().unwrap_or(done.end_offset);
                let bytes = usize::try_from(done.end_offset - first).unwrap_or(0);
                self.stats.note_put(done.physical_offsets.len(), bytes, start.elapsed());
            }
            Err(_) => self.stats.note_put_failure(),
        }
        result
    }

    fn append_parts(&self, m: &NewMessage<'_>) -> Result<AppendedBatch, AppendError> {
        self.check_writable()?;
        check_names(m)?;
        if m.body.len() > self.record_len_max {
            return Err(Illegal::BatchBodyTooLong(m.body.len()).into());
        }
        self.check_busy()?;
        let kind = sysflag::message::transaction(m.sys_flag);
        let delay = Properties::from(m.properties).get(name::DELAY);
        let delayed = delay.and_then(|level| level.parse::<i32>().ok()).is_some_and(|l| l > 0);
        if kind != sysflag::message::TRANSACTION_NONE || delayed {
            return Err(Illegal::BatchKind.into());
        }
        let m = &NewMessage { prepared_transaction_offset: 0, ..*m };
        let (parts, total) = self.parts_of(m)?;
        let demand = Demand { len: total, queue_entries: parts.len() as i64, queued: true };
        let place = self.append_at(m.topic, m.queue_id, demand, |tail, mut place| {
            for part in &parts {
                let item = &part.item;
                let head = head_of(m, item.flag, part.body_crc, item.body, item.properties);
                put_record(tail, head, place, item.body, m.topic, item.properties.as_bytes());
                place.queue_offset += 1;
                place.physical_offset += part.len as i64;
            }
        })?;
        let mut end_offset = place.physical_offset;
        let mut physical_offsets = Vec::with_capacity(parts.len());
        for part in &parts {
            physical_offsets.push(end_offset);
            end_offset += part.len as i64;
        }
        Ok(AppendedBatch {
            queue_offset: place.queue_offset,
            physical_offsets,
            end_offset,
            store_timestamp: place.store_timestamp,
        })
    }

    /// The messages of a batch body and the length of their records together.
    fn parts_of<'a>(
        &self,
        m: &NewMessage<'a>,
    ) -> Result<(SmallVec<[Part<'a>; BATCH_INLINE]>, usize), AppendError> {
        let mut parts = SmallVec::new();
        let mut total = 0;
        for item in batch::items(m.body) {
            let item = item.map_err(Illegal::from)?;
            let properties_len = item.properties.as_bytes().len();
            let len = encoded_len(item.body.len(), m.topic.len(), properties_len);
            total += len;
            if total > self.record_len_max {
                return Err(Illegal::BatchTooLong(total).into());
            }
            parts.push(Part { item, body_crc: body_crc(item.body), len });
        }
        if parts.is_empty() {
            return Err(Illegal::BatchEmpty.into());
        }
        Ok((parts, total))
    }

    /// Appends to a queue, looked up again if its topic is deleted meanwhile.
    fn append_at(
        &self,
        topic: &str,
        queue_id: i32,
        demand: Demand,
        write: impl Fn(&mut Tail, Place),
    ) -> Result<Place, AppendError> {
        loop {
            let queue = self.queues.find_or_create(topic, queue_id);
            let queue: Arc<ConsumeQueue> = queue.ok_or(Illegal::TopicName)?;
            match self.log.append(&queue, demand, &*self.clock, &write) {
                Ok(place) => return Ok(place),
                Err(Refused::QueueGone) => {}
                Err(Refused::Error(error)) => return Err(error),
            }
        }
    }

    /// Whether messages are taken at all now.
    pub(crate) fn check_writable(&self) -> Result<(), NotWritable> {
        if !self.flags.running.load(Ordering::Acquire) {
            return Err(NotWritable::Stopped);
        }
        if self.config.load().broker_role == BrokerRole::Slave {
            return Err(NotWritable::Slave);
        }
        if self.flags.derived_failed.load(Ordering::Relaxed) {
            return Err(NotWritable::Derived);
        }
        if self.flags.disk_full.load(Ordering::Relaxed) {
            return Err(NotWritable::DiskFull);
        }
        Ok(())
    }

    fn check_busy(&self) -> Result<(), AppendError> {
        if self.is_page_cache_busy() { Err(AppendError::Busy) } else { Ok(()) }
    }

    /// Whether an appender has been in the lock for longer than `osPageCacheBusyTimeOutMills`.
    pub(crate) fn is_page_cache_busy(&self) -> bool {
        let ms = self.log.lock_time_ms(&*self.clock);
        ms > 0 && ms < BUSY_MAX_MS && ms > self.config.load().os_page_cache_busy_time_out_mills
    }
}

fn check_names(m: &NewMessage<'_>) -> Result<(), Illegal> {
    if m.topic.len() > TOPIC_LEN_MAX {
        return Err(Illegal::TopicTooLong);
    }
    if m.properties.len() > PROPERTIES_LEN_MAX {
        return Err(Illegal::PropertiesTooLong);
    }
    Ok(())
}

/// The record's head, with holes for what the lock decides.
fn head_of(
    m: &NewMessage<'_>,
    flag: i32,
    body_crc: i32,
    body: &[u8],
    properties: Properties<'_>,
) -> Head {
    Head::of(&Message {
        body_crc,
        queue_id: m.queue_id,
        flag,
        queue_offset: 0,
        physical_offset: 0,
        sys_flag: m.sys_flag,
        born_timestamp: m.born_timestamp,
        born_host: m.born_host.into(),
        store_timestamp: 0,
        store_host: m.store_host.into(),
        reconsume_times: m.reconsume_times,
        prepared_transaction_offset: m.prepared_transaction_offset,
        body,
        topic: m.topic,
        properties,
    })
}

/// Copies a record into the log, piece by piece.
fn put_record(
    tail: &mut Tail,
    mut head: Head,
    place: Place,
    body: &[u8],
    topic: &str,
    properties: &[u8],
) {
    head.place(place.queue_offset, place.physical_offset, place.store_timestamp);
    tail.put(head.as_bytes());
    tail.put(body);
    tail.put(&topic_prefix(topic));
    tail.put(topic.as_bytes());
    tail.put(&properties_prefix(properties));
    tail.put(properties);
}
