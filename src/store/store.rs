//! The store as its users see it.

use std::collections::HashSet;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use config::Live;
use parking_lot::Mutex;
use protocol::topic;

use crate::arrival::{ArrivalListener, MessageFilter};
use crate::clean::{Cleaner, DiskUsage, Usage, usage, used_ratio};
use crate::clock::{Clock, SystemClock};
use crate::config::StoreConfig;
use crate::consume_queue::ConsumeQueue;
use crate::delay::{DelayLevels, queue_of_level};
use crate::error::{AppendError, NotWritable, StoreError};
use crate::format::ext;
use crate::format::queue_entry::{QueueEntry, entries};
use crate::inner::Inner;
use crate::lock::FolderLock;
use crate::mapped::sync_dir;
use crate::open::make_abort_file;
use crate::put::{Appended, AppendedBatch, NewMessage};
use crate::query::QueryResult;
use crate::read::ReadResult;
use crate::stats::{Stats, java_double};
use crate::threads::Threads;
use crate::watermark::Watermark;

/// One store folder, open.
///
/// Dropping it without [`shutdown`](Store::shutdown) is like a crash as far as the files go: the
/// `abort` file stays, and the next start recovers.
pub struct Store {
    inner: Arc<Inner>,
    cleaner: Arc<Cleaner>,
    threads: Mutex<Option<Threads>>,
    lock: Mutex<Option<FolderLock>>,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.inner.log.close();
        if let Some(threads) = self.threads.get_mut().take() {
            threads.stop();
        }
    }
}

/// Opening and closing.
impl Store {
    /// Takes the folder's lock, loads what is there and recovers it. Messages are taken after
    /// [`start`](Self::start) only.
    ///
    /// # Errors
    /// The folder is in use, a file is not what it must be, or the system refuses.
    pub fn open(
        config: Arc<Live<StoreConfig>>,
        listener: Arc<dyn ArrivalListener>,
    ) -> Result<Arc<Self>, StoreError> {
        Self::open_with(config, listener, Arc::new(SystemClock))
    }

    /// As [`open`](Self::open), with a clock.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(
        config: Arc<Live<StoreConfig>>,
        listener: Arc<dyn ArrivalListener>,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, StoreError> {
        let (inner, lock) = crate::open::open(config, listener, clock)?;
        Ok(Arc::new(Self {
            inner: Arc::new(inner),
            cleaner: Arc::default(),
            threads: Mutex::new(None),
            lock: Mutex::new(Some(lock)),
        }))
    }

    /// Starts the threads and takes messages from now on. A second call does nothing.
    ///
    /// # Errors
    /// A thread or the `abort` file cannot be made.
    pub fn start(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        let mut threads = self.threads.lock();
        if threads.is_some() {
            return Ok(());
        }
        let abort = inner.paths.abort();
        make_abort_file(&inner.paths)?;
        tracing::info!("{} create OK", abort.display());
        let started = Threads::start(inner, Arc::clone(&self.cleaner));
        *threads = Some(started.map_err(|e| StoreError::io("start threads for", &abort, e))?);
        inner.flags.running.store(true, Ordering::Release);
        Ok(())
    }

    /// Stops: no more messages, everything derived and flushed, the checkpoint written, and if all
    /// of that went well the `abort` file removed. A second call does nothing.
    ///
    /// # Errors
    /// What could not be written. The next start recovers.
    pub fn shutdown(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        inner.flags.running.store(false, Ordering::Release);
        inner.log.close();
        let Some(threads) = self.threads.lock().take() else {
            self.lock.lock().take();
            return Ok(());
        };
        threads.stop();
        let result = self.leave_clean();
        inner.log.flushed.close();
        inner.dispatched.close();
        inner.replicated.close();
        self.lock.lock().take();
        result
    }

