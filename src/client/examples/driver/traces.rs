//! Traces of messages, see `Traces.java`.

use std::time::{Duration, Instant};

use client::{
    Admin, ConsumeFrom, ConsumeStatus, Filter, Message, Producer, PullConsumer, PullStatus,
    PushConsumer, Settings,
};
use tokio::sync::mpsc;

use crate::{Failure, PATIENCE, say, text_of};

const MESSAGES: usize = 3;
/// How long traces may take to come.
const TRACES_PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(100);

pub(crate) async fn run(
    name_servers: &str,
    what: &str,
    topic: &str,
    (trace_topic, count): (&str, usize),
) -> Result<(), Failure> {
    let id = match what {
        "produce" => Some(produce(name_servers, topic, trace_topic).await?),
        _ => {
            consume(name_servers, topic, trace_topic).await?;
            None
        }
    };
    read(name_servers, trace_topic, count).await?;
    if let Some(id) = id.filter(|_| count > 0) {
        let admin = Admin::start(Settings::new("reader", name_servers), false).await?;
        let found = admin.messages_by_key(trace_topic, &id, 32).await?;
        say(&format!("KEY\t{}", !found.is_empty()));
        admin.shutdown().await;
    }
    Ok(())
}

/// Stopping sends what is gathered.
async fn produce(name_servers: &str, topic: &str, traces: &str) -> Result<String, Failure> {
    let producer = Producer::builder("PG_traces")
        .name_servers(name_servers)
        .trace(true)
        .trace_topic(traces)
        .start()
        .await?;
    let mut id = String::new();
    for number in 0..MESSAGES {
        let message = Message::new(topic, "tag", format!("body {number}"));
        let message = message.keys(&[&format!("key{number}")]);
        id = producer.send(&message).await?.message_id;
    }
    producer.shutdown().await;
    Ok(id)
}

async fn consume(name_servers: &str, topic: &str, traces: &str) -> Result<(), Failure> {
    let (done, mut came) = mpsc::unbounded_channel();
    let consumer = PushConsumer::builder("CG_traces")
        .name_servers(name_servers)
        .trace(true)
        .trace_topic(traces)
        .consume_from(ConsumeFrom::First)
        .subscribe(topic, Filter::all())
        .start(move |_| {
            let _ = done.send(());
            std::future::ready(ConsumeStatus::Success)
        })
        .await?;
    let all = async {
        for _ in 0..MESSAGES {
            came.recv().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, all).await;
    consumer.shutdown().await;
    waited.map_err(|_| "messages did not come".into())
}

async fn read(name_servers: &str, trace_topic: &str, count: usize) -> Result<(), Failure> {
    let consumer =
        PullConsumer::builder("CG_traces_read").name_servers(name_servers).start().await?;
    let start = Instant::now();
    let mut records = Vec::new();
    while records.len() < count && start.elapsed() < TRACES_PATIENCE {
        records.clear();
        for queue in consumer.queues(trace_topic).await? {
            let mut pulled = consumer.pull(&queue, &Filter::all(), 0, 32).await?;
            while pulled.status == PullStatus::Found {
                for message in &pulled.messages {
                    let text = text_of(message);
                    let each = text.split('\u{2}').filter(|record| !record.is_empty());
                    records.extend(each.map(shown));
                }
                pulled = consumer.pull(&queue, &Filter::all(), pulled.next_offset, 32).await?;
            }
        }
        tokio::time::sleep(LOOK).await;
    }
    records.sort();
    records.iter().for_each(|record| say(&format!("TRACE\t{record}")));
    consumer.shutdown().await;
    Ok(())
}

/// Without times, ids and addresses.
fn shown(record: &str) -> String {
    let fields: Vec<&str> = record.split('\u{1}').collect();
    let kept: &[usize] = match fields.first().copied() {
        Some("Pub") => &[0, 2, 3, 4, 6, 7, 9, 11, 13],
        Some("SubBefore") => &[0, 2, 3, 6, 7],
        Some("SubAfter") => return format!("{} {}", pick(&fields, &[0, 4, 5]), fields.len()),
        _ => return format!("? {record}"),
    };
    format!("{} {}", pick(&fields, kept), fields.len())
}

fn pick(fields: &[&str], kept: &[usize]) -> String {
    let words: Vec<&str> =
        kept.iter().map(|place| fields.get(*place).copied().unwrap_or_default()).collect();
    words.join(" ")
}
