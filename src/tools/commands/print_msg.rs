//! `printMsg`: the messages of a topic, of all times or of a span.

use anyhow::Context as _;
use client::PullStatus;
use protocol::bodies::MessageQueue;
use protocol::topic::group::TOOLS_CONSUMER;

use crate::cluster::readable_queues;
use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::messages::{Charset, show_line};
use crate::text::parse_time;

/// Messages asked for at a time.
pub(super) const BATCH: i32 = 32;

pub(super) const COMMAND: Command = Command {
    name: "printMsg",
    about: "Print the messages of a topic",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::value('c', "charsetName ", "Character set of the bodies, UTF-8 unless given"),
        Opt::value('s', "subExpression ", "Tags to print, for example TagA || TagB"),
        Opt::value('b', "beginTimestamp ", "Start, in ms since 1970 or as yyyy-MM-dd#HH:mm:ss:SSS"),
        Opt::value('e', "endTimestamp ", "End, in ms since 1970 or as yyyy-MM-dd#HH:mm:ss:SSS"),
        Opt::value(
            'd',
            "printBody ",
            "Whether to print the bodies (true or false), true unless given",
        ),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let charset = Charset::of(context.value('c'))?;
    let body = context.truth('d').unwrap_or(true).then_some(&charset);
    let route = context.admin().await?.route(&topic).await;
    let route = route.with_context(|| format!("find the queues of {topic}"))?;
    for queue in readable_queues(&topic, &route) {
        print(context, &queue, body).await?;
    }
    Ok(())
}

/// The part of a queue that the options ask for.
pub(super) async fn span(
    context: &mut Context<'_>,
    queue: &MessageQueue,
) -> anyhow::Result<std::ops::Range<i64>> {
    let admin = context.admin().await?;
    let (mut start, mut end) = (admin.min_offset(queue).await?, admin.max_offset(queue).await?);
    if let Some(time) = context.value('b') {
        start = admin.offset_at_time(queue, parse_time(time)?).await?;
    }
    if let Some(time) = context.value('e') {
        end = admin.offset_at_time(queue, parse_time(time)?).await?;
    }
    Ok(start..end)
}

async fn print(
    context: &mut Context<'_>,
    queue: &MessageQueue,
    body: Option<&Charset>,
) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let expression = context.value('s').unwrap_or("*").to_owned();
    let span = span(context, queue).await?;
    say!(context, "minOffset={}, maxOffset={}, {queue}", span.start, span.end)?;
    let mut offset = span.start;
    while offset < span.end {
        let pulled = match admin.pull(TOOLS_CONSUMER, queue, &expression, offset, BATCH).await {
            Ok(pulled) => pulled,
            Err(error) => return Ok(context.complain(error)?),
        };
        offset = pulled.next_offset;
        let status = pulled.status.name();
        match pulled.status {
            PullStatus::Found => {
                for message in &pulled.messages {
                    show_line(context, message, body)?;
                }
            }
            PullStatus::NoMatchedMessage => {
                say!(context, "{queue} no matched msg. status={status}, offset={offset}")?;
            }
            PullStatus::NoNewMessage | PullStatus::OffsetIllegal => {
                say!(context, "{queue} print msg finished. status={status}, offset={offset}")?;
                break;
            }
        }
    }
    Ok(())
}
