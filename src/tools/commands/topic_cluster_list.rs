//! `topicClusterList`: the clusters that serve a topic.

use client::java_order::hash_order;

use crate::command::{Command, Opt};
use crate::context::Context;

pub(super) const COMMAND: Command = Command {
    name: "topicClusterList",
    about: "List the clusters that serve a topic",
    json: true,
    options: &[Opt::required('t', "topic", "Name of the topic")],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let clusters = context.admin().await?.clusters_of_topic(&topic).await?;
    for cluster in hash_order(clusters) {
        context.row(&cluster, format_args!("{cluster}\n"))?;
    }
    Ok(())
}
