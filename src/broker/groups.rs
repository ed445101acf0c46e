//! Subscription groups: what each consumer group may do. Unknown groups are made on first use
//! where that is allowed.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;
use protocol::bodies::{DataVersion, SubscriptionGroupConfig, SubscriptionGroupWrapper};
use protocol::json;
use protocol::topic::{self, group};

use crate::LOG;
use crate::limits::GROUPS_MAX;
use crate::persist::{Changes, ConfigFile, Kept, LoadError};

/// The groups every broker has. 4.4.0 lets the last four broadcast; the default does so for all.
const BUILTIN: [&str; 7] = [
    group::TOOLS_CONSUMER,
    group::FILTERSRV_CONSUMER,
    group::SELF_TEST_CONSUMER,
    group::ONS_HTTP_PROXY,
    group::ONSAPI_PULL,
    group::ONSAPI_PERMISSION,
    group::ONSAPI_OWNER,
];

/// What the table says about one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Group {
    /// Whether it may consume at all.
    pub(crate) consume: bool,
    /// Whether it may broadcast.
    pub(crate) broadcast: bool,
    /// Whether its members are told of each other.
    pub(crate) notify: bool,
    /// Queues of its retry topic.
    pub(crate) retry_queues: i32,
    /// Deliveries before a message goes to the dead letters.
    pub(crate) retry_max: i32,
    /// The broker it reads from.
    pub(crate) broker_id: i64,
    /// The broker it reads from when it is far behind.
    pub(crate) slow_broker_id: i64,
}

impl Group {
    fn of(config: &SubscriptionGroupConfig) -> Self {
        Self {
            consume: config.consume_enable,
            broadcast: config.consume_broadcast_enable,
            notify: config.notify_consumer_ids_changed_enable,
            retry_queues: config.retry_queue_nums,
            retry_max: config.retry_max_times,
            broker_id: config.broker_id,
            slow_broker_id: config.which_broker_when_consume_slowly,
        }
    }
}

/// The table at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    /// Counts the changes.
    pub(crate) version: DataVersion,
    /// The groups by name.
    pub(crate) groups: HashMap<Arc<str>, Arc<SubscriptionGroupConfig>>,
}

impl Table {
    /// As bodies and the file have it.
    pub(crate) fn to_wrapper(&self) -> SubscriptionGroupWrapper {
        SubscriptionGroupWrapper {
            subscription_group_table: self
                .groups
                .iter()
                .map(|(name, config)| (name.to_string(), SubscriptionGroupConfig::clone(config)))
                .collect(),
            data_version: self.version,
        }
    }

    fn insert(&mut self, config: SubscriptionGroupConfig) {
        self.groups.insert(config.group_name.as_str().into(), Arc::new(config));
    }
}

/// The subscription groups of a broker.
#[derive(Debug)]
pub(crate) struct Groups {
    table: ArcSwap<Table>,
    writer: Mutex<()>,
    /// More are not made.
    count_max: usize,
    file: ConfigFile,
    changes: Changes,
}

/// Why a group was not put in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PutError {
    /// The name cannot be used.
    Name,
    /// There are too many groups already.
    TooMany,
}

impl Groups {
    /// The groups every broker has, and over them those of a store's `config` folder.
    ///
    /// # Errors
    /// When the file and its backup are damaged.
    pub(crate) fn load(folder: &Path, now_ms: i64) -> Result<Self, LoadError> {
        let file = ConfigFile::new(folder.join("subscriptionGroup.json"));
        let mut table = Table { version: DataVersion::new(now_ms), groups: HashMap::new() };
        BUILTIN.into_iter().for_each(|name| table.insert(SubscriptionGroupConfig::new(name)));
        if let Some(stored) = file.load::<SubscriptionGroupWrapper>()? {
            table.version = stored.data_version;
            for (name, config) in stored.subscription_group_table {
                tracing::info!(target: LOG, "load exist subscription group, {name}");
                table.groups.insert(name.into(), Arc::new(config));
            }
        }
        Ok(Self {
            table: ArcSwap::from_pointee(table),
            writer: Mutex::new(()),
            count_max: GROUPS_MAX,
            file,
            changes: Changes::default(),
        })
    }

