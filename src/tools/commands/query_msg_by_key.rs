//! `queryMsgByKey`: the messages with a key.

use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};

/// So many messages a broker are asked for.
const MESSAGES_MAX: i32 = 64;

pub(super) const COMMAND: Command = Command {
    name: "queryMsgByKey",
    about: "List the messages with a key",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('k', "msgKey", "The key"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    message_id: String,
    queue_id: i32,
    queue_offset: i64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (topic, key) = (context.required('t'), context.required('k'));
    let found = context.admin().await?.messages_by_key(&topic, &key, MESSAGES_MAX).await?;
    say!(context, "{:<50} {:>4} {:>40}\n", "#Message ID", "#QID", "#Offset")?;
    for message in found {
        let row = Row {
            message_id: message.message_id(),
            queue_id: message.queue_id,
            queue_offset: message.queue_offset,
        };
        let Row { message_id, queue_id, queue_offset } = &row;
        context.row(&row, format_args!("{message_id:<50} {queue_id:>4} {queue_offset:>40}\n"))?;
    }
    Ok(())
}
