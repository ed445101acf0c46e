//! Reading queues when and from where the caller likes (Java: `DefaultMQPullConsumer`).

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use protocol::bodies::{ConsumeFromWhere, ConsumeType, MessageModel, MessageQueue};
use protocol::codes::response;
use protocol::requests::{
    ConsumerSendMsgBack, GetEarliestMsgStoretime, GetMaxOffset, GetMinOffset, PullMessage,
    QueryConsumerOffset, SearchOffsetByTimestamp, UpdateConsumerOffset,
};
use protocol::{Command, sysflag, topic};

use crate::clock::now_ms;
use crate::consumer::{LocalOffsets, Members, member_ids};
use crate::instance::{Instance, Role};
use crate::producer::check_name;
use crate::pulling::pulled;
use crate::route::MASTER_ID;
use crate::settings::common_settings;
use crate::{Allocate, ClientError, Filter, Pulled, Received, Settings};

/// How long a broker may hold a pull that shall wait (Java: `brokerSuspendMaxTimeMillis`).
const SUSPEND: Duration = Duration::from_secs(20);
/// How long such a pull may take (Java: `consumerTimeoutMillisWhenSuspend`).
const WAITING_TIMEOUT: Duration = Duration::from_secs(30);
/// How long another pull may take (Java: `consumerPullTimeoutMillis`).
const PULL_TIMEOUT: Duration = Duration::from_secs(10);
/// Deliveries before the dead letter queue.
const DELIVERIES_MAX: i32 = 16;

/// Makes a [`PullConsumer`]; what is not set is as in 4.4.0.
pub struct PullConsumerBuilder {
    settings: Settings,
    broadcast: bool,
    allocate: Allocate,
    offsets_dir: PathBuf,
}

common_settings!(PullConsumerBuilder, settings);

impl PullConsumerBuilder {
    /// Every member reads everything; offsets are kept in a file of each.
    #[must_use]
    pub fn broadcast(mut self) -> Self {
        self.broadcast = true;
        self
    }

    /// Where offsets are kept when every member reads everything.
    #[must_use]
    pub fn offsets_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.offsets_dir = dir.into();
        self
    }

    /// How members share queues out, see [`PullConsumer::my_queues`].
    #[must_use]
    pub fn allocate(mut self, allocate: Allocate) -> Self {
        self.allocate = allocate;
        self
    }

    /// Starts it; brokers learn of it with [`PullConsumer::join`].
    ///
    /// # Errors
    /// Unusable settings.
    pub async fn start(mut self) -> Result<PullConsumer, ClientError> {
        check_name("group", &self.settings.group)?;
        if self.settings.group == topic::group::DEFAULT_CONSUMER {
            let text = "the consumer group must not be DEFAULT_CONSUMER".to_owned();
            return Err(ClientError::Invalid(text));
        }
        let mut local_offsets = None;
        if self.broadcast {
            if self.settings.is_unnamed() {
                // Its offsets are found by its name after a restart.
                self.settings.instance_name = "DEFAULT".to_owned();
            }
            let id = self.settings.client_id();
            local_offsets = Some(LocalOffsets::load(&self.offsets_dir, &id, &self.settings.group)?);
        }
        let model = match self.broadcast {
            true => MessageModel::Broadcasting,
            false => MessageModel::Clustering,
        };
        let from = ConsumeFromWhere::LastOffset;
        let members = Arc::new(Members::new(ConsumeType::Actively, model, from));
        let role = Role::Consumer(Arc::clone(&members));
        let instance = Instance::start(self.settings, role).await?;
        Ok(PullConsumer { instance, members, local_offsets, allocate: self.allocate })
    }
}

/// Reads queues on demand.
///
/// ```no_run
/// # async fn demo() -> Result<(), client::ClientError> {
/// use client::{Filter, PullConsumer, PullStatus};
///
/// let consumer = PullConsumer::builder("my_group").name_servers("127.0.0.1:9876").start().await?;
/// for queue in consumer.queues("TopicTest").await? {
///     let mut offset = consumer.committed(&queue).await?.unwrap_or(0);
///     loop {
///         let pulled = consumer.pull(&queue, &Filter::all(), offset, 32).await?;
///         offset = pulled.next_offset;
///         consumer.commit(&queue, offset).await?;
///         if pulled.status != PullStatus::Found {
///             break;
///         }
///         for message in pulled.messages {
///             println!("{message}");
///         }
///     }
/// }
/// # consumer.shutdown().await;
/// # Ok(()) }
/// ```
pub struct PullConsumer {
    instance: Arc<Instance>,
    members: Arc<Members>,
    local_offsets: Option<LocalOffsets>,
    allocate: Allocate,
}

