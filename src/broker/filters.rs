//! The expressions of consumer groups: compiled, kept while a group is away, and the bit maps
//! that let pulls skip messages unread.
//!
//! A heartbeat registers the expressions of its group. When nobody of the group is left they are
//! marked dead and stay: messages that arrive meanwhile are still marked for the group, and a
//! group that comes back with the same expressions goes on with them. What has been dead for
//! `filterDataCleanTimeSpan` is dropped.
//!
//! `born_ms` is when an expression was registered or changed. Bit maps say something about a group
//! only for messages that were stored after it.

mod compiled;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use filter::{BloomFilter, BloomPositions, Expression};
use parking_lot::{Mutex, RwLock};
use protocol::bodies::{
    BloomFilterData, ConsumerFilterData, ConsumerFilterWrapper, FilterDataMapByTopic,
    SubscriptionData,
};
use protocol::json;

use self::compiled::Compiled;
use crate::persist::{Changes, ConfigFile, Kept, LoadError};

/// Log target of filters.
const LOG_FILTER: &str = "RocketmqFilter";

/// How long a group is taken to have been away when the table is loaded.
const DEAD_AT_LOAD_MS: i64 = 30_000;

/// Most expressions kept. A broker has as many as it has groups with expressions, times topics.
const FILTERS_MAX: usize = 65_536;

/// The expression of one group on one topic.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The topic.
    pub topic: String,
    /// The group.
    pub group: String,
    /// The text of the expression.
    pub text: String,
    /// Its kind, `SQL92`.
    pub kind: String,
    /// What it compiled to.
    pub expression: Arc<Expression>,
    /// Version of the subscription it came with last.
    pub version: i64,
    /// When it was registered or changed.
    pub born_ms: i64,
    /// When the group went; 0 while it is there.
    pub dead_ms: i64,
    bloom: BloomPositions,
}

impl Filter {
    /// Whether the group has gone.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.dead_ms >= self.born_ms
    }

    /// Whether a message may match, by the bit map kept beside its queue entry (empty for none).
    #[must_use]
    pub fn may_match(&self, store_timestamp: i64, bit_map: &[u8]) -> bool {
        store_timestamp <= self.born_ms || self.bloom.may_hit(bit_map)
    }

    /// As the file and 321 have it.
    pub(crate) fn to_data(&self) -> ConsumerFilterData {
        ConsumerFilterData {
            bloom_filter_data: Some(BloomFilterData {
                bit_num: self.bloom.bit_count,
                bit_pos: self.bloom.positions.clone(),
            }),
            born_time: self.born_ms,
            client_version: self.version,
            consumer_group: self.group.clone(),
            dead: self.is_dead(),
            dead_time: self.dead_ms,
            expression: self.text.clone(),
            expression_type: self.kind.clone(),
            topic: self.topic.clone(),
        }
    }
}

/// The filters of one topic, by group.
type ByGroup = HashMap<String, Arc<Filter>>;

/// The filters of a broker.
#[derive(Debug)]
pub struct Filters {
    bloom: BloomFilter,
    topics: RwLock<HashMap<String, Arc<ByGroup>>>,
    writer: Mutex<()>,
    file: ConfigFile,
    changes: Changes,
    /// Of pulls that bring their own expression.
    pub(crate) compiled: Compiled,
}

/// What a subscription does to the table.
enum Change {
    Put(Filter),
    Remove,
}

impl Filters {
    /// The filters of a store's `config` folder; all groups count as away. Filters whose bits
    /// belong to a Bloom filter of another size are all forgotten, as in 4.4.0.
    ///
    /// # Errors
    /// When the file and its backup are damaged.
    pub fn load(folder: &Path, bloom: BloomFilter, now_ms: i64) -> Result<Self, LoadError> {
        let file = ConfigFile::new(folder.join("consumerFilter.json"));
        let stored = file.load::<ConsumerFilterWrapper>()?.unwrap_or_default();
        let filters = Self {
            bloom,
            topics: RwLock::default(),
            writer: Mutex::new(()),
            file,
            changes: Changes::default(),
            compiled: Compiled::default(),
        };
        let stored: Vec<_> = stored
            .filter_data_by_topic
            .into_values()
            .flat_map(|topic| topic.group_filter_data.into_values())
            .collect();
        if stored.iter().all(|data| filters.fits(data)) {
            stored.into_iter().filter_map(|data| restore(data, now_ms)).for_each(|filter| {
                tracing::info!(target: LOG_FILTER, "load exist consumer filter data: {filter:?}");
                filters.put(filter);
            });
        } else {
            tracing::info!(target: LOG_FILTER, "Bloom filter is changed!So ignore all filter data persisted!");
        }
        Ok(filters)
    }

