//! `getConsumerStatus`: the offsets inside the members of a consumer group.

use client::java_order::hash_order;
use protocol::bodies::MessageQueue;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::front;

pub(super) const COMMAND: Command = Command {
    name: "getConsumerStatus",
    about: "Show the offsets inside the members of a consumer group",
    json: true,
    options: &[
        Opt::required('g', "group", "Name of the group"),
        Opt::required('t', "topic", "Name of the topic"),
        Opt::value('i', "originClientId", "Client to show; all unless given"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    client_id: &'a str,
    #[serde(flatten)]
    queue: &'a MessageQueue,
    offset: i64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (group, topic) = (context.required('g'), context.required('t'));
    let client = context.required('i');
    let table = context.admin().await?.offsets_of_consumers(&group, &topic, &client).await?;
    say!(
        context,
        "get consumer status from client. group={group}, topic={topic}, originClientId={client}\n"
    )?;
    say!(
        context,
        "{:<50}  {:<15}  {:<15}  {:<20}\n",
        "#clientId",
        "#brokerName",
        "#queueId",
        "#offset"
    )?;
    for client_id in hash_order(table.keys()) {
        let Some(offsets) = table.get(client_id) else { continue };
        for queue in hash_order(offsets.keys()) {
            let offset = offsets.get(queue).copied().unwrap_or_default();
            context.row(
                &Row { client_id, queue, offset },
                format_args!(
                    "{:<50}  {:<15}  {:<15}  {offset:<20}\n",
                    front(client_id, 50),
                    queue.broker_name,
                    queue.queue_id
                ),
            )?;
        }
    }
    Ok(())
}
