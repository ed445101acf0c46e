//! Reading one queue: pull, filter, hand over, keep the progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use protocol::bodies::{MessageQueue, ProcessQueueInfo, SubscriptionData};
use protocol::codes::response;
use protocol::requests::PullMessage;
use protocol::{Command, sysflag};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Inner;
use super::progress::Progress;
use crate::clock::now_ms;
use crate::pulling::{PullStatus, pulled};
use crate::route::MASTER_ID;
use crate::{ClientError, LOG};

/// How long a broker may hold a pull that finds nothing.
const SUSPEND: Duration = Duration::from_secs(15);
/// How long a pull may take, suspension included.
const PULL_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed pull (Java: `pullTimeDelayMillsWhenException`).
const FAILURE_PAUSE: Duration = Duration::from_secs(3);
/// Pause after a pull that a broker refused because it did not know us; it does now.
const UNKNOWN_PAUSE: Duration = Duration::from_millis(200);

/// The reader of one queue.
pub(crate) struct Reader {
    pub(super) inner: Arc<Inner>,
    pub(super) queue: MessageQueue,
    pub(super) progress: Mutex<Progress>,
    /// Messages were done: there is room for more.
    pub(super) room: Notify,
    /// Messages were read, for who consumes in order.
    pub(super) arrived: Notify,
    /// Until when the broker keeps the queue for us; for ever if nobody locks it.
    pub(super) locked_until: Mutex<Option<Instant>>,
    committed: AtomicI64,
    /// The queue is no longer ours: nothing is given back or committed any more.
    gone: AtomicBool,
    last_pull_ms: AtomicI64,
    pub(super) last_consume_ms: AtomicI64,
    pub(super) last_lock_ms: AtomicI64,
    pub(super) stop: CancellationToken,
    pub(super) tasks: TaskTracker,
}

/// What to do after a pull.
enum Next {
    At(i64),
    Pause(Duration),
}

impl Reader {
    /// Finds where to start and starts reading there.
    pub(super) async fn start(
        inner: &Arc<Inner>,
        queue: MessageQueue,
        locked_until: Option<Instant>,
    ) -> Result<Arc<Self>, ClientError> {
        let start = inner.start_of(&queue).await?;
        let now = now_ms();
        let reader = Arc::new(Self {
            inner: Arc::clone(inner),
            queue,
            progress: Mutex::new(Progress::starting_at(start)),
            room: Notify::new(),
            arrived: Notify::new(),
            locked_until: Mutex::new(locked_until),
            committed: AtomicI64::new(-1),
            gone: AtomicBool::new(false),
            last_pull_ms: AtomicI64::new(now),
            last_consume_ms: AtomicI64::new(now),
            last_lock_ms: AtomicI64::new(now),
            stop: inner.stop.child_token(),
            tasks: TaskTracker::new(),
        });
        let task = Arc::clone(&reader);
        reader.tasks.spawn(async move { task.read_from(start).await });
        if inner.handler.is_orderly() {
            let task = Arc::clone(&reader);
            reader.tasks.spawn(async move { task.consume_in_order().await });
        }
        tracing::info!(target: LOG, queue = %reader.queue, start, "queue added");
        Ok(reader)
    }

    pub(super) fn queue(&self) -> &MessageQueue {
        &self.queue
    }

    /// Stops reading, waits for the handler as long as `patience` lasts, commits. `true` if the
    /// handler is done.
    pub(super) async fn stop(&self, patience: Duration) -> bool {
        self.stop.cancel();
        self.tasks.close();
        let done = tokio::time::timeout(patience, self.tasks.wait()).await.is_ok();
        self.commit().await;
        self.gone.store(true, Ordering::Release);
        tracing::info!(target: LOG, queue = %self.queue, "queue dropped");
        done
    }

