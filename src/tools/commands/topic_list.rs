//! `topicList`: all topics, with `-c` also their clusters and consumer groups.

use client::java_order::hash_order;
use protocol::bodies::ClusterInfo;
use protocol::topic;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::front;

pub(super) const COMMAND: Command = Command {
    name: "topicList",
    about: "List all topics",
    json: true,
    options: &[Opt::flag('c', "clusterModel", "Show clusters and consumer groups, too")],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    cluster_name: &'a str,
    topic: &'a str,
    consumer_group: &'a str,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    if !context.has('c') {
        for name in hash_order(admin.topics().await?) {
            context.row(&name, format_args!("{name}\n"))?;
        }
        return Ok(());
    }
    let clusters = admin.clusters().await?;
    say!(context, "{:<20}  {:<48}  {:<48}\n", "#Cluster Name", "#Topic", "#Consumer Group")?;
    for name in hash_order(admin.topics().await?) {
        if topic::is_retry(&name) || topic::is_dlq(&name) {
            continue;
        }
        let (cluster_name, mut groups) = users(context, &clusters, &name).await?;
        if groups.is_empty() {
            groups.push(String::new());
        }
        for group in hash_order(groups) {
            context.row(
                &Row { cluster_name, topic: &name, consumer_group: &group },
                format_args!(
                    "{:<20}  {:<48}  {:<48}\n",
                    front(cluster_name, 20),
                    front(&name, 48),
                    front(&group, 48)
                ),
            )?;
        }
    }
    Ok(())
}

/// The cluster of a topic's first broker, and the groups that consume it, as far as they can be
/// found out.
async fn users<'i>(
    context: &mut Context<'_>,
    clusters: &'i ClusterInfo,
    topic: &str,
) -> anyhow::Result<(&'i str, Vec<String>)> {
    let admin = context.admin().await?;
    let Ok(route) = admin.route(topic).await else { return Ok(("", Vec::new())) };
    let Some(broker) = route.broker_datas.first() else { return Ok(("", Vec::new())) };
    let mut tables = clusters.cluster_addr_table.iter();
    let cluster = tables.find(|(_, names)| names.contains(&broker.broker_name));
    let groups = admin.groups_of_topic(topic).await.ok().flatten().unwrap_or_default();
    Ok((cluster.map_or("null", |(cluster, _)| cluster), groups))
}