    /// What the table says about a group.
    pub(crate) fn get(&self, name: &str) -> Option<Group> {
        self.table.load().groups.get(name).map(|config| Group::of(config))
    }

    /// The whole table, for a short look.
    pub(crate) fn table(&self) -> Guard<Arc<Table>> {
        self.table.load()
    }

    /// Finds a group, or makes it where groups are made on first use; those of the system always
    /// are. A name that is empty, has control characters or is longer than clients allow is not,
    /// nor is one too many.
    pub(crate) fn find_or_create(
        &self,
        name: &str,
        auto_create: bool,
        now_ms: i64,
    ) -> Option<Group> {
        let found = self.get(name);
        if found.is_some() || !(auto_create || topic::is_system_group(name)) || !usable(name) {
            return found;
        }
        let _one_at_a_time = self.writer.lock();
        if let Some(found) = self.get(name) {
            return Some(found);
        }
        if self.is_full(name) {
            return None;
        }
        let config = SubscriptionGroupConfig::new(name);
        let group = Group::of(&config);
        tracing::info!(target: LOG, "auto create a subscription group, {name}");
        self.replace(|table| {
            table.insert(config);
            table.version.advance(now_ms);
        });
        self.changes.note();
        Some(group)
    }

    /// Puts a group in place, new or not; returns the number of the change.
    ///
    /// # Errors
    /// When the name cannot be used, or there are too many groups for a new one.
    pub(crate) fn put(
        &self,
        config: SubscriptionGroupConfig,
        now_ms: i64,
    ) -> Result<u64, PutError> {
        if !usable(&config.group_name) {
            return Err(PutError::Name);
        }
        let _one_at_a_time = self.writer.lock();
        match self.get(&config.group_name) {
            Some(old) => {
                tracing::info!(target: LOG, "update subscription group config, old: {old:?} new: {config:?}");
            }
            None if self.is_full(&config.group_name) => return Err(PutError::TooMany),
            None => tracing::info!(target: LOG, "create new subscription group, {config:?}"),
        }
        self.replace(|table| {
            table.insert(config);
            table.version.advance(now_ms);
        });
        Ok(self.changes.note())
    }

    fn is_full(&self, name: &str) -> bool {
        let full = self.table.load().groups.len() >= self.count_max;
        if full {
            tracing::error!(target: LOG, "group {name} is not created: there are {} already", self.count_max);
        }
        full
    }

    /// Takes a group out; returns the number of the change if it was there.
    pub(crate) fn delete(&self, name: &str, now_ms: i64) -> Option<u64> {
        let _one_at_a_time = self.writer.lock();
        if self.get(name).is_none() {
            tracing::warn!(target: LOG, "delete subscription group failed, subscription groupName: {name} not exist");
            return None;
        }
        self.replace(|table| {
            table.groups.remove(name);
            table.version.advance(now_ms);
        });
        tracing::info!(target: LOG, "delete subscription group OK, subscription group:{name}");
        Some(self.changes.note())
    }

    /// Becomes the master's table, unless it is that already; says whether it changed.
    pub(crate) fn replace_all(&self, from: SubscriptionGroupWrapper) -> bool {
        let _one_at_a_time = self.writer.lock();
        if self.table.load().version == from.data_version {
            return false;
        }
        self.replace(|table| {
            table.version = from.data_version;
            table.groups.clear();
            from.subscription_group_table.into_values().for_each(|config| table.insert(config));
        });
        self.changes.note();
        true
    }

