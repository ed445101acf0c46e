//! `resetOffsetByTime`: has a consumer group go on from a point in time.

use client::java_order::hash_order_of_copy;
use client::{ClientError, ResetRequest};
use protocol::codes::response;

use super::reset_offset_by_time_old::reset_offline;
use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{front, now_ms, parse_time};

pub(super) const COMMAND: Command = Command {
    name: "resetOffsetByTime",
    about: "Have a consumer group go on from a point in time, also while it consumes",
    json: false,
    options: &[
        Opt::required('g', "group", "Name of the group"),
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required(
            's',
            "timestamp",
            "now, ms since 1970 or yyyy-MM-dd#HH:mm:ss:SSS; -1 is the end",
        ),
        Opt::value('f', "force", "Whether to go forward, too (true or false), true unless given"),
        Opt::flag('c', "cplus", "The consumers are written in C++"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let text = context.required('s');
    let reset = ResetRequest {
        group: context.required('g'),
        topic: context.required('t'),
        timestamp: if text == "now" { now_ms() } else { parse_time(&text)? },
        force: context.truth('f').unwrap_or(true),
    };
    let admin = context.admin().await?;
    let offsets = match admin.reset_offsets(&reset, context.has('c')).await {
        Err(ClientError::Refused { code: response::CONSUMER_NOT_ONLINE, .. }) => {
            return reset_offline(context, &reset, &text).await;
        }
        answered => answered?,
    };
    let ResetRequest { group, topic, timestamp, force } = &reset;
    say!(
        context,
        "rollback consumer offset by specified group[{group}], topic[{topic}], force[{force}], \
         timestamp(string)[{text}], timestamp(long)[{timestamp}]\n"
    )?;
    say!(context, "{:<40}  {:<40}  {:<40}\n", "#brokerName", "#queueId", "#offset")?;
    for queue in hash_order_of_copy(offsets.keys()) {
        let offset = offsets.get(queue).copied().unwrap_or_default();
        let broker = front(&queue.broker_name, 32);
        say!(context, "{broker:<40}  {:<40}  {offset:<40}\n", queue.queue_id)?;
    }
    Ok(())
}
