//! Storing messages: the three send headers, their common view, and sending back.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// Answer field (no header class knows it) with the region of the broker, on every answer to a
/// send, refusals included.
pub const MSG_REGION: &str = "MSG_REGION";

/// Answer field (no header class knows it) that says whether messages are to be traced, on every
/// answer to a send, refusals included.
pub const TRACE_ON: &str = "TRACE_ON";

/// What Java clients ask for when they do not say how many queues a new topic should have.
const DEFAULT_TOPIC_QUEUE_NUMS: i32 = 4;

const fn default_topic_queue_nums() -> i32 {
    DEFAULT_TOPIC_QUEUE_NUMS
}

/// Code 10: a message under the long field names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessage<'a> {
    /// The producer's group.
    #[serde(default)]
    pub producer_group: &'a str,
    /// Where the message goes.
    pub topic: &'a str,
    /// The topic a new one is modelled on.
    #[serde(default)]
    pub default_topic: &'a str,
    /// Queues a new topic should have.
    #[serde(default = "default_topic_queue_nums")]
    pub default_topic_queue_nums: i32,
    /// The queue; negative lets the broker choose.
    pub queue_id: i32,
    /// Message flags, see [`crate::sysflag`].
    pub sys_flag: i32,
    /// When the message was made, in ms.
    pub born_timestamp: i64,
    /// A number of the user's.
    pub flag: i32,
    /// Properties in their text form.
    #[serde(borrow)]
    pub properties: Option<&'a str>,
    /// How often the message was delivered already.
    #[serde(default)]
    pub reconsume_times: i32,
    /// Unit mode of the producer.
    #[serde(default)]
    pub unit_mode: bool,
    /// Whether the body holds a batch.
    #[serde(default)]
    pub batch: bool,
    /// Deliveries before the dead letter queue, for retry topics.
    pub max_reconsume_times: Option<i32>,
}

macro_rules! short_names {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $name<'a> {
            /// The producer's group.
            #[serde(rename = "a", default)]
            pub producer_group: &'a str,
            /// Where the message goes.
            #[serde(rename = "b")]
            pub topic: &'a str,
            /// The topic a new one is modelled on.
            #[serde(rename = "c", default)]
            pub default_topic: &'a str,
            /// Queues a new topic should have.
            #[serde(rename = "d", default = "default_topic_queue_nums")]
            pub default_topic_queue_nums: i32,
            /// The queue; negative lets the broker choose.
            #[serde(rename = "e")]
            pub queue_id: i32,
            /// Message flags, see [`crate::sysflag`].
            #[serde(rename = "f")]
            pub sys_flag: i32,
            /// When the message was made, in ms.
            #[serde(rename = "g")]
            pub born_timestamp: i64,
            /// A number of the user's.
            #[serde(rename = "h")]
            pub flag: i32,
            /// Properties in their text form.
            #[serde(rename = "i", borrow)]
            pub properties: Option<&'a str>,
            /// How often the message was delivered already.
            #[serde(rename = "j", default)]
            pub reconsume_times: i32,
            /// Unit mode of the producer.
            #[serde(rename = "k", default)]
            pub unit_mode: bool,
            /// Deliveries before the dead letter queue, for retry topics.
            #[serde(rename = "l", default)]
            pub max_reconsume_times: Option<i32>,
            /// Whether the body holds a batch; this, not the code, decides.
            #[serde(rename = "m", default)]
            pub batch: bool,
        }
    )* };
}

short_names! {
    /// Code 310: a message under the one-letter names `a` to `m`, in the order of the fields.
    SendMessageV2;
    /// Code 320: a batch of messages under the one-letter names `a` to `m`.
    SendBatchMessage;
}

/// The common view of the three send headers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendHeader<'a> {
    /// The producer's group.
    pub producer_group: &'a str,
    /// Where the message goes.
    pub topic: &'a str,
    /// The topic a new one is modelled on.
    pub default_topic: &'a str,
    /// Queues a new topic should have.
    pub default_topic_queue_nums: i32,
    /// The queue; negative lets the broker choose.
    pub queue_id: i32,
    /// Message flags, see [`crate::sysflag`].
    pub sys_flag: i32,
    /// When the message was made, in ms.
    pub born_timestamp: i64,
    /// A number of the user's.
    pub flag: i32,
    /// Properties in their text form.
    pub properties: Option<&'a str>,
    /// How often the message was delivered already.
    pub reconsume_times: i32,
    /// Unit mode of the producer.
    pub unit_mode: bool,
    /// Whether the body holds a batch.
    pub batch: bool,
    /// Deliveries before the dead letter queue, for retry topics.
    pub max_reconsume_times: Option<i32>,
}

macro_rules! same_fields {
    ($($from:ident <=> $to:ident),*) => { $(
        same_fields!(@one $from, $to);
        same_fields!(@one $to, $from);
    )* };
    (@one $from:ident, $to:ident) => {
        impl<'a> From<$from<'a>> for $to<'a> {
            fn from(header: $from<'a>) -> Self {
                Self {
                    producer_group: header.producer_group,
                    topic: header.topic,
                    default_topic: header.default_topic,
                    default_topic_queue_nums: header.default_topic_queue_nums,
                    queue_id: header.queue_id,
                    sys_flag: header.sys_flag,
                    born_timestamp: header.born_timestamp,
                    flag: header.flag,
                    properties: header.properties,
                    reconsume_times: header.reconsume_times,
                    unit_mode: header.unit_mode,
                    batch: header.batch,
                    max_reconsume_times: header.max_reconsume_times,
                }
            }
        }
    };
}

same_fields!(
    SendMessage <=> SendHeader,
    SendMessageV2 <=> SendHeader,
    SendBatchMessage <=> SendHeader
);

/// Answer to a send. [`MSG_REGION`] and [`TRACE_ON`] come besides, on refusals too.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SendMessageReply<'a> {
    /// Offset message id, for a batch the ids of all messages joined by commas.
    pub msg_id: Cow<'a, str>,
    /// The queue the message went to.
    pub queue_id: i32,
    /// Its offset in the queue.
    pub queue_offset: i64,
    /// Never set by 4.4.0.
    pub transaction_id: Option<Cow<'a, str>>,
}

/// Code 36: a consumer gives a message back for a later try.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumerSendMsgBack {
    /// Physical offset of the message.
    pub offset: i64,
    /// The consumer's group.
    pub group: String,
    /// Delay level of the next try; 0 lets the broker choose, negative gives up.
    pub delay_level: i32,
    /// Id of the message.
    pub origin_msg_id: Option<String>,
    /// Topic of the message.
    pub origin_topic: Option<String>,
    /// Unit mode of the consumer.
    #[serde(default)]
    pub unit_mode: bool,
    /// Deliveries before the dead letter queue; wins over the group's setting.
    pub max_reconsume_times: Option<i32>,
}
