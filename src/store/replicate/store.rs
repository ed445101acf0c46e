//! What the store does for replication.

use std::io;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use protocol::sysflag;

use super::{HEAD_LEN, Rules, Seat, View};
use crate::commit_log::Raw;
use crate::config::{BrokerRole, StoreConfig};
use crate::error::AppendError;
use crate::inner::Inner;
use crate::recover::{Step, step};
use crate::store::Store;

/// A slave of 4.4.0 reads a transfer into a buffer of this size.
const BATCH_MAX: usize = 4 * 1024 * 1024 - HEAD_LEN;

/// Why a master's bytes were not appended.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    /// Only a slave that runs takes them.
    #[error("this store is no running slave's")]
    NoSlave,
    /// They belong elsewhere.
    #[error("bytes for {offset}, but the log ends at {end}")]
    OutOfStep {
        /// Where they belong.
        offset: i64,
        /// The end of the log.
        end: i64,
    },
    /// They are not whole records of one file.
    #[error("no whole records of one file at {0}")]
    Records(i64),
    /// The disk has no room, or the store stopped writing.
    #[error(transparent)]
    Append(#[from] AppendError),
}

/// Replication.
impl Store {
    /// What both sides of a connection go by, after the settings.
    #[must_use]
    pub fn replica_rules(&self) -> Rules {
        let config: &StoreConfig = &self.shared().config.load();
        let ms = |ms: i32| u64::try_from(ms).unwrap_or(0).max(1);
        Rules {
            file_len: i64::from(config.maped_file_size_commit_log),
            batch: usize::try_from(config.ha_transfer_batch_size).unwrap_or(0).clamp(1, BATCH_MAX),
            heartbeat_ms: ms(config.ha_send_heartbeat_interval),
            silence_ms: ms(config.ha_housekeeping_interval),
        }
    }

    /// What the log holds now.
    #[must_use]
    pub fn log_view(&self) -> View {
        let log = &self.shared().log;
        // The end first: what is deleted meanwhile is then not promised.
        let end = log.appended.get();
        View { first: log.min_offset().max(0), end }
    }

    /// Up to `max` bytes of the log from `offset` on, all of one file, not copied; `None` where
    /// nothing is.
    ///
    /// # Errors
    /// The file cannot be mapped.
    pub fn log_bytes(&self, offset: i64, max: usize) -> io::Result<Option<Bytes>> {
        let log = &self.shared().log;
        let below = usize::try_from(log.appended.get() - offset).unwrap_or(0);
        let Some(slice) = log.slice_from(offset)? else { return Ok(None) };
        let len = slice.len().min(below).min(max);
        Ok((len > 0).then(|| slice.into_bytes().slice(..len)))
    }

    /// Whether the log holds these bytes at `offset`.
    ///
    /// # Errors
    /// The file cannot be mapped.
    pub fn log_holds(&self, offset: i64, bytes: &[u8]) -> io::Result<bool> {
        let (mut at, mut rest) = (offset, bytes);
        while !rest.is_empty() {
            let Some(ours) = self.log_bytes(at, rest.len())? else { return Ok(false) };
            let (theirs, behind) = rest.split_at(ours.len());
            if ours != theirs {
                return Ok(false);
            }
            at += ours.len() as i64;
            rest = behind;
        }
        Ok(true)
    }

    /// Where a slave asks its master to begin: at its newest queued record, so that the two are
    /// compared, or at the end of its log where there is none.
    #[must_use]
    pub fn replica_ask(&self) -> i64 {
        let inner = self.shared();
        let end = inner.log.appended.get();
        let newest = inner.queues.all().into_iter().map(|queue| queue.max_physical());
        let newest = newest.max().filter(|offset| 0 < *offset && *offset < end);
        newest.filter(|offset| matches!(inner.record_at(*offset), Ok(Some(_)))).unwrap_or(end)
    }

    /// Appends whole records of one file as a master sent them. They are dispatched like any
    /// others, and their queues go on behind them should this store ever become a master's.
    ///
    /// # Errors
    /// Nothing was appended.
    pub fn append_replicated(&self, offset: i64, bytes: &[u8]) -> Result<(), ReplicaError> {
        let inner = self.shared();
        let slave = inner.config.load().broker_role == BrokerRole::Slave;
        if !slave || !inner.flags.running.load(Ordering::Acquire) {
            return Err(ReplicaError::NoSlave);
        }
        let newest = inner.check_records(offset, bytes)?;
        let raw = Raw { offset, bytes, store_timestamp: newest };
        inner.log.append_raw(&raw, || inner.count_queues(bytes))
    }

    /// Counts a slave in; it is gone when the seat is dropped.
    #[must_use]
    pub fn seat_slave(&self, reported: i64) -> Seat {
        Seat::take(self.shared(), reported)
    }

    /// Slaves that are connected.
    #[must_use]
    pub fn slave_count(&self) -> usize {
        self.shared().slaves.count()
    }

    /// Whether a slave is connected that could have the log up to `end` in time: less than
    /// `haSlaveFallbehindMax` away.
    #[must_use]
    pub fn slave_in_reach(&self, end: i64) -> bool {
        let lag_max = i64::from(self.shared().config.load().ha_slave_fallbehind_max);
        self.shared().slaves.nearest().is_some_and(|nearest| end - nearest < lag_max)
    }

    /// Bytes that the nearest slave does not have yet.
    #[must_use]
    pub fn slave_behind(&self) -> i64 {
        let has = self.replicated().get().max(self.shared().slaves.nearest().unwrap_or(0));
        self.appended().get() - has
    }
}

impl Inner {
    /// Whether these are whole records, in their place, of one file; the store time of the newest.
    fn check_records(&self, offset: i64, bytes: &[u8]) -> Result<i64, ReplicaError> {
        let file_len = self.log.segments().file_len() as i64;
        let left = file_len - offset.rem_euclid(file_len);
        let mut newest = 0;
        let mut done = 0;
        while let Some(rest) = bytes.get(done..).filter(|rest| !rest.is_empty()) {
            match step(rest, None) {
                Step::Message(message, len) if message.physical_offset == offset + done as i64 => {
                    newest = message.store_timestamp;
                    done += len;
                }
                Step::NextFile if bytes.len() as i64 == left => break,
                _ => return Err(ReplicaError::Records(offset + done as i64)),
            }
        }
        if offset < 0 || bytes.len() as i64 > left {
            return Err(ReplicaError::Records(offset));
        }
        Ok(newest)
    }

    /// Sets the next offsets of the queues that the records are for.
    fn count_queues(&self, bytes: &[u8]) {
        let mut rest = bytes;
        let (mut messages, mut size) = (0, 0);
        while let Step::Message(message, len) = step(rest, None) {
            if sysflag::message::is_queued(message.sys_flag)
                && let Some(queue) = self.queues.find_or_create(message.topic, message.queue_id)
            {
                queue.set_next_offset(message.queue_offset.saturating_add(1));
            }
            (messages, size) = (messages + 1, size + len);
            rest = rest.get(len..).unwrap_or_default();
        }
        self.stats.note_copied(messages, size);
    }
}
