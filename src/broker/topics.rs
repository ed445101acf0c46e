//! The topic table: what topics there are, how many queues they have and what is allowed.
//!
//! Readers see a snapshot that is replaced whole, so a look-up takes no lock. Names that come
//! from outside are checked before they get into the table, since queues live in folders named
//! after their topic: the characters and the length that Java clients allow, 127 bytes at most.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use protocol::bodies::{DataVersion, TopicConfig, TopicConfigSerializeWrapper, TopicFilterType};
use protocol::{json, perm, topic};

use crate::LOG;
use crate::limits::TOPICS_MAX;
use crate::persist::{Changes, ConfigFile, Kept, LoadError};

/// Queues of a topic that nobody gave a number, as of the one named like the cluster.
const QUEUES_DEFAULT: i32 = 16;
/// Queues of the topic for benchmarks.
const QUEUES_BENCHMARK: i32 = 1024;

/// The settings that decide which topics every broker has.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// Name of the cluster, also a topic.
    pub(crate) cluster: String,
    /// Whether that one can be read and written.
    pub(crate) cluster_topic: bool,
    /// Name of the broker, also a topic.
    pub(crate) broker: String,
    /// Whether that one can be read and written.
    pub(crate) broker_topic: bool,
    /// Whether topics are created by sending to them.
    pub(crate) auto_create: bool,
    /// Queues of the model for those.
    pub(crate) auto_create_queues: i32,
    /// The topic for message traces, if there is to be one.
    pub(crate) trace_topic: Option<String>,
}

/// What the table says about one topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Topic {
    /// Queues that can be read.
    pub(crate) read_queues: i32,
    /// Queues that can be written.
    pub(crate) write_queues: i32,
    /// Permission bits.
    pub(crate) perm: i32,
    /// Whether a message has several tags.
    pub(crate) multi_tag: bool,
    /// Unit flags.
    pub(crate) sys_flag: i32,
    /// Whether the topic is in the order configuration.
    pub(crate) order: bool,
}

impl Topic {
    fn of(config: &TopicConfig) -> Self {
        Self {
            read_queues: config.read_queue_nums,
            write_queues: config.write_queue_nums,
            perm: config.perm,
            multi_tag: config.topic_filter_type == TopicFilterType::MultiTag,
            sys_flag: config.topic_sys_flag,
            order: config.order,
        }
    }
}

/// The table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Counts the changes.
    pub(crate) version: DataVersion,
    /// The topics by name.
    pub(crate) topics: HashMap<Arc<str>, Arc<TopicConfig>>,
}

impl Table {
    /// As bodies and the file have it.
    pub(crate) fn to_wrapper(&self) -> TopicConfigSerializeWrapper {
        TopicConfigSerializeWrapper {
            topic_config_table: self
                .topics
                .iter()
                .map(|(name, config)| (name.to_string(), TopicConfig::clone(config)))
                .collect(),
            data_version: self.version,
        }
    }

    fn insert(&mut self, config: TopicConfig) {
        self.topics.insert(config.topic_name.as_str().into(), Arc::new(config));
    }
}

/// Why a topic was not created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreateError {
    /// There is no topic to model it on.
    NoModel,
    /// The name has other characters than allowed.
    IllegalName,
    /// The name does not fit into a stored record.
    NameTooLong,
    /// There are too many topics already.
    TooMany,
}

/// A topic just found or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Found {
    /// The topic.
    pub(crate) topic: Topic,
    /// The number of the change that made it; `None` when it was there already.
    pub(crate) change: Option<u64>,
}

/// The topics of a broker.
#[derive(Debug)]
pub(crate) struct Topics {
    table: ArcSwap<Table>,
    /// Held while a new table is made from the present one.
    writer: Mutex<()>,
    system: BTreeSet<String>,
    /// More are not made.
    count_max: usize,
    file: ConfigFile,
    changes: Changes,
}

impl Topics {
    /// The topics every broker has, and over them those of a store's `config` folder.
    ///
    /// # Errors
    /// When the file and its backup are damaged.
    pub(crate) fn load(folder: &Path, rules: &Rules, now_ms: i64) -> Result<Self, LoadError> {
        let file = ConfigFile::new(folder.join("topics.json"));
        let mut table = Table { version: DataVersion::new(now_ms), topics: HashMap::new() };
        let builtin = builtin(rules);
        let system = builtin.iter().map(|config| config.topic_name.clone()).collect();
        builtin.into_iter().for_each(|config| table.insert(config));
        if let Some(stored) = file.load::<TopicConfigSerializeWrapper>()? {
            table.version = stored.data_version;
            for (name, config) in stored.topic_config_table {
                if !is_storable(&name) {
                    tracing::error!(target: LOG, "topic {name:?} of {} left out: its name is no folder name", file.path().display());
                    continue;
                }
                tracing::info!(target: LOG, "load exist local topic, {config}");
                table.topics.insert(name.into(), Arc::new(config));
            }
        }
        Ok(Self {
            table: ArcSwap::from_pointee(table),
            writer: Mutex::new(()),
            system,
            count_max: TOPICS_MAX,
            file,
            changes: Changes::default(),
        })
    }

