//! Topics: creating, deleting, listing.

use serde::{Deserialize, Serialize};

/// Code 17: creates or changes a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UpdateAndCreateTopic {
    /// The topic.
    pub topic: String,
    /// Sent by clients, not looked at.
    #[serde(default)]
    pub default_topic: String,
    /// Queues to read from.
    pub read_queue_nums: i32,
    /// Queues to write to.
    pub write_queue_nums: i32,
    /// Permission bits, see [`crate::perm`].
    pub perm: i32,
    /// `SINGLE_TAG` or `MULTI_TAG`.
    pub topic_filter_type: String,
    /// Topic flags, see [`crate::sysflag`].
    #[serde(default)]
    pub topic_sys_flag: i32,
    /// Sent by clients, not looked at.
    #[serde(default)]
    pub order: bool,
}

empty_reply! {
    /// Answer to [`GetAllTopicConfig`]; the body is a `TopicConfigSerializeWrapper`.
    GetAllTopicConfigReply;
}

macro_rules! of_topic {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct $name {
            /// The topic.
            pub topic: String,
        }
    )* };
}

of_topic! {
    /// Code 202: offsets and last update of a topic's queues.
    GetTopicStatsInfo;
    /// Code 215: deletes a topic on a broker.
    DeleteTopicInBroker;
    /// Code 216: deletes a topic from the routes.
    DeleteTopicInNamesrv;
    /// Code 300: the groups that consume a topic.
    QueryTopicConsumeByWho;
}

/// Code 224: the topics of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetTopicsByCluster {
    /// The cluster.
    pub cluster: String,
}

headerless! {
    /// Code 21: the topic table, for slaves.
    GetAllTopicConfig;
    /// Code 206: all topics a name server knows.
    GetAllTopicListFromNameserver;
    /// Code 304: cluster and broker names.
    GetSystemTopicListFromNs;
    /// Code 305: the system topics of a broker.
    GetSystemTopicListFromBroker;
    /// Code 311: topics with the unit flag.
    GetUnitTopicList;
    /// Code 312: topics with a unit subscription.
    GetHasUnitSubTopicList;
    /// Code 313: topics with a unit subscription but without the unit flag.
    GetHasUnitSubUnunitTopicList;
    /// Code 316: deletes consume queues of topics that are gone.
    CleanUnusedTopic;
}
