//! `cleanUnusedTopic`: removes consume queues of topics that no longer exist.

use anyhow::bail;

use super::clean_expired_cq::addresses;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "cleanUnusedTopic",
    about: "Delete consume queues of topics that are gone",
    json: false,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker; wins over -c"),
        Opt::value('c', "cluster", "Cluster whose brokers to clean"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    if !context.has('b') && !context.has('c') {
        bail!("-b or -c is missing: which brokers to clean");
    }
    let admin = context.admin().await?;
    let brokers = addresses(context).await?;
    context.announce(format_args!("deletes queues of gone topics on [{}]", brokers.join(", ")))?;
    for addr in &brokers {
        admin.clean_unused_topics(addr).await?;
    }
    Ok(say!(context, "{}", if brokers.is_empty() { "false" } else { "success" })?)
}
