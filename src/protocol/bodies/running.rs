//! The inner state of a consumer, and consuming on request.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::java_enum::known;
use super::{MessageQueue, SubscriptionData};

/// Request 307: the inner state of a consumer.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerRunningInfo {
    /// Stacks of its threads, when asked for.
    pub jstack: Option<String>,
    /// State by queue.
    pub mq_table: BTreeMap<MessageQueue, ProcessQueueInfo>,
    /// Its settings, and the `PROP_` ones below.
    pub properties: BTreeMap<String, String>,
    /// Figures by topic.
    pub status_table: BTreeMap<String, ConsumeStatus>,
    /// What it subscribes to.
    pub subscription_set: Vec<SubscriptionData>,
}

impl ConsumerRunningInfo {
    /// Property: name servers it knows.
    pub const PROP_NAMESERVER_ADDR: &str = "PROP_NAMESERVER_ADDR";
    /// Property: size of its thread pool.
    pub const PROP_THREADPOOL_CORE_SIZE: &str = "PROP_THREADPOOL_CORE_SIZE";
    /// Property: whether it consumes in order.
    pub const PROP_CONSUME_ORDERLY: &str = "PROP_CONSUMEORDERLY";
    /// Property: how it gets its messages.
    pub const PROP_CONSUME_TYPE: &str = "PROP_CONSUME_TYPE";
    /// Property: its version.
    pub const PROP_CLIENT_VERSION: &str = "PROP_CLIENT_VERSION";
    /// Property: when it was started, in ms.
    pub const PROP_CONSUMER_START_TIMESTAMP: &str = "PROP_CONSUMER_START_TIMESTAMP";
}

/// What a consumer holds of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProcessQueueInfo {
    /// Messages held.
    pub cached_msg_count: i32,
    /// Offset of the last one.
    pub cached_msg_max_offset: i64,
    /// Offset of the first one.
    pub cached_msg_min_offset: i64,
    /// Their size.
    #[serde(rename = "cachedMsgSizeInMiB")]
    pub cached_msg_size_in_mib: i32,
    /// The committed offset.
    pub commit_offset: i64,
    /// Whether the queue went to another member.
    pub droped: bool,
    /// When it was last consumed from, in ms.
    pub last_consume_timestamp: i64,
    /// When it was last locked, in ms.
    pub last_lock_timestamp: i64,
    /// When it was last pulled from, in ms.
    pub last_pull_timestamp: i64,
    /// Whether it is locked.
    pub locked: bool,
    /// Messages being consumed in order.
    pub transaction_msg_count: i32,
    /// Offset of the last one.
    pub transaction_msg_max_offset: i64,
    /// Offset of the first one.
    pub transaction_msg_min_offset: i64,
    /// How often releasing was tried.
    pub try_unlock_times: i64,
}

/// Figures of a topic in a consumer.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ConsumeStatus {
    /// Messages that failed in the last hour.
    #[serde(rename = "consumeFailedMsgs")]
    pub consume_failed_msgs: i64,
    /// Failures a second.
    #[serde(rename = "consumeFailedTPS")]
    pub consume_failed_tps: f64,
    /// Successes a second.
    #[serde(rename = "consumeOKTPS")]
    pub consume_ok_tps: f64,
    /// Time a message takes, in ms.
    #[serde(rename = "consumeRT")]
    pub consume_rt: f64,
    /// Time a pull takes, in ms.
    #[serde(rename = "pullRT")]
    pub pull_rt: f64,
    /// Pulls a second.
    #[serde(rename = "pullTPS")]
    pub pull_tps: f64,
}

java_enums! {
    /// What became of a message consumed on request.
    pub enum CmResult {
        /// Consumed.
        #[default]
        Success = "CR_SUCCESS",
        /// To be tried again later.
        Later = "CR_LATER",
        /// Rolled back (in order).
        Rollback = "CR_ROLLBACK",
        /// Committed (in order).
        Commit = "CR_COMMIT",
        /// The listener threw.
        ThrowException = "CR_THROW_EXCEPTION",
        /// The listener returned nothing.
        ReturnNull = "CR_RETURN_NULL",
    }
}

/// Request 309: what became of a message consumed on request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeMessageDirectlyResult {
    /// Whether the listener commits by itself.
    pub auto_commit: bool,
    /// What became of it.
    #[serde(deserialize_with = "known")]
    pub consume_result: Option<CmResult>,
    /// Whether the consumer consumes in order.
    pub order: bool,
    /// What the listener threw.
    pub remark: Option<String>,
    /// How long it took, in ms.
    pub spent_time_mills: i64,
}

impl Default for ConsumeMessageDirectlyResult {
    fn default() -> Self {
        Self {
            auto_commit: true,
            consume_result: None,
            order: false,
            remark: None,
            spent_time_mills: 0,
        }
    }
}
