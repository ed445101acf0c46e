//! `queryMsgByUniqueKey`: shows a message by the id its producer gave it, or has it consumed.

use crate::command::{Command, Opt};
use crate::context::Context;
use crate::messages::{consumed_text, show};

pub(super) const COMMAND: Command = Command {
    name: "queryMsgByUniqueKey",
    about: "Show a message by its unique id, or have it consumed",
    json: true,
    options: &[
        Opt::required('i', "msgId", "Id of the message"),
        Opt::value('g', "consumerGroup", "Group that shall consume it now; needs -d"),
        Opt::value('d', "clientId", "Client of the group that shall consume it"),
        Opt::required('t', "topic", "Topic of the message"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (id, topic) = (context.required('i'), context.required('t'));
    let admin = context.admin().await?;
    let message = admin.message_of(&topic, &id).await?;
    let text = |short| context.value(short).map(str::to_owned);
    match (text('g'), text('d')) {
        (Some(group), Some(client)) => {
            let result = admin.consume_now(&group, &client, &message).await?;
            context.row(&result, format_args!("{}", consumed_text(&result)))
        }
        _ => show(context, &message, false).await,
    }
}
