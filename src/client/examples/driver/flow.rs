//! A producer and a consumer in service, see `Flow.java`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use client::{ConsumeFrom, ConsumeStatus, Message, Producer, PushConsumer, Received};

use crate::{Failure, next_command, say, text_of};

/// Clients look after routes and brokers this often.
const PERIOD: Duration = Duration::from_secs(1);
/// Progress is committed this often.
const COMMIT: Duration = Duration::from_secs(2);
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause between sends, and after a failed one.
const PAUSE: Duration = Duration::from_millis(20);
const FAILURE_PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn run(
    name_servers: &str,
    group: &str,
    topic: &str,
    first: &str,
) -> Result<(), Failure> {
    let first = first.parse()?;
    let consumer = PushConsumer::builder(format!("CG_{group}"))
        .name_servers(name_servers)
        .periods(PERIOD, PERIOD)
        .commit(COMMIT)
        .consume_from(ConsumeFrom::First)
        .subscribe(topic, "*")
        .start(|message: Received| async move {
            let (port, queue) = (message.store_host.port(), message.queue_id);
            let (text, offset) = (text_of(&message), message.queue_offset);
            told("GOT", &format!("{text}\t{port}\t{queue}\t{offset}"));
            ConsumeStatus::Success
        })
        .await?;
    let producer = Producer::builder(format!("PG_{group}"))
        .name_servers(name_servers)
        .periods(PERIOD, PERIOD)
        .timeout(SEND_TIMEOUT)
        .start()
        .await?;
    let halted = Arc::new(AtomicBool::new(false));
    let sending = tokio::spawn(send(producer, topic.to_owned(), first, Arc::clone(&halted)));
    let mut sending = Some(sending);
    while let Some(words) = next_command()? {
        if words == ["halt"]
            && let Some(sending) = sending.take()
        {
            halted.store(true, Ordering::Relaxed);
            sending.await?;
            told("HALTED", "");
        }
    }
    consumer.shutdown().await;
    Ok(())
}

/// Sends numbers, each until it is stored.
async fn send(producer: Producer, topic: String, first: usize, halted: Arc<AtomicBool>) {
    let mut number = first;
    while !halted.load(Ordering::Relaxed) {
        let message = Message::new(&topic, "", number.to_string());
        match producer.send(&message).await {
            Ok(sent) => {
                let (queue, offset) = (sent.queue, sent.queue_offset);
                let (broker, id) = (queue.broker_name, queue.queue_id);
                told("SENT", &format!("{number}\t{broker}\t{id}\t{offset}"));
                number += 1;
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                told("FAILED", &format!("{number}\t{error}"));
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
    producer.shutdown().await;
}

fn told(word: &str, rest: &str) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    say(&format!("{word}\t{}\t{rest}", now.unwrap_or_default().as_millis()));
}
