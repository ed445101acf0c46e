//! Consuming messages: the group's members share the queues of each topic, every queue is read
//! by a task of its own, messages go to the handler, and what is done is committed.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use futures_util::future::join_all;
use parking_lot::{Mutex, RwLock};
use protocol::bodies::{
    CheckClientRequestBody, ConsumeFromWhere, ConsumeType, ConsumerData, MessageModel,
    MessageQueue, SubscriptionData,
};
use protocol::requests::CheckClientConfig;
use protocol::{json, topic};
use tokio::sync::{Notify, Semaphore, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::instance::{Instance, Role};
use crate::producer::check_name;
use crate::route::MASTER_ID;
use crate::sender::Sender;
use crate::trace::Trace;
use crate::{ClientError, Filter};

mod answers;
mod balance;
mod builder;
mod concurrent;
mod handler;
mod local_offsets;
mod lock;
mod offsets;
mod orderly;
mod progress;
mod reader;
mod settings;
mod stats;

pub use builder::ConsumerBuilder;
pub use handler::{ConsumeStatus, OrderStatus};
pub use settings::{ConsumeFrom, ConsumerSettings};

pub(crate) use answers::common_properties;
pub(crate) use balance::member_ids;
use handler::Handler;
pub(crate) use local_offsets::LocalOffsets;
use reader::Reader;
use stats::Stats;

/// The group as brokers see this member: its subscriptions, and news of other members.
pub(crate) struct Members {
    kind: ConsumeType,
    model: MessageModel,
    from: ConsumeFromWhere,
    pub(crate) subscriptions: RwLock<BTreeMap<String, SubscriptionData>>,
    news: Notify,
    /// The consumer behind it; a pull consumer has none.
    consumer: OnceLock<Weak<Inner>>,
    /// What a pull consumer committed.
    committed: Mutex<BTreeMap<MessageQueue, i64>>,
}

impl Members {
    pub(crate) fn new(kind: ConsumeType, model: MessageModel, from: ConsumeFromWhere) -> Self {
        Self {
            kind,
            model,
            from,
            subscriptions: RwLock::default(),
            news: Notify::new(),
            consumer: OnceLock::new(),
            committed: Mutex::default(),
        }
    }

    /// A pull consumer committed an offset.
    pub(crate) fn committed(&self, queue: &MessageQueue, offset: i64) {
        self.committed.lock().insert(queue.clone(), offset);
    }

    /// How far this member is in the queues of a topic.
    pub(crate) fn progress_of(&self, topic: &str) -> BTreeMap<MessageQueue, i64> {
        if let Some(consumer) = self.consumer() {
            return consumer.progress_of(topic);
        }
        let committed = self.committed.lock();
        let of_topic = committed.iter().filter(|(queue, _)| queue.topic == topic);
        of_topic.map(|(queue, offset)| (queue.clone(), *offset)).collect()
    }

    pub(crate) fn changed(&self) {
        self.news.notify_one();
    }

    pub(crate) fn consumer(&self) -> Option<Arc<Inner>> {
        self.consumer.get().and_then(Weak::upgrade)
    }

    pub(crate) fn kind(&self) -> ConsumeType {
        self.kind
    }

    pub(crate) fn data(&self, group_name: String) -> ConsumerData {
        ConsumerData {
            consume_from_where: Some(self.from),
            consume_type: Some(self.kind),
            group_name,
            message_model: Some(self.model),
            subscription_data_set: self.subscriptions.read().values().cloned().collect(),
            unit_mode: false,
        }
    }

    fn topics(&self) -> Vec<String> {
        self.subscriptions.read().keys().cloned().collect()
    }

    fn subscription(&self, topic: &str) -> Option<SubscriptionData> {
        self.subscriptions.read().get(topic).cloned()
    }
}

/// Reads the subscribed topics together with the other members of its group and hands the
/// messages to a handler: several at the same time, or those of each queue one after the other.
///
/// ```no_run
/// # async fn demo() -> Result<(), client::ClientError> {
/// use client::{ConsumeFrom, ConsumeStatus, PushConsumer};
///
/// let consumer = PushConsumer::builder("my_group")
///     .name_servers("127.0.0.1:9876")
///     .consume_from(ConsumeFrom::First)
///     .subscribe("TopicTest", "TagA || TagB")
///     .start(|message| async move {
///         println!("{message}");
///         ConsumeStatus::Success
///     })
///     .await?;
/// # consumer.shutdown().await;
/// # Ok(()) }
/// ```
pub struct PushConsumer {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    instance: Arc<Instance>,
    settings: ConsumerSettings,
    members: Arc<Members>,
    handler: Handler,
    slots: Arc<Semaphore>,
    readers: Mutex<HashMap<MessageQueue, Arc<Reader>>>,
    /// Readers of queues that go to others as soon as the handler is done with them.
    leaving: Mutex<HashMap<MessageQueue, Arc<Reader>>>,
    /// Held while queues come and go.
    balancing: tokio::sync::Mutex<()>,
    local_offsets: Option<LocalOffsets>,
    /// Gives messages back when their broker does not take them.
    retries: Sender,
    trace: Option<Trace>,
    stats: Stats,
    suspended: watch::Sender<bool>,
    started_ms: i64,
    stop: CancellationToken,
}

impl PushConsumer {
    /// How to make a consumer of `group`, with the defaults of 4.4.0.
    #[must_use]
    pub fn builder(group: impl Into<String>) -> ConsumerBuilder {
        ConsumerSettings::new(group, "").into()
    }

    async fn start(mut settings: ConsumerSettings, handler: Handler) -> Result<Self, ClientError> {
        let group = settings.client.group.clone();
        check(&settings)?;
        let broadcast = settings.is_broadcast();
        if broadcast && settings.client.is_unnamed() {
            // Its offsets are found by its name after a restart.
            settings.client.instance_name = "DEFAULT".to_owned();
        }
        let from = settings.from.as_java();
        let members = Arc::new(Members::new(ConsumeType::Passively, settings.model, from));
        {
            let mut table = members.subscriptions.write();
            let retry = (!broadcast).then(|| (topic::retry(&group), Filter::all()));
            let wanted = settings
                .subscriptions
                .iter()
                .map(|(topic, filter)| (topic.clone(), filter.clone()));
            for (topic, filter) in wanted.chain(retry) {
                table.insert(topic.clone(), filter.subscription(&topic, now_ms()));
            }
        }
        let local_offsets = if broadcast {
            let (dir, id) = (&settings.offsets_dir, settings.client.client_id());
            Some(LocalOffsets::load(dir, &id, &group)?)
        } else {
            None
        };
        let trace = match settings.client.trace {
            true => Some(Trace::start(&settings.client).await?),
            false => None,
        };
        let role = Role::Consumer(Arc::clone(&members));
        let instance = Instance::start(settings.client.clone(), role).await?;
        let inner_group = topic::group::CLIENT_INNER_PRODUCER.to_owned();
        let inner = Arc::new(Inner {
            retries: Sender::new(Arc::clone(&instance), inner_group, None),
            instance,
            members,
            handler,
            slots: Arc::new(Semaphore::new(settings.concurrency.max(1))),
            readers: Mutex::default(),
            leaving: Mutex::default(),
            balancing: tokio::sync::Mutex::default(),
            local_offsets,
            trace,
            stats: Stats::default(),
            suspended: watch::Sender::new(false),
            started_ms: now_ms(),
            stop: CancellationToken::new(),
            settings,
        });
        let _ = inner.members.consumer.set(Arc::downgrade(&inner));
        if let Err(error) = inner.check_expressions().await {
            inner.instance.shutdown().await;
            return Err(error);
        }
        inner.run();
        Ok(Self { inner })
    }

    /// Subscribes to one more topic, or to something else of it.
    ///
    /// # Errors
    /// When the name is no topic's.
    pub fn subscribe(&self, topic: &str, filter: impl Into<Filter>) -> Result<(), ClientError> {
        check_name("topic", topic)?;
        let data = filter.into().subscription(topic, now_ms());
        self.inner.members.subscriptions.write().insert(topic.to_owned(), data);
        self.inner.tell_brokers();
        Ok(())
    }

    /// Subscribes to a topic no more.
    pub fn unsubscribe(&self, topic: &str) {
        self.inner.members.subscriptions.write().remove(topic);
        self.inner.tell_brokers();
    }

    /// Stops reading until [`PushConsumer::resume`]; what is read already goes to the handler.
    pub fn suspend(&self) {
        self.inner.suspended.send_replace(true);
    }

    /// Goes on reading.
    pub fn resume(&self) {
        self.inner.suspended.send_replace(false);
        self.inner.members.changed();
    }

    /// The queues it reads, sorted.
    #[must_use]
    pub fn queues(&self) -> Vec<MessageQueue> {
        let mut queues: Vec<_> = self.inner.readers.lock().keys().cloned().collect();
        queues.sort();
        queues
    }

    /// The id under which brokers and other members know it.
    #[must_use]
    pub fn client_id(&self) -> &str {
        self.inner.instance.client_id()
    }

    /// Stops reading, waits a while for the handler, commits what is done, leaves the group.
    pub async fn shutdown(&self) {
        let inner = &self.inner;
        inner.stop.cancel();
        let _no_queue_comes_or_goes = inner.balancing.lock().await;
        let mut readers: Vec<_> = inner.readers.lock().drain().map(|(_, r)| r).collect();
        readers.extend(inner.leaving.lock().drain().map(|(_, r)| r));
        let patience = inner.settings.stop_patience;
        join_all(readers.iter().map(|reader| reader.stop(patience))).await;
        let queues = readers.iter().map(|reader| reader.queue().clone()).collect();
        inner.unlock(queues).await;
        if let Some(local) = &inner.local_offsets {
            local.save();
        }
        if let Some(trace) = &inner.trace {
            trace.shutdown().await;
        }
        inner.instance.shutdown().await;
    }
}

impl Drop for PushConsumer {
    /// Whoever forgets to shut it down does not go on consuming unseen.
    fn drop(&mut self) {
        self.inner.stop.cancel();
        self.inner.readers.lock().clear();
        self.inner.leaving.lock().clear();
    }
}

/// What Java's `checkConfig` asks of settings.
fn check(settings: &ConsumerSettings) -> Result<(), ClientError> {
    check_name("group", &settings.client.group)?;
    if settings.client.group == topic::group::DEFAULT_CONSUMER {
        let text = "the consumer group must not be DEFAULT_CONSUMER".to_owned();
        return Err(ClientError::Invalid(text));
    }
    for topic in settings.subscriptions.keys() {
        check_name("topic", topic)?;
    }
    let bounds = [
        ("concurrency", settings.concurrency, 1000),
        ("handler_batch", settings.handler_batch, 1024),
        ("pull_batch", usize::try_from(settings.pull_batch).unwrap_or(0), 1024),
        ("pending_per_queue", settings.pending_per_queue, 65_535),
    ];
    for (what, value, max) in bounds {
        if value == 0 || value > max {
            return Err(ClientError::Invalid(format!("{what} Out of range [1, {max}]")));
        }
    }
    Ok(())
}

impl Inner {
    /// Asks a broker of each topic whether it can work with our expression, as far as it is one
    /// that brokers compile.
    async fn check_expressions(&self) -> Result<(), ClientError> {
        let all: Vec<_> = self.members.subscriptions.read().values().cloned().collect();
        for data in all.into_iter().filter(|data| !data.is_tags()) {
            let Ok(route) = self.instance.route(&data.topic).await else {
                continue;
            };
            let addr = route.brokers.keys().find_map(|name| route.broker(name, MASTER_ID));
            let Some(addr) = addr else {
                continue;
            };
            let body = CheckClientRequestBody {
                client_id: self.instance.client_id().to_owned(),
                group: self.settings.client.group.clone(),
                subscription_data: Some(data),
            };
            self.instance.ask(addr, &CheckClientConfig, json::to_vec(&body)).await?;
        }
        Ok(())
    }

    /// Our subscriptions changed.
    fn tell_brokers(self: &Arc<Self>) {
        let inner = Arc::clone(self);
        self.instance.spawn(async move {
            inner.learn_routes().await;
            inner.instance.beat().await;
            inner.members.changed();
        });
    }

    /// The background: sharing queues out, committing, locks, figures, overdue messages.
    fn run(self: &Arc<Self>) {
        let inner = Arc::clone(self);
        self.instance.spawn(async move { inner.balance_for_ever().await });
        self.each(self.settings.commit, |inner| async move {
            for reader in inner.all_readers() {
                reader.commit().await;
            }
            if let Some(local) = &inner.local_offsets {
                local.save();
            }
        });
        self.each(stats::SAMPLE_EVERY, |inner| async move { inner.stats.sample(Instant::now()) });
        if self.locks_queues() {
            self.each(self.settings.lock, |inner| async move { inner.renew_locks().await });
        }
        if !self.handler.is_orderly() {
            let period = self.settings.consume_timeout;
            self.each(period, |inner| async move { inner.give_back_overdue().await });
        }
    }

    fn each<F>(
        self: &Arc<Self>,
        period: std::time::Duration,
        work: impl Fn(Arc<Self>) -> F + Send + Sync + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let (weak, work) = (Arc::downgrade(self), Arc::new(work));
        self.instance.every(period, move |_| {
            let (inner, work) = (weak.upgrade(), Arc::clone(&work));
            async move {
                if let Some(inner) = inner {
                    work(inner).await;
                }
            }
        });
    }

    fn all_readers(&self) -> Vec<Arc<Reader>> {
        self.readers.lock().values().cloned().collect()
    }

    fn group(&self) -> &str {
        &self.settings.client.group
    }

    /// Deliveries before the dead letter queue.
    fn deliveries_max(&self) -> i32 {
        let default = if self.handler.is_orderly() { i32::MAX } else { 16 };
        self.settings.max_reconsume_times.unwrap_or(default)
    }
}
