//! How far each consumer group has come in each queue.
//!
//! Offsets are taken as they come: they may go back, be negative, and name queues that do not
//! exist, as in 4.4.0. The key is `topic@group`, in memory as in the file.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::{Mutex, RwLock};
use protocol::bodies::ConsumerOffsetSerializeWrapper;
use protocol::json;

use crate::LOG;
use crate::limits::{OFFSET_PAIRS_MAX, OFFSETS_MAX};
use crate::persist::{Changes, ConfigFile, Kept, LoadError};

const SEPARATOR: char = '@';

/// Offsets by queue.
pub(crate) type QueueOffsets = BTreeMap<i32, i64>;

/// The offset table of a broker.
#[derive(Debug)]
pub(crate) struct Offsets {
    table: RwLock<HashMap<String, Arc<Mutex<QueueOffsets>>>>,
    /// Offsets in all pairs; those of a pair that is just replaced may count for a moment more.
    count: AtomicUsize,
    pairs_max: usize,
    count_max: usize,
    file: ConfigFile,
    changes: Changes,
}

thread_local! {
    /// Where keys are joined for look-ups.
    static KEY: RefCell<String> = const { RefCell::new(String::new()) };
}

fn with_key<R>(topic: &str, group: &str, look: impl FnOnce(&str) -> R) -> R {
    KEY.with_borrow_mut(|key| {
        key.clear();
        key.push_str(topic);
        key.push(SEPARATOR);
        key.push_str(group);
        look(key)
    })
}

/// Topic and group of a key; `None` when it has not exactly one separator.
pub(crate) fn split(key: &str) -> Option<(&str, &str)> {
    key.split_once(SEPARATOR).filter(|(_, group)| !group.contains(SEPARATOR))
}

impl Offsets {
    /// Reads the table of a store's `config` folder.
    ///
    /// # Errors
    /// When the file and its backup are damaged.
    pub(crate) fn load(folder: &Path) -> Result<Self, LoadError> {
        let file = ConfigFile::new(folder.join("consumerOffset.json"));
        let stored: Option<ConsumerOffsetSerializeWrapper> = file.load()?;
        let offsets = Self {
            table: RwLock::default(),
            count: AtomicUsize::new(0),
            pairs_max: OFFSET_PAIRS_MAX,
            count_max: OFFSETS_MAX,
            file,
            changes: Changes::default(),
        };
        if let Some(stored) = stored {
            offsets.replace(stored);
        }
        Ok(offsets)
    }

    /// Sets the offset of a queue; `false` when there are too many for one more.
    pub(crate) fn commit(&self, group: &str, topic: &str, queue_id: i32, offset: i64) -> bool {
        let Some(before) = self.insert(group, topic, queue_id, offset) else {
            tracing::error!(target: LOG, group, topic, queue_id, "offset not taken: there are too many");
            return false;
        };
        if before == Some(offset) {
            return true;
        }
        if let Some(before) = before.filter(|before| offset < *before) {
            tracing::warn!(target: LOG, group, topic, queue_id, offset, before, "[NOTIFYME]update consumer offset less than store");
        }
        self.changes.note();
        true
    }

    /// The offset before, if there was one; `None` when there is no room.
    fn insert(&self, group: &str, topic: &str, queue_id: i32, offset: i64) -> Option<Option<i64>> {
        let entry = self.entry(group, topic)?;
        let mut offsets = entry.lock();
        if let Some(known) = offsets.get_mut(&queue_id) {
            return Some(Some(std::mem::replace(known, offset)));
        }
        if self.count.fetch_add(1, Ordering::Relaxed) >= self.count_max {
            self.count.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        offsets.insert(queue_id, offset);
        Some(None)
    }

    /// The offset of a queue as it was set, if it ever was.
    pub(crate) fn get(&self, group: &str, topic: &str, queue_id: i32) -> Option<i64> {
        let entry = with_key(topic, group, |key| self.table.read().get(key).cloned())?;
        entry.lock().get(&queue_id).copied()
    }

    /// The offsets of a group in all queues of a topic.
    pub(crate) fn of(&self, group: &str, topic: &str) -> Option<QueueOffsets> {
        let entry = with_key(topic, group, |key| self.table.read().get(key).cloned())?;
        let offsets = entry.lock().clone();
        Some(offsets)
    }

    /// The topics a group has offsets in.
    pub(crate) fn topics_of(&self, group: &str) -> Vec<String> {
        let table = self.table.read();
        let pairs = table.keys().filter_map(|key| split(key));
        pairs.filter(|(_, g)| *g == group).map(|(topic, _)| topic.to_owned()).collect()
    }

    /// The groups that have offsets in a topic.
    pub(crate) fn groups_of(&self, topic: &str) -> Vec<String> {
        let table = self.table.read();
        let pairs = table.keys().filter_map(|key| split(key));
        pairs.filter(|(t, _)| *t == topic).map(|(_, group)| group.to_owned()).collect()
    }

    /// Gives `to` the offsets of `from` in `topic`, if it has any.
    pub(crate) fn copy(&self, from: &str, to: &str, topic: &str) {
        for (queue_id, offset) in self.of(from, topic).unwrap_or_default() {
            self.commit(to, topic, queue_id, offset);
        }
    }

    /// A copy of the whole table.
    pub(crate) fn snapshot(&self) -> ConsumerOffsetSerializeWrapper {
        let table = self.table.read();
        let offset_table = table
            .iter()
            .map(|(key, offsets)| {
                (key.clone(), offsets.lock().iter().map(|(q, o)| (*q, *o)).collect())
            })
            .collect();
        ConsumerOffsetSerializeWrapper { offset_table }
    }

    /// Takes over whole entries, as a slave does from its master; others stay.
    pub(crate) fn replace(&self, from: ConsumerOffsetSerializeWrapper) {
        let mut table = self.table.write();
        for (key, offsets) in from.offset_table {
            table.insert(key, Arc::new(Mutex::new(offsets.into_iter().collect())));
        }
        let count = table.values().map(|offsets| offsets.lock().len()).sum();
        self.count.store(count, Ordering::Relaxed);
        drop(table);
        self.changes.note();
    }

    fn entry(&self, group: &str, topic: &str) -> Option<Arc<Mutex<QueueOffsets>>> {
        with_key(topic, group, |key| {
            if let Some(entry) = self.table.read().get(key) {
                return Some(Arc::clone(entry));
            }
            let mut table = self.table.write();
            if table.len() >= self.pairs_max && !table.contains_key(key) {
                return None;
            }
            Some(Arc::clone(table.entry(key.to_owned()).or_default()))
        })
    }
}

impl Kept for Offsets {
    fn file(&self) -> &ConfigFile {
        &self.file
    }

