//! Sending messages.

use std::fmt;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use protocol::bodies::MessageQueue;
use protocol::codes::response;
use protocol::properties::name;
use protocol::requests::{SendMessageReply, SendMessageV2};
use protocol::{Command, ext, sysflag, topic};

use crate::instance::{Instance, Role};
use crate::route::Route;
use crate::unique_id::UniqueIds;
use crate::{ClientError, Message, Settings};

mod chosen;

/// Level 5 is what Java compresses with (`rocketmq.message.compressLevel`).
const COMPRESS_LEVEL: u32 = 5;

/// How safely a message is stored (Java: `SendStatus`). All of them mean stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendStatus {
    /// As safely as the broker is configured to.
    SendOk,
    /// Not yet on disk.
    FlushDiskTimeout,
    /// Not yet on a slave.
    FlushSlaveTimeout,
    /// There is no slave to hold a copy.
    SlaveNotAvailable,
}

impl SendStatus {
    fn of(code: i32) -> Option<Self> {
        match code {
            response::SUCCESS => Some(Self::SendOk),
            response::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            response::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            response::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }

    /// Java's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendOk => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }
}

/// Where a message went.
#[derive(Debug, Clone, PartialEq)]
pub struct SendResult {
    /// How safely it is stored.
    pub status: SendStatus,
    /// The id this producer gave it.
    pub message_id: String,
    /// The id by its place in the broker's log.
    pub offset_message_id: String,
    /// Its queue.
    pub queue: MessageQueue,
    /// Its place in the queue.
    pub queue_offset: i64,
}

impl fmt::Display for SendResult {
    /// As Java's `SendResult.toString` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SendResult [sendStatus={}, msgId={}, offsetMsgId={}, messageQueue={}, queueOffset={}]",
            self.status.name(),
            self.message_id,
            self.offset_message_id,
            self.queue,
            self.queue_offset
        )
    }
}

/// Sends messages to the brokers of their topics, in turn over all queues.
pub struct Producer {
    instance: Arc<Instance>,
    ids: UniqueIds,
    next: AtomicUsize,
}

impl Producer {
    /// Starts a producer; brokers learn of it with the first message.
    ///
    /// # Errors
    /// Unusable settings.
    pub async fn start(settings: Settings) -> Result<Self, ClientError> {
        check_name("group", &settings.group)?;
        let ids = UniqueIds::new(settings.client_ip);
        let instance = Instance::start(settings, Role::Producer).await?;
        Ok(Self { instance, ids, next: AtomicUsize::new(0) })
    }

