//! What becomes of messages, told to the trace topic (Java: `AsyncTraceDispatcher`).
//!
//! Records are gathered and sent behind the caller's back; when they come faster than they can be
//! sent, the newest are dropped: a trace never holds up a message.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use protocol::properties::name;
use tokio::sync::{mpsc, oneshot};

use crate::clock::now_ms;
use crate::instance::{Instance, Role};
use crate::producer::{SendResult, SendStatus};
use crate::sender::{Prepared, Sender};
use crate::unique_id::UniqueIds;
use crate::{ClientError, LOG, Message, Received, Settings};

/// Group of the producer inside.
const GROUP: &str = "_INNER_TRACE_PRODUCER";
/// Records that may wait.
const WAITING_MAX: usize = 1024;
/// Records that are sent together at most.
const BATCH_MAX: usize = 100;
/// From this length on a message of records is sent.
const BODY_BYTES: usize = 118_000;
/// How long a record waits for others.
const GATHER: Duration = Duration::from_millis(5);
/// How long stopping waits for what is not sent yet.
const FLUSH: Duration = Duration::from_secs(3);
/// Between the fields of a record.
const FIELD: char = '\u{1}';
/// Behind a record.
const RECORD: char = '\u{2}';

/// How a delivery ended (Java: `ConsumeReturnType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Success = 0,
    TimeOut = 1,
    Exception = 2,
    Failed = 4,
}

/// The way to the trace topic.
pub(crate) struct Trace {
    topic: String,
    records: mpsc::Sender<Item>,
    instance: Arc<Instance>,
    ids: UniqueIds,
}

enum Item {
    Record(Record),
    Flush(oneshot::Sender<()>),
}

/// One record, and by what its message is to be found.
#[derive(Debug, PartialEq, Eq)]
struct Record {
    /// Records of different topics travel apart.
    topic: String,
    text: String,
    keys: Vec<String>,
}

/// A delivery that has begun.
pub(crate) struct Delivery {
    request_id: String,
    began_ms: i64,
    /// Topic, id and keys of each message.
    messages: Vec<(String, String, Option<String>)>,
}

impl Trace {
    /// Starts the producer inside, with the connections and name servers of `settings`.
    pub(crate) async fn start(settings: &Settings) -> Result<Self, ClientError> {
        let topic = settings.trace_topic.clone();
        let settings = Settings {
            instance_name: format!("{GROUP}_{}", settings.instance_name),
            group: GROUP.to_owned(),
            timeout: Duration::from_secs(5),
            message_bytes_max: BODY_BYTES,
            trace: false,
            ..settings.clone()
        };
        let ids = UniqueIds::new(settings.client_ip);
        let instance = Instance::start(settings, Role::Producer(None)).await?;
        let sender = Sender::new(Arc::clone(&instance), GROUP.to_owned(), None);
        let (records, waiting) = mpsc::channel(WAITING_MAX);
        instance.spawn(send_all(sender, topic.clone(), waiting));
        Ok(Self { topic, records, instance, ids })
    }

    /// Sends what waits, for a while, and stops.
    pub(crate) async fn shutdown(&self) {
        let (done, flushed) = oneshot::channel();
        let flush = async {
            if self.records.send(Item::Flush(done)).await.is_ok() {
                let _ = flushed.await;
            }
        };
        if tokio::time::timeout(FLUSH, flush).await.is_err() {
            tracing::warn!(target: LOG, "traces were lost at the end");
        }
        self.instance.shutdown().await;
    }

    /// A message was stored.
    pub(crate) fn sent(
        &self,
        group: &str,
        message: &Prepared,
        sent: &SendResult,
        addr: &str,
        started_ms: i64,
    ) {
        let Some(region) = sent.region.as_deref().filter(|_| sent.trace_on) else {
            return;
        };
        if message.topic.starts_with(&self.topic) {
            return;
        }
        let keys = message.properties.get(name::KEYS);
        let fields = [
            "Pub".to_owned(),
            started_ms.to_string(),
            region.to_owned(),
            group.to_owned(),
            message.topic.clone(),
            sent.message_id.clone(),
            or_null(message.properties.get(name::TAGS)),
            or_null(keys),
            addr.to_owned(),
            message.body_len().to_string(),
            (now_ms() - started_ms).to_string(),
            kind_of(message).to_string(),
            sent.offset_message_id.clone(),
            (sent.status == SendStatus::SendOk).to_string(),
        ];
        self.append(record(&message.topic, &fields, &sent.message_id, keys));
    }

    /// Messages go to the handler.
    pub(crate) fn before(&self, group: &str, messages: &[Received]) -> Option<Delivery> {
        let traced = messages.iter().filter(|m| m.property(name::TRACE_ON) != Some("false"));
        let mut delivery = Delivery {
            request_id: self.ids.next().as_str().to_owned(),
            began_ms: now_ms(),
            messages: Vec::new(),
        };
        for message in traced {
            let (id, keys) = (message.message_id(), message.property(name::KEYS));
            let fields = [
                "SubBefore".to_owned(),
                delivery.began_ms.to_string(),
                or_null(message.property(name::MSG_REGION)),
                group.to_owned(),
                delivery.request_id.clone(),
                id.clone(),
                message.reconsume_times.to_string(),
                or_null(keys),
            ];
            self.append(record(message.topic(), &fields, &id, keys));
            delivery.messages.push((message.topic().to_owned(), id, keys.map(str::to_owned)));
        }
        (!delivery.messages.is_empty()).then_some(delivery)
    }

