//! Consuming several messages of a queue at the same time (Java:
//! `ConsumeMessageConcurrentlyService`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use protocol::properties::name;
use protocol::requests::ConsumerSendMsgBack;
use protocol::topic;

use super::Inner;
use super::handler::Verdict;
use super::reader::Reader;
use crate::clock::now_ms;
use crate::{ClientError, LOG, Message, Received};

/// Pause before a message goes to the handler again that no broker took back.
const RETRY_PAUSE: Duration = Duration::from_secs(5);
/// Level of the delay of messages that stayed in the handler for too long.
const OVERDUE_LEVEL: i32 = 3;

impl Reader {
    /// Gives messages to the handler as soon as slots are free.
    pub(super) fn hand_over(self: &Arc<Self>, messages: &[Arc<Received>]) {
        for batch in messages.chunks(self.inner.settings.handler_batch) {
            let (reader, batch) = (Arc::clone(self), batch.to_vec());
            self.tasks.spawn(async move {
                let slots = Arc::clone(&reader.inner.slots);
                let slot = tokio::select! {
                    // A slot that is free is not taken when we stop.
                    biased;
                    () = reader.stop.cancelled() => return,
                    slot = slots.acquire_owned() => slot,
                };
                // Not begun is not committed: another member will get it.
                if slot.is_ok() {
                    reader.consume(batch).await;
                }
            });
        }
    }

    /// Runs the handler until all messages are done or handed back, or we stop before.
    async fn consume(&self, batch: Vec<Arc<Received>>) {
        let mut left: Vec<Received> = batch.iter().map(|message| (**message).clone()).collect();
        drop(batch);
        while !left.is_empty() {
            {
                let (mut progress, now) = (self.progress.lock(), Instant::now());
                left.retain(|message| progress.begin(message.queue_offset, now));
            }
            if left.is_empty() {
                return;
            }
            self.last_consume_ms.store(now_ms(), Ordering::Relaxed);
            let verdict = self.inner.deliver(&self.queue.topic, left.clone()).await;
            if self.is_gone() {
                return;
            }
            let level = match verdict {
                Verdict::Success => {
                    left.iter().for_each(|message| self.finish(message));
                    return;
                }
                Verdict::Later(level) => level,
                Verdict::Suspend(_) | Verdict::Panicked(_) => 0,
            };
            left = self.refused(left, level).await;
            if !left.is_empty() {
                self.pause(RETRY_PAUSE).await;
                if self.stop.is_cancelled() {
                    return;
                }
            }
        }
    }

    fn finish(&self, message: &Received) {
        self.progress.lock().finish(message.queue_offset);
        self.room.notify_one();
    }

    /// Gives messages back that the handler refused; those that no broker took are left.
    async fn refused(&self, messages: Vec<Received>, level: i32) -> Vec<Received> {
        let mut left = Vec::new();
        for mut message in messages {
            if self.inner.settings.is_broadcast() {
                // There is no retry topic for what everybody gets.
                let id = message.message_id();
                tracing::warn!(target: LOG, queue = %self.queue, id, "refused message dropped");
                self.finish(&message);
                continue;
            }
            match self.inner.give_back(&message, level).await {
                Ok(()) => self.finish(&message),
                Err(error) => {
                    tracing::warn!(target: LOG, queue = %self.queue, %error, "not given back");
                    message.reconsume_times += 1;
                    left.push(message);
                }
            }
        }
        left
    }

    /// Gives messages back that have been in the handler for too long; what the handler says in
    /// the end does not count any more.
    async fn give_back_overdue(&self) {
        let limit = self.inner.settings.consume_timeout;
        let overdue = self.progress.lock().overdue(limit, Instant::now());
        for message in overdue {
            match self.inner.give_back(&message, OVERDUE_LEVEL).await {
                Ok(()) => {
                    let id = message.message_id();
                    tracing::warn!(target: LOG, queue = %self.queue, id, "message overdue");
                    self.finish(&message);
                }
                Err(error) => {
                    tracing::warn!(target: LOG, queue = %self.queue, %error, "not given back");
                }
            }
        }
    }
}

impl Inner {
    pub(super) async fn give_back_overdue(&self) {
        if self.settings.is_broadcast() {
            return;
        }
        for reader in self.all_readers() {
            reader.give_back_overdue().await;
        }
    }

    /// Has the broker of a message deliver it again; any other broker if that one does not.
    pub(super) async fn give_back(
        &self,
        message: &Received,
        delay_level: i32,
    ) -> Result<(), ClientError> {
        let origin = message.property(name::RETRY_TOPIC).unwrap_or_else(|| message.topic());
        let request = ConsumerSendMsgBack {
            offset: message.physical_offset,
            group: self.group().to_owned(),
            delay_level,
            origin_msg_id: Some(message.message_id()),
            origin_topic: Some(origin.to_owned()),
            unit_mode: false,
            max_reconsume_times: Some(self.deliveries_max()),
        };
        let route = self.instance.route(message.topic()).await?;
        let given = match route.master(&message.broker_name) {
            Some(addr) => self.instance.ask(addr, &request, Vec::new()).await.map(|_| ()),
            None => Err(ClientError::NoRoute(message.topic().to_owned())),
        };
        match given {
            Ok(()) => Ok(()),
            Err(error) => {
                tracing::warn!(target: LOG, %error, "give back another way");
                self.send_again(message, message.reconsume_times + 1).await
            }
        }
    }

    /// Sends a message to the group's retry topic, as one that was delivered so many times.
    pub(super) async fn send_again(
        &self,
        message: &Received,
        reconsume_times: i32,
    ) -> Result<(), ClientError> {
        let origin =
            message.property(name::RETRY_TOPIC).unwrap_or_else(|| message.topic()).to_owned();
        let origin_id = message.property(name::ORIGIN_MESSAGE_ID).map(str::to_owned);
        let again = Message {
            topic: topic::retry(self.group()),
            flag: message.message.flag,
            properties: message.message.properties.clone(),
            body: message.body().clone(),
        };
        let level = u32::try_from(message.reconsume_times.saturating_add(3)).unwrap_or(3);
        let again = again
            .property(name::RETRY_TOPIC, origin)
            .property(name::ORIGIN_MESSAGE_ID, origin_id.unwrap_or_else(|| message.message_id()))
            .property(name::RECONSUME_TIME, reconsume_times.to_string())
            .property(name::MAX_RECONSUME_TIMES, self.deliveries_max().to_string())
            .delay_level(level);
        let mut again = again;
        // A committed transaction's message must not become a half message.
        again.properties.remove(name::TRANSACTION_PREPARED);
        self.retries.send(&self.retries.prepare(&again)?).await.map(|_| ())
    }
}
