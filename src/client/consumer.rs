//! Consuming messages: the group's members share the queues of each topic, every queue is read
//! by a task of its own, messages go to the handler, and what is done is committed.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use protocol::bodies::{
    ConsumeFromWhere, ConsumeType, ConsumerData, GetConsumerListByGroupResponseBody, MessageModel,
    MessageQueue, SubscriptionData,
};
use protocol::requests::GetConsumerListByGroup;
use protocol::{json, topic};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::allocate::allocate_averagely;
use crate::instance::{Instance, Role};
use crate::producer::{check_name, now_ms};
use crate::{ClientError, LOG, Received, Settings};

mod offsets;
mod progress;
mod reader;

use reader::Reader;

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumeStatus {
    /// It is done with.
    Success,
    /// The broker shall deliver it again later.
    Later,
}

/// Where a group starts in a queue that it has never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumeFrom {
    /// With what comes from now on.
    Last,
    /// With the oldest message there is.
    First,
    /// With messages stored around this time, in ms.
    Time(i64),
}

/// Settings of a consumer (Java: the fields of `DefaultMQPushConsumer`).
#[derive(Clone)]
pub struct ConsumerSettings {
    /// What all clients have.
    pub client: Settings,
    /// Where to start in queues never read.
    pub from: ConsumeFrom,
    /// Messages that may be in the handler at a time.
    pub concurrency: usize,
    /// Messages asked for at a time.
    pub pull_batch: i32,
    /// Messages of one queue read but not yet done; beyond it reading pauses.
    pub pending_per_queue: usize,
    /// Deliveries before the dead letter queue.
    pub max_reconsume_times: i32,
    /// How often queues are shared out anew without being told to.
    pub rebalance: Duration,
    /// How often offsets are committed.
    pub commit: Duration,
}

impl ConsumerSettings {
    /// The defaults of 4.4.0 for `group`.
    #[must_use]
    pub fn new(group: impl Into<String>, name_servers: impl Into<String>) -> Self {
        Self {
            client: Settings::new(group, name_servers),
            from: ConsumeFrom::Last,
            concurrency: 20,
            pull_batch: 32,
            pending_per_queue: 1000,
            max_reconsume_times: 16,
            rebalance: Duration::from_secs(20),
            commit: Duration::from_secs(5),
        }
    }
}

/// Handles one message.
pub(crate) type Handler =
    dyn Fn(Received) -> Pin<Box<dyn Future<Output = ConsumeStatus> + Send>> + Send + Sync;

/// The group as brokers see this member: its subscriptions, and news of other members.
pub(crate) struct Members {
    from: ConsumeFrom,
    subscriptions: BTreeMap<String, SubscriptionData>,
    news: Notify,
}

impl Members {
    pub(crate) fn changed(&self) {
        self.news.notify_one();
    }

    pub(crate) fn data(&self, group_name: String) -> ConsumerData {
        ConsumerData {
            consume_from_where: Some(match self.from {
                ConsumeFrom::Last => ConsumeFromWhere::LastOffset,
                ConsumeFrom::First => ConsumeFromWhere::FirstOffset,
                ConsumeFrom::Time(_) => ConsumeFromWhere::Timestamp,
            }),
            consume_type: Some(ConsumeType::Passively),
            group_name,
            message_model: Some(MessageModel::Clustering),
            subscription_data_set: self.subscriptions.values().cloned().collect(),
            unit_mode: false,
        }
    }
}

/// Reads the subscribed topics together with the other members of its group and hands each
/// message to a handler; messages of one queue may be handled at the same time.
pub struct PushConsumer {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    instance: Arc<Instance>,
    settings: ConsumerSettings,
    members: Arc<Members>,
    handler: Box<Handler>,
    slots: Arc<Semaphore>,
    readers: Mutex<HashMap<MessageQueue, Arc<Reader>>>,
    stop: CancellationToken,
}

impl PushConsumer {
    /// Starts a consumer of `subscriptions`: topics with tag expressions (`*` or `a || b`).
    ///
    /// # Errors
    /// Unusable settings or names.
    pub async fn start<F, Fut>(
        settings: ConsumerSettings,
        subscriptions: &[(&str, &str)],
        handler: F,
    ) -> Result<Self, ClientError>
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ConsumeStatus> + Send + 'static,
    {
        let group = settings.client.group.clone();
        check_name("group", &group)?;
        let retry = topic::retry(&group);
        let mut table = BTreeMap::new();
        for (topic, expression) in subscriptions.iter().copied().chain([(retry.as_str(), "*")]) {
            check_name("topic", topic)?;
            let data = SubscriptionData::of_tags(topic, expression, now_ms());
            table.insert(topic.to_owned(), data);
        }
        let members =
            Arc::new(Members { from: settings.from, subscriptions: table, news: Notify::new() });
        let role = Role::Consumer(Arc::clone(&members));
        let instance = Instance::start(settings.client.clone(), role).await?;
        let inner = Arc::new(Inner {
            instance,
            members,
            handler: Box::new(move |message| Box::pin(handler(message))),
            slots: Arc::new(Semaphore::new(settings.concurrency.max(1))),
            readers: Mutex::default(),
            stop: CancellationToken::new(),
            settings,
        });
        inner.run();
        Ok(Self { inner })
    }

