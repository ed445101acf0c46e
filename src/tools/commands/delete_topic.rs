//! `deleteTopic`: removes a topic from all brokers of a cluster and from the name servers.

use crate::cluster::all;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "deleteTopic",
    about: "Delete a topic from the brokers of a cluster and from the name servers",
    json: false,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('c', "clusterName", "Cluster to delete it from"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (topic, cluster) = (context.required('t'), context.required('c'));
    delete(context, &cluster, &topic).await
}

/// Deletes a topic everywhere.
pub(super) async fn delete(
    context: &mut Context<'_>,
    cluster: &str,
    topic: &str,
) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let brokers = all(context, cluster).await?;
    let (on, names) = (brokers.join(", "), admin.name_servers().join(", "));
    context.announce(format_args!(
        "deletes topic {topic} on brokers [{on}], name servers [{names}]"
    ))?;
    for addr in &brokers {
        admin.delete_topic(addr, topic).await?;
    }
    say!(context, "delete topic [{topic}] from cluster [{cluster}] success.\n")?;
    admin.delete_route(topic).await?;
    Ok(say!(context, "delete topic [{topic}] from NameServer success.\n")?)
}
