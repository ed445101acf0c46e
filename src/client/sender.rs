//! How a message gets to a broker: what producers, consumers that give messages back and traces
//! have in common.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use protocol::bodies::MessageQueue;
use protocol::properties::{PropertiesBuf, name};
use protocol::requests::{MSG_REGION, SendBatchMessage, SendMessageReply, SendMessageV2, TRACE_ON};
use protocol::{Command, ext, sysflag, topic};

use crate::clock::now_ms;
use crate::faults::Faults;
use crate::instance::Instance;
use crate::producer::{SendResult, SendStatus};
use crate::route::Route;
use crate::trace::Trace;
use crate::unique_id::UniqueIds;
use crate::{ClientError, LOG, Message};

/// Level 5 is what Java compresses with (`rocketmq.message.compressLevel`).
const COMPRESS_LEVEL: u32 = 5;

/// Sends for one group.
pub(crate) struct Sender {
    pub(crate) instance: Arc<Instance>,
    pub(crate) group: String,
    pub(crate) ids: UniqueIds,
    pub(crate) trace: Option<Trace>,
    next: AtomicUsize,
    faults: Faults,
}

/// A message as it travels; the same for every try.
pub(crate) struct Prepared {
    pub(crate) topic: String,
    flag: i32,
    /// The id, or all ids of a batch.
    pub(crate) id: String,
    pub(crate) properties: PropertiesBuf,
    text: String,
    sys_flag: i32,
    body: Bytes,
    reconsume_times: i32,
    max_reconsume_times: Option<i32>,
    batch: bool,
}

impl Prepared {
    /// A batch whose body is made already.
    pub(crate) fn batch(topic: String, id: String, properties: PropertiesBuf, body: Bytes) -> Self {
        Self {
            topic,
            flag: 0,
            id,
            text: properties.to_text(),
            properties,
            sys_flag: 0,
            body,
            reconsume_times: 0,
            max_reconsume_times: None,
            batch: true,
        }
    }

    /// Bytes of the body as it travels.
    pub(crate) fn body_len(&self) -> usize {
        self.body.len()
    }
}

impl Sender {
    pub(crate) fn new(instance: Arc<Instance>, group: String, trace: Option<Trace>) -> Self {
        let ids = UniqueIds::new(instance.settings().client_ip);
        let (next, faults) = (AtomicUsize::new(0), Faults::default());
        Self { instance, group, ids, trace, next, faults }
    }

    /// Sends to the queues of the topic in turn, again elsewhere on failure, within the time
    /// limit.
    pub(crate) async fn send(&self, prepared: &Prepared) -> Result<SendResult, ClientError> {
        let settings = self.instance.settings();
        let started = Instant::now();
        let route = self.instance.publish_route(&prepared.topic).await?;
        let mut failed_broker: Option<String> = None;
        let mut last = Err(ClientError::NoRoute(prepared.topic.clone()));
        for _ in 0..=settings.retries {
            let left = settings.timeout.saturating_sub(started.elapsed());
            if left.is_zero() {
                break;
            }
            let Some(queue) = self.choose(&route, failed_broker.as_deref()) else {
                break;
            };
            last = self.send_to(&route, queue, prepared, left).await;
            match &last {
                Ok(sent) if settings.retry_not_stored && sent.status != SendStatus::SendOk => {}
                Err(error) if error.worth_another_broker() => {
                    tracing::warn!(target: LOG, %error, queue = %queue, "send failed");
                }
                _ => return last,
            }
            failed_broker = Some(queue.broker_name.clone());
        }
        last
    }

    /// Sends to the next queue without asking for an answer.
    pub(crate) async fn send_oneway(&self, prepared: &Prepared) -> Result<(), ClientError> {
        let route = self.instance.publish_route(&prepared.topic).await?;
        let queue = self.choose(&route, None);
        let queue = queue.ok_or_else(|| ClientError::NoRoute(prepared.topic.clone()))?;
        self.send_oneway_to(&route, queue, prepared).await
    }

    /// Sends to a queue without asking for an answer.
    pub(crate) async fn send_oneway_to(
        &self,
        route: &Route,
        queue: &MessageQueue,
        prepared: &Prepared,
    ) -> Result<(), ClientError> {
        let addr = master_of(route, queue)?;
        let command = self.command(queue, prepared)?;
        Ok(self.instance.remoting().oneway(addr, command).await?)
    }

