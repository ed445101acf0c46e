//! Consumer groups: members, subscriptions, and how the group consumes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use parking_lot::RwLock;
use protocol::bodies::{ConsumeFromWhere, ConsumeType, MessageModel, SubscriptionData};

use super::Member;
use crate::LOG;
use crate::limits::CLIENT_GROUPS_MAX;

/// The consumer table of a broker.
#[derive(Debug)]
pub(crate) struct Consumers<C> {
    tables: RwLock<Tables<C>>,
}

#[derive(Debug)]
struct Tables<C> {
    groups: HashMap<Arc<str>, Group<C>>,
    /// The groups each connection is a member of.
    groups_of: HashMap<u64, HashSet<Arc<str>>>,
}

#[derive(Debug)]
struct Group<C> {
    traits: Traits,
    members: BTreeMap<u64, Member<C>>,
    subscriptions: HashMap<String, Arc<SubscriptionData>>,
}

/// How a group consumes; every heartbeat of any member sets it anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traits {
    /// Pushed or pulled; like the others nothing where the client said what nobody knows.
    pub(crate) consume_type: Option<ConsumeType>,
    /// Clustering or broadcasting.
    pub(crate) message_model: Option<MessageModel>,
    /// Where a new group starts.
    pub(crate) consume_from_where: Option<ConsumeFromWhere>,
}

/// A group as it is now.
#[derive(Debug, Clone)]
pub(crate) struct GroupView<C> {
    /// How it consumes.
    pub(crate) traits: Traits,
    /// Its members, by connection.
    pub(crate) members: Vec<Member<C>>,
    /// Its subscriptions, by topic.
    pub(crate) subscriptions: Vec<Arc<SubscriptionData>>,
}

/// What a pull needs to know of its group.
#[derive(Debug)]
pub(crate) enum Lookup {
    /// Nobody of the group is connected.
    NoGroup,
    /// The group, and its subscription of the topic if it has one.
    Group(Option<MessageModel>, Option<Arc<SubscriptionData>>),
}

/// A member has left a group.
#[derive(Debug)]
pub(crate) struct Departure<C> {
    /// The group.
    pub(crate) group: Arc<str>,
    /// Whether nobody is left; then the group is gone.
    pub(crate) emptied: bool,
    /// Those who are left, to be told.
    pub(crate) rest: Vec<C>,
}

impl<C> Default for Consumers<C> {
    fn default() -> Self {
        Self { tables: RwLock::new(Tables { groups: HashMap::new(), groups_of: HashMap::new() }) }
    }
}

impl<C: Clone> Consumers<C> {
    /// A heartbeat: `member` stands for `group` with these subscriptions. Where that changed who
    /// is in the group or which topics it consumes, returns all members, to be told.
    pub(crate) fn register(
        &self,
        group: &str,
        member: &Member<C>,
        traits: Traits,
        subscriptions: &[SubscriptionData],
    ) -> Option<Vec<C>> {
        let mut guard = self.tables.write();
        let tables = &mut *guard;
        let stands_for = tables.groups_of.get(&member.id);
        if stands_for.is_some_and(|g| g.len() >= CLIENT_GROUPS_MAX && !g.contains(group)) {
            tracing::warn!(target: LOG, client_id = %member.client_id, "one client in too many consumer groups, not in {group}");
            return None;
        }
        let name = match tables.groups.get_key_value(group) {
            Some((name, _)) => Arc::clone(name),
            None => {
                let name: Arc<str> = group.into();
                let empty =
                    Group { traits, members: BTreeMap::new(), subscriptions: HashMap::new() };
                tables.groups.insert(Arc::clone(&name), empty);
                name
            }
        };
        let known = tables.groups.get_mut(&name)?;
        known.traits = traits;
        let joined = known.join(group, member);
        let changed = known.subscribe(group, subscriptions);
        let all = (joined || changed).then(|| known.connections());
        tables.groups_of.entry(member.id).or_default().insert(name);
        all
    }

    /// A connection leaves a group; `None` for a group nobody is in.
    pub(crate) fn unregister(&self, group: &str, connection: u64) -> Option<Departure<C>> {
        self.tables.write().remove(group, connection)
    }

    /// A connection is gone: it leaves all its groups.
    pub(crate) fn closed(&self, connection: u64) -> Vec<Departure<C>> {
        if !self.tables.read().groups_of.contains_key(&connection) {
            return Vec::new();
        }
        let mut tables = self.tables.write();
        let groups = tables.groups_of.remove(&connection).unwrap_or_default();
        groups.iter().filter_map(|group| tables.remove(group, connection)).collect()
    }

    /// Takes out members not heard of. Returns their connections, to be closed, and the groups
    /// that are gone; nobody is told, as in 4.4.0.
    pub(crate) fn sweep(&self, now_ms: i64) -> (Vec<C>, Vec<Arc<str>>) {
        let mut tables = self.tables.write();
        let mut expired = Vec::new();
        for (name, group) in &tables.groups {
            for member in group.members.values().filter(|m| m.expired(now_ms)) {
                tracing::warn!(target: LOG, client_id = %member.client_id, "SCAN: remove expired channel from ConsumerManager, group: {name}");
                expired.push((Arc::clone(name), member.id, member.connection.clone()));
            }
        }
        let mut connections = Vec::new();
        let mut emptied = Vec::new();
        for (group, id, connection) in expired {
            connections.push(connection);
            let departure = tables.remove(&group, id);
            emptied.extend(departure.filter(|d| d.emptied).map(|d| d.group));
        }
        (connections, emptied)
    }

