//! Routes: which brokers serve a topic, which brokers there are.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Request 105: the brokers and queues of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicRouteData {
    /// The brokers.
    pub broker_datas: Vec<BrokerData>,
    /// Filter servers by broker address.
    pub filter_server_table: BTreeMap<String, Vec<String>>,
    /// Queues of an ordered topic, `broker:queues` joined by `;`.
    pub order_topic_conf: Option<String>,
    /// The queues, one entry a broker.
    pub queue_datas: Vec<QueueData>,
}

/// A broker name and the addresses behind it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerData {
    /// Addresses by broker id, 0 the master.
    pub broker_addrs: BTreeMap<i64, String>,
    /// Name of the broker.
    pub broker_name: String,
    /// Its cluster.
    pub cluster: String,
}

/// The queues of a topic on one broker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueueData {
    /// Name of the broker.
    pub broker_name: String,
    /// Permission bits, see [`crate::perm`].
    pub perm: i32,
    /// Queues to read from.
    pub read_queue_nums: i32,
    /// Topic flags, see [`crate::sysflag`].
    pub topic_syn_flag: i32,
    /// Queues to write to.
    pub write_queue_nums: i32,
}

/// Request 106: all clusters and brokers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClusterInfo {
    /// Brokers by name.
    pub broker_addr_table: BTreeMap<String, BrokerData>,
    /// Broker names by cluster.
    pub cluster_addr_table: BTreeMap<String, Vec<String>>,
}
