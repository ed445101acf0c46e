//! `consumerProgress`: how far one group, or every group, has consumed.

use std::collections::HashMap;

use client::java_order::hash_order;
use protocol::bodies::{
    ConsumeStats, ConsumeType, ConsumerConnection, JavaEnum as _, MessageQueue, OffsetWrapper,
};
use protocol::{topic, version};
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{fixed, front, time};

pub(super) const COMMAND: Command = Command {
    name: "consumerProgress",
    about: "Show how far groups have consumed, and how fast",
    json: true,
    options: &[
        Opt::value('g', "groupName", "Name of the group; a line for every group unless given"),
        Opt::value('s', "showClientIP", "Whether to show who consumes a queue (true or false)"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    match context.value('g').map(str::to_owned) {
        Some(group) => one(context, &group).await,
        None => all(context).await,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct QueueRow<'a> {
    topic: &'a str,
    broker_name: &'a str,
    queue_id: i32,
    #[serde(flatten)]
    offsets: &'a OffsetWrapper,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ip: Option<&'a str>,
    diff: i64,
}

async fn one(context: &mut Context<'_>, group: &str) -> anyhow::Result<()> {
    let stats = context.admin().await?.consume_stats(group, None).await?;
    let owners = match context.truth('s') {
        Some(true) => owners(context, group).await?,
        _ => HashMap::new(),
    };
    say!(
        context,
        "{:<32}  {:<32}  {:<4}  {:<20}  {:<20}  {:<20} {:<20}  {}\n",
        "#Topic",
        "#Broker Name",
        "#QID",
        "#Broker Offset",
        "#Consumer Offset",
        "#Client IP",
        "#Diff",
        "#LastTime"
    )?;
    for (queue, offsets) in &stats.offset_table {
        let diff = offsets.broker_offset.wrapping_sub(offsets.consumer_offset);
        let client_ip = owners.get(queue).map(String::as_str);
        let last = match offsets.last_timestamp {
            0 => "N/A".to_owned(),
            ms => time(ms),
        };
        let (topic, broker_name, queue_id) =
            (queue.topic.as_str(), queue.broker_name.as_str(), queue.queue_id);
        context.row(
            &QueueRow { topic, broker_name, queue_id, offsets, client_ip, diff },
            format_args!(
                "{:<32}  {:<32}  {queue_id:<4}  {:<20}  {:<20}  {:<20} {diff:<20}  {last}\n",
                front(topic, 32),
                front(broker_name, 32),
                offsets.broker_offset,
                offsets.consumer_offset,
                client_ip.unwrap_or("N/A")
            ),
        )?;
    }
    say!(context, "\nConsume TPS: {}\n", fixed(stats.consume_tps, 2))?;
    Ok(say!(context, "Diff Total: {}\n", stats.total_diff())?)
}

/// The addresses of the clients that consume the queues, as far as they can be asked.
async fn owners(
    context: &mut Context<'_>,
    group: &str,
) -> anyhow::Result<HashMap<MessageQueue, String>> {
    let admin = context.admin().await?;
    let mut owners = HashMap::new();
    let Ok(members) = admin.consumers(group).await else { return Ok(owners) };
    for member in members.connection_set {
        let Ok(Some(info)) = admin.running_info(group, &member.client_id, false).await else {
            break;
        };
        let ip = member.client_id.split('@').next().unwrap_or_default();
        owners.extend(info.mq_table.into_keys().map(|queue| (queue, ip.to_owned())));
    }
    Ok(owners)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GroupRow<'a> {
    group: &'a str,
    count: usize,
    version: String,
    consume_type: &'static str,
    message_model: &'static str,
    consume_tps: i32,
    diff_total: i64,
}

impl<'a> GroupRow<'a> {
    fn of(group: &'a str, stats: &ConsumeStats, members: Option<&ConsumerConnection>) -> Self {
        let mut row = Self {
            group,
            count: 0,
            version: "OFFLINE".to_owned(),
            consume_type: "",
            message_model: "",
            consume_tps: stats.consume_tps as i32,
            diff_total: stats.total_diff(),
        };
        if let Some(members) = members {
            row.count = members.connection_set.len();
            let oldest = members.connection_set.iter().map(|member| member.version).min();
            row.version = version::name(oldest.unwrap_or_default());
            let kind = members.consume_type.unwrap_or_default();
            row.consume_type = kind.short();
            if kind == ConsumeType::Passively {
                row.message_model = members.message_model.map_or("", |model| model.name());
            }
        }
        row
    }
}

async fn all(context: &mut Context<'_>) -> anyhow::Result<()> {
    say!(
        context,
        "{:<32}  {:<6}  {:<24} {:<5}  {:<14}  {:<7}  {}\n",
        "#Group",
        "#Count",
        "#Version",
        "#Type",
        "#Model",
        "#TPS",
        "#Diff Total"
    )?;
    let admin = context.admin().await?;
    for name in hash_order(admin.topics().await?) {
        let Some(group) = topic::retry_group(&name) else { continue };
        // What cannot be found out counts as nothing consumed and nobody there.
        let stats = admin.consume_stats(group, None).await.unwrap_or_default();
        let members = admin.consumers(group).await.ok();
        let row = GroupRow::of(group, &stats, members.as_ref());
        context.row(
            &row,
            format_args!(
                "{:<32}  {:<6}  {:<24} {:<5}  {:<14}  {:<7}  {}\n",
                front(group, 32),
                row.count,
                row.version,
                row.consume_type,
                row.message_model,
                row.consume_tps,
                row.diff_total
            ),
        )?;
    }
    Ok(())
}