    /// What the table says about a topic.
    pub(crate) fn get(&self, name: &str) -> Option<Topic> {
        self.table.load().topics.get(name).map(|config| Topic::of(config))
    }

    /// A topic as 4.4.0 prints it in remarks.
    pub(crate) fn describe(&self, name: &str) -> String {
        self.table.load().topics.get(name).map_or_else(String::new, |config| config.to_string())
    }

    /// The whole table, for a short look.
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    /// The names of the topics that every broker has.
    pub(crate) fn system_topics(&self) -> &BTreeSet<String> {
        &self.system
    }

    /// Somebody sends to a topic: finds it, or makes it after the model of `model`, with as many
    /// queues as asked for but not more than the model has.
    ///
    /// # Errors
    /// When there is no such model, the name is not allowed, or there are too many topics.
    pub(crate) fn find_or_derive(
        &self,
        name: &str,
        model: &str,
        queues: i32,
        sys_flag: i32,
        auto_create: bool,
        now_ms: i64,
    ) -> Result<Found, CreateError> {
        let _one_at_a_time = self.writer.lock();
        if let Some(topic) = self.get(name) {
            return Ok(Found { topic, change: None });
        }
        let base =
            self.table.load().topics.get(model).map(Arc::clone).ok_or(CreateError::NoModel)?;
        if model == topic::AUTO_CREATE && !auto_create && perm::is_inherited(base.perm) {
            // A table made while topics were still created automatically: nobody inherits now.
            let stripped = TopicConfig { perm: perm::READ | perm::WRITE, ..(*base).clone() };
            self.replace(|table| table.insert(stripped));
            return Err(CreateError::NoModel);
        }
        if !perm::is_inherited(base.perm) {
            return Err(CreateError::NoModel);
        }
        self.check_new(name)?;
        let queues = queues.min(base.write_queue_nums).max(0);
        let config = TopicConfig {
            perm: base.perm & !perm::INHERIT,
            topic_sys_flag: sys_flag,
            topic_filter_type: base.topic_filter_type,
            ..plain(name, queues)
        };
        Ok(self.create(config, now_ms))
    }

    /// Finds a topic of a group (retries, dead letters), or makes it as said.
    ///
    /// # Errors
    /// When the name is not allowed, or there are too many topics.
    pub(crate) fn find_or_create(
        &self,
        name: &str,
        queues: i32,
        perm: i32,
        sys_flag: i32,
        now_ms: i64,
    ) -> Result<Found, CreateError> {
        if let Some(topic) = self.get(name) {
            return Ok(Found { topic, change: None });
        }
        let _one_at_a_time = self.writer.lock();
        if let Some(topic) = self.get(name) {
            return Ok(Found { topic, change: None });
        }
        self.check_new(name)?;
        let config = TopicConfig { perm, topic_sys_flag: sys_flag, ..plain(name, queues) };
        Ok(self.create(config, now_ms))
    }

    /// Puts a topic in place, new or not; returns the number of the change.
    ///
    /// # Errors
    /// When a new name is not allowed, or there are too many topics.
    pub(crate) fn put(&self, config: TopicConfig, now_ms: i64) -> Result<u64, CreateError> {
        let _one_at_a_time = self.writer.lock();
        match self.table.load().topics.get(config.topic_name.as_str()) {
            Some(old) => {
                tracing::info!(target: LOG, "update topic config, old:[{old}] new:[{config}]");
            }
            None => {
                self.check_new(&config.topic_name)?;
                tracing::info!(target: LOG, "create new topic [{config}]");
            }
        }
        self.replace(|table| {
            table.insert(config);
            table.version.advance(now_ms);
        });
        Ok(self.changes.note())
    }

    /// Takes a topic out; returns the number of the change if it was there.
    pub(crate) fn delete(&self, name: &str, now_ms: i64) -> Option<u64> {
        let _one_at_a_time = self.writer.lock();
        if self.get(name).is_none() {
            tracing::warn!(target: LOG, "delete topic config failed, topic: {name} not exists");
            return None;
        }
        self.replace(|table| {
            table.topics.remove(name);
            table.version.advance(now_ms);
        });
        tracing::info!(target: LOG, "delete topic config OK, topic: {name}");
        Some(self.changes.note())
    }