    /// Sends one message and waits for the broker's answer; on failure tries again on another
    /// broker, within the time limit.
    ///
    /// # Errors
    /// The last failure.
    pub async fn send(&self, message: &Message) -> Result<SendResult, ClientError> {
        let settings = self.instance.settings();
        self.check(message)?;
        let route = self.instance.publish_route(&message.topic).await?;
        let prepared = self.prepare(message)?;
        let started = Instant::now();
        let mut failed_broker: Option<String> = None;
        let mut last = ClientError::NoRoute(message.topic.clone());
        for _ in 0..=settings.retries {
            let left = settings.timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            let Some(queue) = self.choose(&route, failed_broker.as_deref()) else {
                break;
            };
            match self.send_to(&route, queue, message, &prepared, left).await {
                Ok(result) => return Ok(result),
                Err(error) if error.worth_another_broker() => {
                    tracing::warn!(target: crate::LOG, %error, queue = %queue, "send failed");
                    failed_broker = Some(queue.broker_name.clone());
                    last = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(last)
    }

    /// Says good-bye to the brokers and ends all connections.
    pub async fn shutdown(&self) {
        self.instance.shutdown().await;
    }

    fn check(&self, message: &Message) -> Result<(), ClientError> {
        check_name("topic", &message.topic)?;
        if message.topic == topic::AUTO_CREATE {
            let text = format!("The topic[{}] is conflict with reserved words.", message.topic);
            return Err(ClientError::Invalid(text));
        }
        let max = self.instance.settings().message_bytes_max;
        match message.body.len() {
            0 => Err(ClientError::Invalid("the message body length is zero".to_owned())),
            length if length > max => Err(ClientError::Invalid(format!(
                "the message body size over max value, MAX: {max}"
            ))),
            _ => Ok(()),
        }
    }

    /// What is the same for every try: id, properties, body as it travels.
    fn prepare(&self, message: &Message) -> Result<Prepared, ClientError> {
        let mut properties = message.properties.clone();
        let unique_id = match properties.get(name::UNIQUE_KEY) {
            Some(id) => id.to_owned(),
            None => self.ids.next().as_str().to_owned(),
        };
        properties.put(name::UNIQUE_KEY, unique_id.clone());
        let mut sys_flag = 0;
        let mut body = message.body.clone();
        if body.len() >= self.instance.settings().compress_from_bytes {
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(COMPRESS_LEVEL));
            let compressed = encoder.write_all(&body).and_then(|()| encoder.finish());
            body = compressed.map_err(|error| ClientError::Invalid(error.to_string()))?.into();
            sys_flag |= sysflag::message::COMPRESSED;
        }
        Ok(Prepared { unique_id, properties: properties.to_text(), sys_flag, body })
    }

    /// The next queue in turn, on another broker than the one that just failed if there is one.
    fn choose<'r>(&self, route: &'r Route, avoid: Option<&str>) -> Option<&'r MessageQueue> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let count = route.publish.len();
        let in_turn = || (0..count).filter_map(|n| route.publish.get((start + n) % count));
        let other = in_turn().find(|queue| avoid != Some(queue.broker_name.as_str()));
        other.or_else(|| in_turn().next())
    }

    async fn send_to(
        &self,
        route: &Route,
        queue: &MessageQueue,
        message: &Message,
        prepared: &Prepared,
        wait: Duration,
    ) -> Result<SendResult, ClientError> {
        let settings = self.instance.settings();
        let Some(addr) = route.master(&queue.broker_name) else {
            return Err(ClientError::NoRoute(message.topic.clone()));
        };
        let header = SendMessageV2 {
            producer_group: &settings.group,
            topic: &message.topic,
            default_topic: topic::AUTO_CREATE,
            default_topic_queue_nums: settings.default_topic_queues,
            queue_id: queue.queue_id,
            sys_flag: prepared.sys_flag,
            born_timestamp: now_ms(),
            flag: message.flag,
            properties: Some(&prepared.properties),
            reconsume_times: 0,
            unit_mode: false,
            max_reconsume_times: None,
            batch: false,
        };
        let command = Command::of(&header)?.body(prepared.body.clone());
        let answer = self.instance.remoting().call(addr, command, wait).await?;
        let Some(status) = SendStatus::of(answer.code) else {
            return Err(ClientError::refused(&answer));
        };
        let reply: SendMessageReply<'_> = ext::from_ext(&answer.ext)?;
        Ok(SendResult {
            status,
            message_id: prepared.unique_id.clone(),
            offset_message_id: reply.msg_id.into_owned(),
            queue: MessageQueue { queue_id: reply.queue_id, ..queue.clone() },
            queue_offset: reply.queue_offset,
        })
    }
}

struct Prepared {
    unique_id: String,
    properties: String,
    sys_flag: i32,
    body: Bytes,
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

/// Topic and group names as Java's `Validators` let them pass.
pub(crate) fn check_name(what: &str, text: &str) -> Result<(), ClientError> {
    const LENGTH_MAX: usize = 255;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '%' | '|' | '-' | '_');
    if text.is_empty() {
        return Err(ClientError::Invalid(format!("The specified {what} is blank")));
    }
    if !text.chars().all(allowed) {
        let text = format!(
            "The specified {what}[{text}] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"
        );
        return Err(ClientError::Invalid(text));
    }
    if text.len() > LENGTH_MAX {
        let text = format!("The specified {what} is longer than {what} max length {LENGTH_MAX}.");
        return Err(ClientError::Invalid(text));
    }
    Ok(())
}
