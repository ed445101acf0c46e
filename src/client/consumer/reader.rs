//! Reading one queue: pull, filter, hand to the handler, keep the progress.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use protocol::bodies::{MessageQueue, SubscriptionData};
use protocol::codes::response;
use protocol::message::records;
use protocol::properties::name;
use protocol::requests::{ConsumerSendMsgBack, PullMessage, PullMessageReply};
use protocol::{Command, ext, sysflag};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::progress::Progress;
use super::{ConsumeStatus, Inner};
use crate::producer::now_ms;
use crate::route::MASTER_ID;
use crate::{ClientError, LOG, Received};

/// How long a broker may hold a pull that finds nothing.
const SUSPEND: Duration = Duration::from_secs(15);
/// How long a pull may take, suspension included.
const PULL_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failed pull (Java: `pullTimeDelayMillsWhenException`).
const FAILURE_PAUSE: Duration = Duration::from_secs(3);
/// Pause before a message goes to the handler again that no broker took back.
const RETRY_PAUSE: Duration = Duration::from_secs(5);

/// The reader of one queue.
pub(crate) struct Reader {
    inner: Arc<Inner>,
    queue: MessageQueue,
    progress: Mutex<Progress>,
    room: Notify,
    committed: AtomicI64,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// What to do after a pull.
enum Next {
    At(i64),
    Pause,
}

impl Reader {
    /// Finds where to start and starts reading there.
    pub(super) async fn start(
        inner: &Arc<Inner>,
        queue: MessageQueue,
    ) -> Result<Arc<Self>, ClientError> {
        let start = inner.start_of(&queue).await?;
        let reader = Arc::new(Self {
            inner: Arc::clone(inner),
            queue,
            progress: Mutex::new(Progress::starting_at(start)),
            room: Notify::new(),
            committed: AtomicI64::new(-1),
            stop: inner.stop.child_token(),
            tasks: TaskTracker::new(),
        });
        let task = Arc::clone(&reader);
        reader.tasks.spawn(async move { task.read_from(start).await });
        tracing::info!(target: LOG, queue = %reader.queue, start, "queue added");
        Ok(reader)
    }

    /// Stops reading, waits for the handler, commits.
    pub(super) async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
        self.commit().await;
        tracing::info!(target: LOG, queue = %self.queue, "queue dropped");
    }