    fn changes(&self) -> &Changes {
        &self.changes
    }

    fn encode(&self) -> String {
        json::to_string_pretty(&self.snapshot())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> (tempfile::TempDir, Offsets) {
        let dir = tempfile::tempdir().unwrap();
        let offsets = Offsets::load(dir.path()).unwrap();
        (dir, offsets)
    }

    #[test]
    fn an_offset_is_kept_as_it_comes() {
        let (_dir, offsets) = table();
        assert_eq!(offsets.get("g", "T", 0), None);
        for offset in [5, 3, -7] {
            offsets.commit("g", "T", 0, offset);
            assert_eq!(offsets.get("g", "T", 0), Some(offset));
        }
        assert_eq!(offsets.get("g", "T", 1), None);
        assert_eq!(offsets.get("h", "T", 0), None);
    }

    #[test]
    fn the_same_offset_again_is_no_change() {
        let (_dir, offsets) = table();
        offsets.commit("g", "T", 0, 5);
        offsets.keep();
        assert!(!offsets.changes().pending());
        offsets.commit("g", "T", 0, 5);
        assert!(!offsets.changes().pending());
        offsets.commit("g", "T", 0, 6);
        assert!(offsets.changes().pending());
    }

    #[test]
    fn topics_and_groups_are_found_by_each_other() {
        let (_dir, offsets) = table();
        offsets.commit("g", "T", 0, 1);
        offsets.commit("g", "%RETRY%g", 0, 1);
        offsets.commit("h", "T", 0, 1);
        let sorted = |mut v: Vec<String>| {
            v.sort();
            v
        };
        assert_eq!(sorted(offsets.topics_of("g")), ["%RETRY%g", "T"]);
        assert_eq!(sorted(offsets.groups_of("T")), ["g", "h"]);
    }

    #[test]
    fn a_copy_lives_on_its_own() {
        let (_dir, offsets) = table();
        offsets.commit("g", "T", 3, 9);
        offsets.copy("g", "h", "T");
        offsets.copy("none", "h", "T");
        offsets.commit("g", "T", 3, 10);
        assert_eq!(offsets.of("h", "T"), Some(QueueOffsets::from([(3, 9)])));
    }

    #[test]
    fn offsets_are_taken_up_to_a_limit() {
        let (_dir, mut offsets) = table();
        (offsets.pairs_max, offsets.count_max) = (2, 3);
        assert!(offsets.commit("g", "T", 0, 5));
        assert!(offsets.commit("g", "T", 1, 5));
        assert!(offsets.commit("h", "T", 0, 5));
        assert!(!offsets.commit("i", "T", 0, 5), "too many pairs");
        assert!(!offsets.commit("h", "T", 1, 5), "too many offsets");
        assert!(offsets.commit("h", "T", 0, 6), "one that is there can still be changed");
        assert_eq!(offsets.of("h", "T"), Some(QueueOffsets::from([(0, 6)])));
        let all = offsets.snapshot();
        offsets.replace(all);
        offsets.count_max = 4;
        assert!(offsets.commit("h", "T", 1, 5));
        assert!(!offsets.commit("h", "T", 2, 5));
    }

    #[test]
    fn what_was_kept_is_read_back() {
        let (dir, offsets) = table();
        offsets.commit("g", "T", 0, 5);
        offsets.commit("g", "T", 1, 6);
        offsets.keep();
        let again = Offsets::load(dir.path()).unwrap();
        assert_eq!(again.of("g", "T"), offsets.of("g", "T"));
        let text = std::fs::read_to_string(dir.path().join("consumerOffset.json")).unwrap();
        assert_eq!(text, "{\n\t\"offsetTable\":{\n\t\t\"T@g\":{0:5,1:6\n\t\t}\n\t}\n}");
    }
}