    fn leave_clean(&self) -> Result<(), StoreError> {
        let inner = &self.inner;
        let paths = &inner.paths;
        if let Some(reason) = inner.log.poisoned() {
            return Err(StoreError::Poisoned(reason));
        }
        let index = inner.index.sync_last();
        index.map_err(|e| StoreError::io("flush", &paths.index(), e))?;
        let checkpoint = inner.checkpoint.write();
        checkpoint.map_err(|e| StoreError::io("write", &paths.checkpoint(), e))?;
        let discarded = inner.log.discard_prepared();
        discarded.map_err(|e| StoreError::io("remove the prepared file of", inner.log.dir(), e))?;
        if self.dispatch_behind() > 0 || self.flush_behind() > 0 {
            tracing::warn!("the store may be wrong, so shutdown abnormally, and keep abort file.");
            return Ok(());
        }
        let abort = paths.abort();
        let removed = fs::remove_file(&abort).and_then(|()| sync_dir(paths.root()));
        removed.map_err(|e| StoreError::io("remove", &abort, e))?;
        tracing::info!("{} delete OK", abort.display());
        Ok(())
    }
}

/// Writing and its progress.
impl Store {
    /// Appends one message. It is readable in the log at once, and in its queue as soon as the
    /// dispatcher came by; it is durable when `flushed` reaches its end.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was stored then.
    pub fn append(&self, message: &NewMessage<'_>) -> Result<Appended, AppendError> {
        self.inner.append(message)
    }

    /// Appends the messages of a batch body, one behind the other. Only the outer message's
    /// topic, queue, flags, times and addresses count; each message has its own flag and
    /// properties.
    ///
    /// # Errors
    /// See [`AppendError`]; nothing was stored then.
    pub fn append_batch(&self, batch: &NewMessage<'_>) -> Result<AppendedBatch, AppendError> {
        self.inner.append_batch(batch)
    }

    /// End of the log.
    pub fn appended(&self) -> &Watermark {
        &self.inner.log.appended
    }

    /// What is on the disk. Closed when a flush failed.
    pub fn flushed(&self) -> &Watermark {
        &self.inner.log.flushed
    }

    /// What is in queues and index.
    pub fn dispatched(&self) -> &Watermark {
        &self.inner.dispatched
    }

    /// What a replica has.
    pub fn replicated(&self) -> &Watermark {
        &self.inner.replicated
    }

    /// Whether messages are taken now.
    ///
    /// # Errors
    /// Why not.
    pub fn check_writable(&self) -> Result<(), NotWritable> {
        self.inner.check_writable()
    }

    /// Whether an appender has been held up for longer than `osPageCacheBusyTimeOutMills`.
    #[must_use]
    pub fn is_page_cache_busy(&self) -> bool {
        self.inner.is_page_cache_busy()
    }

    /// How long the present appender has been at it, ms.
    #[must_use]
    pub fn lock_time_ms(&self) -> i64 {
        self.inner.log.lock_time_ms(&*self.inner.clock)
    }

    /// Bytes appended and not in their queues yet.
    #[must_use]
    pub fn dispatch_behind(&self) -> i64 {
        self.appended().get() - self.dispatched().get()
    }

    /// Bytes appended and not on the disk yet.
    #[must_use]
    pub fn flush_behind(&self) -> i64 {
        self.appended().get() - self.flushed().get()
    }

    /// How full the disks are now.
    #[must_use]
    pub fn disk_usage(&self) -> DiskUsage {
        let Usage { log, queues } = usage(&self.inner);
        let index = used_ratio(&self.inner.paths.index());
        DiskUsage { commit_log: log, consume_queue: queues, index }
    }

    /// Why nothing is written any more; `None` while all is well. Only a new start mends it.
    #[must_use]
    pub fn poisoned(&self) -> Option<String> {
        self.inner.log.poisoned()
    }

