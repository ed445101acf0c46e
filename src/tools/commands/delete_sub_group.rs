//! `deleteSubGroup`: removes a consumer group, and with `-c` its retry and dead letter topics.

use protocol::topic;

use super::delete_topic::delete;
use crate::cluster::masters;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "deleteSubGroup",
    about: "Delete a subscription group from a broker or a cluster",
    json: false,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker to delete it from; wins over -c"),
        Opt::value('c', "clusterName", "Cluster to delete it from, with its own topics"),
        Opt::required('g', "groupName", "Name of the group"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let group = context.required('g');
    if let Some(addr) = context.value('b').map(str::to_owned) {
        context.announce(format_args!("deletes group {group} on broker {addr}"))?;
        context.admin().await?.delete_group(&addr, &group).await?;
        say!(context, "delete subscription group [{group}] from broker [{addr}] success.\n")?;
        return Ok(());
    }
    let Some(cluster) = context.value('c').map(str::to_owned) else { return context.usage() };
    let admin = context.admin().await?;
    for master in masters(context, &cluster).await? {
        context.announce(format_args!("deletes group {group} on broker {master}"))?;
        admin.delete_group(&master, &group).await?;
        say!(
            context,
            "delete subscription group [{group}] from broker [{master}] in cluster [{cluster}] \
             success.\n"
        )?;
    }
    for own in [topic::retry(&group), topic::dlq(&group)] {
        if let Err(error) = delete(context, &cluster, &own).await {
            context.complain(error)?;
            break;
        }
    }
    Ok(())
}
