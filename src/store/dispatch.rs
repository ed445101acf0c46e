//! The dispatcher: one thread that follows the log and feeds what is derived from it, consume
//! queues and index, then tells the listener.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use protocol::message::{Damage, Message};
use protocol::properties::{name, tags_code};
use protocol::{sysflag, topic};

use crate::arrival::Arrival;
use crate::delay::DelayLevels;
use crate::error::is_disk_full;
use crate::format::ext::ExtUnit;
use crate::format::queue_entry::QueueEntry;
use crate::index::Keyed;
use crate::inner::Inner;
use crate::mend::is_replacement;
use crate::recover::{Step, step, survivor};

/// Messages between two moves of `dispatched`.
const BATCH: usize = 256;
/// Rest after some work: under load the appenders then need not wake the dispatcher for every
/// message, and a message waits no longer than this.
const NAP: Duration = Duration::from_micros(100);
/// Rest after a failed write of derived files.
const RETRY: Duration = Duration::from_millis(200);
/// How long a stopping store waits for derived files that cannot be written.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// Feeds derived files, message by message.
pub(crate) struct Deriver<'a> {
    inner: &'a Inner,
    bit_map: Vec<u8>,
    /// Keys of the present message that are in the index.
    indexed: usize,
}

/// The properties that derived files are made of, found in one pass.
#[derive(Default)]
struct Wanted<'a> {
    tags: Option<&'a [u8]>,
    keys: Option<&'a [u8]>,
    unique: Option<&'a [u8]>,
    delay: Option<&'a [u8]>,
}

impl<'a> Wanted<'a> {
    fn of(message: &Message<'a>) -> Self {
        let mut wanted = Self::default();
        for (key, value) in message.properties.pairs() {
            if key == name::TAGS.as_bytes() {
                wanted.tags = Some(value);
            } else if key == name::KEYS.as_bytes() {
                wanted.keys = Some(value);
            } else if key == name::UNIQUE_KEY.as_bytes() {
                wanted.unique = Some(value);
            } else if key == name::DELAY.as_bytes() {
                wanted.delay = Some(value);
            }
        }
        wanted
    }

    /// What the queue entry keeps for filtering; in the schedule topic, when the message is due.
    fn tags_code(&self, message: &Message<'_>, delays: &DelayLevels) -> i64 {
        if message.topic == topic::SCHEDULE
            && let Some(level) = self.delay.and_then(|text| text_of(text)?.parse::<i32>().ok())
            && level > 0
        {
            return delays.deliver_time(level.min(delays.max()), message.store_timestamp);
        }
        self.tags.map_or(0, tags_code)
    }
}

