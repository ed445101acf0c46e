//! `topicRoute`: the brokers and queues of a topic.

use protocol::json;

use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "topicRoute",
    about: "Show the brokers and queues of a topic",
    json: true,
    options: &[Opt::required('t', "topic", "Name of the topic")],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let route = context.admin().await?.route(&topic).await?;
    say!(context, "{}\n", json::to_string_pretty(&route))?;
    context.answer(&route)
}
