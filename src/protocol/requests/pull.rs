//! Reading messages of a queue.

use serde::{Deserialize, Serialize};

/// Code 11: the next messages of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullMessage<'a> {
    /// The consumer's group.
    pub consumer_group: &'a str,
    /// The topic to read.
    pub topic: &'a str,
    /// The queue to read.
    pub queue_id: i32,
    /// The first queue offset wanted.
    pub queue_offset: i64,
    /// At most so many messages.
    pub max_msg_nums: i32,
    /// Pull flags, see [`crate::sysflag`].
    pub sys_flag: i32,
    /// Offset to commit on the way, when the flag says so.
    #[serde(default)]
    pub commit_offset: i64,
    /// How long to wait for a new message, when the flag says so.
    #[serde(default)]
    pub suspend_timeout_millis: i64,
    /// Filter expression, when the flag says so.
    #[serde(borrow)]
    pub subscription: Option<&'a str>,
    /// Version of the subscription.
    #[serde(default)]
    pub sub_version: i64,
    /// Kind of the expression, `TAG` when absent.
    #[serde(borrow)]
    pub expression_type: Option<&'a str>,
}

/// Answer to a pull, also to one that found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PullMessageReply {
    /// The broker to ask next: 0 the master.
    pub suggest_which_broker_id: i64,
    /// The queue offset to ask for next.
    pub next_begin_offset: i64,
    /// Start of the queue.
    pub min_offset: i64,
    /// End of the queue.
    pub max_offset: i64,
}
