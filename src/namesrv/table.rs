//! The route table: brokers, their addresses and liveness, clusters and topics.
//!
//! A plain value. It takes times as arguments, knows connections by number only, and hands back
//! what happened as [`Event`]s. Everything a peer can make it hold is bounded.

mod event;
mod read;
#[cfg(test)]
mod tests;
mod topics;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use protocol::bodies::{DataVersion, TopicConfig};

pub use event::Event;
pub use read::UnitTopics;
use topics::Topics;
pub use topics::{MAX_CACHED_BYTES, MAX_NAME_BYTES, MAX_ROWS, Queue};

/// A broker not heard of for longer than this is taken out.
pub const EXPIRY_MS: u64 = 120_000;
/// The broker id of a master.
pub const MASTER_ID: i64 = 0;
/// Broker addresses, and memberships of names in clusters, held at most.
pub const MAX_BROKERS: usize = 1 << 16;
/// Bytes of one topic, broker or cluster name or address at most.
pub const MAX_NAME: usize = 512;
/// Filter servers of one broker at most.
pub const MAX_FILTER_SERVERS: usize = 1024;

/// Whether a name from a peer may be kept: not empty, not absurdly long, and without the control
/// characters that would forge lines in logs and admin output.
pub fn usable_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= MAX_NAME && !name.chars().any(char::is_control)
}

/// Who registers.
#[derive(Debug, Clone, Copy)]
pub struct Registrant<'a> {
    /// Cluster name.
    pub cluster: &'a str,
    /// Broker name.
    pub broker: &'a str,
    /// Broker id, 0 for the master.
    pub id: i64,
    /// Where clients reach it.
    pub addr: &'a str,
    /// Where its slaves fetch from.
    pub ha_addr: &'a str,
    /// The connection it registers on.
    pub connection: u64,
}

/// What a registration carries.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// The version of the broker's topic table.
    pub version: DataVersion,
    /// Its topics; `None` leaves those known.
    pub topics: Option<Vec<TopicConfig>>,
    /// Its filter servers; `None` leaves those known.
    pub filter_servers: Option<Vec<String>>,
    /// A digest of the encoded body, by which a repetition is recognised unread.
    pub digest: u64,
}

/// The answer to a registration.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Registered {
    /// For a slave whose master is alive.
    pub master: Option<Master>,
    /// What changed.
    pub events: Vec<Event>,
}

/// Where a slave finds its master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Master {
    /// Where clients reach it.
    pub addr: String,
    /// Where slaves fetch from.
    pub ha_addr: String,
}

/// The table holds as many brokers as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the name server holds {MAX_BROKERS} broker addresses and takes no more")]
pub struct Full;

/// How much a table holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sizes {
    /// Addresses of brokers.
    pub brokers: usize,
    /// Clusters.
    pub clusters: usize,
    /// Topics.
    pub topics: usize,
}

/// A connection that is to be closed.
#[derive(Debug, PartialEq, Eq)]
pub struct Expired {
    /// The connections of expired brokers.
    pub connections: Vec<u64>,
    /// What changed.
    pub events: Vec<Event>,
}

#[derive(Debug)]
struct Broker {
    cluster: String,
    addrs: BTreeMap<i64, String>,
}

#[derive(Debug)]
struct Live {
    last_ms: u64,
    version: DataVersion,
    connection: u64,
    ha_addr: String,
    filter_servers: Vec<String>,
    digest: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub struct RouteTable {
    topics: Topics,
    brokers: BTreeMap<Arc<str>, Broker>,
    clusters: BTreeMap<String, BTreeSet<Arc<str>>>,
    live: HashMap<String, Live>,
    /// Entries in all `brokers[..].addrs`.
    addresses: usize,
    /// Entries in all `clusters[..]`.
    memberships: usize,
}

impl RouteTable {
    /// Takes a registration whose body equals the one this address sent last. `None`: the body
    /// has to be read.
    pub fn refresh(
        &mut self,
        who: &Registrant<'_>,
        digest: u64,
        now_ms: u64,
    ) -> Option<Result<Registered, Full>> {
        let live = self.live.get(who.addr)?;
        self.brokers.get(who.broker)?.addrs.get(&who.id)?;
        if live.digest != digest {
            return None;
        }
        let content = Content { version: live.version, topics: None, filter_servers: None, digest };
        Some(self.register(who, content, now_ms))
    }

