//! `consumeMessage`: prints some messages of a topic, of a queue, or from an offset on.

use client::PullStatus;
use protocol::bodies::MessageQueue;
use protocol::topic::group::TOOLS_CONSUMER;

use crate::cluster::readable_queues;
use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::messages::{Charset, show_line};
use crate::text::{now_ms, parse_time};

/// Messages to print unless given.
const MESSAGES: i64 = 128;

pub(super) const COMMAND: Command = Command {
    name: "consumeMessage",
    about: "Print some messages of a topic, of a queue, or from an offset on",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::value('b', "brokerName", "Name of the broker"),
        Opt::value('i', "queueId", "Queue of the broker; needs -b"),
        Opt::value('o', "offset", "Offset in the queue; needs -i"),
        Opt::value('g', "consumerGroup", "Group to read as; its offsets stay"),
        Opt::value('s', "beginTimestamp ", "Start, in ms since 1970 or as yyyy-MM-dd#HH:mm:ss:SSS"),
        Opt::value('e', "endTimestamp ", "End, in ms since 1970 or as yyyy-MM-dd#HH:mm:ss:SSS"),
        Opt::value('c', "MessageNumber", "Messages to print at most, 128 unless given"),
    ],
    run: |context| Box::pin(run(context)),
};

/// What the options ask for.
struct Wanted {
    topic: String,
    group: String,
    /// Broker and queue, if one was chosen.
    queue: Option<MessageQueue>,
    offset: i64,
    count: i64,
    /// 0 is no limit.
    begin_ms: i64,
    /// 0 is no limit.
    end_ms: i64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let wanted = match wanted(context)? {
        Ok(wanted) => wanted,
        // As in 4.4.0 this is part of the output.
        Err(advice) => return Ok(say!(context, "{advice}")?),
    };
    let done = match &wanted.queue {
        Some(queue) => one_queue(context, &wanted, queue).await,
        None => all_queues(context, &wanted).await,
    };
    if let Err(error) = done {
        context.complain(error)?;
    }
    Ok(())
}

/// The options, or what is wrong with them.
fn wanted(context: &Context<'_>) -> anyhow::Result<Result<Wanted, &'static str>> {
    let topic = context.required('t');
    let count = context.number('c')?.unwrap_or(MESSAGES);
    if count <= 0 {
        return Ok(Err("-c: give a number above 0"));
    }
    let queue = match (context.value('b'), context.number('i')?) {
        (None, Some(_)) => return Ok(Err("-i names a queue of a broker: give -b, too")),
        (Some(broker), Some(id)) => Some(MessageQueue::new(&topic, broker, id)),
        _ => None,
    };
    if queue.is_none() && context.has('o') {
        return Ok(Err("-o is an offset in a queue: give -i, too"));
    }
    let time = |short| context.value(short).map(parse_time).transpose();
    let (begin_ms, end_ms) = (time('s')?.unwrap_or(0), time('e')?.unwrap_or(0));
    let now = now_ms();
    if begin_ms > now {
        return Ok(Err("-s lies in the future"));
    }
    if end_ms > now {
        return Ok(Err("-e lies in the future"));
    }
    if context.has('e') && begin_ms > end_ms {
        return Ok(Err("-e lies before -s"));
    }
    Ok(Ok(Wanted {
        topic,
        group: context.value('g').unwrap_or(TOOLS_CONSUMER).to_owned(),
        queue,
        offset: context.number('o')?.unwrap_or(0),
        count,
        begin_ms,
        end_ms,
    }))
}

/// The part of a queue that lies within the times.
async fn span(
    context: &mut Context<'_>,
    wanted: &Wanted,
    queue: &MessageQueue,
) -> anyhow::Result<(i64, i64)> {
    let admin = context.admin().await?;
    let (mut min, mut max) = (admin.min_offset(queue).await?, admin.max_offset(queue).await?);
    if wanted.begin_ms > 0 {
        min = admin.offset_at_time(queue, wanted.begin_ms).await?;
    }
    if wanted.end_ms > 0 {
        max = admin.offset_at_time(queue, wanted.end_ms).await?;
    }
    Ok((min, max))
}

async fn all_queues(context: &mut Context<'_>, wanted: &Wanted) -> anyhow::Result<()> {
    let route = context.admin().await?.route(&wanted.topic).await?;
    // -b without -i means the queues of that broker.
    let broker = context.value('b').map(str::to_owned);
    let mut left = wanted.count;
    for queue in readable_queues(&wanted.topic, &route) {
        if broker.as_ref().is_some_and(|broker| *broker != queue.broker_name) {
            continue;
        }
        if left == 0 {
            break;
        }
        let (min, mut max) = span(context, wanted, &queue).await?;
        if max - min > left {
            let id = queue.queue_id;
            say!(context, "The older {left} message of the {id} queue will be provided\n")?;
            max = min + left - 1;
            left = 0;
        } else {
            left -= max - min + 1;
        }
        pull(context, wanted, &queue, min, max).await?;
    }
    Ok(())
}

async fn one_queue(
    context: &mut Context<'_>,
    wanted: &Wanted,
    queue: &MessageQueue,
) -> anyhow::Result<()> {
    let (mut min, mut max) = span(context, wanted, queue).await?;
    let Wanted { offset, count, .. } = *wanted;
    if offset > max {
        return Ok(say!(context, "{queue} no matched msg, offset={offset}\n")?);
    }
    min = min.max(offset);
    if max - min > count {
        say!(context, "The oldler {count} message will be provided\n")?;
        max = min + count - 1;
    }
    pull(context, wanted, queue, min, max).await
}

/// Prints what lies from `min` to `max`, both included.
async fn pull(
    context: &mut Context<'_>,
    wanted: &Wanted,
    queue: &MessageQueue,
    min: i64,
    max: i64,
) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let charset = Charset::of(None)?;
    let mut offset = min;
    while offset <= max {
        let left = i32::try_from(max - offset + 1).unwrap_or(i32::MAX);
        let pulled = match admin.pull(&wanted.group, queue, "*", offset, left).await {
            Ok(pulled) => pulled,
            Err(error) => return Ok(context.complain(error)?),
        };
        offset = pulled.next_offset;
        let status = pulled.status.name();
        match pulled.status {
            PullStatus::Found => {
                say!(context, "Consume ok\n")?;
                for message in &pulled.messages {
                    show_line(context, message, Some(&charset))?;
                }
            }
            PullStatus::NoMatchedMessage => {
                say!(context, "{queue} no matched msg. status={status}, offset={offset}\n")?;
            }
            PullStatus::NoNewMessage | PullStatus::OffsetIllegal => {
                say!(context, "{queue} print msg finished. status={status}, offset={offset}\n")?;
                break;
            }
        }
    }
    Ok(())
}