    /// Writes everything appended to the disk now, whatever the settings say.
    ///
    /// # Errors
    /// The disk refused; the store writes nothing any more.
    pub fn flush(&self) -> Result<(), StoreError> {
        if let Some(reason) = self.inner.log.poisoned() {
            return Err(StoreError::Poisoned(reason));
        }
        let done = crate::flush::flush_log(&self.inner);
        done.inspect_err(|error| self.inner.log.poison(error))
    }
}

/// Reading.
impl Store {
    /// Reads messages of a queue from an offset on.
    #[must_use]
    pub fn read(
        &self,
        topic: &str,
        queue_id: i32,
        offset: i64,
        max_messages: i32,
        filter: &dyn MessageFilter,
    ) -> ReadResult {
        self.inner.read(topic, queue_id, offset, max_messages, filter)
    }

    /// The same, unless it may have to wait for the disk, or who looks at what it finds: `None` then.
    #[must_use]
    pub fn read_warm(
        &self,
        topic: &str,
        queue_id: i32,
        offset: i64,
        max_messages: i32,
        filter: &dyn MessageFilter,
    ) -> Option<ReadResult> {
        self.inner.read_warm(topic, queue_id, offset, max_messages, filter)
    }

    /// Entries of a queue from an offset on, to the end of a file of the queue at most. Their tags
    /// codes are resolved: none is the address of an extension unit, unless that is lost.
    #[must_use]
    pub fn entries(&self, topic: &str, queue_id: i32, offset: i64, max: usize) -> Vec<QueueEntry> {
        let Some(queue) = self.queue(topic, queue_id) else { return Vec::new() };
        let Ok(Some(slice)) = queue.slice(offset) else { return Vec::new() };
        let resolve = |mut entry: QueueEntry| {
            if ext::is_address(entry.tags_code) {
                let code = queue.with_ext(entry.tags_code, |unit| unit.tags_code);
                entry.tags_code = code.unwrap_or(entry.tags_code);
            }
            entry
        };
        entries(&slice).take(max).map(resolve).collect()
    }

    /// First offset of a queue whose message still exists; 0 for a queue that is not there.
    #[must_use]
    pub fn min_offset(&self, topic: &str, queue_id: i32) -> i64 {
        self.queue(topic, queue_id).map_or(0, |queue| queue.min_offset())
    }

    /// Offset behind the newest message of a queue; 0 for a queue that is not there.
    #[must_use]
    pub fn max_offset(&self, topic: &str, queue_id: i32) -> i64 {
        self.queue(topic, queue_id).map_or(0, |queue| queue.max_offset())
    }

    /// Messages of a queue.
    #[must_use]
    pub fn message_count(&self, topic: &str, queue_id: i32) -> i64 {
        self.queue(topic, queue_id).map_or(0, |queue| queue.max_offset() - queue.min_offset())
    }

    /// Offset of the message stored nearest to a time. 4.4.0's rules: a time before all messages
    /// gives the first, one after all the last; 0 where nothing can be read.
    #[must_use]
    pub fn offset_by_time(&self, topic: &str, queue_id: i32, timestamp: i64) -> i64 {
        self.inner.offset_by_time(topic, queue_id, timestamp)
    }

    /// Store time of a queue's oldest message; -1 if there is none.
    #[must_use]
    pub fn earliest_store_time(&self, topic: &str, queue_id: i32) -> i64 {
        self.store_time(topic, queue_id, self.min_offset(topic, queue_id))
    }

    /// Store time of a message; -1 if it cannot be read.
    #[must_use]
    pub fn store_time(&self, topic: &str, queue_id: i32, offset: i64) -> i64 {
        let entry = self.queue(topic, queue_id).and_then(|queue| queue.entry(offset));
        let time = entry.and_then(|e| self.inner.store_time_at(e.physical_offset, e.size));
        time.unwrap_or(-1)
    }

    /// Store time of the oldest message of the log; -1 if there is none.
    #[must_use]
    pub fn earliest_log_time(&self) -> i64 {
        let oldest = self.record_at(self.min_physical_offset()).ok().flatten();
        let time = oldest.as_deref().and_then(|record| {
            crate::format::i64_at(record, protocol::message::at::STORE_TIMESTAMP)
        });
        time.unwrap_or(-1)
    }

