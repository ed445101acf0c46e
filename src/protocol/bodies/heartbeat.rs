//! What clients say about themselves.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::java_enum::known;
use crate::properties::java_hash;

java_enums! {
    /// How a consumer gets its messages.
    pub enum ConsumeType {
        /// It asks when it likes (the pull consumer).
        Actively = "CONSUME_ACTIVELY",
        /// They are handed to a listener (the push consumer).
        #[default]
        Passively = "CONSUME_PASSIVELY",
    }

    /// Who of a group gets a message.
    pub enum MessageModel {
        /// Everybody.
        Broadcasting = "BROADCASTING",
        /// One of them.
        #[default]
        Clustering = "CLUSTERING",
    }

    /// Where a new group begins.
    pub enum ConsumeFromWhere {
        /// At the end.
        #[default]
        LastOffset = "CONSUME_FROM_LAST_OFFSET",
        /// Deprecated; as the end.
        LastOffsetAndFromMinWhenBootFirst = "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
        /// Deprecated; as the end.
        MinOffset = "CONSUME_FROM_MIN_OFFSET",
        /// Deprecated; as the end.
        MaxOffset = "CONSUME_FROM_MAX_OFFSET",
        /// At the start.
        FirstOffset = "CONSUME_FROM_FIRST_OFFSET",
        /// At a time.
        Timestamp = "CONSUME_FROM_TIMESTAMP",
    }
}

impl ConsumeType {
    /// The short word the tools print.
    #[must_use]
    pub const fn short(self) -> &'static str {
        match self {
            Self::Actively => "PULL",
            Self::Passively => "PUSH",
        }
    }
}

/// The expression that takes everything.
pub const SUB_ALL: &str = "*";

/// The kind of expression that lists tags.
pub const EXPRESSION_TAG: &str = "TAG";

/// The kind of expression that filters by properties.
pub const EXPRESSION_SQL92: &str = "SQL92";

/// Whether an expression of this kind lists tags; no kind and a blank one do.
#[must_use]
pub fn is_tag_expression(kind: Option<&str>) -> bool {
    kind.is_none_or(|kind| kind.is_empty() || kind == EXPRESSION_TAG)
}

/// Request 34: a client and the groups it stands for.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HeartbeatData {
    /// The client's id.
    #[serde(rename = "clientID")]
    pub client_id: String,
    /// Groups it consumes in.
    pub consumer_data_set: Vec<ConsumerData>,
    /// Groups it produces in.
    pub producer_data_set: Vec<ProducerData>,
}

/// A consumer group as one of its members sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerData {
    /// Where it begins without a stored offset.
    #[serde(deserialize_with = "known")]
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// How it gets its messages.
    #[serde(deserialize_with = "known")]
    pub consume_type: Option<ConsumeType>,
    /// The group.
    pub group_name: String,
    /// Who of the group gets a message.
    #[serde(deserialize_with = "known")]
    pub message_model: Option<MessageModel>,
    /// What it subscribes to.
    pub subscription_data_set: Vec<SubscriptionData>,
    /// Unit mode of the consumer.
    pub unit_mode: bool,
}

/// A producer group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerData {
    /// The group.
    pub group_name: String,
}

/// The subscription of one topic.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SubscriptionData {
    /// Filtering by a class on a filter server, which is gone: everything passes.
    pub class_filter_mode: bool,
    /// Java hash codes of the tags.
    pub code_set: BTreeSet<i32>,
    /// `TAG` or `SQL92`.
    pub expression_type: Option<String>,
    /// The expression.
    pub sub_string: String,
    /// When the subscription was made, in ms; newer ones win.
    pub sub_version: i64,
    /// The tags of a `TAG` expression; empty when it takes everything.
    pub tags_set: BTreeSet<String>,
    /// The topic.
    pub topic: String,
}

impl Default for SubscriptionData {
    fn default() -> Self {
        Self {
            class_filter_mode: false,
            code_set: BTreeSet::new(),
            expression_type: Some(EXPRESSION_TAG.to_owned()),
            sub_string: String::new(),
            sub_version: 0,
            tags_set: BTreeSet::new(),
            topic: String::new(),
        }
    }
}

impl SubscriptionData {
    /// The subscription of a tag expression: tags joined by `||`, or `*` or nothing for all.
    #[must_use]
    pub fn of_tags(topic: &str, expression: &str, sub_version: i64) -> Self {
        let all = expression.is_empty() || expression == SUB_ALL;
        let tags = expression.split("||").map(str::trim).filter(|tag| !tag.is_empty());
        let tags_set: BTreeSet<String> =
            if all { BTreeSet::new() } else { tags.map(str::to_owned).collect() };
        Self {
            code_set: tags_set.iter().map(|tag| java_hash(tag)).collect(),
            sub_string: if all { SUB_ALL } else { expression }.to_owned(),
            sub_version,
            tags_set,
            topic: topic.to_owned(),
            ..Self::default()
        }
    }

    /// The subscription of an expression of any kind; only tag expressions are taken apart.
    #[must_use]
    pub fn of(topic: &str, expression: &str, kind: Option<&str>, sub_version: i64) -> Self {
        match kind {
            Some(kind) if !is_tag_expression(Some(kind)) => Self {
                expression_type: Some(kind.to_owned()),
                sub_string: expression.to_owned(),
                sub_version,
                topic: topic.to_owned(),
                ..Self::default()
            },
            _ => Self::of_tags(topic, expression, sub_version),
        }
    }

    /// Whether the expression lists tags.
    #[must_use]
    pub fn is_tags(&self) -> bool {
        is_tag_expression(self.expression_type.as_deref())
    }
}

/// Request 46: would this subscription compile?
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckClientRequestBody {
    /// The client's id.
    pub client_id: String,
    /// The consumer group.
    pub group: String,
    /// The subscription in question.
    pub subscription_data: Option<SubscriptionData>,
}
