//! `brokerStatus`: the figures of brokers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::cluster::all;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "brokerStatus",
    about: "Show the figures of a broker or of all brokers of a cluster",
    json: true,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker; wins over -c"),
        Opt::value('c', "clusterName", "Cluster whose brokers to ask"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
struct Row<'a> {
    broker: &'a str,
    figures: &'a BTreeMap<String, String>,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    if let Some(addr) = context.value('b').map(str::to_owned) {
        return show(context, &addr, false).await;
    }
    let Some(cluster) = context.value('c').map(str::to_owned) else { return Ok(()) };
    for addr in all(context, &cluster).await? {
        if let Err(error) = show(context, &addr, true).await {
            context.complain(error)?;
        }
    }
    Ok(())
}

async fn show(context: &mut Context<'_>, broker: &str, named: bool) -> anyhow::Result<()> {
    let info = context.admin().await?.runtime_info(broker).await?;
    for (key, value) in &info.table {
        if named {
            say!(context, "{broker:<24} ")?;
        }
        say!(context, "{key:<32}: {value}\n")?;
    }
    context.row(&Row { broker, figures: &info.table }, format_args!(""))
}
