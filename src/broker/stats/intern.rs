//! Things found by topic, group and queue without building a name or allocating.

use std::collections::HashMap;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};

use parking_lot::RwLock;

/// Parts of the table that are locked apart.
const SHARDS: usize = 16;
/// Most things of one part.
const SHARD_ENTRIES_MAX: usize = if cfg!(test) { 64 } else { 65_536 };
/// Longest part of a key. Names in the broker's own tables are shorter.
const NAME_BYTES_MAX: usize = 512;

/// What a thing belongs to. A part that does not matter is empty, a queue that does not is -1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Key<'a> {
    pub(super) topic: &'a str,
    pub(super) group: &'a str,
    pub(super) queue_id: i32,
}

impl<'a> Key<'a> {
    pub(super) const fn topic(topic: &'a str) -> Self {
        Self { topic, group: "", queue_id: -1 }
    }

    pub(super) const fn group(topic: &'a str, group: &'a str) -> Self {
        Self { topic, group, queue_id: -1 }
    }
}

/// A table that grows with what it is asked for, up to a limit. What does not fit is one thing
/// that nobody finds.
#[derive(Debug)]
pub(super) struct Interned<T> {
    hasher: RandomState,
    shards: [RwLock<Shard<T>>; SHARDS],
    rest: T,
}

/// By the hash of the key; two keys with one hash share a list.
type Shard<T> = HashMap<u64, Vec<Entry<T>>, BuildHasherDefault<AsIs>>;

#[derive(Debug)]
struct Entry<T> {
    topic: Box<str>,
    group: Box<str>,
    queue_id: i32,
    thing: T,
}

impl<T> Entry<T> {
    fn key(&self) -> Key<'_> {
        Key { topic: &self.topic, group: &self.group, queue_id: self.queue_id }
    }
}

impl<T: Default> Default for Interned<T> {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| RwLock::default()),
            rest: T::default(),
        }
    }
}

impl<T: Default> Interned<T> {
    /// Does something with the thing of a key, which is made if it is not there.
    pub(super) fn with<R>(&self, key: Key<'_>, act: impl FnOnce(&T) -> R) -> R {
        let hash = self.hasher.hash_one(key);
        let shard = self.shard(hash);
        if let Some(entry) = find(&shard.read(), hash, key) {
            return act(&entry.thing);
        }
        let mut shard = shard.write();
        let fits = key.topic.len() <= NAME_BYTES_MAX && key.group.len() <= NAME_BYTES_MAX;
        if !fits || shard.len() >= SHARD_ENTRIES_MAX {
            return act(&self.rest);
        }
        let list = shard.entry(hash).or_default();
        let place = list.iter().position(|entry| entry.key() == key).unwrap_or_else(|| {
            let (topic, group) = (key.topic.into(), key.group.into());
            list.push(Entry { topic, group, queue_id: key.queue_id, thing: T::default() });
            list.len() - 1
        });
        act(&list[place].thing)
    }
}

impl<T> Interned<T> {
    /// Does something with the thing of a key, if it is there.
    pub(super) fn find<R>(&self, key: Key<'_>, act: impl FnOnce(&T) -> R) -> Option<R> {
        let hash = self.hasher.hash_one(key);
        find(&self.shard(hash).read(), hash, key).map(|entry| act(&entry.thing))
    }

    /// Does something with all things, in no order.
    pub(super) fn each(&self, mut act: impl FnMut(Key<'_>, &T)) {
        for shard in &self.shards {
            shard.read().values().flatten().for_each(|entry| act(entry.key(), &entry.thing));
        }
    }

    /// Drops the things of some keys.
    pub(super) fn forget(&self, gone: impl Fn(Key<'_>) -> bool) {
        for shard in &self.shards {
            shard.write().retain(|_, list| {
                list.retain(|entry| !gone(entry.key()));
                !list.is_empty()
            });
        }
    }

    fn shard(&self, hash: u64) -> &RwLock<Shard<T>> {
        // The low bits choose the place within a shard.
        &self.shards[(hash >> 60) as usize % SHARDS]
    }
}

fn find<'s, T>(shard: &'s Shard<T>, hash: u64, key: Key<'_>) -> Option<&'s Entry<T>> {
    shard.get(&hash)?.iter().find(|entry| entry.key() == key)
}

/// Keys that are hashes already.
#[derive(Debug, Default)]
struct AsIs(u64);

impl Hasher for AsIs {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    #[test]
    fn one_thing_a_key() {
        let table: Interned<AtomicU64> = Interned::default();
        let keys = [
            Key::topic("a"),
            Key::topic("b"),
            Key::group("a", "b"),
            Key::group("b", "a"),
            Key { queue_id: 0, ..Key::group("a", "b") },
        ];
        for (count, key) in keys.into_iter().enumerate() {
            for _ in 0..=count {
                table.with(key, |n| n.fetch_add(1, Ordering::Relaxed));
            }
        }
        let get = |key| table.find(key, |n| n.load(Ordering::Relaxed));
        assert_eq!(keys.map(get), [1, 2, 3, 4, 5].map(Some));
        assert_eq!(get(Key::topic("c")), None);
        let mut seen = 0;
        table.each(|_, n| seen += n.load(Ordering::Relaxed));
        assert_eq!(seen, 15);
        table.forget(|key| key.topic == "a");
        assert_eq!(keys.map(get), [None, Some(2), None, Some(4), None]);
    }

    #[test]
    fn what_does_not_fit_is_counted_apart() {
        let table: Interned<AtomicU64> = Interned::default();
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        table.with(Key::topic(&long), |n| n.fetch_add(1, Ordering::Relaxed));
        assert_eq!(table.find(Key::topic(&long), |_| ()), None);
        let most = u64::try_from(SHARDS * SHARD_ENTRIES_MAX).unwrap();
        for n in 0..most + 1000 {
            let queue_id = i32::try_from(n).unwrap();
            table.with(Key { queue_id, ..Key::topic("T") }, |n| n.fetch_add(1, Ordering::Relaxed));
        }
        let mut count = 0;
        table.each(|_, n| count += n.load(Ordering::Relaxed));
        assert!(count <= most);
        assert_eq!(count + table.rest.load(Ordering::Relaxed), most + 1001);
    }

    #[test]
    fn many_keys_at_once() {
        let table: Interned<AtomicU64> = Interned::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for n in 0..1000 {
                        let topic = format!("t{}", n % 100);
                        table.with(Key::topic(&topic), |n| n.fetch_add(1, Ordering::Relaxed));
                    }
                });
            }
        });
        let mut count = 0;
        table.each(|_, n| {
            count += 1;
            assert_eq!(n.load(Ordering::Relaxed), 40);
        });
        assert_eq!(count, 100);
    }
}
