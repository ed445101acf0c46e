//! Queue locks of ordered consumers: one member of a group holds a queue until it lets go or is
//! not heard of for a minute. They live in memory only; after a restart the members lock again.

use std::collections::{BTreeSet, HashMap};

use parking_lot::Mutex;
use protocol::bodies::MessageQueue;

use crate::LOG_LOCK;
use crate::limits::LOCKS_MAX;

/// How long a lock lives without being renewed, unless configured otherwise.
pub(crate) const LIFE_MS_DEFAULT: i64 = 60_000;

/// All queue locks of a broker.
#[derive(Debug)]
pub(crate) struct Locks {
    life_ms: i64,
    /// More are not granted.
    count_max: usize,
    groups: Mutex<HashMap<String, HashMap<MessageQueue, Entry>>>,
}

#[derive(Debug)]
struct Entry {
    client_id: String,
    renewed_ms: i64,
}

impl Entry {
    fn expired(&self, now_ms: i64, life_ms: i64) -> bool {
        now_ms - self.renewed_ms > life_ms
    }
}

impl Locks {
    /// No locks; each will live for `life_ms` after its last renewal.
    pub(crate) fn new(life_ms: i64) -> Self {
        Self { life_ms, count_max: LOCKS_MAX, groups: Mutex::default() }
    }

    /// Locks what can be locked of `queues` for `client_id`, and renews what it holds; returns
    /// the queues it holds now.
    pub(crate) fn lock_batch(
        &self,
        group: &str,
        queues: BTreeSet<MessageQueue>,
        client_id: &str,
        now_ms: i64,
    ) -> BTreeSet<MessageQueue> {
        let mut groups = self.groups.lock();
        let mut count: usize = groups.values().map(HashMap::len).sum();
        let held = groups.entry(group.to_owned()).or_default();
        let mut granted = queues;
        granted.retain(|queue| {
            if !held.contains_key(queue) {
                if count >= self.count_max {
                    tracing::error!(target: LOG_LOCK, "too many queues are locked, {queue} is not. Group: {group} {client_id}");
                    return false;
                }
                count += 1;
            }
            self.lock_one(held, group, queue, client_id, now_ms)
        });
        granted
    }

    fn lock_one(
        &self,
        held: &mut HashMap<MessageQueue, Entry>,
        group: &str,
        queue: &MessageQueue,
        client_id: &str,
        now_ms: i64,
    ) -> bool {
        match held.get_mut(queue) {
            None => {
                tracing::info!(target: LOG_LOCK, "tryLockBatch, message queue not locked, I got it. Group: {group} NewClientId: {client_id} {queue}");
                let entry = Entry { client_id: client_id.to_owned(), renewed_ms: now_ms };
                held.insert(queue.clone(), entry);
                true
            }
            Some(entry) if entry.client_id == client_id => {
                entry.renewed_ms = now_ms;
                true
            }
            Some(entry) if entry.expired(now_ms, self.life_ms) => {
                tracing::warn!(target: LOG_LOCK, "tryLockBatch, message queue lock expired, I got it. Group: {group} OldClientId: {} NewClientId: {client_id} {queue}", entry.client_id);
                *entry = Entry { client_id: client_id.to_owned(), renewed_ms: now_ms };
                true
            }
            Some(entry) => {
                tracing::warn!(target: LOG_LOCK, "tryLockBatch, message queue locked by other client. Group: {group} OtherClientId: {} NewClientId: {client_id} {queue}", entry.client_id);
                false
            }
        }
    }