impl PullConsumer {
    /// How to make a consumer of `group`, with the defaults of 4.4.0.
    #[must_use]
    pub fn builder(group: impl Into<String>) -> PullConsumerBuilder {
        PullConsumerBuilder {
            settings: Settings::new(group, ""),
            broadcast: false,
            allocate: Allocate::default(),
            offsets_dir: std::env::home_dir().unwrap_or_default().join(".rocketmq_offsets"),
        }
    }

    /// Tells the brokers of a topic that this is a member of the group, and goes on telling them
    /// (Java: `registerTopics`). Only needed for [`PullConsumer::my_queues`] and for the tools
    /// to see it.
    ///
    /// # Errors
    /// [`ClientError::NoRoute`] for topics that do not exist.
    pub async fn join(&self, topic: &str) -> Result<(), ClientError> {
        self.instance.route(topic).await?;
        let data = Filter::all().subscription(topic, now_ms());
        self.members.subscriptions.write().insert(topic.to_owned(), data);
        self.instance.beat().await;
        Ok(())
    }

    /// The queues of a topic, sorted.
    ///
    /// # Errors
    /// [`ClientError::NoRoute`] for topics that do not exist.
    pub async fn queues(&self, topic: &str) -> Result<Vec<MessageQueue>, ClientError> {
        let mut queues = self.instance.route(topic).await?.subscribe.clone();
        queues.sort();
        Ok(queues)
    }

    /// The queues of a topic that fall to this member of the group (Java:
    /// `fetchMessageQueuesInBalance`); none before [`PullConsumer::join`].
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn my_queues(&self, topic: &str) -> Result<Vec<MessageQueue>, ClientError> {
        let queues = self.queues(topic).await?;
        if self.local_offsets.is_some() {
            return Ok(queues);
        }
        let route = self.instance.route(topic).await?;
        let group = &self.instance.settings().group;
        let members = member_ids(&self.instance, group, &route, topic).await?;
        Ok(self.allocate.share(self.instance.client_id(), &members, &queues))
    }

