//! `queryMsgByOffset`: shows the message at an offset of a queue.

use anyhow::Context as _;
use client::PullStatus;
use protocol::bodies::MessageQueue;
use protocol::topic::group::TOOLS_CONSUMER;

use crate::command::{Command, Opt};
use crate::context::Context;
use crate::messages::show;

pub(super) const COMMAND: Command = Command {
    name: "queryMsgByOffset",
    about: "Show the message at an offset of a queue",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('b', "brokerName", "Name of the broker"),
        Opt::required('i', "queueId", "Number of the queue"),
        Opt::required('o', "offset", "Offset in the queue"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let id = context.number('i')?.context("-i is missing")?;
    let offset = context.number('o')?.context("-o is missing")?;
    let queue = MessageQueue::new(context.required('t'), context.required('b'), id);
    let pulled = context.admin().await?.pull(TOOLS_CONSUMER, &queue, "*", offset, 1).await?;
    match pulled.messages.first() {
        Some(message) if pulled.status == PullStatus::Found => show(context, message, true).await,
        _ => Ok(()),
    }
}