    /// Stops reading, commits what is done, leaves the group.
    pub async fn shutdown(&self) {
        self.inner.stop.cancel();
        let readers: Vec<_> = self.inner.readers.lock().drain().map(|(_, r)| r).collect();
        for reader in &readers {
            reader.stop().await;
        }
        self.inner.instance.shutdown().await;
    }
}

impl Inner {
    fn run(self: &Arc<Self>) {
        let inner = Arc::clone(self);
        self.instance.spawn(async move {
            let mut first = true;
            while !inner.stop.is_cancelled() {
                // A member that brokers do not know yet gets no queues: tell them first.
                if first || inner.missing_routes() {
                    inner.learn_routes().await;
                    inner.instance.beat().await;
                    first = false;
                }
                inner.rebalance().await;
                let again = if inner.missing_routes() {
                    Duration::from_secs(1)
                } else {
                    inner.settings.rebalance
                };
                tokio::select! {
                    () = tokio::time::sleep(again) => {}
                    () = inner.members.news.notified() => {}
                    () = inner.stop.cancelled() => {}
                }
            }
        });
        let weak = Arc::downgrade(self);
        self.instance.every(self.settings.commit, move |_| {
            let inner = weak.upgrade();
            async move {
                let Some(inner) = inner else {
                    return;
                };
                let readers: Vec<_> = inner.readers.lock().values().cloned().collect();
                for reader in readers {
                    reader.commit().await;
                }
            }
        });
    }

    /// Whether a subscribed topic has no queue that we know of, as before its first message.
    fn missing_routes(&self) -> bool {
        let readers = self.readers.lock();
        let read: HashSet<&str> = readers.keys().map(|queue| queue.topic.as_str()).collect();
        self.members.subscriptions.keys().any(|topic| !read.contains(topic.as_str()))
    }

    async fn learn_routes(&self) {
        for topic in self.members.subscriptions.keys() {
            if let Err(error) = self.instance.route(topic).await {
                tracing::debug!(target: LOG, topic, %error, "no route yet");
            }
        }
    }

    /// Works out our share of each topic, starts and stops readers accordingly.
    async fn rebalance(self: &Arc<Self>) {
        for topic in self.members.subscriptions.keys() {
            match self.share_of(topic).await {
                Ok(share) => self.apply(topic, share).await,
                Err(error) => tracing::debug!(target: LOG, topic, %error, "rebalance put off"),
            }
        }
    }

    async fn share_of(&self, topic: &str) -> Result<Vec<MessageQueue>, ClientError> {
        let route = self.instance.route(topic).await?;
        let mut queues = route.subscribe.clone();
        queues.sort();
        let addr = route.brokers.keys().find_map(|name| route.broker(name, 0));
        let Some(addr) = addr else {
            return Err(ClientError::NoRoute(topic.to_owned()));
        };
        let request = GetConsumerListByGroup { consumer_group: self.settings.client.group.clone() };
        let (_, answer) = self.instance.ask(addr, &request, Vec::new()).await?;
        let body: GetConsumerListByGroupResponseBody = json::from_slice(&answer.body)
            .map_err(|error| ClientError::Malformed(error.to_string()))?;
        let mut members = body.consumer_id_list;
        members.sort();
        Ok(allocate_averagely(self.instance.client_id(), &members, &queues))
    }

    async fn apply(self: &Arc<Self>, topic: &str, share: Vec<MessageQueue>) {
        let share: HashSet<MessageQueue> = share.into_iter().collect();
        let gone: Vec<Arc<Reader>> = {
            let mut readers = self.readers.lock();
            let gone: Vec<MessageQueue> = readers
                .keys()
                .filter(|queue| queue.topic == topic && !share.contains(queue))
                .cloned()
                .collect();
            gone.iter().filter_map(|queue| readers.remove(queue)).collect()
        };
        for reader in gone {
            reader.stop().await;
        }
        for queue in share {
            if self.stop.is_cancelled() || self.readers.lock().contains_key(&queue) {
                continue;
            }
            match Reader::start(self, queue.clone()).await {
                Ok(reader) => {
                    self.readers.lock().insert(queue, reader);
                }
                Err(error) => tracing::warn!(target: LOG, %queue, %error, "queue not started"),
            }
        }
    }
}