    /// The Bloom filter: its size is that of the bit maps.
    #[must_use]
    pub fn bloom(&self) -> BloomFilter {
        self.bloom
    }

    /// The filter of a group on a topic.
    #[must_use]
    pub fn get(&self, group: &str, topic: &str) -> Option<Arc<Filter>> {
        self.topics.read().get(topic)?.get(group).cloned()
    }

    /// A group's heartbeat with all its subscriptions: new and changed expressions are compiled,
    /// those of topics it no longer subscribes to are marked dead. What does not compile is not
    /// kept, nor is what it replaces, and pulls are told so.
    pub fn registered(&self, group: &str, subscriptions: &[SubscriptionData], now_ms: i64) {
        let expressions =
            || subscriptions.iter().filter(|data| !data.is_tags() && !data.sub_string.is_empty());
        if expressions().next().is_none() && self.topics.read().is_empty() {
            return;
        }
        let _one_at_a_time = self.writer.lock();
        for data in expressions() {
            let old = self.get(group, &data.topic);
            match change(old.as_deref(), self.bloom, group, data, now_ms) {
                Some(Change::Put(filter)) => {
                    if old.is_none() && self.len() >= FILTERS_MAX {
                        tracing::error!(target: LOG_FILTER, group, topic = data.topic, "too many filters, a new one is not kept");
                        continue;
                    }
                    tracing::info!(target: LOG_FILTER, "New consumer filter registered: {filter:?}");
                    self.put(filter);
                }
                Some(Change::Remove) => self.remove(group, &data.topic),
                None => {}
            }
        }
        let gone = self
            .of_group(group, |filter| subscriptions.iter().all(|data| data.topic != filter.topic));
        self.bury(gone, now_ms);
    }

    /// Nobody of a group is left.
    pub fn unregistered(&self, group: &str, now_ms: i64) {
        let _one_at_a_time = self.writer.lock();
        let all = self.of_group(group, |_| true);
        self.bury(all, now_ms);
    }

    /// Drops what has been dead for `span_ms` (`filterDataCleanTimeSpan`). To be called before
    /// the table is written.
    pub fn clean(&self, now_ms: i64, span_ms: i64) {
        let _one_at_a_time = self.writer.lock();
        let expired =
            |filter: &Filter| filter.is_dead() && now_ms.saturating_sub(filter.dead_ms) >= span_ms;
        let topics = self.topics.read().clone();
        for filter in topics.values().flat_map(|groups| groups.values()) {
            if expired(filter) {
                tracing::info!(target: LOG_FILTER, "Remove filter consumer {filter:?}, died too long!");
                self.remove(&filter.group, &filter.topic);
            }
        }
    }

    /// Computes the bit map of a message into the empty buffer `into`: the bits of every group
    /// whose expression matches. Stays empty where no group has an expression on the topic.
    pub fn bit_map<'v>(
        &self,
        topic: &str,
        lookup: impl Fn(&str) -> Option<&'v str>,
        into: &mut Vec<u8>,
    ) {
        let Some(groups) = self.topics.read().get(topic).cloned() else { return };
        into.resize(self.bloom.byte_count(), 0);
        for filter in groups.values() {
            // The expression's texts live shorter than the properties, which is long enough.
            if matches(&filter.expression, &lookup) {
                filter.bloom.mark(into);
            }
        }
    }

    fn len(&self) -> usize {
        self.topics.read().values().map(|groups| groups.len()).sum()
    }

    fn fits(&self, data: &ConsumerFilterData) -> bool {
        data.bloom_filter_data.as_ref().is_some_and(|bits| {
            let positions = bits.bit_pos.clone();
            self.bloom.fits(&BloomPositions { positions, bit_count: bits.bit_num })
        })
    }

    fn of_group(&self, group: &str, wanted: impl Fn(&Filter) -> bool) -> Vec<Arc<Filter>> {
        let topics = self.topics.read();
        let filters = topics.values().filter_map(|groups| groups.get(group));
        filters.filter(|filter| wanted(filter)).cloned().collect()
    }

    /// Marks filters dead; the time of death of those that are stays. Callers hold `writer`.
    fn bury(&self, filters: Vec<Arc<Filter>>, now_ms: i64) {
        for filter in filters.into_iter().filter(|filter| !filter.is_dead()) {
            tracing::info!(target: LOG_FILTER, "Unregister consumer filter: {filter:?}, deadTime: {now_ms}");
            self.put(Filter { dead_ms: now_ms, ..Filter::clone(&filter) });
        }
    }

    /// Callers hold `writer`.
    fn put(&self, filter: Filter) {
        let (topic, group) = (filter.topic.clone(), filter.group.clone());
        let mut topics = self.topics.write();
        Arc::make_mut(topics.entry(topic).or_default()).insert(group, Arc::new(filter));
        self.changes.note();
    }

    /// Callers hold `writer`.
    fn remove(&self, group: &str, topic: &str) {
        let mut topics = self.topics.write();
        let Some(groups) = topics.get_mut(topic) else { return };
        Arc::make_mut(groups).remove(group);
        if groups.is_empty() {
            topics.remove(topic);
        }
        self.changes.note();
    }
}