    /// Id, properties and body as they travel.
    pub(crate) fn prepare(&self, message: &Message) -> Result<Prepared, ClientError> {
        let mut properties = message.properties.clone();
        let id = match properties.get(name::UNIQUE_KEY) {
            Some(id) => id.to_owned(),
            None => self.ids.next().as_str().to_owned(),
        };
        properties.put(name::UNIQUE_KEY, id.clone());
        let mut sys_flag = 0;
        let mut body = message.body.clone();
        if body.len() >= self.instance.settings().compress_from_bytes {
            body = compressed(&body)?;
            sys_flag |= sysflag::message::COMPRESSED;
        }
        if properties.get(name::TRANSACTION_PREPARED) == Some("true") {
            sys_flag |= sysflag::message::TRANSACTION_PREPARED;
        }
        let (mut reconsume_times, mut max_reconsume_times) = (0, None);
        if topic::is_retry(&message.topic) {
            let mut number = |name| properties.remove(name).and_then(|text| text.parse().ok());
            reconsume_times = number(name::RECONSUME_TIME).unwrap_or(0);
            max_reconsume_times = number(name::MAX_RECONSUME_TIMES);
        }
        Ok(Prepared {
            topic: message.topic.clone(),
            flag: message.flag,
            id,
            text: properties.to_text(),
            properties,
            sys_flag,
            body,
            reconsume_times,
            max_reconsume_times,
            batch: false,
        })
    }

    /// The next queue in turn: on a broker that may be used, and on another one than that which
    /// just failed, as far as there is one.
    fn choose<'r>(&self, route: &'r Route, avoid: Option<&str>) -> Option<&'r MessageQueue> {
        let start = self.next.fetch_add(1, Ordering::Relaxed);
        let count = route.publish.len();
        let in_turn = || (0..count).filter_map(|n| route.publish.get((start + n) % count));
        let elsewhere = |queue: &&MessageQueue| avoid != Some(queue.broker_name.as_str());
        if self.instance.settings().fault_tolerance {
            let now = Instant::now();
            let mut usable =
                in_turn().filter(|queue| self.faults.is_usable(&queue.broker_name, now));
            if let Some(queue) = usable.clone().find(elsewhere).or_else(|| usable.next()) {
                return Some(queue);
            }
            let names = in_turn().filter(elsewhere).map(|queue| queue.broker_name.as_str());
            if let Some(broker) = self.faults.least_bad(names, now) {
                return in_turn().find(|queue| queue.broker_name == broker);
            }
        }
        in_turn().find(elsewhere).or_else(|| in_turn().next())
    }

    /// Sends to one queue, once.
    pub(crate) async fn send_to(
        &self,
        route: &Route,
        queue: &MessageQueue,
        prepared: &Prepared,
        wait: Duration,
    ) -> Result<SendResult, ClientError> {
        let addr = master_of(route, queue)?;
        let (started, started_ms) = (Instant::now(), now_ms());
        let command = self.command(queue, prepared)?;
        let answered = self.instance.remoting().call(addr, command, wait).await;
        if self.instance.settings().fault_tolerance {
            let (took, failed) = (started.elapsed(), answered.is_err());
            self.faults.note(&queue.broker_name, took, failed, Instant::now());
        }
        let sent = sent(&answered?, queue, &prepared.id)?;
        if let Some(trace) = &self.trace {
            trace.sent(&self.group, prepared, &sent, addr, started_ms);
        }
        Ok(sent)
    }

    fn command(&self, queue: &MessageQueue, prepared: &Prepared) -> Result<Command, ClientError> {
        let header = SendMessageV2 {
            producer_group: &self.group,
            topic: &prepared.topic,
            default_topic: topic::AUTO_CREATE,
            default_topic_queue_nums: self.instance.settings().default_topic_queues,
            queue_id: queue.queue_id,
            sys_flag: prepared.sys_flag,
            born_timestamp: now_ms(),
            flag: prepared.flag,
            properties: Some(&prepared.text),
            reconsume_times: prepared.reconsume_times,
            unit_mode: false,
            max_reconsume_times: prepared.max_reconsume_times,
            batch: prepared.batch,
        };
        let command = if prepared.batch {
            Command::of(&SendBatchMessage::from(protocol::requests::SendHeader::from(header)))?
        } else {
            Command::of(&header)?
        };
        Ok(command.body(prepared.body.clone()))
    }
}

fn master_of<'r>(route: &'r Route, queue: &MessageQueue) -> Result<&'r str, ClientError> {
    route.master(&queue.broker_name).ok_or_else(|| {
        let what = format!("The broker[{}] not exist", queue.broker_name);
        ClientError::Absent { code: None, what }
    })
}

fn compressed(body: &[u8]) -> Result<Bytes, ClientError> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::new(COMPRESS_LEVEL));
    let compressed = encoder.write_all(body).and_then(|()| encoder.finish());
    Ok(compressed.map_err(|error| ClientError::Invalid(error.to_string()))?.into())
}

fn sent(answer: &Command, queue: &MessageQueue, id: &str) -> Result<SendResult, ClientError> {
    let status = SendStatus::of(answer.code).ok_or_else(|| ClientError::refused(answer))?;
    let reply: SendMessageReply<'_> = ext::from_ext(&answer.ext)?;
    Ok(SendResult {
        status,
        message_id: id.to_owned(),
        offset_message_id: reply.msg_id.into_owned(),
        queue: MessageQueue { queue_id: reply.queue_id, ..queue.clone() },
        queue_offset: reply.queue_offset,
        region: answer.ext.get(MSG_REGION).map(str::to_owned),
        trace_on: answer.ext.get(TRACE_ON) != Some("false"),
    })
}
