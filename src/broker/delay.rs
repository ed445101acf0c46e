//! Delivery of delayed messages: each level is a queue of the schedule topic, whose entries hold
//! the time they are due; what is due is stored anew where it was to go.
//!
//! One task serves all levels. It sleeps until the next message is due or a new one arrives.
//! Within a level messages are delivered in order; a message that cannot be stored holds up its
//! level, not the others.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use protocol::bodies::DelayOffset;
use protocol::message::Message;
use protocol::properties::name;
use protocol::{json, topic};
use store::{AppendError, DelayLevels, NewMessage, QueueEntry, Store, StoreError, queue_of_level};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::persist::{Changes, ConfigFile, Kept, LoadError};
use crate::{LOG, now_ms};

/// Deliveries of one level before the others get their turn.
const BURST: usize = 128;
/// Pause of a level whose message could not be stored.
const RETRY_MS: i64 = 10_000;
/// The longest sleep; arrivals end it earlier.
const SLEEP_MS_MAX: i64 = 1000;

/// How far each level is delivered.
#[derive(Debug)]
pub(crate) struct Delay {
    levels: DelayLevels,
    /// The next queue offset of each level that ever had a message.
    offsets: Mutex<BTreeMap<i32, i64>>,
    arrived: Notify,
    file: ConfigFile,
    changes: Changes,
}

/// Where a level stands after its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Nothing to do before this time, ms.
    Until(i64),
    /// There is more at once.
    More,
    /// Nothing is queued.
    Empty,
}

/// What to do with the first message of a level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Now,
    At(i64),
}

/// An entry due later than its level delays from now on is taken as due: the clock was set back,
/// or the levels were changed.
fn due(deliver_ms: i64, delay_ms: i64, now_ms: i64) -> Due {
    if deliver_ms <= now_ms || deliver_ms > now_ms.saturating_add(delay_ms) {
        Due::Now
    } else {
        Due::At(deliver_ms)
    }
}

impl Delay {
    /// Reads the offsets of a store's `config` folder.
    ///
    /// # Errors
    /// When the file and its backup are damaged.
    pub(crate) fn load(folder: &Path, levels: DelayLevels) -> Result<Self, LoadError> {
        let file = ConfigFile::new(folder.join("delayOffset.json"));
        let stored: DelayOffset = file.load()?.unwrap_or_default();
        Ok(Self {
            levels,
            offsets: Mutex::new(stored.offset_table),
            arrived: Notify::new(),
            file,
            changes: Changes::default(),
        })
    }

    /// The levels.
    pub(crate) fn levels(&self) -> &DelayLevels {
        &self.levels
    }

    /// The offsets as bodies and the file have them.
    pub(crate) fn snapshot(&self) -> DelayOffset {
        DelayOffset { offset_table: self.offsets.lock().clone() }
    }

    /// Takes over the master's offsets.
    pub(crate) fn replace(&self, from: DelayOffset) {
        let mut offsets = self.offsets.lock();
        if *offsets != from.offset_table {
            *offsets = from.offset_table;
            drop(offsets);
            self.changes.note();
        }
    }

    /// A message was queued on some level.
    pub(crate) fn arrived(&self) {
        self.arrived.notify_one();
    }

    fn offset(&self, level: i32) -> i64 {
        self.offsets.lock().get(&level).copied().unwrap_or(0)
    }

    fn set_offset(&self, level: i32, offset: i64) {
        if self.offsets.lock().insert(level, offset) != Some(offset) {
            self.changes.note();
        }
    }

