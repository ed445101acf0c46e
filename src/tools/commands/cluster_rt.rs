//! `clusterRT`: times sends to every broker, again and again.

use std::time::{Duration, Instant};

use client::java_order::hash_order;
use client::{Message, Producer};
use serde::Serialize;

use super::check_msg_send_rt::SIZE;
use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{fixed, now_ms, time_in_china};

pub(super) const COMMAND: Command = Command {
    name: "clusterRT",
    about: "Time sends to the brokers of clusters, again and again",
    json: true,
    options: &[
        Opt::value('a', "amout", "Messages to send to a broker, 50 unless given"),
        Opt::required('s', "size", "Bytes of a message"),
        Opt::value('c', "cluster", "Cluster to time; all unless given"),
        Opt::value('p', "print log", "Whether to print lines for a log (true or false)"),
        Opt::value('m', "machine room", "Name of the place for those lines, noname unless given"),
        Opt::value('i', "interval", "Seconds between two rounds, 10 unless given"),
    ],
    run: |context| Box::pin(run(context)),
};

/// What the rounds have in common.
struct Round {
    amount: i64,
    size: usize,
    log_room: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    cluster_name: &'a str,
    broker_name: &'a str,
    rt_ms: f64,
    success_count: i64,
    fail_count: i64,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let room = context.value('m').unwrap_or("noname").to_owned();
    let round = Round {
        amount: context.number('a')?.unwrap_or(50),
        size: context.number('s')?.unwrap_or(SIZE),
        log_room: (context.truth('p') == Some(true)).then_some(room),
    };
    let interval = Duration::from_secs(context.number('i')?.unwrap_or(10));
    let producer = context.producer(context.settings(&now_ms().to_string())).await?;
    let clusters = context.admin().await?.clusters().await?;
    let names = match context.value('c') {
        Some(cluster) => vec![cluster.to_owned()],
        None => hash_order(clusters.cluster_addr_table.keys().cloned().collect::<Vec<_>>()),
    };
    if round.log_room.is_none() {
        say!(
            context,
            "{:<24}  {:<24}  {:<4}  {:<8}  {:<8}\n",
            "#Cluster Name",
            "#Broker Name",
            "#RT",
            "#successCount",
            "#failCount"
        )?;
    }
    loop {
        for cluster in &names {
            let Some(brokers) = clusters.cluster_addr_table.get(cluster) else {
                say!(context, "cluster [{cluster}] not exist")?;
                break;
            };
            for broker in hash_order(brokers) {
                time_broker(context, &producer, &round, cluster, broker).await?;
            }
        }
        if context.wants_json() {
            return Ok(());
        }
        context.pause(interval).await?;
    }
}

async fn time_broker(
    context: &mut Context<'_>,
    producer: &Producer,
    round: &Round,
    cluster_name: &str,
    broker_name: &str,
) -> anyhow::Result<()> {
    let message = Message::new(broker_name, "", "a".repeat(round.size));
    let (mut success_count, mut total_ms) = (0, 0);
    for number in 0..round.amount {
        let begun = Instant::now();
        success_count += i64::from(producer.send(&message).await.is_ok());
        if number != 0 {
            total_ms += begun.elapsed().as_millis();
        }
    }
    let rt_ms = total_ms as f64 / (round.amount - 1) as f64;
    let fail_count = round.amount.max(0) - success_count;
    let row = Row { cluster_name, broker_name, rt_ms, success_count, fail_count };
    match &round.log_room {
        None => context.row(
            &row,
            format_args!(
                "{cluster_name:<24}  {broker_name:<24}  {:<8}  {success_count:<16}  {fail_count:<16}\n",
                fixed(rt_ms, 2)
            ),
        ),
        Some(room) => context.row(
            &row,
            format_args!(
                "{}|{room}|{cluster_name}|{broker_name}|{}\n",
                time_in_china(),
                fixed(rt_ms, 0)
            ),
        ),
    }
}
