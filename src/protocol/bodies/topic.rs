//! Topics and the version of a table of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::JavaEnum;
use super::java_enum::known_or_default;
use crate::perm;

java_enums! {
    /// How many tags a message of the topic may have.
    pub enum TopicFilterType {
        /// One.
        #[default]
        SingleTag = "SINGLE_TAG",
        /// Several.
        MultiTag = "MULTI_TAG",
    }
}

/// The version of a table: both parts must be equal for two tables to count as the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DataVersion {
    /// How many changes there were.
    pub counter: i64,
    /// When the last one was, in ms.
    pub timestamp: i64,
}

impl DataVersion {
    /// The version of a fresh table.
    #[must_use]
    pub const fn new(now_ms: i64) -> Self {
        Self { counter: 0, timestamp: now_ms }
    }

    /// Counts a change.
    pub const fn advance(&mut self, now_ms: i64) {
        self.counter = self.counter.wrapping_add(1);
        self.timestamp = now_ms;
    }
}

/// A topic on one broker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfig {
    /// Whether messages are ordered across brokers.
    pub order: bool,
    /// Permission bits, see [`crate::perm`].
    pub perm: i32,
    /// Queues to read from.
    pub read_queue_nums: i32,
    /// How many tags a message may have.
    #[serde(deserialize_with = "known_or_default")]
    pub topic_filter_type: TopicFilterType,
    /// The topic.
    pub topic_name: String,
    /// Topic flags, see [`crate::sysflag`].
    pub topic_sys_flag: i32,
    /// Queues to write to.
    pub write_queue_nums: i32,
}

/// Queues of a topic nobody said more about.
const DEFAULT_QUEUE_NUMS: i32 = 16;

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            order: false,
            perm: perm::READ | perm::WRITE,
            read_queue_nums: DEFAULT_QUEUE_NUMS,
            topic_filter_type: TopicFilterType::SingleTag,
            topic_name: String::new(),
            topic_sys_flag: 0,
            write_queue_nums: DEFAULT_QUEUE_NUMS,
        }
    }
}

impl TopicConfig {
    /// A topic with so many queues to read from and to write to, and these permission bits.
    pub fn new(name: impl Into<String>, read: i32, write: i32, perm: i32) -> Self {
        Self {
            topic_name: name.into(),
            read_queue_nums: read,
            write_queue_nums: write,
            perm,
            ..Self::default()
        }
    }

    /// The line of a compressed registration: order and flags are lost in it.
    #[must_use]
    pub fn to_line(&self) -> String {
        let Self { topic_name, read_queue_nums, write_queue_nums, perm, .. } = self;
        let kind = self.topic_filter_type.name();
        format!("{topic_name} {read_queue_nums} {write_queue_nums} {perm} {kind}")
    }

    /// Reads the line of a compressed registration. Brokers of 5.x write attributes behind it,
    /// which are passed over.
    #[must_use]
    pub fn from_line(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        Some(Self {
            topic_name: words.next()?.to_owned(),
            read_queue_nums: words.next()?.parse().ok()?,
            write_queue_nums: words.next()?.parse().ok()?,
            perm: words.next()?.parse().ok()?,
            topic_filter_type: TopicFilterType::from_name(words.next()?)?,
            ..Self::default()
        })
    }
}

impl fmt::Display for TopicConfig {
    /// As Java prints it in remarks and logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "TopicConfig [topicName={}, readQueueNums={}, writeQueueNums={}, perm={}, \
             topicFilterType={}, topicSysFlag={}, order={}]",
            self.topic_name,
            self.read_queue_nums,
            self.write_queue_nums,
            perm::text(self.perm),
            self.topic_filter_type,
            self.topic_sys_flag,
            self.order
        )
    }
}

/// Request 21 and `topics.json`: a topic table with its version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigSerializeWrapper {
    /// Version of the table.
    pub data_version: DataVersion,
    /// Topics by name.
    pub topic_config_table: BTreeMap<String, TopicConfig>,
}

/// Requests 206, 224, 304, 305 and 311 to 313: names of topics.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicList {
    /// Address of some broker, in answers to 304.
    pub broker_addr: Option<String>,
    /// The topics.
    pub topic_list: BTreeSet<String>,
}