    /// Delivers until stopped.
    pub(crate) async fn run(self: Arc<Self>, store: Arc<Store>, stop: CancellationToken) {
        let mut held_up: BTreeMap<i32, i64> = BTreeMap::new();
        while !stop.is_cancelled() {
            let now = now_ms();
            let mut until = now + SLEEP_MS_MAX;
            let mut more = false;
            for (level, delay_ms) in self.levels.iter() {
                if held_up.get(&level).is_some_and(|until| now < *until) {
                    continue;
                }
                match self.turn(&store, level, delay_ms) {
                    Ok(Turn::More) => more = true,
                    Ok(Turn::Until(next)) => until = until.min(next),
                    Ok(Turn::Empty) => {}
                    Err(error) => {
                        tracing::error!(target: LOG, level, %error, "a message time up, but reput it failed");
                        held_up.insert(level, now + RETRY_MS);
                    }
                }
            }
            if more {
                tokio::task::yield_now().await;
                continue;
            }
            let pause = Duration::from_millis(u64::try_from(until - now_ms()).unwrap_or(0));
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.arrived.notified() => {}
                () = stop.cancelled() => {}
            }
        }
    }

    /// Delivers what is due of one level.
    fn turn(&self, store: &Store, level: i32, delay_ms: i64) -> Result<Turn, AppendError> {
        let queue_id = queue_of_level(level);
        let (min, max) = (
            store.min_offset(topic::SCHEDULE, queue_id),
            store.max_offset(topic::SCHEDULE, queue_id),
        );
        if max == 0 {
            return Ok(Turn::Empty);
        }
        // What lies before was deleted with its file; an offset beyond the end is left over from
        // entries that a crash took.
        let offset = self.offset(level).clamp(min, max);
        self.set_offset(level, offset);
        let entries = store.entries(topic::SCHEDULE, queue_id, offset, BURST);
        if entries.is_empty() {
            return Ok(Turn::Empty);
        }
        for (offset, entry) in (offset..).zip(entries) {
            if let Due::At(time) = due(entry.tags_code, delay_ms, now_ms()) {
                return Ok(Turn::Until(time));
            }
            self.deliver(store, &entry)?;
            self.set_offset(level, offset + 1);
        }
        Ok(Turn::More)
    }

    /// Stores a message where it was to go; all its properties stay, those of the delay too.
    fn deliver(&self, store: &Store, entry: &QueueEntry) -> Result<(), AppendError> {
        if entry.is_filler() {
            // Of a message that was lost to damage of the log.
            return Ok(());
        }
        let record = store.record_at(entry.physical_offset).map_err(AppendError::Io)?;
        let Some(message) = record.as_ref().and_then(|record| Message::decode(record).ok()) else {
            tracing::error!(target: LOG, offset = entry.physical_offset, "delayed message is not there, drop it");
            return Ok(());
        };
        let queue_id = message.properties.get(name::REAL_QUEUE_ID).and_then(|id| id.parse().ok());
        let target = message.properties.get(name::REAL_TOPIC).zip(queue_id);
        let Some((real_topic, queue_id)) = target else {
            tracing::error!(target: LOG, id = %message.id(), "delayed message does not say where it is to go, drop it");
            return Ok(());
        };
        let properties = String::from_utf8_lossy(message.properties.as_bytes());
        let delivered = NewMessage {
            topic: real_topic,
            queue_id,
            flag: message.flag,
            sys_flag: message.sys_flag,
            born_timestamp: message.born_timestamp,
            born_host: message.born_host.to_addr(),
            store_host: message.store_host.to_addr(),
            reconsume_times: message.reconsume_times,
            prepared_transaction_offset: 0,
            body: message.body,
            properties: &properties,
        };
        match store.append(&delivered) {
            Ok(_) => Ok(()),
            Err(AppendError::Illegal(why)) => {
                tracing::error!(target: LOG, id = %message.id(), %why, "delayed message cannot be stored, drop it");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }
}

impl Kept for Delay {
    fn file(&self) -> &ConfigFile {
        &self.file
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }

    fn encode(&self) -> String {
        json::to_string_pretty(&self.snapshot())
    }
}

/// Writes the offsets every `period`, until stopped; each time only after the messages they stand
/// for are on disk, so that a crash delivers a message twice rather than never.
pub(crate) async fn keep(
    delay: Arc<Delay>,
    store: Arc<Store>,
    first: Duration,
    period: Duration,
    stop: CancellationToken,
) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if delay.changes.pending() {
            let (delay, store) = (Arc::clone(&delay), Arc::clone(&store));
            let kept = tokio::task::spawn_blocking(move || keep_now(&delay, &store)).await;
            if let Err(error) = kept {
                tracing::error!(target: LOG, %error, "persist delay offsets");
            }
        }
    }
}

/// Writes the offsets once their messages are on disk. Blocks.
pub(crate) fn keep_now(delay: &Delay, store: &Store) {
    let number = delay.changes.made();
    let text = delay.encode();
    match store.flush() {
        Ok(()) => delay.keep_text(number, &text),
        Err(error) => tracing::error!(target: LOG, %error, "delay offsets are not written"),
    }
}

/// The levels of the settings.
///
/// # Errors
/// When the setting makes no sense.
pub(crate) fn levels(setting: &str) -> Result<DelayLevels, StoreError> {
    DelayLevels::parse(setting)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_due_at_its_time() {
        assert_eq!(due(100, 50, 100), Due::Now);
        assert_eq!(due(99, 50, 100), Due::Now);
        assert_eq!(due(150, 50, 100), Due::At(150));
        assert_eq!(due(151, 50, 100), Due::Now, "later than its level can mean");
    }

    #[test]
    fn offsets_are_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let levels = DelayLevels::parse("1s 5s").unwrap();
        let delay = Delay::load(dir.path(), levels.clone()).unwrap();
        assert_eq!(delay.offset(2), 0);
        delay.set_offset(2, 2);
        delay.set_offset(3, 1);
        delay.keep();
        let text = std::fs::read_to_string(dir.path().join("delayOffset.json")).unwrap();
        assert_eq!(text, "{\n\t\"offsetTable\":{2:2,3:1\n\t}\n}");
        let again = Delay::load(dir.path(), levels).unwrap();
        assert_eq!(again.snapshot(), delay.snapshot());
        assert!(!again.changes.pending());
    }
}
