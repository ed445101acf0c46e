//! `resetOffsetByTimeOld`: sets the offsets of a group that does not consume now.

use client::ResetRequest;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{front, parse_time};

pub(super) const COMMAND: Command = Command {
    name: "resetOffsetByTimeOld",
    about: "Set the offsets of a group that does not consume now to a point in time",
    json: false,
    options: &[
        Opt::required('g', "group", "Name of the group"),
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('s', "timestamp", "ms since 1970 or yyyy-MM-dd#HH:mm:ss:SSS; -1 is the end"),
        Opt::value('f', "force", "Whether to go forward, too (true or false), true unless given"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let text = context.required('s');
    let Ok(timestamp) = parse_time(&text) else {
        return Ok(say!(context, "specified timestamp invalid.\n")?);
    };
    let reset = ResetRequest {
        group: context.required('g'),
        topic: context.required('t'),
        timestamp,
        force: context.truth('f').unwrap_or(true),
    };
    reset_offline(context, &reset, &text).await
}

/// Sets the offsets on the brokers and prints them.
pub(super) async fn reset_offline(
    context: &mut Context<'_>,
    reset: &ResetRequest,
    time: &str,
) -> anyhow::Result<()> {
    let queues = context.admin().await?.reset_offsets_offline(reset).await?;
    let ResetRequest { group, topic, timestamp, force } = reset;
    say!(
        context,
        "rollback consumer offset by specified consumerGroup[{group}], topic[{topic}], \
         force[{force}], timestamp(string)[{time}], timestamp(long)[{timestamp}]\n"
    )?;
    say!(
        context,
        "{:<20}  {:<20}  {:<20}  {:<20}  {:<20}  {:<20}\n",
        "#brokerName",
        "#queueId",
        "#brokerOffset",
        "#consumerOffset",
        "#timestampOffset",
        "#rollbackOffset"
    )?;
    for queue in queues {
        say!(
            context,
            "{:<20}  {:<20}  {:<20}  {:<20}  {:<20}  {:<20}\n",
            front(&queue.broker_name, 32),
            queue.queue_id,
            queue.broker_offset,
            queue.consumer_offset,
            queue.timestamp_offset,
            queue.rollback_offset
        )?;
    }
    Ok(())
}
