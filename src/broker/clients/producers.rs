//! Producer groups.

use std::collections::{BTreeMap, HashMap};

use parking_lot::Mutex;

use super::Member;
use crate::LOG;
use crate::limits::GROUPS_MAX;

/// A group whose last connection was lost is still known for this long; nobody can tell the
/// difference after that, and names do not pile up.
const EMPTY_GROUP_LIFE_MS: i64 = 24 * 3600 * 1000;

/// The producer table of a broker.
#[derive(Debug)]
pub(crate) struct Producers<C> {
    /// More are not kept.
    count_max: usize,
    groups: Mutex<HashMap<String, Group<C>>>,
}

#[derive(Debug)]
struct Group<C> {
    members: BTreeMap<u64, Member<C>>,
    /// Where the round robin of [`Producers::pick`] stands.
    turn: usize,
    seen_ms: i64,
}

impl<C> Default for Producers<C> {
    fn default() -> Self {
        Self { count_max: GROUPS_MAX, groups: Mutex::default() }
    }
}

impl<C: Clone> Producers<C> {
    /// A heartbeat: `member` stands for `group`; `false` when there are too many groups.
    pub(crate) fn register(&self, group: &str, member: &Member<C>) -> bool {
        let mut groups = self.groups.lock();
        if !groups.contains_key(group) {
            if groups.len() >= self.count_max {
                groups.retain(|_, group| !group.members.is_empty());
            }
            if groups.len() >= self.count_max {
                tracing::error!(target: LOG, client_id = %member.client_id, "too many producer groups, {group} not taken");
                return false;
            }
            let empty = Group { members: BTreeMap::new(), turn: 0, seen_ms: member.seen_ms };
            groups.insert(group.to_owned(), empty);
        }
        let Some(known) = groups.get_mut(group) else { return false };
        known.seen_ms = member.seen_ms;
        match known.members.get_mut(&member.id) {
            Some(old) => old.seen_ms = member.seen_ms,
            None => {
                tracing::info!(target: LOG, client_id = %member.client_id, connection = member.id, "new producer connected, group: {group}");
                known.members.insert(member.id, member.clone());
            }
        }
        true
    }

    /// A connection leaves a group; a group it empties is forgotten.
    pub(crate) fn unregister(&self, group: &str, connection: u64) {
        let mut groups = self.groups.lock();
        let Some(known) = groups.get_mut(group) else { return };
        if known.members.remove(&connection).is_some() {
            tracing::info!(target: LOG, connection, "unregister a producer from group {group}");
            if known.members.is_empty() {
                groups.remove(group);
            }
        }
    }

    /// A connection is gone. A group it empties stays, without members.
    pub(crate) fn closed(&self, connection: u64) {
        for group in self.groups.lock().values_mut() {
            group.members.remove(&connection);
        }
    }

    /// Takes out members not heard of, and returns their connections to be closed.
    pub(crate) fn sweep(&self, now_ms: i64) -> Vec<C> {
        let mut expired = Vec::new();
        self.groups.lock().retain(|name, group| {
            group.members.retain(|_, member| {
                let gone = member.expired(now_ms);
                if gone {
                    tracing::warn!(target: LOG, client_id = %member.client_id, "SCAN: remove expired channel from ProducerManager, group: {name}");
                    expired.push(member.connection.clone());
                }
                !gone
            });
            !group.members.is_empty() || now_ms - group.seen_ms <= EMPTY_GROUP_LIFE_MS
        });
        expired
    }

    /// The members of a group; `None` for a group never heard of.
    pub(crate) fn members(&self, group: &str) -> Option<Vec<Member<C>>> {
        Some(self.groups.lock().get(group)?.members.values().cloned().collect())
    }

    /// How many members each group has.
    pub(crate) fn counts(&self) -> Vec<(String, usize)> {
        let groups = self.groups.lock();
        groups.iter().map(|(name, group)| (name.clone(), group.members.len())).collect()
    }

    /// One member of a group that `usable` accepts, in turn.
    pub(crate) fn pick(&self, group: &str, usable: impl Fn(&C) -> bool) -> Option<C> {
        let mut groups = self.groups.lock();
        let known = groups.get_mut(group)?;
        let count = known.members.len();
        known.turn = known.turn.wrapping_add(1);
        let turn = known.turn.checked_rem(count)?;
        let in_turn = known.members.values().cycle().skip(turn).take(count);
        in_turn.map(|member| &member.connection).find(|c| usable(c)).cloned()
    }
}

#[cfg(test)]
mod tests {
    use protocol::Language;

    use super::*;

    fn member(id: u64, seen_ms: i64) -> Member<u64> {
        let client_id = format!("c{id}").into();
        Member { id, connection: id, client_id, language: Language::JAVA, version: 293, seen_ms }
    }

    fn ids(producers: &Producers<u64>, group: &str) -> Option<Vec<u64>> {
        Some(producers.members(group)?.iter().map(|m| m.id).collect())
    }

    #[test]
    fn a_group_emptied_by_a_lost_connection_stays() {
        let producers = Producers::default();
        producers.register("g", &member(1, 0));
        producers.register("g", &member(2, 0));
        producers.closed(1);
        assert_eq!(ids(&producers, "g"), Some(vec![2]));
        producers.closed(2);
        assert_eq!(ids(&producers, "g"), Some(vec![]));
        assert_eq!(ids(&producers, "h"), None);
    }

    #[test]
    fn a_group_emptied_by_leaving_is_forgotten() {
        let producers = Producers::default();
        producers.register("g", &member(1, 0));
        producers.unregister("g", 2);
        assert_eq!(ids(&producers, "g"), Some(vec![1]));
        producers.unregister("g", 1);
        assert_eq!(ids(&producers, "g"), None);
    }

    #[test]
    fn members_expire_two_minutes_after_their_last_heartbeat() {
        let producers = Producers::default();
        producers.register("g", &member(1, 0));
        producers.register("g", &member(2, 0));
        producers.register("g", &member(1, 10));
        assert_eq!(producers.sweep(120_000), Vec::<u64>::new());
        assert_eq!(producers.sweep(120_001), [2]);
        assert_eq!(producers.sweep(120_011), [1]);
        assert_eq!(ids(&producers, "g"), Some(vec![]));
        producers.sweep(EMPTY_GROUP_LIFE_MS + 11);
        assert_eq!(ids(&producers, "g"), None);
    }

    #[test]
    fn groups_are_kept_up_to_a_limit() {
        let producers = Producers { count_max: 2, ..Producers::default() };
        assert!(producers.register("g", &member(1, 0)));
        assert!(producers.register("h", &member(2, 0)));
        assert!(!producers.register("i", &member(3, 0)));
        assert!(producers.register("g", &member(3, 0)), "one that is there can still be joined");
        producers.closed(2);
        assert!(producers.register("i", &member(3, 0)), "in place of one without members");
        assert_eq!(ids(&producers, "h"), None);
    }

    #[test]
    fn members_are_picked_in_turn() {
        let producers = Producers::default();
        assert_eq!(producers.pick("g", |_| true), None);
        assert!((1..=3).all(|id| producers.register("g", &member(id, 0))));
        let mut picked: Vec<u64> = (0..3).filter_map(|_| producers.pick("g", |_| true)).collect();
        picked.sort_unstable();
        assert_eq!(picked, [1, 2, 3]);
        assert_eq!(producers.pick("g", |id| *id == 2), Some(2));
        assert_eq!(producers.pick("g", |_| false), None);
        producers.closed(1);
        producers.closed(2);
        producers.closed(3);
        assert_eq!(producers.pick("g", |_| true), None);
    }
}