    /// The record that begins at a physical offset, whole; `None` if none does.
    ///
    /// # Errors
    /// Its file cannot be opened just now; the record may well be there.
    pub fn record_at(&self, physical_offset: i64) -> io::Result<Option<Bytes>> {
        self.inner.record_at(physical_offset)
    }

    /// Physical offset of a message of a queue; 0 if the queue does not know.
    #[must_use]
    pub fn physical_offset(&self, topic: &str, queue_id: i32, offset: i64) -> i64 {
        let entry = self.queue(topic, queue_id).and_then(|queue| queue.entry(offset));
        entry.map_or(0, |entry| entry.physical_offset)
    }

    /// Messages by key, stored within `begin..=end`.
    #[must_use]
    pub fn query(&self, topic: &str, key: &str, max: i32, begin: i64, end: i64) -> QueryResult {
        self.inner.query(topic, key, max, begin, end)
    }

    /// Whether a message of a queue counts as on disk only: further behind the end of the log than
    /// `accessMessageInMemoryMaxRatio` percent of the machine's memory.
    #[must_use]
    pub fn is_on_disk(&self, topic: &str, queue_id: i32, offset: i64) -> bool {
        let entry = self.queue(topic, queue_id).and_then(|queue| queue.entry(offset));
        let config = self.inner.config.load();
        entry.is_some_and(|entry| self.inner.is_far_behind(entry.physical_offset, &config))
    }

    /// Offset of the oldest byte of the log; -1 for an empty one.
    #[must_use]
    pub fn min_physical_offset(&self) -> i64 {
        self.inner.log.min_offset()
    }

    /// Offset behind the newest byte of the log.
    #[must_use]
    pub fn max_physical_offset(&self) -> i64 {
        self.appended().get()
    }

    /// The topics that have queues.
    #[must_use]
    pub fn topics(&self) -> Vec<Arc<str>> {
        self.inner.queues.topics()
    }

    /// The queue ids of a topic.
    #[must_use]
    pub fn queue_ids(&self, topic: &str) -> Vec<i32> {
        self.inner.queues.of_topic(topic).iter().map(|queue| queue.queue_id()).collect()
    }

    pub(crate) fn shared(&self) -> &Arc<Inner> {
        &self.inner
    }

    fn queue(&self, topic: &str, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
        self.inner.queues.find(topic, queue_id)
    }
}

/// Keeping house.
impl Store {
    /// The delay levels of `messageDelayLevel`.
    #[must_use]
    pub fn delays(&self) -> &DelayLevels {
        &self.inner.delays
    }

    /// Counters since the start.
    #[must_use]
    pub fn stats(&self) -> &Stats {
        &self.inner.stats
    }

    /// Deletes the queues of a topic. The messages stay in the log until that is deleted. The
    /// result is how many queues there were.
    ///
    /// # Errors
    /// A file cannot be deleted; the queues are gone from the table all the same.
    pub fn delete_topic(&self, topic: &str) -> Result<usize, StoreError> {
        let inner = &self.inner;
        let taken = inner.log.paused(|end| inner.queues.take_topic(topic, end));
        let (count, retired) =
            taken.map_err(|e| StoreError::io("delete queues of", Path::new(topic), e))?;
        remove_folders(&retired)?;
        if count > 0 {
            for dir in inner.queues.topic_dirs(topic) {
                // Not empty if the topic is in use again; not there without extension files.
                let _ = fs::remove_dir(dir);
            }
            tracing::info!(topic, queues = count, "queues of the topic deleted");
        }
        Ok(count)
    }

