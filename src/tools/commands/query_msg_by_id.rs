//! `queryMsgById`: shows messages, has them consumed, or sends them again.

use client::Producer;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::messages::{consumed_text, show};

/// Group of the producer that sends messages again.
const PRODUCER_GROUP: &str = "ReSendMsgById";

pub(super) const COMMAND: Command = Command {
    name: "queryMsgById",
    about: "Show messages by offset id, have them consumed, or send them again",
    json: true,
    options: &[
        Opt::required('i', "msgId", "Offset ids of the messages, joined by commas"),
        Opt::value('g', "consumerGroup", "Group that shall consume them now; needs -d"),
        Opt::value('d', "clientId", "Client of the group that shall consume them"),
        Opt::value('s', "sendMessage", "Whether to send them again (true or false)"),
        Opt::value('u', "unitName", "Unit of the producer that sends them again"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let ids = context.required('i');
    let ids: Vec<&str> = ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
    let text = |short| context.value(short).map(str::to_owned);
    if let (Some(group), Some(client)) = (text('g'), text('d')) {
        for id in ids {
            if let Err(error) = push(context, &group, &client, id).await {
                context.complain(error)?;
            }
        }
    } else if context.has('s') {
        if context.truth('s') == Some(true) {
            send_again(context, &ids).await?;
        }
    } else {
        for id in ids {
            let message = context.admin().await?.message(id).await?;
            show(context, &message, true).await?;
        }
    }
    Ok(())
}

async fn push(
    context: &mut Context<'_>,
    group: &str,
    client: &str,
    id: &str,
) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let message = admin.message(id).await?;
    let result = admin.consume_now(group, client, &message).await?;
    context.row(&result, format_args!("{}", consumed_text(&result)))
}

async fn send_again(context: &mut Context<'_>, ids: &[&str]) -> anyhow::Result<()> {
    let mut settings = context.settings(PRODUCER_GROUP);
    if let Some(unit) = context.value('u') {
        // The unit is part of the client's id.
        settings.instance_name = format!("{}@{unit}", settings.instance_name);
    }
    let producer = context.producer(settings).await?;
    for id in ids {
        if let Err(error) = send_one(context, &producer, id).await {
            context.complain(error)?;
        }
    }
    Ok(())
}

async fn send_one(context: &mut Context<'_>, producer: &Producer, id: &str) -> anyhow::Result<()> {
    let message = context.admin().await?.message(id).await?;
    say!(context, "prepare resend msg. originalMsgId={id}")?;
    let sent = producer.send(&message.message).await?;
    context.row(&sent.to_string(), format_args!("{sent}"))
}