    /// Reads at most `max` messages from an offset; does not wait for messages to come.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn pull(
        &self,
        queue: &MessageQueue,
        filter: &Filter,
        offset: i64,
        max: i32,
    ) -> Result<Pulled, ClientError> {
        self.pull_with(queue, filter, (offset, max), 0, PULL_TIMEOUT).await
    }

    /// Reads at most `max` messages from an offset; when there is none, waits up to 20 s for one
    /// to come (Java: `pullBlockIfNotFound`).
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn pull_waiting(
        &self,
        queue: &MessageQueue,
        filter: &Filter,
        offset: i64,
        max: i32,
    ) -> Result<Pulled, ClientError> {
        let flag = sysflag::pull::SUSPEND;
        self.pull_with(queue, filter, (offset, max), flag, WAITING_TIMEOUT).await
    }

    async fn pull_with(
        &self,
        queue: &MessageQueue,
        filter: &Filter,
        (offset, max): (i64, i32),
        flag: i32,
        timeout: Duration,
    ) -> Result<Pulled, ClientError> {
        if offset < 0 || max <= 0 {
            let text = format!("no pull of {max} messages at offset {offset}");
            return Err(ClientError::Invalid(text));
        }
        let wanted = filter.subscription(&queue.topic, now_ms());
        let request = PullMessage {
            consumer_group: &self.instance.settings().group,
            topic: &queue.topic,
            queue_id: queue.queue_id,
            queue_offset: offset,
            max_msg_nums: max,
            sys_flag: sysflag::pull::SUBSCRIPTION | flag,
            commit_offset: 0,
            suspend_timeout_millis: SUSPEND.as_millis() as i64,
            subscription: Some(&wanted.sub_string),
            sub_version: if wanted.is_tags() { 0 } else { wanted.sub_version },
            expression_type: Some(filter.kind()),
        };
        let addr = self.addr(queue).await?;
        let command = Command::of(&request)?;
        let answer = self.instance.remoting().call(&addr, command, timeout).await?;
        pulled(&answer, queue, &wanted)
    }

    /// The committed offset of a queue.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn committed(&self, queue: &MessageQueue) -> Result<Option<i64>, ClientError> {
        if let Some(local) = &self.local_offsets {
            return Ok(local.get(queue));
        }
        let request = QueryConsumerOffset {
            consumer_group: self.instance.settings().group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
        };
        let addr = self.addr(queue).await?;
        match self.instance.ask(&addr, &request, Vec::new()).await {
            Ok((reply, _)) => Ok(Some(reply.offset)),
            Err(ClientError::Refused { code: response::QUERY_NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the offset to continue a queue from.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn commit(&self, queue: &MessageQueue, offset: i64) -> Result<(), ClientError> {
        self.members.committed(queue, offset);
        if let Some(local) = &self.local_offsets {
            local.set(queue, offset);
            local.save();
            return Ok(());
        }
        let request = UpdateConsumerOffset {
            consumer_group: self.instance.settings().group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            commit_offset: offset,
        };
        let addr = self.addr(queue).await?;
        self.instance.ask(&addr, &request, Vec::new()).await.map(|_| ())
    }

    /// The start of a queue.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, ClientError> {
        let (topic, queue_id) = (queue.topic.clone(), queue.queue_id);
        let request = GetMinOffset { topic, queue_id };
        let addr = self.addr(queue).await?;
        Ok(self.instance.ask(&addr, &request, Vec::new()).await?.0.offset)
    }

    /// The end of a queue.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, ClientError> {
        let (topic, queue_id) = (queue.topic.clone(), queue.queue_id);
        let request = GetMaxOffset { topic, queue_id };
        let addr = self.addr(queue).await?;
        Ok(self.instance.ask(&addr, &request, Vec::new()).await?.0.offset)
    }

    /// The offset of the first message that was stored at a time (in ms) or after it.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn offset_at(
        &self,
        queue: &MessageQueue,
        timestamp: i64,
    ) -> Result<i64, ClientError> {
        let (topic, queue_id) = (queue.topic.clone(), queue.queue_id);
        let request = SearchOffsetByTimestamp { topic, queue_id, timestamp };
        let addr = self.addr(queue).await?;
        Ok(self.instance.ask(&addr, &request, Vec::new()).await?.0.offset)
    }

    /// When the oldest message of a queue was stored, in ms.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn oldest_stored_at(&self, queue: &MessageQueue) -> Result<i64, ClientError> {
        let (topic, queue_id) = (queue.topic.clone(), queue.queue_id);
        let request = GetEarliestMsgStoretime { topic, queue_id };
        let addr = self.addr(queue).await?;
        Ok(self.instance.ask(&addr, &request, Vec::new()).await?.0.timestamp)
    }

    /// Has the broker deliver a message to the group's push consumers later.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn give_back(&self, message: &Received, level: u32) -> Result<(), ClientError> {
        let request = ConsumerSendMsgBack {
            offset: message.physical_offset,
            group: self.instance.settings().group.clone(),
            delay_level: i32::try_from(level).unwrap_or(i32::MAX),
            origin_msg_id: Some(message.message_id()),
            origin_topic: Some(message.topic().to_owned()),
            unit_mode: false,
            max_reconsume_times: Some(DELIVERIES_MAX),
        };
        let queue = MessageQueue::new(message.topic(), &message.broker_name, message.queue_id);
        let addr = self.addr(&queue).await?;
        self.instance.ask(&addr, &request, Vec::new()).await.map(|_| ())
    }

    /// Leaves the group and ends all connections.
    pub async fn shutdown(&self) {
        if let Some(local) = &self.local_offsets {
            local.save();
        }
        self.instance.shutdown().await;
    }

    async fn addr(&self, queue: &MessageQueue) -> Result<String, ClientError> {
        let route = self.instance.route(&queue.topic).await?;
        let addr = route.broker(&queue.broker_name, MASTER_ID);
        addr.map(str::to_owned).ok_or_else(|| ClientError::NoRoute(queue.topic.clone()))
    }
}
