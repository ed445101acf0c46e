//! `consumerFilter.json`: the compiled filters a broker keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::json;

/// The file.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerFilterWrapper {
    /// Filters by topic.
    pub filter_data_by_topic: BTreeMap<String, FilterDataMapByTopic>,
}

/// The filters on one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct FilterDataMapByTopic {
    /// Filters by group.
    pub group_filter_data: BTreeMap<String, ConsumerFilterData>,
    /// The topic.
    pub topic: String,
}

/// The filter of one group on one topic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerFilterData {
    /// The group's bits in the Bloom filter.
    pub bloom_filter_data: Option<BloomFilterData>,
    /// When it was registered, in ms.
    pub born_time: i64,
    /// Version of the subscription it came with.
    pub client_version: i64,
    /// The group.
    pub consumer_group: String,
    /// Whether the group has gone: the two times say it, readers do not look here.
    pub dead: bool,
    /// When the group went, in ms; 0 while it is there.
    pub dead_time: i64,
    /// The expression.
    pub expression: String,
    /// Its kind.
    pub expression_type: String,
    /// The topic.
    pub topic: String,
}

/// Bits in a Bloom filter.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BloomFilterData {
    /// Size of the filter.
    pub bit_num: i32,
    /// The bits.
    #[serde(serialize_with = "json::inline")]
    pub bit_pos: Vec<i32>,
}
