//! What is asked of the route table.

use std::sync::Arc;

use bytes::Bytes;
use protocol::bodies::{BrokerData, ClusterInfo, QueueData, TopicList, TopicRouteData};
use protocol::{json, sysflag};

use super::{Broker, Queue, RouteTable, Sizes};

/// The three lists of topics in unit mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnitTopics {
    /// Topics of a unit.
    Unit,
    /// Topics with a consumer group across units.
    UnitSub,
    /// Those among them that belong to no unit.
    UnitSubNotUnit,
}

impl UnitTopics {
    fn has(self, sys_flag: i32) -> bool {
        let (unit, sub) =
            (sysflag::topic::has_unit(sys_flag), sysflag::topic::has_unit_sub(sys_flag));
        match self {
            Self::Unit => unit,
            Self::UnitSub => sub,
            Self::UnitSubNotUnit => sub && !unit,
        }
    }
}

impl RouteTable {
    /// The body of a route answer without ordered-topic configuration, kept until a change.
    pub fn encoded_route(&self, topic: &str) -> Option<Bytes> {
        self.topics.encoded(topic, |queues| {
            let route = self.route_of(queues)?;
            Some(Bytes::from(json::to_vec(&route)))
        })
    }

    /// Where a topic lives.
    pub fn route(&self, topic: &str) -> Option<TopicRouteData> {
        self.route_of(self.topics.queues(topic)?)
    }

    fn route_of(&self, queues: &[Queue]) -> Option<TopicRouteData> {
        let mut route = TopicRouteData::default();
        for queue in queues {
            route.queue_datas.push(QueueData {
                broker_name: queue.broker.to_string(),
                read_queue_nums: queue.read_queue_nums,
                write_queue_nums: queue.write_queue_nums,
                perm: queue.perm,
                topic_syn_flag: queue.sys_flag,
            });
            let Some(broker) = self.brokers.get(&queue.broker) else { continue };
            route.broker_datas.push(broker.data(&queue.broker));
            for addr in broker.addrs.values() {
                if let Some(live) = self.live.get(addr)
                    && !live.filter_servers.is_empty()
                {
                    route.filter_server_table.insert(addr.clone(), live.filter_servers.clone());
                }
            }
        }
        (!route.broker_datas.is_empty()).then_some(route)
    }

    /// How much it holds.
    pub fn sizes(&self) -> Sizes {
        let (brokers, clusters) = (self.addresses, self.clusters.len());
        Sizes { brokers, clusters, topics: self.topics.len() }
    }

    /// All brokers and clusters.
    pub fn cluster_info(&self) -> ClusterInfo {
        let mut info = ClusterInfo::default();
        for (name, broker) in &self.brokers {
            info.broker_addr_table.insert(name.to_string(), broker.data(name));
        }
        for (cluster, members) in &self.clusters {
            let members = members.iter().map(|name| name.to_string()).collect();
            info.cluster_addr_table.insert(cluster.clone(), members);
        }
        info
    }

    /// All topics.
    pub fn all_topics(&self) -> TopicList {
        list(self.topics.iter().map(|(name, _)| name))
    }

    /// The topics that some broker of a cluster offers; none of an unknown cluster.
    pub fn topics_of_cluster(&self, cluster: &str) -> TopicList {
        let members = self.clusters.get(cluster).into_iter().flatten();
        list(members.flat_map(|name| self.topics.of_broker(name)))
    }

    /// The topics of one of the unit-mode lists; the first broker of a topic decides.
    pub fn unit_topics(&self, kind: UnitTopics) -> TopicList {
        let of_kind = |queues: &[Queue]| queues.first().is_some_and(|q| kind.has(q.sys_flag));
        list(self.topics.iter().filter(|(_, queues)| of_kind(queues)).map(|(n, _)| n))
    }

    /// The names of clusters and brokers, which are topics too, and one broker's address.
    pub fn system_topics(&self) -> TopicList {
        let members = self.clusters.values().flatten();
        let mut topics = list(members);
        topics.topic_list.extend(self.clusters.keys().cloned());
        let addr = self.brokers.values().find_map(|b| b.addrs.values().next());
        topics.broker_addr = addr.cloned();
        topics
    }
}

impl Broker {
    fn data(&self, name: &Arc<str>) -> BrokerData {
        BrokerData {
            cluster: self.cluster.clone(),
            broker_name: name.to_string(),
            broker_addrs: self.addrs.clone(),
        }
    }
}

fn list<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> TopicList {
    TopicList { broker_addr: None, topic_list: names.map(|name| name.to_string()).collect() }
}