    /// Stops a group from consuming until it is allowed again; not written to disk, as in 4.4.0.
    pub(crate) fn disable(&self, name: &str, now_ms: i64) {
        let _one_at_a_time = self.writer.lock();
        let Some(old) = self.table.load().groups.get(name).map(Arc::clone) else { return };
        self.replace(|table| {
            table.insert(SubscriptionGroupConfig { consume_enable: false, ..(*old).clone() });
            table.version.advance(now_ms);
        });
    }

    /// Callers hold `writer`.
    fn replace(&self, change: impl FnOnce(&mut Table)) {
        let mut next = Table::clone(&self.table.load());
        change(&mut next);
        self.table.store(Arc::new(next));
    }
}

impl Kept for Groups {
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

fn usable(name: &str) -> bool {
    !name.is_empty() && name.len() <= topic::NAME_CHARS_MAX && !name.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> (tempfile::TempDir, Groups) {
        let dir = tempfile::tempdir().unwrap();
        let groups = Groups::load(dir.path(), 0).unwrap();
        (dir, groups)
    }

    #[test]
    fn groups_are_made_up_to_a_limit() {
        let (_dir, mut groups) = load();
        groups.count_max = 8;
        let put = |groups: &Groups, name: &str| groups.put(SubscriptionGroupConfig::new(name), 1);
        assert!(groups.find_or_create("g", true, 1).is_some());
        assert_eq!(groups.find_or_create("h", true, 1), None);
        assert_eq!(put(&groups, "h"), Err(PutError::TooMany));
        assert_eq!(put(&groups, ""), Err(PutError::Name));
        assert!(put(&groups, "g").is_ok(), "one that is there can still be changed");
        groups.delete("g", 1);
        assert!(put(&groups, "h").is_ok());
    }

    #[test]
    fn a_fresh_broker_has_the_groups_of_4_4_0() {
        let (_dir, groups) = load();
        assert_eq!(groups.table().groups.len(), 7);
        let tools = groups.get("TOOLS_CONSUMER").unwrap();
        assert_eq!(
            tools,
            Group {
                consume: true,
                broadcast: true,
                notify: true,
                retry_queues: 1,
                retry_max: 16,
                broker_id: 0,
                slow_broker_id: 1,
            }
        );
    }

    #[test]
    fn groups_are_made_on_first_use_where_allowed() {
        let (_dir, groups) = load();
        assert_eq!(groups.find_or_create("g", false, 1), None);
        assert!(groups.find_or_create("CID_RMQ_SYS_x", false, 1).is_some());
        assert!(groups.find_or_create("g", true, 2).is_some());
        assert!(groups.find_or_create("g", false, 3).is_some());
        let version = groups.table().version;
        assert_eq!((version.counter, version.timestamp), (2, 2));
        for name in ["", "a\nb", &"x".repeat(256)] {
            assert_eq!(groups.find_or_create(name, true, 1), None, "{name:?}");
        }
    }

    #[test]
    fn a_disabled_group_is_enabled_again_by_an_update() {
        let (_dir, groups) = load();
        groups.find_or_create("g", true, 1);
        groups.keep();
        groups.disable("g", 2);
        assert!(!groups.get("g").unwrap().consume);
        assert!(!groups.changes().pending());
        groups.put(SubscriptionGroupConfig::new("g"), 3).unwrap();
        assert!(groups.get("g").unwrap().consume);
    }

    #[test]
    fn changes_are_read_back() {
        let (dir, groups) = load();
        let stubborn =
            SubscriptionGroupConfig { retry_max_times: 3, ..SubscriptionGroupConfig::new("g") };
        groups.put(stubborn, 5).unwrap();
        groups.put(SubscriptionGroupConfig::new("gone"), 6).unwrap();
        assert!(groups.delete("gone", 7).is_some());
        assert!(groups.delete("gone", 8).is_none());
        groups.keep();
        let again = Groups::load(dir.path(), 0).unwrap();
        assert_eq!(again.get("g").map(|g| g.retry_max), Some(3));
        assert_eq!(again.get("gone"), None);
        assert_eq!(again.table().version, groups.table().version);
    }
}