    /// Takes a registration.
    pub fn register(
        &mut self,
        who: &Registrant<'_>,
        content: Content,
        now_ms: u64,
    ) -> Result<Registered, Full> {
        let broker = self.room_for(who)?;
        let mut events = Vec::new();
        self.enlist(who.cluster, &broker);
        let first = self.set_address(who, &broker);
        let known = self.live.get(who.addr);
        let changed = known.is_none_or(|live| live.version != content.version);
        if who.id == MASTER_ID
            && (first || changed)
            && let Some(topics) = content.topics
        {
            self.topics.merge(&broker, topics, &mut events);
        }
        let live = Live {
            last_ms: now_ms,
            version: content.version,
            connection: who.connection,
            ha_addr: who.ha_addr.to_owned(),
            filter_servers: Vec::new(),
            digest: content.digest,
        };
        let before = self.set_live(who.addr, live, content.filter_servers);
        if !before {
            let (addr, ha_addr) = (who.addr.to_owned(), who.ha_addr.to_owned());
            events.push(Event::NewBroker { addr, ha_addr });
        }
        Ok(Registered { master: self.master_for(who), events })
    }

    /// The stored broker name, if the registration fits in.
    fn room_for(&self, who: &Registrant<'_>) -> Result<Arc<str>, Full> {
        let known = self.brokers.get_key_value(who.broker);
        let new_address = known.is_none_or(|(_, b)| !b.addrs.contains_key(&who.id));
        let new_member = self.clusters.get(who.cluster).is_none_or(|c| !c.contains(who.broker));
        if (new_address && self.addresses >= MAX_BROKERS)
            || (new_member && self.memberships >= MAX_BROKERS)
            || (!self.live.contains_key(who.addr) && self.live.len() >= MAX_BROKERS)
        {
            return Err(Full);
        }
        Ok(known.map_or_else(|| Arc::from(who.broker), |(name, _)| Arc::clone(name)))
    }

    fn enlist(&mut self, cluster: &str, broker: &Arc<str>) {
        if !self.clusters.contains_key(cluster) {
            self.clusters.insert(cluster.to_owned(), BTreeSet::new());
        }
        if let Some(members) = self.clusters.get_mut(cluster)
            && members.insert(Arc::clone(broker))
        {
            self.memberships += 1;
        }
    }

    /// True when the broker name or its id is new.
    fn set_address(&mut self, who: &Registrant<'_>, broker: &Arc<str>) -> bool {
        let entry = self
            .brokers
            .entry(Arc::clone(broker))
            .or_insert_with(|| Broker { cluster: who.cluster.to_owned(), addrs: BTreeMap::new() });
        if entry.addrs.get(&who.id).is_some_and(|old| old == who.addr) {
            return false;
        }
        let first = entry.addrs.insert(who.id, who.addr.to_owned()).is_none();
        self.addresses += usize::from(first);
        self.topics.invalidate(broker);
        first
    }

    /// True when the address was alive before.
    fn set_live(&mut self, addr: &str, mut live: Live, filters: Option<Vec<String>>) -> bool {
        let old = self.live.remove(addr);
        let before = old.is_some();
        let old_filters = old.map(|o| o.filter_servers).unwrap_or_default();
        live.filter_servers = match filters {
            Some(mut list) => {
                list.retain(|name| usable_name(name));
                list.truncate(MAX_FILTER_SERVERS);
                list
            }
            None => old_filters.clone(),
        };
        if live.filter_servers != old_filters {
            let brokers = self.brokers.iter();
            for (name, _) in brokers.filter(|(_, b)| b.addrs.values().any(|a| a == addr)) {
                self.topics.invalidate(name);
            }
        }
        self.live.insert(addr.to_owned(), live);
        before
    }

    fn master_for(&self, who: &Registrant<'_>) -> Option<Master> {
        if who.id == MASTER_ID {
            return None;
        }
        let addr = self.brokers.get(who.broker)?.addrs.get(&MASTER_ID)?;
        let live = self.live.get(addr)?;
        Some(Master { addr: addr.clone(), ha_addr: live.ha_addr.clone() })
    }

    /// The version of a broker's topics as known here.
    pub fn data_version(&self, addr: &str) -> Option<DataVersion> {
        Some(self.live.get(addr)?.version)
    }

    /// Notes a sign of life.
    pub fn touch(&mut self, addr: &str, now_ms: u64) {
        if let Some(live) = self.live.get_mut(addr) {
            live.last_ms = now_ms;
        }
    }

    /// A broker says farewell. As in 4.4.0 the id counts, not the address: whoever holds the id
    /// under that name is taken out.
    pub fn unregister(&mut self, cluster: &str, addr: &str, broker: &str, id: i64) -> Vec<Event> {
        let mut events = Vec::new();
        let found = self.live.remove(addr).is_some();
        events.push(Event::FarewellLive { addr: addr.to_owned(), found });
        let Some((name, entry)) = get_mut(&mut self.brokers, broker) else { return events };
        let found = entry.addrs.remove(&id).is_some();
        self.addresses -= usize::from(found);
        events.push(Event::FarewellAddress { addr: addr.to_owned(), found });
        if !entry.addrs.is_empty() {
            self.topics.invalidate(broker);
            return events;
        }
        self.brokers.remove(broker);
        events.push(Event::FarewellName { broker: Arc::clone(&name) });
        let found = self.clusters.get(cluster).is_some_and(|c| c.contains(broker));
        events.push(Event::FarewellMember { broker: name, found });
        for (_, cluster, emptied) in self.leave_clusters(&HashSet::from([broker.into()])) {
            if emptied {
                events.push(Event::FarewellCluster { cluster });
            }
        }
        self.topics.remove_broker(broker, false, &mut events);
        events
    }

