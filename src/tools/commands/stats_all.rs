//! `statsAll`: rates and daily counts of topics and groups.

use client::Admin;
use client::java_order::hash_order;
use protocol::bodies::{BrokerStatsData, TopicRouteData};
use protocol::topic;
use serde::Serialize;

use crate::cluster::MASTER_ID;
use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{fixed, front};

/// Broker statistics: messages put by topic.
const TOPIC_PUT: &str = "TOPIC_PUT_NUMS";
/// Broker statistics: messages got by topic and group.
const GROUP_GET: &str = "GROUP_GET_NUMS";

pub(super) const COMMAND: Command = Command {
    name: "statsAll",
    about: "Show rates and daily counts of topics and groups",
    json: true,
    options: &[
        Opt::flag('a', "activeTopic", "Show topics with messages of today only"),
        Opt::value('t', "topic", "Show this topic only"),
    ],
    run: |context| Box::pin(run(context)),
};

/// What came in or went out.
#[derive(Default, Clone, Copy)]
struct Flow {
    tps: f64,
    today: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    topic: &'a str,
    consumer_group: Option<&'a str>,
    accumulation: i64,
    in_tps: f64,
    out_tps: f64,
    in_msg24_hour: i64,
    out_msg24_hour: i64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let topics = admin.topics().await?;
    say!(
        context,
        "{:<32}  {:<32} {:>12} {:>11} {:>11} {:>14} {:>14}\n",
        "#Topic",
        "#Consumer Group",
        "#Accumulation",
        "#InTPS",
        "#OutTPS",
        "#InMsg24Hour",
        "#OutMsg24Hour"
    )?;
    let selected = context.value('t').unwrap_or_default().to_owned();
    for name in hash_order(topics) {
        let own = topic::is_retry(&name) || topic::is_dlq(&name);
        if own || !(selected.is_empty() || selected == name) {
            continue;
        }
        // A topic that cannot be asked about is left out, but for a stopped reader.
        let Ok(route) = admin.route(&name).await else { continue };
        let Ok(groups) = admin.groups_of_topic(&name).await else { continue };
        let flow_in = flow(&admin, &route, TOPIC_PUT, &name).await;
        show(context, &name, &route, hash_order(groups.unwrap_or_default()), flow_in).await?;
    }
    Ok(())
}

async fn show(
    context: &mut Context<'_>,
    topic: &str,
    route: &TopicRouteData,
    groups: Vec<String>,
    flow_in: Flow,
) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let active_only = context.has('a');
    let row = |consumer_group, accumulation, flow_out: Flow| Row {
        topic,
        consumer_group,
        accumulation,
        in_tps: flow_in.tps,
        out_tps: flow_out.tps,
        in_msg24_hour: flow_in.today,
        out_msg24_hour: flow_out.today,
    };
    let (short, tps_in) = (front(topic, 32), fixed(flow_in.tps, 2));
    if groups.is_empty() && (!active_only || flow_in.today > 0) {
        context.row(
            &row(None, 0, Flow::default()),
            format_args!(
                "{short:<32}  {:<32} {:>12} {tps_in:>11} {:>11} {:>14} {:>14}\n",
                "", 0, "", flow_in.today, "NO_CONSUMER"
            ),
        )?;
    }
    for group in &groups {
        let flow_out = flow(&admin, route, GROUP_GET, &format!("{topic}@{group}")).await;
        let stats = admin.consume_stats(group, Some(topic)).await;
        let behind = stats.map_or(0, |stats| stats.total_diff().max(0));
        if active_only && flow_in.today <= 0 && flow_out.today <= 0 {
            continue;
        }
        context.row(
            &row(Some(group), behind, flow_out),
            format_args!(
                "{short:<32}  {:<32} {behind:>12} {tps_in:>11} {:>11} {:>14} {:>14}\n",
                front(group, 32),
                fixed(flow_out.tps, 2),
                flow_in.today,
                flow_out.today
            ),
        )?;
    }
    Ok(())
}

/// The sum over all masters that know the item.
async fn flow(admin: &Admin, route: &TopicRouteData, set: &str, item: &str) -> Flow {
    let mut sum = Flow::default();
    for broker in &route.broker_datas {
        let Some(master) = broker.broker_addrs.get(&MASTER_ID) else { continue };
        if let Ok(data) = admin.stats_item(master, set, item).await {
            sum.tps += data.stats_minute.unwrap_or_default().tps;
            sum.today += day_sum(&data);
        }
    }
    sum
}

/// The sum of the day, or of the longest span that has one so far.
fn day_sum(data: &BrokerStatsData) -> i64 {
    let spans = [data.stats_day, data.stats_hour, data.stats_minute];
    spans.iter().flatten().map(|span| span.sum).find(|sum| *sum != 0).unwrap_or(0)
}
