//! What happened to the route table, in the words operators know from `namesrv.log`.

use std::fmt;
use std::sync::Arc;

use super::{EXPIRY_MS, Queue};

/// One change of the route table. The table collects them so that nothing is formatted or
/// written while its lock is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// An address that was not alive before.
    NewBroker {
        /// Where clients reach the broker.
        addr: String,
        /// Where its slaves fetch from.
        ha_addr: String,
    },
    /// The first queue data of a topic.
    NewTopic {
        /// Topic name.
        topic: Arc<str>,
        /// What the broker said about it.
        queue: Queue,
    },
    /// A broker changed what it offers of a topic.
    TopicChanged {
        /// Topic name.
        topic: Arc<str>,
        /// What the table held.
        old: Queue,
        /// What it holds now.
        new: Queue,
    },
    /// Rows of a registration that did not fit any more, or whose name was unusable.
    TopicsLeftOut {
        /// Broker name.
        broker: Arc<str>,
        /// How many.
        count: usize,
        /// Why.
        why: &'static str,
    },
    /// A broker was not heard of for [`EXPIRY_MS`].
    Expired {
        /// Its address.
        addr: String,
    },
    /// The connection a broker registered on is gone.
    ConnectionLost {
        /// The broker's address.
        addr: String,
    },
    /// One address left a broker name.
    AddressRemoved {
        /// Broker id.
        id: i64,
        /// Address.
        addr: String,
    },
    /// The last address of a broker name left.
    NameRemoved {
        /// Broker name.
        broker: Arc<str>,
    },
    /// A broker name left its cluster.
    MemberRemoved {
        /// Broker name.
        broker: Arc<str>,
        /// Cluster name.
        cluster: String,
    },
    /// The last broker name left a cluster.
    ClusterRemoved {
        /// Cluster name.
        cluster: String,
    },
    /// A topic lost one broker.
    QueueRemoved {
        /// Topic name.
        topic: Arc<str>,
        /// What it lost.
        queue: Queue,
        /// A lost connection (or expiry), not a farewell.
        lost: bool,
    },
    /// A topic lost its last broker.
    TopicRemoved {
        /// Topic name.
        topic: Arc<str>,
        /// A lost connection (or expiry), not a farewell.
        lost: bool,
    },
    /// Farewell: the live entry.
    FarewellLive {
        /// The broker's address.
        addr: String,
        /// Whether there was one.
        found: bool,
    },
    /// Farewell: the address under the broker name.
    FarewellAddress {
        /// The broker's address.
        addr: String,
        /// Whether there was one.
        found: bool,
    },
    /// Farewell: the broker name, after its last address.
    FarewellName {
        /// Broker name.
        broker: Arc<str>,
    },
    /// Farewell: the membership in the cluster.
    FarewellMember {
        /// Broker name.
        broker: Arc<str>,
        /// Whether there was one.
        found: bool,
    },
    /// Farewell: the cluster, after its last member.
    FarewellCluster {
        /// Cluster name.
        cluster: String,
    },
}

impl Event {
    /// Writes the event to `namesrv.log`.
    pub fn log(&self) {
        match self {
            Self::Expired { .. } | Self::TopicsLeftOut { .. } => {
                tracing::warn!(target: crate::LOG, "{self}");
            }
            _ => tracing::info!(target: crate::LOG, "{self}"),
        }
    }
}

fn ok(found: bool) -> &'static str {
    if found { "OK" } else { "Failed" }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NewBroker { addr, ha_addr } => {
                write!(f, "new broker registered, {addr} HAServer: {ha_addr}")
            }
            Self::NewTopic { topic, queue } => write!(f, "new topic registered, {topic} {queue}"),
            Self::TopicChanged { topic, old, new } => {
                write!(f, "topic changed, {topic} OLD: {old} NEW: {new}")
            }
            Self::TopicsLeftOut { broker, count, why } => {
                write!(f, "{count} topics of broker {broker} left out: {why}")
            }
            Self::Expired { addr } => write!(f, "The broker channel expired, {addr} {EXPIRY_MS}ms"),
            Self::ConnectionLost { addr } => {
                let tail = "clean it's data structure at once";
                write!(f, "the broker's channel destroyed, {addr}, {tail}")
            }
            _ => self.fmt_removal(f),
        }
    }
}

impl Event {
    fn fmt_removal(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LOST: &str = "because channel destroyed";
        const BYE: &str = "unregisterBroker, remove";
        const BYE_TOPIC: &str = "removeTopicByBrokerName, remove";
        match self {
            Self::AddressRemoved { id, addr } => {
                write!(f, "remove brokerAddr[{id}, {addr}] from brokerAddrTable, {LOST}")
            }
            Self::NameRemoved { broker } => {
                write!(f, "remove brokerName[{broker}] from brokerAddrTable, {LOST}")
            }
            Self::MemberRemoved { broker, cluster } => write!(
                f,
                "remove brokerName[{broker}], clusterName[{cluster}] from clusterAddrTable, {LOST}"
            ),
            Self::ClusterRemoved { cluster } => write!(
                f,
                "remove the clusterName[{cluster}] from clusterAddrTable, {LOST} and no broker in \
                 this cluster"
            ),
            Self::QueueRemoved { topic, queue, lost: true } => {
                write!(f, "remove topic[{topic} {queue}], from topicQueueTable, {LOST}")
            }
            Self::QueueRemoved { topic, queue, lost: false } => {
                write!(f, "{BYE_TOPIC} one broker's topic {topic} {queue}")
            }
            Self::TopicRemoved { topic, lost: true } => {
                write!(f, "remove topic[{topic}] all queue, from topicQueueTable, {LOST}")
            }
            Self::TopicRemoved { topic, lost: false } => {
                write!(f, "{BYE_TOPIC} the topic all queue {topic}")
            }
            Self::FarewellLive { addr, found } => {
                write!(f, "{BYE} from brokerLiveTable {}, {addr}", ok(*found))
            }
            Self::FarewellAddress { addr, found } => {
                write!(f, "{BYE} addr from brokerAddrTable {}, {addr}", ok(*found))
            }
            Self::FarewellName { broker } => {
                write!(f, "{BYE} name from brokerAddrTable OK, {broker}")
            }
            Self::FarewellMember { broker, found } => {
                write!(f, "{BYE} name from clusterAddrTable {}, {broker}", ok(*found))
            }
            Self::FarewellCluster { cluster } => {
                write!(f, "{BYE} cluster from clusterAddrTable {cluster}")
            }
            _ => Ok(()),
        }
    }
}
