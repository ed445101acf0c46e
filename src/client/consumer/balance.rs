//! Which queues are ours: worked out with the other members' ids, then readers come and go (Java:
//! `RebalanceImpl`).

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use protocol::bodies::{GetConsumerListByGroupResponseBody, MessageQueue};
use protocol::json;
use protocol::requests::GetConsumerListByGroup;

use super::Inner;
use super::lock::LOCK_LIFE;
use super::reader::Reader;
use crate::route::{MASTER_ID, Route};
use crate::{ClientError, LOG};

/// How long it waits for the handler before a queue goes to another member.
const HANDOVER_PATIENCE: Duration = Duration::from_secs(1);
/// Queues that are started at a time.
const STARTS_MAX: usize = 32;
/// How soon it is tried again when something was missing.
const SOON: Duration = Duration::from_secs(1);

impl Inner {
    pub(super) async fn balance_for_ever(self: &Arc<Self>) {
        // A member that brokers do not know yet gets no queues: tell them first.
        let mut settled = false;
        while !self.stop.is_cancelled() {
            if !settled {
                self.learn_routes().await;
                self.instance.beat().await;
            }
            settled = self.rebalance().await;
            let again = if settled { self.settings.rebalance } else { SOON };
            tokio::select! {
                () = tokio::time::sleep(again) => {}
                () = self.members.news.notified() => {}
                () = self.stop.cancelled() => {}
            }
        }
    }

    pub(super) async fn learn_routes(&self) {
        for topic in self.members.topics() {
            if let Err(error) = self.instance.route(&topic).await {
                tracing::debug!(target: LOG, topic, %error, "no route yet");
            }
        }
    }

    /// Works out our share of each topic, starts and stops readers accordingly; `false` when
    /// something is missing that will soon be there.
    async fn rebalance(self: &Arc<Self>) -> bool {
        let _alone = self.balancing.lock().await;
        if self.stop.is_cancelled() || *self.suspended.borrow() {
            return true;
        }
        let topics = self.members.topics();
        let mut settled = true;
        for topic in &topics {
            match self.share_of(topic).await {
                Ok(Some(share)) => settled &= self.apply(topic, share).await,
                Ok(None) => settled = false,
                Err(error) => {
                    tracing::debug!(target: LOG, topic, %error, "rebalance put off");
                    settled = false;
                }
            }
        }
        self.drop_readers(|queue| !topics.contains(&queue.topic)).await;
        settled
    }

    /// Our queues of a topic; nothing while the group does not know us.
    async fn share_of(&self, topic: &str) -> Result<Option<Vec<MessageQueue>>, ClientError> {
        let route = self.instance.route(topic).await?;
        let mut queues = route.subscribe.clone();
        queues.sort();
        if self.settings.is_broadcast() {
            return Ok(Some(queues));
        }
        let members = self.member_ids(&route, topic).await?;
        let me = self.instance.client_id();
        if !members.iter().any(|member| member == me) {
            return Ok(None);
        }
        Ok(Some(self.settings.allocate.share(me, &members, &queues)))
    }

    /// The members of the group, sorted, as a broker of the topic knows them.
    async fn member_ids(&self, route: &Route, topic: &str) -> Result<Vec<String>, ClientError> {
        member_ids(&self.instance, self.group(), route, topic).await
    }

    /// Stops readers of other queues of the topic, starts those of ours that are missing; `false`
    /// if one could not be started.
    async fn apply(self: &Arc<Self>, topic: &str, share: Vec<MessageQueue>) -> bool {
        let ours: HashSet<&MessageQueue> = share.iter().collect();
        self.drop_readers(|queue| queue.topic == topic && !ours.contains(queue)).await;
        let missing = {
            let (readers, leaving) = (self.readers.lock(), self.leaving.lock());
            let there = |queue: &MessageQueue| readers.contains_key(queue);
            let mut missing = share.clone();
            missing.retain(|queue| !there(queue) && !leaving.contains_key(queue));
            missing
        };
        let all = missing.len();
        let asked = Instant::now();
        let mut startable = missing;
        if self.locks_queues() && !startable.is_empty() {
            match self.lock(startable.clone()).await {
                Ok(locked) => startable.retain(|queue| locked.contains(queue)),
                Err(error) => {
                    tracing::warn!(target: LOG, topic, %error, "queues not locked");
                    return false;
                }
            }
        }
        let locked_until = Some(asked + LOCK_LIFE);
        let starting = startable.into_iter().map(|queue| self.start_reader(queue, locked_until));
        let started = stream::iter(starting).buffer_unordered(STARTS_MAX);
        started.filter(|started| std::future::ready(*started)).count().await == all
    }

    async fn start_reader(
        self: &Arc<Self>,
        queue: MessageQueue,
        locked_until: Option<Instant>,
    ) -> bool {
        match Reader::start(self, queue.clone(), locked_until).await {
            Ok(reader) => {
                self.readers.lock().insert(queue, reader);
                true
            }
            Err(error) => {
                tracing::warn!(target: LOG, %queue, %error, "queue not started");
                false
            }
        }
    }

    async fn drop_readers(self: &Arc<Self>, mut which: impl FnMut(&MessageQueue) -> bool) {
        let gone: Vec<(MessageQueue, Arc<Reader>)> =
            self.readers.lock().extract_if(|queue, _| which(queue)).collect();
        if self.locks_queues() {
            for (queue, reader) in gone {
                self.leave(queue, reader);
            }
            return;
        }
        join_all(gone.iter().map(|(_, reader)| reader.stop(HANDOVER_PATIENCE))).await;
    }

    /// Gives a queue to its next owner, who waits for the lock, when the handler is done with it.
    fn leave(self: &Arc<Self>, queue: MessageQueue, reader: Arc<Reader>) {
        reader.stop.cancel();
        self.leaving.lock().insert(queue.clone(), Arc::clone(&reader));
        let inner = Arc::clone(self);
        self.instance.spawn(async move {
            reader.stop(Duration::MAX).await;
            inner.unlock(vec![queue.clone()]).await;
            inner.leaving.lock().remove(&queue);
            inner.members.changed();
        });
    }
}

/// The members of a group, sorted, as a broker of a topic knows them.
pub(crate) async fn member_ids(
    instance: &crate::Instance,
    group: &str,
    route: &Route,
    topic: &str,
) -> Result<Vec<String>, ClientError> {
    let mut names: Vec<&String> = route.brokers.keys().collect();
    names.sort();
    let mut last = ClientError::NoRoute(topic.to_owned());
    let request = GetConsumerListByGroup { consumer_group: group.to_owned() };
    // Each broker knows all members: any one that answers will do.
    for addr in names.into_iter().filter_map(|name| route.broker(name, MASTER_ID)) {
        match instance.ask(addr, &request, Vec::new()).await {
            Ok((_, answer)) => {
                let body: GetConsumerListByGroupResponseBody = json::from_slice(&answer.body)
                    .map_err(|error| ClientError::Malformed(error.to_string()))?;
                let mut members = body.consumer_id_list;
                members.sort();
                return Ok(members);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}
