//! `cleanExpiredCQ`: removes consume queues that point before the commit log.

use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "cleanExpiredCQ",
    about: "Delete consume queue files that no message belongs to any more",
    json: false,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker; wins over -c"),
        Opt::value('c', "cluster", "Cluster whose brokers to clean; all clusters unless given"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let brokers = addresses(context).await?;
    context.announce(format_args!("deletes expired consume queues on [{}]", brokers.join(", ")))?;
    for addr in &brokers {
        admin.clean_expired_queues(addr).await?;
    }
    Ok(say!(context, "{}", if brokers.is_empty() { "false" } else { "success" })?)
}

/// The brokers that the options name.
pub(super) async fn addresses(context: &mut Context<'_>) -> anyhow::Result<Vec<String>> {
    if let Some(addr) = context.value('b') {
        return Ok(vec![addr.to_owned()]);
    }
    let clusters = context.admin().await?.clusters().await?;
    let wanted = context.value('c').filter(|cluster| !cluster.is_empty());
    let tables = clusters.cluster_addr_table.iter();
    let names = tables.filter(|(cluster, _)| wanted.is_none_or(|wanted| wanted == *cluster));
    let data =
        names.flat_map(|(_, names)| names).filter_map(|name| clusters.broker_addr_table.get(name));
    Ok(data.flat_map(|data| data.broker_addrs.values()).cloned().collect())
}
