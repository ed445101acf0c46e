//! Consumer and producer groups: members, settings, locks, progress.

use serde::{Deserialize, Serialize};

macro_rules! of_consumer_group {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// The consumer group.
            pub consumer_group: String,
        }
    )* };
}

of_consumer_group! {
    /// Code 38: the client ids of a group.
    GetConsumerListByGroup;
    /// Code 40: tells a consumer that the members of its group changed.
    NotifyConsumerIdsChanged;
    /// Code 203: the connections of a consumer group.
    GetConsumerConnectionList;
}

empty_reply! {
    /// Answer to [`GetConsumerListByGroup`]; the ids are in the body.
    GetConsumerListByGroupReply;
}

/// Code 204: the connections of a producer group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetProducerConnectionList {
    /// The producer group.
    pub producer_group: String,
}

/// Code 207: deletes a subscription group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeleteSubscriptionGroup {
    /// The group.
    pub group_name: String,
}

/// Code 208: how far a group has consumed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetConsumeStats {
    /// The group.
    pub consumer_group: String,
    /// Only this topic; all of the group's when absent or blank.
    pub topic: Option<String>,
}

/// Code 303: time span of what a group consumes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueryConsumeTimeSpan {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
}

headerless! {
    /// Code 41: locks queues for one member of a group.
    LockBatchMq;
    /// Code 42: releases locked queues.
    UnlockBatchMq;
    /// Code 200: creates or changes a subscription group.
    UpdateAndCreateSubscriptionGroup;
    /// Code 201: the subscription groups, for slaves.
    GetAllSubscriptionGroupConfig;
}
