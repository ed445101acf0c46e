//! Offsets: of queues, of consumer groups, and setting them.

use serde::{Deserialize, Serialize};

/// Code 14: the committed offset of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryConsumerOffset {
    /// The consumer group.
    pub consumer_group: String,
    /// The topic.
    pub topic: String,
    /// The queue.
    pub queue_id: i32,
}

/// Code 15: commits the offset of a queue.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateConsumerOffset {
    /// The consumer group.
    pub consumer_group: String,
    /// The topic.
    pub topic: String,
    /// The queue.
    pub queue_id: i32,
    /// The offset to commit.
    pub commit_offset: i64,
}

empty_reply! {
    /// Answer to [`UpdateConsumerOffset`].
    UpdateConsumerOffsetReply;
}

/// Code 29: the queue offset at a point in time.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SearchOffsetByTimestamp {
    /// The topic.
    pub topic: String,
    /// The queue.
    pub queue_id: i32,
    /// The time, in ms.
    pub timestamp: i64,
}

macro_rules! of_queue {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The topic.
            pub topic: String,
            /// The queue.
            pub queue_id: i32,
        }
    )* };
}

of_queue! {
    /// Code 30: the end of a queue.
    GetMaxOffset;
    /// Code 31: the start of a queue.
    GetMinOffset;
    /// Code 32: store time of the oldest message of a queue.
    GetEarliestMsgStoretime;
}

macro_rules! offset_reply {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct $name {
            /// The queue offset.
            pub offset: i64,
        }
    )* };
}

offset_reply! {
    /// Answer to [`QueryConsumerOffset`].
    QueryConsumerOffsetReply;
    /// Answer to [`SearchOffsetByTimestamp`].
    SearchOffsetByTimestampReply;
    /// Answer to [`GetMaxOffset`].
    GetMaxOffsetReply;
    /// Answer to [`GetMinOffset`].
    GetMinOffsetReply;
}

/// Answer to [`GetEarliestMsgStoretime`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetEarliestMsgStoretimeReply {
    /// Store time in ms, -1 when there is none.
    pub timestamp: i64,
}

macro_rules! reset_offset {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The topic.
            pub topic: String,
            /// The consumer group.
            pub group: String,
            /// The time to go to in ms, -1 for the end of the queues.
            pub timestamp: i64,
            /// Whether offsets may move forward too.
            #[serde(default)]
            pub is_force: bool,
        }
    )* };
}

reset_offset! {
    /// Code 222: an admin has the online consumers of a group reset.
    InvokeBrokerToResetOffset;
    /// Code 220: a consumer is to continue from the offsets in the body.
    ResetConsumerClientOffset;
}

/// Code 308: offsets to correct a group by.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueryCorrectionOffset {
    /// Groups to leave out, joined by commas.
    pub filter_groups: Option<String>,
    /// The group to compare with.
    pub compare_group: String,
    /// The topic.
    pub topic: String,
}

/// Code 314: copies the offsets of a group to another.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CloneGroupOffset {
    /// The group to copy from.
    pub src_group: String,
    /// The group to copy to.
    pub dest_group: String,
    /// Only this topic.
    pub topic: Option<String>,
    /// Whether topics the online group does not subscribe are copied too.
    #[serde(default)]
    pub offline: bool,
}

headerless! {
    /// Code 43: the whole offset table, for slaves.
    GetAllConsumerOffset;
    /// Code 45: the delivery offsets of the delay levels, for slaves.
    GetAllDelayOffset;
}