    /// Deletes the queues of all topics but these and the schedule topic's. 4.4.0 also loses the
    /// transaction topics here when they are not among them; what to keep is the caller's choice.
    ///
    /// # Errors
    /// As [`delete_topic`](Self::delete_topic); the remaining topics are left alone then.
    pub fn clean_unused_topics(&self, keep: &HashSet<String>) -> Result<usize, StoreError> {
        let mut count = 0;
        for topic in self.inner.queues.topics_but(keep) {
            if topic.as_ref() != topic::SCHEDULE {
                self.delete_topic(&topic)?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// Deletes the queues whose newest message is not in the log any more. Those that count on
    /// their offsets never starting over stay: of delayed messages, and (4.4.0 deletes them) of
    /// transactions.
    ///
    /// # Errors
    /// A file cannot be deleted.
    pub fn clean_expired_queues(&self) -> Result<usize, StoreError> {
        let inner = &self.inner;
        let log_min = inner.log.min_offset();
        let is_expired = |queue: &ConsumeQueue| {
            let topic = queue.topic().as_ref();
            let counted_on = [topic::SCHEDULE, topic::TRANS_HALF, topic::TRANS_OP_HALF];
            !counted_on.contains(&topic)
                && queue.last_physical_end().is_some_and(|end| end <= log_min)
        };
        let mut count = 0;
        for queue in inner.queues.all() {
            let taken = inner.log.paused(|_| {
                // Messages on their way to the queue would be lost.
                let expired = is_expired(&queue) && queue.next_offset() == queue.max_offset();
                expired.then(|| inner.queues.take_queue(&queue))
            });
            if let Some(retired) = taken {
                let dir = queue.segments().dir();
                remove_folders(&retired.map_err(|e| StoreError::io("delete", dir, e))?)?;
                let _ = dir.parent().map(fs::remove_dir);
                count += 1;
            }
        }
        Ok(count)
    }

    /// Deletes expired files now, if the hour or the disk asks for it; this is what retention does
    /// every `cleanResourceInterval`. The result is how many files of the log went.
    ///
    /// # Errors
    /// A file cannot be looked at or deleted.
    pub fn clean_now(&self) -> Result<usize, StoreError> {
        let done = self.cleaner.round(&self.inner);
        done.map_err(|e| StoreError::io("clean", self.inner.log.dir(), e))
    }

    /// Makes the next retention rounds delete expired files whatever the hour.
    pub fn request_clean(&self) {
        self.cleaner.request();
    }

    /// The store's part of `getBrokerRuntimeInfo`. `schedule_offsets` are the broker's delivery
    /// offsets by delay level.
    #[must_use]
    pub fn runtime_info(&self, schedule_offsets: &[(i32, i64)]) -> Vec<(String, String)> {
        let mut info = self.inner.stats.report(self.inner.clock.now_ms());
        let usage = usage(&self.inner);
        let mut put = |key: &str, value: String| info.push((key.to_owned(), value));
        put("commitLogDiskRatio", java_double(usage.log));
        put("consumeQueueDiskRatio", java_double(usage.queues));
        for (level, offset) in schedule_offsets {
            let max = self.max_offset(topic::SCHEDULE, queue_of_level(*level));
            put(&format!("scheduleMessageOffset_{level}"), format!("{offset},{max}"));
        }
        let damage = &self.inner.damage;
        // 4.4.0 has no such lines, so they come only where there is something to say.
        if damage.extents() > 0 {
            put("commitLogDamagedExtents", damage.extents().to_string());
            put("commitLogDamagedBytes", damage.bytes().to_string());
        }
        if damage.refused() > 0 {
            put("commitLogDamagedReads", damage.refused().to_string());
        }
        put("commitLogMinOffset", self.min_physical_offset().to_string());
        put("commitLogMaxOffset", self.max_physical_offset().to_string());
        info
    }
}

fn remove_folders(dirs: &[PathBuf]) -> Result<(), StoreError> {
    let remove =
        |dir: &PathBuf| fs::remove_dir_all(dir).map_err(|e| StoreError::io("remove", dir, e));
    dirs.iter().try_for_each(remove)
}

#[cfg(test)]
mod tests;