    /// Commits the progress if it moved since the last time.
    pub(super) async fn commit(&self) {
        let done = self.progress.lock().done();
        if self.committed.swap(done, Ordering::Relaxed) == done {
            return;
        }
        if let Err(error) = self.inner.commit(&self.queue, done).await {
            self.committed.store(-1, Ordering::Relaxed);
            tracing::warn!(target: LOG, queue = %self.queue, %error, "commit failed");
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
                Ok(Next::At(next)) => offset = next,
                Ok(Next::Pause) => self.pause(FAILURE_PAUSE).await,
                Err(error) => {
                    tracing::warn!(target: LOG, queue = %self.queue, offset, %error, "pull failed");
                    broker_id = MASTER_ID;
                    self.pause(FAILURE_PAUSE).await;
                }
            }
        }
    }

    async fn pause(&self, length: Duration) {
        tokio::select! {
            () = tokio::time::sleep(length) => {}
            () = self.stop.cancelled() => {}
        }
    }

    async fn pull(self: &Arc<Self>, offset: i64, broker_id: &mut i64) -> Result<Next, ClientError> {
        while self.progress.lock().pending() >= self.inner.settings.pending_per_queue {
            self.room.notified().await;
        }
        let Some(subscription) = self.inner.members.subscriptions.get(&self.queue.topic) else {
            return Ok(Next::Pause);
        };
        let done = self.progress.lock().done();
        let mut sys_flag = sysflag::pull::SUSPEND;
        if done > 0 && *broker_id == MASTER_ID {
            sys_flag |= sysflag::pull::COMMIT_OFFSET;
        }
        let request = PullMessage {
            consumer_group: &self.inner.settings.client.group,
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
        };
        let addr = self.inner.addr_of(&self.queue, *broker_id).await?;
        let command = Command::of(&request)?;
        let answer = self.inner.instance.remoting().call(&addr, command, PULL_TIMEOUT).await?;
        self.pulled(answer, subscription, broker_id)
    }

    fn pulled(
        self: &Arc<Self>,
        answer: Command,
        subscription: &SubscriptionData,
        broker_id: &mut i64,
    ) -> Result<Next, ClientError> {
        match answer.code {
            response::SUCCESS
            | response::PULL_NOT_FOUND
            | response::PULL_RETRY_IMMEDIATELY
            | response::PULL_OFFSET_MOVED => {}
            _ => return Err(ClientError::refused(&answer)),
        }
        let reply: PullMessageReply = ext::from_ext(&answer.ext)?;
        *broker_id = reply.suggest_which_broker_id;
        if answer.code == response::SUCCESS {
            for record in records(&answer.body) {
                let record = record.map_err(|damage| ClientError::Malformed(damage.to_string()))?;
                // The broker filters by the tags' hash codes: different tags may share one.
                let tag = record.properties.get(name::TAGS).unwrap_or_default();
                let wanted =
                    subscription.tags_set.is_empty() || subscription.tags_set.contains(tag);
                if wanted {
                    let mut message = Received::decode(&record, &self.queue.broker_name)?;
                    let properties = &mut message.message.properties;
                    properties.put(name::MIN_OFFSET, reply.min_offset.to_string());
                    properties.put(name::MAX_OFFSET, reply.max_offset.to_string());
                    self.hand_over(message);
                }
            }
        }
        self.progress.lock().skip_to(reply.next_begin_offset);
        Ok(Next::At(reply.next_begin_offset))
    }

    /// Gives a message to the handler as soon as a slot is free.
    fn hand_over(self: &Arc<Self>, mut message: Received) {
        let offset = message.queue_offset;
        self.progress.lock().begin(offset);
        if let Some(origin) = message.message.properties.get(name::RETRY_TOPIC) {
            message.message.topic = origin.to_owned();
        }
        let reader = Arc::clone(self);
        self.tasks.spawn(async move {
            let slots = Arc::clone(&reader.inner.slots);
            let slot = tokio::select! {
                slot = slots.acquire_owned() => slot,
                // Not begun and not committed: another member will get it.
                () = reader.stop.cancelled() => return,
            };
            if slot.is_err() {
                return;
            }
            if reader.consume(message).await {
                reader.progress.lock().finish(offset);
                reader.room.notify_one();
            }
        });
    }

    /// Runs the handler until the message is done or handed back; `false` if we stop before.
    async fn consume(&self, mut message: Received) -> bool {
        loop {
            message.message.properties.put(name::CONSUME_START_TIME, now_ms().to_string());
            if (self.inner.handler)(message.clone()).await == ConsumeStatus::Success {
                return true;
            }
            match self.send_back(&message).await {
                Ok(()) => return true,
                Err(error) => {
                    tracing::warn!(target: LOG, queue = %self.queue, %error, "send back failed");
                }
            }
            self.pause(RETRY_PAUSE).await;
            if self.stop.is_cancelled() {
                return false;
            }
        }
    }

    async fn send_back(&self, message: &Received) -> Result<(), ClientError> {
        let request = ConsumerSendMsgBack {
            offset: message.physical_offset,
            group: self.inner.settings.client.group.clone(),
            delay_level: 0,
            origin_msg_id: Some(message.message_id()),
            origin_topic: Some(message.message.topic.clone()),
            unit_mode: false,
            max_reconsume_times: Some(self.inner.settings.max_reconsume_times),
        };
        let addr = self.inner.addr(&self.queue).await?;
        self.inner.instance.ask(&addr, &request, Vec::new()).await.map(|_| ())
    }
}
