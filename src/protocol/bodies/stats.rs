//! Progress and figures.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::MessageQueue;

/// Request 202: offsets of a topic's queues.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicStatsTable {
    /// Offsets by queue.
    pub offset_table: BTreeMap<MessageQueue, TopicOffset>,
}

/// Where a queue begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicOffset {
    /// Store time of the last message in ms, 0 without one.
    pub last_update_timestamp: i64,
    /// The end.
    pub max_offset: i64,
    /// The start.
    pub min_offset: i64,
}

/// Request 208: how far a group has consumed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStats {
    /// Messages a second.
    pub consume_tps: f64,
    /// Progress by queue.
    pub offset_table: BTreeMap<MessageQueue, OffsetWrapper>,
}

impl ConsumeStats {
    /// How many messages the group has not consumed yet.
    #[must_use]
    pub fn total_diff(&self) -> i64 {
        self.offset_table
            .values()
            .map(|queue| queue.broker_offset.wrapping_sub(queue.consumer_offset))
            .fold(0, i64::wrapping_add)
    }
}

/// How far a group has consumed a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct OffsetWrapper {
    /// The end of the queue.
    pub broker_offset: i64,
    /// The group's offset.
    pub consumer_offset: i64,
    /// Store time of the last consumed message, in ms.
    pub last_timestamp: i64,
}

/// Request 317: progress of all groups of a broker.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeStatsList {
    /// Address of the broker.
    pub broker_addr: Option<String>,
    /// One map a group, from its name to the progress by topic.
    pub consume_stats_list: Vec<BTreeMap<String, Vec<ConsumeStats>>>,
    /// How many messages are not consumed yet, over all groups.
    pub total_diff: i64,
}

/// Request 315: one item of the statistics over three spans.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerStatsData {
    /// The last day.
    pub stats_day: Option<BrokerStatsItem>,
    /// The last hour.
    pub stats_hour: Option<BrokerStatsItem>,
    /// The last minute.
    pub stats_minute: Option<BrokerStatsItem>,
}

/// Figures of one span.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct BrokerStatsItem {
    /// Average by event.
    pub avgpt: f64,
    /// Sum.
    pub sum: i64,
    /// Sum a second.
    pub tps: f64,
}

/// Request 303: time spans of what a group consumes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryConsumeTimeSpanBody {
    /// One entry a queue.
    pub consume_time_span_set: Vec<QueueTimeSpan>,
}

/// The time span of a queue. The texts are the times as `yyyy-MM-dd#HH:mm:ss:SSS` in the zone of
/// who fills them in.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueTimeSpan {
    /// Store time of the last consumed message, in ms.
    pub consume_time_stamp: i64,
    /// The same as text.
    pub consume_time_stamp_str: Option<String>,
    /// How far behind the group is, in ms.
    pub delay_time: i64,
    /// Store time of the last message, in ms.
    pub max_time_stamp: i64,
    /// The same as text.
    pub max_time_stamp_str: Option<String>,
    /// The queue.
    pub message_queue: MessageQueue,
    /// Store time of the first message, in ms.
    pub min_time_stamp: i64,
    /// The same as text.
    pub min_time_stamp_str: Option<String>,
}
