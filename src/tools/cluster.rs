//! The brokers behind the name of a cluster.

use anyhow::{Context as _, bail};
use client::java_order::hash_order;
use protocol::bodies::{BrokerData, ClusterInfo, MessageQueue, TopicRouteData};
use protocol::perm;

use crate::context::{Context, say};

/// Id of a master among the brokers of one name.
pub(crate) const MASTER_ID: i64 = 0;

/// What to say when a cluster has no broker.
const NO_CLUSTER: &str = "no such cluster: check the name of the cluster and the name server";

/// The brokers of a cluster, by name; says so when there is no such cluster.
async fn brokers(context: &mut Context<'_>, cluster: &str) -> anyhow::Result<Vec<BrokerData>> {
    let info = context.admin().await?.clusters().await?;
    let Some(names) = info.cluster_addr_table.get(cluster) else {
        say!(context, "[error] {NO_CLUSTER}")?;
        return Ok(Vec::new());
    };
    Ok(data_of(&info, names))
}

fn data_of(info: &ClusterInfo, names: &[String]) -> Vec<BrokerData> {
    let names = hash_order(names);
    names.iter().filter_map(|name| info.broker_addr_table.get(*name)).cloned().collect()
}

/// Addresses of the masters of a cluster.
pub(crate) async fn masters(
    context: &mut Context<'_>,
    cluster: &str,
) -> anyhow::Result<Vec<String>> {
    let brokers = brokers(context, cluster).await?;
    let masters =
        brokers.into_iter().filter_map(|mut broker| broker.broker_addrs.remove(&MASTER_ID));
    Ok(hash_order(masters))
}

/// Addresses of all brokers of a cluster.
pub(crate) async fn all(context: &mut Context<'_>, cluster: &str) -> anyhow::Result<Vec<String>> {
    let brokers = brokers(context, cluster).await?;
    Ok(hash_order(brokers.into_iter().flat_map(|broker| broker.broker_addrs.into_values())))
}

/// Each master of a cluster with its slaves; a name without a master is left out.
pub(crate) async fn masters_and_slaves(
    context: &mut Context<'_>,
    cluster: &str,
) -> anyhow::Result<Vec<(String, Vec<String>)>> {
    let brokers = brokers(context, cluster).await?;
    let pairs = brokers.into_iter().filter_map(|mut broker| {
        let master = broker.broker_addrs.remove(&MASTER_ID)?;
        Some((master, broker.broker_addrs.into_values().collect()))
    });
    Ok(pairs.collect())
}

/// The names of the brokers of a cluster.
pub(crate) fn broker_names<'i>(
    info: &'i ClusterInfo,
    cluster: &str,
) -> anyhow::Result<Vec<&'i str>> {
    let names = info.cluster_addr_table.get(cluster).context(NO_CLUSTER)?;
    Ok(hash_order(names.iter().map(String::as_str)))
}

/// The name of the broker at an address.
pub(crate) fn broker_name<'i>(info: &'i ClusterInfo, addr: &str) -> anyhow::Result<&'i str> {
    let mut brokers = info.broker_addr_table.iter();
    let found = brokers.find(|(_, data)| data.broker_addrs.values().any(|each| each == addr));
    match found {
        Some((name, _)) => Ok(name),
        None => bail!("the name server knows no broker at {addr}"),
    }
}

/// The queues of a topic that can be read.
pub(crate) fn readable_queues(topic: &str, route: &TopicRouteData) -> Vec<MessageQueue> {
    let readable = route.queue_datas.iter().filter(|data| perm::is_readable(data.perm));
    hash_order(readable.flat_map(|data| {
        (0..data.read_queue_nums).map(|id| MessageQueue::new(topic, &data.broker_name, id))
    }))
}
