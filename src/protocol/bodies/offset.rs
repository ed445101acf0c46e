//! Offsets of groups and queues.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MessageQueue;

/// Request 43 and `consumerOffset.json`: offsets of all groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerOffsetSerializeWrapper {
    /// Offsets by queue, by `topic@group`.
    pub offset_table: BTreeMap<String, BTreeMap<i32, i64>>,
}

/// Request 45 and `delayOffset.json`: how far each delay level is delivered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DelayOffset {
    /// Next queue offset by level.
    pub offset_table: BTreeMap<i32, i64>,
}

/// Requests 220 and 222: offsets to continue from. Also `offsets.json` of broadcast consumers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBody {
    /// Offsets by queue.
    pub offset_table: BTreeMap<MessageQueue, i64>,
}

/// Request 220 to C++ clients: the same as a list.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResetOffsetBodyForC {
    /// The offsets.
    pub offset_table: Vec<MessageQueueForC>,
}

/// A queue and its offset.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MessageQueueForC {
    /// Name of the broker.
    pub broker_name: String,
    /// The offset.
    pub offset: i64,
    /// Number of the queue on the broker.
    pub queue_id: i32,
    /// The topic.
    pub topic: String,
}

impl From<&ResetOffsetBody> for ResetOffsetBodyForC {
    fn from(body: &ResetOffsetBody) -> Self {
        let offset_table = body.offset_table.iter().map(|(queue, &offset)| MessageQueueForC {
            broker_name: queue.broker_name.clone(),
            offset,
            queue_id: queue.queue_id,
            topic: queue.topic.clone(),
        });
        Self { offset_table: offset_table.collect() }
    }
}

/// Requests 221 and 223: offsets inside consumers. A consumer fills the second table, a broker
/// the first.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetConsumerStatusBody {
    /// Offsets by queue, by client id.
    pub consumer_table: BTreeMap<String, BTreeMap<MessageQueue, i64>>,
    /// Offsets by queue.
    pub message_queue_table: BTreeMap<MessageQueue, i64>,
}

/// Request 308: offsets to correct a group by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryCorrectionOffsetBody {
    /// Offsets by queue.
    pub correction_offsets: BTreeMap<i32, i64>,
}

/// Body of the messages on `OFFSET_MOVED_EVENT`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetMovedEvent {
    /// The group that pulled.
    pub consumer_group: String,
    /// The queue it pulled from.
    pub message_queue: MessageQueue,
    /// The offset it was sent to.
    pub offset_new: i64,
    /// The offset it asked for.
    pub offset_request: i64,
}