impl Kept for Filters {
    fn file(&self) -> &ConfigFile {
        &self.file
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }

    fn encode(&self) -> String {
        let topics = self.topics.read().clone();
        let filter_data_by_topic = topics
            .into_iter()
            .map(|(topic, groups)| {
                let data = groups.iter().map(|(group, f)| (group.clone(), f.to_data()));
                let group_filter_data = data.collect();
                (topic.clone(), FilterDataMapByTopic { group_filter_data, topic })
            })
            .collect();
        json::to_string_pretty(&ConsumerFilterWrapper { filter_data_by_topic })
    }
}

/// What a subscription makes of the filter there is. An older or equal version changes nothing,
/// but an equal one brings a dead filter back.
fn change(
    old: Option<&Filter>,
    bloom: BloomFilter,
    group: &str,
    data: &SubscriptionData,
    now_ms: i64,
) -> Option<Change> {
    let kind = data.expression_type.as_deref().unwrap_or_default();
    if let Some(old) = old {
        let same = old.text == data.sub_string && old.kind == kind;
        if data.sub_version <= old.version {
            if !same {
                tracing::info!(target: LOG_FILTER, "Ignore consumer({group}:{}) filter, because of version {} <= {}, but maybe info changed!", data.topic, data.sub_version, old.version);
            }
            let revived = data.sub_version == old.version && old.is_dead();
            return revived.then(|| Change::Put(Filter { dead_ms: 0, ..old.clone() }));
        }
        if same {
            let version = data.sub_version;
            return Some(Change::Put(Filter { version, dead_ms: 0, ..old.clone() }));
        }
    }
    match compile(kind, &data.sub_string) {
        Ok(expression) => Some(Change::Put(Filter {
            topic: data.topic.clone(),
            group: group.to_owned(),
            text: data.sub_string.clone(),
            kind: kind.to_owned(),
            expression: Arc::new(expression),
            version: data.sub_version,
            born_ms: now_ms,
            dead_ms: 0,
            bloom: bloom.positions(&[group, "#", &data.topic].concat()),
        })),
        Err(error) => {
            tracing::error!(target: LOG_FILTER, "parse error: expr={}, topic={}, group={group}, error={error}", data.sub_string, data.topic);
            old.map(|_| Change::Remove)
        }
    }
}

/// A filter as it was written. One that does not compile is dropped: its group registers again.
fn restore(data: ConsumerFilterData, now_ms: i64) -> Option<Filter> {
    let expression = match compile(&data.expression_type, &data.expression) {
        Ok(expression) => Arc::new(expression),
        Err(error) => {
            tracing::error!(target: LOG_FILTER, "load filter data error, {data:?}: {error}");
            return None;
        }
    };
    let bits = data.bloom_filter_data?;
    let dead_ms = match data.dead_time {
        0 => (now_ms - DEAD_AT_LOAD_MS).max(data.born_time),
        dead => dead,
    };
    Some(Filter {
        topic: data.topic,
        group: data.consumer_group,
        text: data.expression,
        kind: data.expression_type,
        expression,
        version: data.client_version,
        born_ms: data.born_time,
        dead_ms,
        bloom: BloomPositions { positions: bits.bit_pos, bit_count: bits.bit_num },
    })
}

/// Compiles an expression; the error is the text that 4.4.0 answers.
pub(crate) fn compile(kind: &str, text: &str) -> Result<Expression, String> {
    if kind != filter::SQL92 {
        return Err(format!("no filter of type {kind}"));
    }
    Expression::compile(text).map_err(|error| error.to_string())
}

/// Narrows the lifetime of what `lookup` yields to that of the expression.
fn matches<'e, 'v: 'e>(
    expression: &'e Expression,
    lookup: &impl Fn(&str) -> Option<&'v str>,
) -> bool {
    expression.matches(|name| lookup(name).map(|text| -> &'e str { text }))
}

#[cfg(test)]
mod tests;
