//! `getBrokerConfig`: the settings of brokers.

use super::get_namesrv_config::show;
use crate::cluster::masters_and_slaves;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "getBrokerConfig",
    about: "Show the settings of a broker or of all brokers of a cluster",
    json: true,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker; wins over -c"),
        Opt::value('c', "clusterName", "Cluster whose brokers to ask"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    if let Some(addr) = context.value('b').map(str::to_owned) {
        return ask(context, &addr, &format!("============{addr}============\n")).await;
    }
    let Some(cluster) = context.value('c').map(str::to_owned) else { return Ok(()) };
    for (master, slaves) in masters_and_slaves(context, &cluster).await? {
        ask(context, &master, &format!("============Master: {master}============\n")).await?;
        for slave in slaves {
            let title = format!("============My Master: {master}=====Slave: {slave}============\n");
            ask(context, &slave, &title).await?;
        }
    }
    Ok(())
}

async fn ask(context: &mut Context<'_>, addr: &str, title: &str) -> anyhow::Result<()> {
    say!(context, "{title}")?;
    let text = context.admin().await?.broker_config(addr).await?;
    show(context, addr, &text)?;
    Ok(say!(context, "\n")?)
}
