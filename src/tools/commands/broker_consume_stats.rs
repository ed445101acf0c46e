//! `brokerConsumeStats`: the progress of all groups of a broker.

use std::time::Duration;

use protocol::bodies::OffsetWrapper;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{front, time};

/// Time limit unless given.
const TIMEOUT_MS: u64 = 50_000;

pub(super) const COMMAND: Command = Command {
    name: "brokerConsumeStats",
    about: "Show how far the groups of a broker have consumed",
    json: true,
    options: &[
        Opt::required('b', "brokerAddr", "Address of the broker"),
        Opt::value('t', "timeoutMillis", "Time limit in ms, 50000 unless given"),
        Opt::value('l', "level", "Show queues that are at least so many messages behind"),
        Opt::value('o', "order", "Show ordered topics instead of the others (true or false)"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    topic: &'a str,
    group: &'a str,
    broker_name: &'a str,
    queue_id: i32,
    #[serde(flatten)]
    offsets: &'a OffsetWrapper,
    diff: i64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let addr = context.required('b');
    let order = context.truth('o').unwrap_or(false);
    let wait = Duration::from_millis(context.number('t')?.unwrap_or(TIMEOUT_MS));
    let level: i64 = context.number('l')?.unwrap_or(0);
    let stats = context.admin().await?.consume_stats_of_broker(&addr, order, wait).await?;
    say!(
        context,
        "{:<32}  {:<32}  {:<32}  {:<4}  {:<20}  {:<20}  {:<20}  {}\n",
        "#Topic",
        "#Group",
        "#Broker Name",
        "#QID",
        "#Broker Offset",
        "#Consumer Offset",
        "#Diff",
        "#LastTime"
    )?;
    for (group, parts) in stats.consume_stats_list.iter().flatten() {
        for (queue, offsets) in parts.iter().flat_map(|part| &part.offset_table) {
            let diff = offsets.broker_offset.wrapping_sub(offsets.consumer_offset);
            if diff < level || offsets.last_timestamp <= 0 {
                continue;
            }
            let (topic, broker_name, queue_id) =
                (queue.topic.as_str(), queue.broker_name.as_str(), queue.queue_id);
            context.row(
                &Row { topic, group, broker_name, queue_id, offsets, diff },
                format_args!(
                    "{:<32}  {group:<32}  {:<32}  {queue_id:<4}  {:<20}  {:<20}  {diff:<20}  {}\n",
                    front(topic, 32),
                    front(broker_name, 32),
                    offsets.broker_offset,
                    offsets.consumer_offset,
                    time(offsets.last_timestamp)
                ),
            )?;
        }
    }
    Ok(say!(context, "\nDiff Total: {}\n", stats.total_diff)?)
}
