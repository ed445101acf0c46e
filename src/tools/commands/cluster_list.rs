//! `clusterList`: the brokers of all clusters, with their load or their message totals.

use std::time::Duration;

use client::java_order::hash_order;
use protocol::bodies::{ClusterInfo, KvTable};
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{fixed, now_ms};

pub(super) const COMMAND: Command = Command {
    name: "clusterList",
    about: "List the brokers of all clusters",
    json: true,
    options: &[
        Opt::flag('m', "moreStats", "Show message totals in place of the load"),
        Opt::value('i', "interval", "Print again every so many seconds"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let interval: Option<u64> = context.number('i')?;
    loop {
        let clusters = context.admin().await?.clusters().await?;
        if context.has('m') {
            totals(context, &clusters).await?;
        } else {
            load(context, &clusters).await?;
        }
        // One array holds one round.
        let Some(seconds) = interval.filter(|_| !context.wants_json()) else { return Ok(()) };
        context.pause(Duration::from_secs(seconds)).await?;
    }
}

/// Cluster, broker name, id and address of every broker.
fn brokers(clusters: &ClusterInfo) -> Vec<(&str, &str, i64, &str)> {
    let mut found = Vec::new();
    for cluster in hash_order(clusters.cluster_addr_table.keys()) {
        let mut names = clusters.cluster_addr_table.get(cluster).cloned().unwrap_or_default();
        names.sort();
        for name in names {
            let Some(data) = clusters.broker_addr_table.get(&name) else { continue };
            let each = data.broker_addrs.iter();
            let name = data.broker_name.as_str();
            found.extend(each.map(|(id, addr)| (cluster.as_str(), name, *id, addr.as_str())));
        }
    }
    found
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct TotalsRow<'a> {
    cluster_name: &'a str,
    broker_name: &'a str,
    broker_id: i64,
    in_total_yesterday: i64,
    out_total_yesterday: i64,
    in_total_today: i64,
    out_total_today: i64,
}

async fn totals(context: &mut Context<'_>, clusters: &ClusterInfo) -> anyhow::Result<()> {
    say!(
        context,
        "{:<16}  {:<32} {:>14} {:>14} {:>14} {:>14}\n",
        "#Cluster Name",
        "#Broker Name",
        "#InTotalYest",
        "#OutTotalYest",
        "#InTotalToday",
        "#OutTotalToday"
    )?;
    let admin = context.admin().await?;
    for (cluster_name, broker_name, broker_id, addr) in brokers(clusters) {
        let mut row = TotalsRow { cluster_name, broker_name, broker_id, ..TotalsRow::default() };
        // A broker that does not answer has a row of zeros.
        if let Ok(info) = admin.runtime_info(addr).await {
            fill(&mut row, &info);
        }
        context.row(
            &row,
            format_args!(
                "{cluster_name:<16}  {broker_name:<32} {:>14} {:>14} {:>14} {:>14}\n",
                row.in_total_yesterday,
                row.out_total_yesterday,
                row.in_total_today,
                row.out_total_today
            ),
        )?;
    }
    Ok(())
}

/// Fills in what is there; a number that is missing leaves the rest at 0, as in 4.4.0.
fn fill(row: &mut TotalsRow<'_>, info: &KvTable) -> Option<()> {
    let number = |key: &str| info.table.get(key)?.parse::<i64>().ok();
    let put_yesterday = number("msgPutTotalYesterdayMorning")?;
    let put_today = number("msgPutTotalTodayMorning")?;
    let put_now = number("msgPutTotalTodayNow")?;
    let get_yesterday = number("msgGetTotalYesterdayMorning")?;
    let get_today = number("msgGetTotalTodayMorning")?;
    let get_now = number("msgGetTotalTodayNow")?;
    row.in_total_yesterday = put_today.wrapping_sub(put_yesterday);
    row.out_total_yesterday = get_today.wrapping_sub(get_yesterday);
    row.in_total_today = put_now.wrapping_sub(put_today);
    row.out_total_today = get_now.wrapping_sub(get_today);
    Some(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct LoadRow<'a> {
    cluster_name: &'a str,
    broker_name: &'a str,
    broker_id: i64,
    addr: &'a str,
    version: &'a str,
    in_tps: f64,
    out_tps: f64,
    send_queue_size: &'a str,
    pull_queue_size: &'a str,
    send_queue_head_wait_ms: &'a str,
    pull_queue_head_wait_ms: &'a str,
    page_cache_lock_ms: &'a str,
    hours_kept: f64,
    disk_ratio: f64,
}

async fn load(context: &mut Context<'_>, clusters: &ClusterInfo) -> anyhow::Result<()> {
    say!(
        context,
        "{:<16}  {:<22}  {:<4}  {:<22} {:<16} {:>19} {:>19} {:>10} {:>5} {:>6}\n",
        "#Cluster Name",
        "#Broker Name",
        "#BID",
        "#Addr",
        "#Version",
        "#InTPS(LOAD)",
        "#OutTPS(LOAD)",
        "#PCWait(ms)",
        "#Hour",
        "#SPACE"
    )?;
    let admin = context.admin().await?;
    for (cluster_name, broker_name, broker_id, addr) in brokers(clusters) {
        let info = match admin.runtime_info(addr).await {
            Ok(info) => Some(info),
            Err(error) => {
                context.complain(error)?;
                None
            }
        };
        let row = load_row(cluster_name, broker_name, broker_id, addr, info.as_ref());
        let cell = |tps, size, wait| format!("{:>9}({size},{wait}ms)", fixed(tps, 2));
        context.row(
            &row,
            format_args!(
                "{cluster_name:<16}  {broker_name:<22}  {broker_id:<4}  {addr:<22} {:<16} {:>19} \
                 {:>19} {:>10} {:>5} {:>6}\n",
                row.version,
                cell(row.in_tps, row.send_queue_size, row.send_queue_head_wait_ms),
                cell(row.out_tps, row.pull_queue_size, row.pull_queue_head_wait_ms),
                row.page_cache_lock_ms,
                fixed(row.hours_kept, 2),
                fixed(row.disk_ratio, 4)
            ),
        )?;
    }
    Ok(())
}

fn load_row<'a>(
    cluster_name: &'a str,
    broker_name: &'a str,
    broker_id: i64,
    addr: &'a str,
    info: Option<&'a KvTable>,
) -> LoadRow<'a> {
    // Cells of a broker that does not answer are empty; what it does not tell is null.
    let text = |key: &str| match info {
        Some(info) => info.table.get(key).map_or("null", String::as_str),
        None => "",
    };
    let first = |key: &str| text(key).split(' ').next().and_then(|word| word.parse().ok());
    const MS_AN_HOUR: f64 = 1000.0 * 60.0 * 60.0;
    let earliest: Option<i64> = text("earliestMessageTimeStamp").parse().ok();
    LoadRow {
        cluster_name,
        broker_name,
        broker_id,
        addr,
        version: text("brokerVersionDesc"),
        in_tps: first("putTps").unwrap_or(0.0),
        out_tps: first("getTransferedTps").unwrap_or(0.0),
        send_queue_size: text("sendThreadPoolQueueSize"),
        pull_queue_size: text("pullThreadPoolQueueSize"),
        send_queue_head_wait_ms: text("sendThreadPoolQueueHeadWaitTimeMills"),
        pull_queue_head_wait_ms: text("pullThreadPoolQueueHeadWaitTimeMills"),
        page_cache_lock_ms: text("pageCacheLockTimeMills"),
        hours_kept: earliest.map_or(0.0, |ms| now_ms().wrapping_sub(ms) as f64 / MS_AN_HOUR),
        disk_ratio: text("commitLogDiskRatio").parse().unwrap_or(0.0),
    }
}
