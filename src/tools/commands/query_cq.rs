//! `queryCq`: entries of a consume queue.

use anyhow::Context as _;
use client::java_order::hash_order;
use protocol::bodies::{ConsumeQueueData, QueryConsumeQueueResponseBody, SubscriptionData};
use protocol::json;
use protocol::requests::QueryConsumeQueue;
use serde::Serialize;

use crate::cluster::MASTER_ID;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

const RULE: &str = "======================================";

pub(super) const COMMAND: Command = Command {
    name: "queryCq",
    about: "Show entries of a consume queue",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('q', "queue", "Number of the queue"),
        Opt::required('i', "index", "The first entry to show"),
        Opt::value('c', "count", "Entries to show, 10 unless given"),
        Opt::value('b', "broker", "Address of the broker; the topic's first one unless given"),
        Opt::value('g', "consumer", "Group whose filter to try on the entries"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let index: i64 = context.number('i')?.context("-i is missing")?;
    let request = QueryConsumeQueue {
        topic: topic.clone(),
        queue_id: context.number('q')?.context("-q is missing")?,
        index,
        count: context.number('c')?.unwrap_or(10),
        consumer_group: context.value('g').map(str::to_owned),
    };
    let admin = context.admin().await?;
    let addr = match context.value('b') {
        Some(addr) if !addr.is_empty() => addr.to_owned(),
        _ => {
            let route = admin.route(&topic).await?;
            let broker = route.broker_datas.first().context("the topic has no broker")?;
            broker.broker_addrs.get(&MASTER_ID).context("the topic's broker has no master")?.clone()
        }
    };
    let found = admin.consume_queue(&addr, &request).await?;
    context.answer(&found)?;
    show(context, &found, index)
}

fn show(
    context: &mut Context<'_>,
    found: &QueryConsumeQueueResponseBody,
    index: i64,
) -> anyhow::Result<()> {
    if let Some(subscription) = &found.subscription_data {
        let text = json::to_string_pretty(&Subscription::of(subscription));
        say!(context, "Subscription data: \n{text}\n{RULE}\n")?;
    }
    if let Some(filter) = &found.filter_data {
        say!(context, "Filter data: \n{filter}\n{RULE}\n")?;
    }
    let (max, min) = (found.max_queue_index, found.min_queue_index);
    say!(context, "Queue data: \nmax: {max}, min: {min}\n{RULE}\n")?;
    for (index, entry) in (index..).zip(found.queue_data.iter().flatten()) {
        say!(context, "idx: {index}\n{}\n{RULE}\n", text(entry))?;
    }
    Ok(())
}

/// A subscription with its sets as Java prints them: on one line, in the order of its tables.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Subscription<'a> {
    class_filter_mode: bool,
    #[serde(serialize_with = "json::inline")]
    code_set: Vec<i32>,
    expression_type: Option<&'a str>,
    sub_string: &'a str,
    sub_version: i64,
    #[serde(serialize_with = "json::inline")]
    tags_set: Vec<&'a str>,
    topic: &'a str,
}

impl<'a> Subscription<'a> {
    fn of(data: &'a SubscriptionData) -> Self {
        Self {
            class_filter_mode: data.class_filter_mode,
            code_set: hash_order(data.code_set.iter().copied()),
            expression_type: data.expression_type.as_deref(),
            sub_string: &data.sub_string,
            sub_version: data.sub_version,
            tags_set: hash_order(data.tags_set.iter().map(String::as_str)),
            topic: &data.topic,
        }
    }
}

/// As Java's `ConsumeQueueData.toString` prints it.
fn text(entry: &ConsumeQueueData) -> String {
    let or_null = |text: &Option<String>| text.clone().unwrap_or_else(|| "null".to_owned());
    format!(
        "ConsumeQueueData{{physicOffset={}, physicSize={}, tagsCode={}, extendDataJson='{}', \
         bitMap='{}', eval={}, msg='{}'}}",
        entry.physic_offset,
        entry.physic_size,
        entry.tags_code,
        or_null(&entry.extend_data_json),
        or_null(&entry.bit_map),
        entry.eval,
        or_null(&entry.msg)
    )
}
