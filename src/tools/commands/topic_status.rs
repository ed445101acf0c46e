//! `topicStatus`: start, end and last update of the queues of a topic.

use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{front, time_with_ms};

pub(super) const COMMAND: Command = Command {
    name: "topicStatus",
    about: "Show start, end and last update of the queues of a topic",
    json: true,
    options: &[Opt::required('t', "topic", "Name of the topic")],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    broker_name: &'a str,
    queue_id: i32,
    min_offset: i64,
    max_offset: i64,
    last_update_timestamp: i64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let stats = context.admin().await?.topic_stats(&topic).await?;
    say!(
        context,
        "{:<32}  {:<4}  {:<20}  {:<20}    {}\n",
        "#Broker Name",
        "#QID",
        "#Min Offset",
        "#Max Offset",
        "#Last Updated"
    )?;
    for (queue, offsets) in &stats.offset_table {
        let row = Row {
            broker_name: &queue.broker_name,
            queue_id: queue.queue_id,
            min_offset: offsets.min_offset,
            max_offset: offsets.max_offset,
            last_update_timestamp: offsets.last_update_timestamp,
        };
        let updated = match offsets.last_update_timestamp {
            1.. => time_with_ms(offsets.last_update_timestamp),
            _ => String::new(),
        };
        context.row(
            &row,
            format_args!(
                "{:<32}  {:<4}  {:<20}  {:<20}    {updated}\n",
                front(row.broker_name, 32),
                row.queue_id,
                row.min_offset,
                row.max_offset
            ),
        )?;
    }
    Ok(())
}