    /// Releases those of `queues` that `client_id` holds.
    pub(crate) fn unlock_batch(
        &self,
        group: &str,
        queues: &BTreeSet<MessageQueue>,
        client_id: &str,
    ) {
        let mut groups = self.groups.lock();
        let Some(held) = groups.get_mut(group) else {
            tracing::warn!(target: LOG_LOCK, "unlockBatch, group not exist, Group: {group} {client_id}");
            return;
        };
        for queue in queues {
            match held.get(queue) {
                Some(entry) if entry.client_id == client_id => {
                    held.remove(queue);
                    tracing::info!(target: LOG_LOCK, "unlockBatch, Group: {group} {queue} {client_id}");
                }
                Some(entry) => {
                    tracing::warn!(target: LOG_LOCK, "unlockBatch, but mq locked by other client: {}, Group: {group} {queue} {client_id}", entry.client_id);
                }
                None => {
                    tracing::warn!(target: LOG_LOCK, "unlockBatch, but mq not locked, Group: {group} {queue} {client_id}");
                }
            }
        }
    }

    /// Forgets locks that expired, which anybody could take anyway.
    pub(crate) fn sweep(&self, now_ms: i64) {
        let life_ms = self.life_ms;
        self.groups.lock().retain(|_, held| {
            held.retain(|_, entry| !entry.expired(now_ms, life_ms));
            !held.is_empty()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(queue_id: i32) -> MessageQueue {
        MessageQueue::new("T", "b", queue_id)
    }

    fn lock(locks: &Locks, ids: &[i32], client: &str, now_ms: i64) -> Vec<i32> {
        let queues = ids.iter().map(|id| queue(*id)).collect();
        locks.lock_batch("g", queues, client, now_ms).iter().map(|q| q.queue_id).collect()
    }

    #[test]
    fn a_queue_has_one_holder() {
        let locks = Locks::new(LIFE_MS_DEFAULT);
        assert_eq!(lock(&locks, &[0, 1], "a", 0), [0, 1]);
        assert_eq!(lock(&locks, &[1, 2], "b", 0), [2]);
        let other = locks.lock_batch("h", [queue(0)].into(), "b", 0);
        assert_eq!(other.len(), 1, "groups do not see each other");
    }

    #[test]
    fn a_lock_not_renewed_for_its_life_can_be_taken() {
        let locks = Locks::new(LIFE_MS_DEFAULT);
        lock(&locks, &[0], "a", 0);
        assert!(lock(&locks, &[0], "b", 60_000).is_empty());
        assert_eq!(lock(&locks, &[0], "a", 60_000), [0]);
        assert!(lock(&locks, &[0], "b", 120_000).is_empty());
        assert_eq!(lock(&locks, &[0], "b", 120_001), [0]);
        assert!(lock(&locks, &[0], "a", 120_001).is_empty());
    }

    #[test]
    fn queues_are_locked_up_to_a_limit() {
        let locks = Locks { count_max: 2, ..Locks::new(LIFE_MS_DEFAULT) };
        assert_eq!(lock(&locks, &[0, 1, 2], "a", 0), [0, 1]);
        assert_eq!(lock(&locks, &[0, 1, 2], "a", 0), [0, 1], "renewed");
        locks.unlock_batch("g", &[queue(0)].into(), "a");
        assert_eq!(lock(&locks, &[2], "a", 0), [2]);
    }

    #[test]
    fn only_the_holder_lets_go() {
        let locks = Locks::new(LIFE_MS_DEFAULT);
        lock(&locks, &[0, 1], "a", 0);
        locks.unlock_batch("g", &[queue(0)].into(), "b");
        locks.unlock_batch("none", &[queue(0)].into(), "a");
        assert!(lock(&locks, &[0], "b", 0).is_empty());
        locks.unlock_batch("g", &[queue(0), queue(7)].into(), "a");
        assert_eq!(lock(&locks, &[0, 1], "b", 0), [0]);
    }

    #[test]
    fn sweeping_forgets_what_expired() {
        let locks = Locks::new(10);
        lock(&locks, &[0], "a", 0);
        lock(&locks, &[1], "a", 5);
        locks.sweep(11);
        assert_eq!(locks.groups.lock()["g"].len(), 1);
        locks.sweep(100);
        assert!(locks.groups.lock().is_empty());
    }
}