    /// What a pull of `group` from `topic` needs to know.
    pub(crate) fn lookup(&self, group: &str, topic: &str) -> Lookup {
        match self.tables.read().groups.get(group) {
            None => Lookup::NoGroup,
            Some(group) => {
                Lookup::Group(group.traits.message_model, group.subscriptions.get(topic).cloned())
            }
        }
    }

    /// A group as it is now; `None` when nobody of it is connected.
    pub(crate) fn view(&self, group: &str) -> Option<GroupView<C>> {
        let tables = self.tables.read();
        let group = tables.groups.get(group)?;
        Some(GroupView {
            traits: group.traits,
            members: group.members.values().cloned().collect(),
            subscriptions: group.subscriptions.values().cloned().collect(),
        })
    }

    /// How many members each group has.
    pub(crate) fn counts(&self) -> Vec<(String, usize)> {
        let tables = self.tables.read();
        let counts = tables.groups.iter().map(|(name, g)| (name.to_string(), g.members.len()));
        counts.collect()
    }

    /// The client ids of a group, one for each connection.
    pub(crate) fn client_ids(&self, group: &str) -> Vec<String> {
        let tables = self.tables.read();
        let members = tables.groups.get(group).into_iter().flat_map(|g| g.members.values());
        members.map(|member| member.client_id.to_string()).collect()
    }

    /// The member with this client id.
    pub(crate) fn find(&self, group: &str, client_id: &str) -> Option<Member<C>> {
        let tables = self.tables.read();
        let members = &tables.groups.get(group)?.members;
        members.values().find(|m| *m.client_id == *client_id).cloned()
    }

    /// The groups with a member that subscribes to `topic`.
    pub(crate) fn groups_of_topic(&self, topic: &str) -> Vec<String> {
        let tables = self.tables.read();
        let groups = tables.groups.iter().filter(|(_, g)| g.subscriptions.contains_key(topic));
        groups.map(|(name, _)| name.to_string()).collect()
    }
}

impl<C: Clone> Tables<C> {
    fn remove(&mut self, group: &str, connection: u64) -> Option<Departure<C>> {
        let known = self.groups.get_mut(group)?;
        if let Some(member) = known.members.remove(&connection) {
            tracing::info!(target: LOG, client_id = %member.client_id, connection, "unregister a consumer[{group}] from consumerGroupInfo");
        }
        let rest = known.connections();
        let emptied = known.members.is_empty();
        if emptied {
            tracing::info!(target: LOG, "unregister consumer ok, no any connection, and remove consumer group, {group}");
            self.groups.remove(group);
        }
        if let Some(groups) = self.groups_of.get_mut(&connection) {
            groups.remove(group);
            if groups.is_empty() {
                self.groups_of.remove(&connection);
            }
        }
        Some(Departure { group: group.into(), emptied, rest })
    }
}

impl<C: Clone> Group<C> {
    fn connections(&self) -> Vec<C> {
        self.members.values().map(|member| member.connection.clone()).collect()
    }

    /// Whether the connection is new to the group.
    fn join(&mut self, group: &str, member: &Member<C>) -> bool {
        match self.members.get_mut(&member.id) {
            Some(old) if old.client_id == member.client_id => {
                old.seen_ms = member.seen_ms;
                false
            }
            Some(old) => {
                tracing::error!(target: LOG, group, old = %old.client_id, new = %member.client_id, "[BUG] consumer channel exist in broker, but clientId not equal");
                *old = member.clone();
                false
            }
            None => {
                tracing::info!(target: LOG, client_id = %member.client_id, connection = member.id, traits = ?self.traits, "new consumer connected, group: {group}");
                self.members.insert(member.id, member.clone());
                true
            }
        }
    }

    /// Whether topics came or went; a newer version of a subscription is taken silently.
    fn subscribe(&mut self, group: &str, subscriptions: &[SubscriptionData]) -> bool {
        let mut changed = false;
        for new in subscriptions {
            match self.subscriptions.get_mut(&new.topic) {
                None => {
                    tracing::info!(target: LOG, "subscription changed, add new topic, group: {group} {}", new.topic);
                    self.subscriptions.insert(new.topic.clone(), Arc::new(new.clone()));
                    changed = true;
                }
                Some(old) if new.sub_version > old.sub_version => *old = Arc::new(new.clone()),
                Some(_) => {}
            }
        }
        if self.subscriptions.len() > subscriptions.len() || changed {
            let topics: HashSet<&str> = subscriptions.iter().map(|s| s.topic.as_str()).collect();
            self.subscriptions.retain(|topic, _| {
                let stays = topics.contains(topic.as_str());
                if !stays {
                    tracing::warn!(target: LOG, "subscription changed, group: {group} remove topic {topic}");
                    changed = true;
                }
                stays
            });
        }
        changed
    }
}

#[cfg(test)]
mod tests;