fn text_of(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

impl<'a> Deriver<'a> {
    pub(crate) fn new(inner: &'a Inner) -> Self {
        Self { inner, bit_map: Vec::new(), indexed: 0 }
    }

    /// Writes the message's queue entry and keys. After an error the same message can be tried
    /// again. The result is the entry's tags code.
    fn derive(&mut self, message: &Message<'_>, len: usize) -> io::Result<i64> {
        let inner = self.inner;
        if is_replacement(message) {
            inner.damage.note(len as i64);
        }
        let wanted = Wanted::of(message);
        let tags_code = wanted.tags_code(message, &inner.delays);
        if self.indexed == 0 {
            self.bit_map.clear();
            inner.listener.bit_map(message.topic, message.properties, &mut self.bit_map);
        }
        if sysflag::message::is_queued(message.sys_flag)
            && !inner.queues.is_gone(message.topic, message.physical_offset)
        {
            self.put_entry(message, len, tags_code)?;
        }
        let kind = sysflag::message::transaction(message.sys_flag);
        if inner.index_enabled && kind != sysflag::message::TRANSACTION_ROLLBACK {
            let keyed = Keyed {
                topic: message.topic,
                unique: wanted.unique.and_then(text_of),
                keys: wanted.keys.and_then(text_of),
                physical_offset: message.physical_offset,
                store_timestamp: message.store_timestamp,
            };
            let full = |file| inner.full_index_files.lock().push(file);
            inner.index.put(&keyed, &mut self.indexed, || inner.clock.now_ms(), full)?;
        }
        self.indexed = 0;
        Ok(tags_code)
    }

    fn put_entry(&self, message: &Message<'_>, len: usize, tags_code: i64) -> io::Result<()> {
        let inner = self.inner;
        let Some(queue) = inner.queues.find_or_create(message.topic, message.queue_id) else {
            tracing::error!(
                topic = message.topic,
                queue_id = message.queue_id,
                offset = message.physical_offset,
                "message of a queue that cannot be"
            );
            return Ok(());
        };
        let size = i32::try_from(len).unwrap_or(i32::MAX);
        let entry = QueueEntry { physical_offset: message.physical_offset, size, tags_code };
        let unit =
            ExtUnit { tags_code, store_timestamp: message.store_timestamp, bit_map: &self.bit_map };
        queue.put(message.queue_offset, entry, &unit, inner.damage.messages_max())?;
        inner.queues.mark_dirty(&queue);
        inner.queues.relieve();
        inner.logics_timestamp.store(message.store_timestamp, Ordering::Release);
        Ok(())
    }

    /// Derives everything from `from` on up to `end`, telling nobody: for recovery. The result is
    /// how far it came, and what stopped it there.
    pub(crate) fn catch_up(&mut self, from: i64, end: i64) -> (i64, io::Result<()>) {
        let mut reached = from;
        let done = walk_log(self.inner, from, end, |message, len| {
            self.derive(message, len)?;
            reached = message.physical_offset + len as i64;
            Ok(())
        });
        (if done.is_ok() { end } else { reached }, done)
    }
}

/// Hands the messages of a recovered log to `each`, from `from` on up to `end`. Damage that
/// recovery did not come by, in old files, is passed over.
pub(crate) fn walk_log(
    inner: &Inner,
    from: i64,
    end: i64,
    mut each: impl FnMut(&Message<'_>, usize) -> io::Result<()>,
) -> io::Result<()> {
    let mut at = from;
    while at < end {
        let file_end = inner.log.next_file(at);
        // A file may be missing.
        let Some(slice) = inner.log.slice_from(at)? else {
            at = file_end;
            continue;
        };
        let start = at;
        while at < end {
            let done = usize::try_from(at - start).unwrap_or(usize::MAX);
            match step(slice.get(done..).unwrap_or_default(), None) {
                Step::Message(message, len) => {
                    each(&placed(message, at), len)?;
                    at += len as i64;
                }
                Step::NextFile => {
                    // Damage up to the end of a file looks like that, too.
                    inner.damage.note_blank(file_end - at);
                    at = file_end;
                    break;
                }
                Step::End(damage) => at = pass_damage(inner, &slice, start, at, &damage),
            }
        }
    }
    Ok(())
}

/// Where the next record behind damage at `at` lies, else the end of `slice`, which begins at
/// `start`.
fn pass_damage(inner: &Inner, slice: &[u8], start: i64, at: i64, damage: &Damage) -> i64 {
    tracing::error!(offset = at, %damage, "the commit log is damaged here, passed over");
    let from = usize::try_from(at - start).unwrap_or(slice.len()) + 1;
    let next = survivor(slice, from, slice.len(), start).unwrap_or(slice.len());
    let next = start + next as i64;
    inner.damage.note(next - at);
    next
}

/// The message with the offset it was found at. That is what its record says, unless a bit of that
/// flipped.
fn placed(message: Message<'_>, offset: i64) -> Message<'_> {
    if message.physical_offset != offset {
        tracing::error!(offset, says = message.physical_offset, "record with a wrong offset");
    }
    Message { physical_offset: offset, ..message }
}

/// Follows the log until `stop` is set and nothing is left.
pub(crate) fn run(inner: &Inner, stop: &AtomicBool) {
    let mut follower = Follower { inner, deriver: Deriver::new(inner), stop, give_up: None };
    let mut at = inner.dispatched.get();
    let mut worked = false;
    loop {
        let appended = inner.log.appended.get();
        if at < appended {
            match follower.follow(at, appended) {
                Some(next) => at = next,
                None => break,
            }
            worked = true;
            continue;
        }
        inner.queues.forget_gone(at);
        if stop.load(Ordering::Acquire) {
            break;
        }
        if std::mem::take(&mut worked) {
            thread::sleep(NAP);
            continue;
        }
        inner.log.appended.wait_blocking(at + 1, None, Some(stop));
    }
}

struct Follower<'a> {
    inner: &'a Inner,
    deriver: Deriver<'a>,
    stop: &'a AtomicBool,
    give_up: Option<Instant>,
}

impl Follower<'_> {
    /// Dispatches what was appended behind `at` in its file, up to `appended`. `None` if the store
    /// stops and it cannot be done.
    fn follow(&mut self, at: i64, appended: i64) -> Option<i64> {
        let inner = self.inner;
        let slice = match inner.log.slice_from(at) {
            Ok(Some(slice)) => slice,
            Ok(None) => return Some(inner.log.next_file(at)),
            Err(error) => {
                self.failed(&error)?;
                return Some(at);
            }
        };
        let file_end = inner.log.next_file(at);
        // The writer rolls to the next file before it appends there: the blank record that it
        // leaves is not to be seen before, else `dispatched` would pass `appended`.
        let below = usize::try_from(appended - at).unwrap_or(0).min(slice.len());
        let slice = slice.get(..below).unwrap_or_default();
        let mut done = 0;
        let mut batch = 0;
        while let Some(rest) = slice.get(done..).filter(|rest| !rest.is_empty()) {
            let offset = at + done as i64;
            match step(rest, None) {
                Step::Message(message, len) => {
                    self.dispatch(&placed(message, offset), len)?;
                    done += len;
                }
                Step::NextFile => {
                    inner.dispatched.advance(file_end);
                    return Some(file_end);
                }
                Step::End(damage) => {
                    let next = pass_damage(inner, slice, at, offset, &damage);
                    done = usize::try_from(next - at).unwrap_or(slice.len());
                }
            }
            batch += 1;
            if batch == BATCH {
                batch = 0;
                inner.dispatched.advance(at + done as i64);
            }
        }
        let at = at + done as i64;
        inner.dispatched.advance(at);
        Some(at)
    }

    fn dispatch(&mut self, message: &Message<'_>, len: usize) -> Option<()> {
        let tags_code = loop {
            match self.deriver.derive(message, len) {
                Ok(tags_code) => break tags_code,
                Err(error) => self.failed(&error)?,
            }
        };
        if self.inner.flags.derived_failed.load(Ordering::Relaxed) {
            tracing::info!("consume queues and index are written again");
            self.inner.flags.derived_failed.store(false, Ordering::Release);
        }
        if sysflag::message::is_queued(message.sys_flag) {
            self.inner.listener.arrived(&Arrival {
                topic: message.topic,
                queue_id: message.queue_id,
                next_offset: message.queue_offset.saturating_add(1),
                tags_code,
                store_timestamp: message.store_timestamp,
                properties: message.properties,
                bit_map: &self.deriver.bit_map,
            });
        }
        Some(())
    }

    /// Stops the store from taking messages it could not deliver, and waits. `None`: the store
    /// stops, and waited long enough.
    fn failed(&mut self, error: &io::Error) -> Option<()> {
        if !self.inner.flags.derived_failed.swap(true, Ordering::AcqRel) {
            let full = is_disk_full(error);
            tracing::error!(%error, full, "consume queue or index cannot be written, will retry");
        }
        if self.stop.load(Ordering::Acquire) {
            let until = *self.give_up.get_or_insert_with(|| Instant::now() + STOP_PATIENCE);
            if Instant::now() >= until {
                return None;
            }
        }
        thread::park_timeout(RETRY);
        Some(())
    }
}