    /// Takes these names out of all clusters: who left which cluster, and whether it was the last.
    fn leave_clusters(&mut self, gone: &HashSet<Arc<str>>) -> Vec<(Arc<str>, String, bool)> {
        let mut left = Vec::new();
        self.clusters.retain(|cluster, members| {
            let leaving: Vec<_> = members.extract_if(.., |name| gone.contains(name)).collect();
            self.memberships -= leaving.len();
            let last = leaving.len();
            for (at, name) in leaving.into_iter().enumerate() {
                left.push((name, cluster.clone(), members.is_empty() && at + 1 == last));
            }
            !members.is_empty()
        });
        left
    }

    /// The brokers that registered on this connection are gone at once.
    pub fn connection_closed(&mut self, connection: u64) -> Vec<Event> {
        let mut events = Vec::new();
        let gone = self.live.extract_if(|_, live| live.connection == connection);
        let gone: HashSet<String> = gone.map(|(addr, _)| addr).collect();
        let lost = |addr: &String| Event::ConnectionLost { addr: addr.clone() };
        events.extend(gone.iter().map(lost));
        self.drop_addresses(&gone, &mut events);
        events
    }

    /// Takes out the brokers that were not heard of for [`EXPIRY_MS`].
    pub fn expire(&mut self, now_ms: u64) -> Expired {
        let silent = |live: &Live| live.last_ms.saturating_add(EXPIRY_MS) < now_ms;
        let mut events = Vec::new();
        let gone: Vec<_> = self.live.extract_if(|_, live| silent(live)).collect();
        let connections = gone.iter().map(|(_, live)| live.connection).collect();
        let gone: HashSet<String> = gone.into_iter().map(|(addr, _)| addr).collect();
        for addr in &gone {
            events.push(Event::Expired { addr: addr.clone() });
            events.push(Event::ConnectionLost { addr: addr.clone() });
        }
        self.drop_addresses(&gone, &mut events);
        Expired { connections, events }
    }

    /// Whether [`expire`](Self::expire) would find anything.
    pub fn any_silent(&self, now_ms: u64) -> bool {
        self.live.values().any(|live| live.last_ms.saturating_add(EXPIRY_MS) < now_ms)
    }

    fn drop_addresses(&mut self, gone: &HashSet<String>, events: &mut Vec<Event>) {
        if gone.is_empty() {
            return;
        }
        let mut dead: HashSet<Arc<str>> = HashSet::new();
        for (name, broker) in &mut self.brokers {
            let before = broker.addrs.len();
            broker.addrs.retain(|&id, addr| {
                let stays = !gone.contains(addr);
                if !stays {
                    events.push(Event::AddressRemoved { id, addr: addr.clone() });
                }
                stays
            });
            if broker.addrs.len() == before {
                continue;
            }
            self.addresses -= before - broker.addrs.len();
            if broker.addrs.is_empty() {
                events.push(Event::NameRemoved { broker: Arc::clone(name) });
                dead.insert(Arc::clone(name));
            } else {
                self.topics.invalidate(name);
            }
        }
        self.brokers.retain(|name, _| !dead.contains(name));
        for (broker, cluster, emptied) in self.leave_clusters(&dead) {
            let name = cluster.clone();
            events.push(Event::MemberRemoved { broker, cluster });
            if emptied {
                events.push(Event::ClusterRemoved { cluster: name });
            }
        }
        for name in &dead {
            self.topics.remove_broker(name, true, events);
        }
    }

    /// Takes the write permission of a broker's queues away, until its topics change.
    pub fn wipe_write(&mut self, broker: &str) -> usize {
        self.topics.wipe_write(broker)
    }

    /// Forgets a topic, until a broker registers it again.
    pub fn delete_topic(&mut self, topic: &str) {
        self.topics.remove(topic);
    }
}

fn get_mut<'a>(
    brokers: &'a mut BTreeMap<Arc<str>, Broker>,
    name: &str,
) -> Option<(Arc<str>, &'a mut Broker)> {
    let name = Arc::clone(brokers.get_key_value(name)?.0);
    let broker = brokers.get_mut(&name)?;
    Some((name, broker))
}