    /// Takes over which topics are ordered, as a name server's configuration says.
    pub(crate) fn set_ordered(&self, ordered: impl Fn(&str) -> bool, now_ms: i64) {
        let _one_at_a_time = self.writer.lock();
        let wrong: Vec<TopicConfig> = self
            .table
            .load()
            .topics
            .values()
            .filter(|config| config.order != ordered(&config.topic_name))
            .map(|config| TopicConfig { order: !config.order, ..(**config).clone() })
            .collect();
        if wrong.is_empty() {
            return;
        }
        self.replace(|table| {
            for config in wrong {
                tracing::info!(target: LOG, "update order topic config, topic={}, order={}", config.topic_name, config.order);
                table.insert(config);
            }
            table.version.advance(now_ms);
        });
        self.changes.note();
    }

    /// Becomes the master's table, unless it is that already; says whether it changed.
    pub(crate) fn replace_all(&self, from: TopicConfigSerializeWrapper) -> bool {
        let _one_at_a_time = self.writer.lock();
        if self.table.load().version == from.data_version {
            return false;
        }
        let storable = from.topic_config_table.into_values().filter(|config| {
            let good = is_storable(&config.topic_name);
            if !good {
                tracing::error!(target: LOG, "topic {:?} of the master left out: its name is no folder name", config.topic_name);
            }
            good
        });
        self.replace(|table| {
            table.version = from.data_version;
            table.topics.clear();
            storable.for_each(|config| table.insert(config));
        });
        self.changes.note();
        true
    }

    /// Makes the table look changed, so that name servers take it anew.
    pub(crate) fn touch(&self, now_ms: i64) {
        let _one_at_a_time = self.writer.lock();
        self.replace(|table| table.version.advance(now_ms));
        self.changes.note();
    }

    /// Whether there can be a new topic of this name.
    fn check_new(&self, name: &str) -> Result<(), CreateError> {
        check_name(name)?;
        if self.table.load().topics.len() >= self.count_max {
            tracing::error!(target: LOG, "topic {name} is not created: there are {} already", self.count_max);
            return Err(CreateError::TooMany);
        }
        Ok(())
    }

    fn create(&self, config: TopicConfig, now_ms: i64) -> Found {
        let topic = Topic::of(&config);
        tracing::info!(target: LOG, "create new topic {config}");
        self.replace(|table| {
            table.insert(config);
            table.version.advance(now_ms);
        });
        Found { topic, change: Some(self.changes.note()) }
    }

    /// Callers hold `writer`.
    fn replace(&self, change: impl FnOnce(&mut Table)) {
        let mut next = Table::clone(&self.table.load());
        change(&mut next);
        self.table.store(Arc::new(next));
    }
}

impl Kept for Topics {
    fn file(&self) -> &ConfigFile {
        &self.file
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }

    fn encode(&self) -> String {
        let table = self.table.load_full();
        json::to_string_pretty(&table.to_wrapper())
    }
}

/// A readable and writable topic with as many queues for both.
fn plain(name: &str, queues: i32) -> TopicConfig {
    TopicConfig::new(name, queues, queues, perm::READ | perm::WRITE)
}

fn builtin(rules: &Rules) -> Vec<TopicConfig> {
    let named = |name: &str, queues, open: bool| TopicConfig {
        perm: perm::INHERIT | if open { perm::READ | perm::WRITE } else { 0 },
        ..plain(name, queues)
    };
    let mut topics = vec![
        plain(topic::SELF_TEST, 1),
        plain(topic::BENCHMARK, QUEUES_BENCHMARK),
        named(&rules.cluster, QUEUES_DEFAULT, rules.cluster_topic),
        named(&rules.broker, 1, rules.broker_topic),
        plain(topic::OFFSET_MOVED_EVENT, 1),
    ];
    if rules.auto_create {
        topics.push(named(topic::AUTO_CREATE, rules.auto_create_queues, true));
    }
    if let Some(trace) = &rules.trace_topic {
        topics.push(plain(trace, 1));
    }
    topics
}

fn check_name(name: &str) -> Result<(), CreateError> {
    if name.len() > topic::STORED_TOPIC_BYTES_MAX {
        return Err(CreateError::NameTooLong);
    }
    // Topics of a group hold the group's name, which clients other than Java's choose freely.
    let allowed = if topic::is_retry(name) || topic::is_dlq(name) {
        is_storable(name) && !name.chars().any(char::is_control)
    } else {
        topic::check_name(name).is_ok()
    };
    if allowed { Ok(()) } else { Err(CreateError::IllegalName) }
}

/// Whether a topic can have a folder; what an old store holds need not follow the pattern.
fn is_storable(name: &str) -> bool {
    topic::is_path_safe(name)
}

#[cfg(test)]
mod tests;
