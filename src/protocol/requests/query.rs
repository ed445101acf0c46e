//! Finding single messages and queue entries.

use serde::{Deserialize, Serialize};

/// Request field (no header class knows it) that Java clients add to [`QueryMessage`]: `true`
/// when the key is a unique message id.
pub const UNIQUE_KEY_QUERY: &str = "_UNIQUE_KEY_QUERY";

/// Code 12: messages of a topic by key.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryMessage {
    /// The topic.
    pub topic: String,
    /// The key.
    pub key: String,
    /// At most so many messages.
    pub max_num: i32,
    /// Stored not before, in ms.
    pub begin_timestamp: i64,
    /// Stored not after, in ms.
    pub end_timestamp: i64,
}

/// Answer to [`QueryMessage`], also to one that found nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryMessageReply {
    /// Store time of the newest indexed message, in ms.
    pub index_last_update_timestamp: i64,
    /// Physical offset of the newest indexed message.
    pub index_last_update_phyoffset: i64,
}

/// Code 33: one message by its physical offset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ViewMessageById {
    /// The physical offset.
    pub offset: i64,
}

/// Code 321: entries of a consume queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryConsumeQueue {
    /// The topic.
    pub topic: String,
    /// The queue.
    #[serde(default)]
    pub queue_id: i32,
    /// The first entry wanted.
    #[serde(default)]
    pub index: i64,
    /// How many entries.
    #[serde(default)]
    pub count: i32,
    /// Evaluate the filter of this group.
    pub consumer_group: Option<String>,
}