    /// The handler is done with them.
    pub(crate) fn after(&self, delivery: &Delivery, outcome: Outcome) {
        let count = i64::try_from(delivery.messages.len()).unwrap_or(1).max(1);
        let cost = (now_ms() - delivery.began_ms) / count;
        for (topic, id, keys) in &delivery.messages {
            let fields = [
                "SubAfter".to_owned(),
                delivery.request_id.clone(),
                id.clone(),
                cost.to_string(),
                (outcome == Outcome::Success).to_string(),
                or_null(keys.as_deref()),
                (outcome as i32).to_string(),
            ];
            self.append(record(topic, &fields, id, keys.as_deref()));
        }
    }

    fn append(&self, record: Record) {
        if self.records.try_send(Item::Record(record)).is_err() {
            tracing::debug!(target: LOG, "a trace was dropped: too many wait");
        }
    }
}

/// Java writes what is not there like that.
fn or_null(text: Option<&str>) -> String {
    text.unwrap_or("null").to_owned()
}

/// The number of Java's `MessageType`.
fn kind_of(message: &Prepared) -> i32 {
    if message.properties.get(name::DELAY).is_some() {
        3
    } else {
        i32::from(message.properties.get(name::TRANSACTION_PREPARED) == Some("true"))
    }
}

fn record(topic: &str, fields: &[String], id: &str, keys: Option<&str>) -> Record {
    let mut text = fields.join(FIELD.encode_utf8(&mut [0; 4]));
    text.push(RECORD);
    let keys = keys.filter(|keys| !keys.is_empty()).map(str::to_owned);
    Record {
        topic: topic.to_owned(),
        text,
        keys: [id.to_owned()].into_iter().chain(keys).collect(),
    }
}

/// Sends records as they come until there can be no more.
async fn send_all(sender: Sender, topic: String, mut waiting: mpsc::Receiver<Item>) {
    let mut batch = Vec::new();
    while let Some(first) = waiting.recv().await {
        let mut flushed = Vec::new();
        let mut next = Some(first);
        while let Some(item) = next {
            match item {
                Item::Record(record) => batch.push(record),
                Item::Flush(done) => flushed.push(done),
            }
            if batch.len() >= BATCH_MAX || !flushed.is_empty() {
                break;
            }
            next = tokio::time::timeout(GATHER, waiting.recv()).await.ok().flatten();
        }
        for message in messages(&topic, std::mem::take(&mut batch)) {
            let sent = match sender.prepare(&message) {
                Ok(prepared) => sender.send(&prepared).await.map(|_| ()),
                Err(error) => Err(error),
            };
            if let Err(error) = sent {
                tracing::info!(target: LOG, %error, "traces not sent");
            }
        }
        for done in flushed {
            let _ = done.send(());
        }
    }
}

/// The messages that carry these records: one a topic, more when they get long.
fn messages(trace_topic: &str, records: Vec<Record>) -> Vec<Message> {
    let mut messages = Vec::new();
    let topics: BTreeSet<String> = records.iter().map(|record| record.topic.clone()).collect();
    for topic in topics {
        let (mut body, mut keys) = (String::new(), BTreeSet::new());
        let mut full = |body: &mut String, keys: &mut BTreeSet<&str>| {
            let words: Vec<&str> = std::mem::take(keys).into_iter().collect();
            messages.push(Message::new(trace_topic, "", std::mem::take(body)).keys(&words));
        };
        for record in records.iter().filter(|record| record.topic == topic) {
            let _ = write!(body, "{}", record.text);
            keys.extend(record.keys.iter().map(String::as_str));
            if body.len() >= BODY_BYTES {
                full(&mut body, &mut keys);
            }
        }
        if !body.is_empty() {
            full(&mut body, &mut keys);
        }
    }
    messages
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(topic: &str, id: &str, text: &str) -> Record {
        record(topic, &[text.to_owned(), "x".to_owned()], id, Some("k1 k2"))
    }

    #[test]
    fn records_of_a_topic_travel_together() {
        let records = vec![one("a", "1", "one"), one("b", "2", "two"), one("a", "3", "three")];
        let made = messages("TRACES", records);
        let bodies: Vec<_> = made.iter().map(|m| String::from_utf8_lossy(&m.body)).collect();
        assert_eq!(bodies, ["one\u{1}x\u{2}three\u{1}x\u{2}", "two\u{1}x\u{2}"]);
        assert_eq!(made[0].properties.get(name::KEYS), Some("1 3 k1 k2"));
        assert!(made.iter().all(|message| message.topic == "TRACES" && message.tags().is_none()));
    }

    #[test]
    fn long_bodies_are_split() {
        let long = "y".repeat(BODY_BYTES / 2);
        let records = (0..3).map(|n| one("a", &n.to_string(), &long)).collect();
        let lengths: Vec<_> = messages("T", records).iter().map(|m| m.body.len()).collect();
        assert_eq!(lengths.len(), 2);
        assert!(lengths[0] >= BODY_BYTES && lengths[1] < BODY_BYTES, "{lengths:?}");
    }
}