    /// Stops reading a queue whose progress is no longer ours to tell.
    pub(super) async fn abandon(&self, patience: Duration) {
        self.gone.store(true, Ordering::Release);
        self.stop.cancel();
        self.tasks.close();
        let _ = tokio::time::timeout(patience, self.tasks.wait()).await;
        tracing::info!(target: LOG, queue = %self.queue, "queue given up");
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// Commits the progress if it moved since the last time.
    pub(super) async fn commit(&self) {
        let done = self.progress.lock().done();
        if self.is_gone() || self.committed.swap(done, Ordering::Relaxed) == done {
            return;
        }
        if let Err(error) = self.inner.commit(&self.queue, done).await {
            self.committed.store(-1, Ordering::Relaxed);
            tracing::warn!(target: LOG, queue = %self.queue, %error, "commit failed");
        }
    }

    /// What brokers may know of it.
    pub(super) fn info(&self) -> ProcessQueueInfo {
        let progress = self.progress.lock();
        let (first, last) = progress.ends().unwrap_or_default();
        ProcessQueueInfo {
            cached_msg_count: i32::try_from(progress.pending()).unwrap_or(i32::MAX),
            cached_msg_min_offset: first,
            cached_msg_max_offset: last,
            cached_msg_size_in_mib: i32::try_from(progress.bytes() >> 20).unwrap_or(i32::MAX),
            commit_offset: progress.done(),
            droped: self.is_gone(),
            last_consume_timestamp: self.last_consume_ms.load(Ordering::Relaxed),
            last_lock_timestamp: self.last_lock_ms.load(Ordering::Relaxed),
            last_pull_timestamp: self.last_pull_ms.load(Ordering::Relaxed),
            locked: self.inner.locks_queues() && self.is_locked(),
            ..ProcessQueueInfo::default()
        }
    }

    async fn read_from(self: Arc<Self>, mut offset: i64) {
        let mut broker_id = MASTER_ID;
        while !self.stop.is_cancelled() {
            let next = tokio::select! {
                next = self.pull(offset, &mut broker_id) => next,
                () = self.stop.cancelled() => return,
            };
            match next {
                Ok(Next::At(next)) => {
                    offset = next;
                    if !self.inner.settings.pull_interval.is_zero() {
                        self.pause(self.inner.settings.pull_interval).await;
                    }
                }
                Ok(Next::Pause(length)) => self.pause(length).await,
                Err(error) => {
                    tracing::warn!(target: LOG, queue = %self.queue, offset, %error, "pull failed");
                    broker_id = MASTER_ID;
                    self.pause(FAILURE_PAUSE).await;
                }
            }
        }
    }

    pub(super) async fn pause(&self, length: Duration) {
        tokio::select! {
            () = tokio::time::sleep(length) => {}
            () = self.stop.cancelled() => {}
        }
    }

    /// Waits until so little is pending that more may be read.
    async fn wait_for_room(&self) {
        let (inner, settings) = (&self.inner, &self.inner.settings);
        let ours = || {
            let readers = inner.readers.lock();
            readers.keys().filter(|queue| queue.topic == self.queue.topic).count()
        };
        let by_topic =
            settings.pending_per_topic.is_some() || settings.pending_bytes_per_topic.is_some();
        loop {
            let (count_max, bytes_max) = settings.limits(if by_topic { ours() } else { 1 });
            {
                let progress = self.progress.lock();
                let span = !inner.handler.is_orderly() && progress.span() > settings.pending_span;
                if progress.pending() < count_max && progress.bytes() < bytes_max && !span {
                    return;
                }
            }
            self.room.notified().await;
        }
    }

    async fn wait_while_suspended(&self) {
        let mut suspended = self.inner.suspended.subscribe();
        let _ = suspended.wait_for(|suspended| !suspended).await;
    }

    async fn pull(self: &Arc<Self>, offset: i64, broker_id: &mut i64) -> Result<Next, ClientError> {
        self.wait_while_suspended().await;
        self.wait_for_room().await;
        self.last_pull_ms.store(now_ms(), Ordering::Relaxed);
        let Some(subscription) = self.inner.members.subscription(&self.queue.topic) else {
            return Ok(Next::Pause(FAILURE_PAUSE));
        };
        let addr = self.inner.addr_of(&self.queue, *broker_id).await?;
        let command = self.request(offset, *broker_id, &subscription)?;
        let started = Instant::now();
        let answer = self.inner.instance.remoting().call(&addr, command, PULL_TIMEOUT).await?;
        if [response::SUBSCRIPTION_NOT_EXIST, response::SUBSCRIPTION_NOT_LATEST]
            .contains(&answer.code)
        {
            // It was started anew, or knows another member's subscription.
            self.inner.instance.beat_to(&addr).await;
            return Ok(Next::Pause(UNKNOWN_PAUSE));
        }
        let found = pulled(&answer, &self.queue, &subscription)?;
        *broker_id = found.next_broker;
        if found.status == PullStatus::OffsetIllegal {
            return Ok(self.moved_to(offset, found.next_offset));
        }
        if found.status == PullStatus::Found {
            let stats = &self.inner.stats;
            stats.pulled(&self.queue.topic, found.messages.len(), started.elapsed());
        }
        let messages: Vec<_> = {
            let mut progress = self.progress.lock();
            let messages = found.messages.into_iter().map(|message| progress.add(message));
            let messages = messages.collect();
            progress.skip_to(found.next_offset);
            messages
        };
        if self.inner.handler.is_orderly() {
            self.arrived.notify_one();
        } else {
            self.hand_over(&messages);
        }
        Ok(Next::At(found.next_offset))
    }

    /// Our offset lies outside of the queue.
    fn moved_to(&self, offset: i64, next: i64) -> Next {
        let mut progress = self.progress.lock();
        if progress.pending() > 0 {
            // What is in the handler ends first.
            return Next::Pause(FAILURE_PAUSE);
        }
        tracing::warn!(target: LOG, queue = %self.queue, offset, next, "offset out of the queue");
        progress.restart_at(next);
        Next::At(next)
    }

    fn request(
        &self,
        offset: i64,
        broker_id: i64,
        subscription: &SubscriptionData,
    ) -> Result<Command, ClientError> {
        let done = self.progress.lock().done();
        let mut sys_flag = sysflag::pull::SUSPEND;
        if done > 0 && broker_id == MASTER_ID && self.inner.local_offsets.is_none() {
            sys_flag |= sysflag::pull::COMMIT_OFFSET;
        }
        Ok(Command::of(&PullMessage {
            consumer_group: self.inner.group(),
            topic: &self.queue.topic,
            queue_id: self.queue.queue_id,
            queue_offset: offset,
            max_msg_nums: self.inner.settings.pull_batch,
            sys_flag,
            commit_offset: done,
            suspend_timeout_millis: SUSPEND.as_millis() as i64,
            subscription: None,
            sub_version: subscription.sub_version,
            expression_type: subscription.expression_type.as_deref(),
        })?)
    }
}
