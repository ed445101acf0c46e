//! What clients tell about themselves and are asked about.

use serde::{Deserialize, Serialize};

/// Code 35: a client leaves its groups.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnregisterClient {
    /// The client's id.
    #[serde(rename = "clientID", default)]
    pub client_id: String,
    /// The producer group to leave.
    pub producer_group: Option<String>,
    /// The consumer group to leave.
    pub consumer_group: Option<String>,
}

empty_reply! {
    /// Answer to [`UnregisterClient`].
    UnregisterClientReply;
}

macro_rules! consumer_status {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The topic.
            pub topic: String,
            /// The consumer group.
            pub group: String,
            /// Only the consumer with this client id.
            pub client_addr: Option<String>,
        }
    )* };
}

consumer_status! {
    /// Code 221: a consumer tells its offsets.
    GetConsumerStatusFromClient;
    /// Code 223: a broker gathers the offsets of the online consumers of a group.
    InvokeBrokerToGetConsumerStatus;
}

/// Code 307: the inner state of a consumer.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetConsumerRunningInfo {
    /// The consumer group.
    pub consumer_group: String,
    /// The consumer.
    pub client_id: String,
    /// Whether the stacks of its threads are wanted.
    #[serde(default)]
    pub jstack_enable: bool,
}

/// Code 309: a consumer is to consume a message now.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConsumeMessageDirectly {
    /// The consumer group.
    pub consumer_group: String,
    /// The consumer.
    pub client_id: Option<String>,
    /// Offset id of the message, for the broker.
    pub msg_id: Option<String>,
    /// The broker the message came from, for the consumer.
    pub broker_name: Option<String>,
}

headerless! {
    /// Code 34: the groups and subscriptions a client stands for.
    HeartBeat;
    /// Code 46: would this subscription compile?
    CheckClientConfig;
}
