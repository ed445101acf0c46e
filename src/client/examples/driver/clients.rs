//! All ways of sending and consuming, see `Clients.java`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::{
    ClientError, ConsumeFrom, ConsumeStatus, Filter, Message, MessageQueue, OrderStatus, Producer,
    PullConsumer, PullStatus, Received, SendResult, TransactionState,
};
use tokio::sync::mpsc;

use crate::{Cluster, Failure, PATIENCE, finish, next_command, or_null, say, text_of};

/// Pause before a route is asked for again.
const ROUTE_PAUSE: Duration = Duration::from_millis(50);

pub(crate) async fn run(cluster: &Cluster) -> Result<(), Failure> {
    while let Some(words) = next_command()? {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        finish(match words.as_slice() {
            ["send", how, topic, count] => send(cluster, how, topic, count.parse()?).await,
            ["consume", "pull", topic, expression, count] => {
                pull(cluster, topic, expression, count.parse()?).await
            }
            ["consume", how, topic, expression, count] => {
                consume(cluster, how, topic, expression, count.parse()?).await
            }
            _ => Err("unknown command".into()),
        });
    }
    Ok(())
}

fn message(how: &str, topic: &str, number: usize) -> Message {
    let tag = match (how, number % 2) {
        ("tag", 0) => "even",
        ("tag", _) => "odd",
        _ => "all",
    };
    let message = Message::new(topic, tag, format!("{how} {number}"));
    let message = message.keys(&[&format!("key-{how}-{number}")]);
    let message = message.property("number", number.to_string());
    if how == "delay" { message.delay_level(1) } else { message }
}

fn sent(number: usize, sent: &SendResult) {
    say(&format!(
        "SENT\t{number}\t{}\t{}\t{}\t{}\t{}",
        sent.status.name(),
        sent.message_id,
        sent.offset_message_id,
        sent.queue.queue_id,
        sent.queue_offset
    ));
}

async fn send(cluster: &Cluster, how: &str, topic: &str, count: usize) -> Result<(), Failure> {
    let producer = cluster
        .producer(&format!("PG_{how}"))?
        .check_back(|_| std::future::ready(TransactionState::Commit))
        .start()
        .await?;
    let ended = send_all(&producer, how, topic, count).await;
    producer.shutdown().await;
    ended
}

async fn send_all(
    producer: &Producer,
    how: &str,
    topic: &str,
    count: usize,
) -> Result<(), Failure> {
    let all: Vec<Message> = (0..count).map(|number| message(how, topic, number)).collect();
    match how {
        "async" => {
            let mut under_way = Vec::new();
            for message in all {
                under_way.push(producer.send_in_background(message).await?);
            }
            for (number, result) in under_way.into_iter().enumerate() {
                sent(number, &result.await??);
            }
        }
        "batch" => {
            for (number, batch) in all.chunks(10).enumerate() {
                sent(number, &producer.send_batch(batch).await?);
            }
        }
        _ => {
            for (number, message) in all.iter().enumerate() {
                send_one(producer, how, message, number).await?;
            }
        }
    }
    Ok(())
}

async fn send_one(
    producer: &Producer,
    how: &str,
    message: &Message,
    number: usize,
) -> Result<(), Failure> {
    match how {
        "oneway" => {
            producer.send_oneway(message).await?;
            say(&format!("SENT\t{number}\tONEWAY"));
        }
        "selector" | "ordered" => {
            let key = if how == "ordered" { 1 } else { number };
            let choose = |queues: &[_]| key % queues.len();
            let result = producer.send_to_chosen(message, |all| all.get(choose(all))).await?;
            sent(number, &result);
        }
        "transaction" => {
            let state =
                if number % 3 == 2 { TransactionState::Rollback } else { TransactionState::Commit };
            let local = |_| std::future::ready(state);
            sent(number, &producer.send_in_transaction(message, local).await?.sent);
        }
        _ => sent(number, &producer.send(message).await?),
    }
    Ok(())
}

fn got(message: &Received) {
    say(&format!(
        "GOT\t{}\t{}\t{}\t{}\t{}\t{}",
        text_of(message),
        message.queue_id,
        message.queue_offset,
        or_null(message.tags()),
        or_null(message.property("KEYS")),
        message.reconsume_times
    ));
}

async fn consume(
    cluster: &Cluster,
    how: &str,
    topic: &str,
    expression: &str,
    count: usize,
) -> Result<(), Failure> {
    let offsets = std::env::temp_dir().join(format!("driver-{}", std::process::id()));
    let filter = match expression.strip_prefix("sql:") {
        Some(expression) => Filter::sql(expression),
        None => Filter::tags(expression),
    };
    let mut builder = cluster
        .consumer(&format!("CG_{how}_{topic}"))?
        .consume_from(ConsumeFrom::First)
        .offsets_dir(&offsets)
        .subscribe(topic, filter);
    if how == "broadcast" {
        builder = builder.broadcast();
    }
    let (done, mut came) = mpsc::unbounded_channel();
    let consumer = if how == "ordered" {
        let in_order = move |messages: Vec<Received>| {
            for message in &messages {
                got(message);
                let _ = done.send(());
            }
            std::future::ready(OrderStatus::Success)
        };
        builder.start_orderly(in_order).await?
    } else {
        let retry = how == "retry";
        let refused: Arc<Mutex<HashSet<String>>> = Arc::default();
        let handler = move |message: Received| {
            let key = message.property("KEYS").unwrap_or_default().to_owned();
            let first = refused.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
            if retry && first {
                return std::future::ready(ConsumeStatus::LaterAt(1));
            }
            got(&message);
            let _ = done.send(());
            std::future::ready(ConsumeStatus::Success)
        };
        builder.start(handler).await?
    };
    let all = async {
        for _ in 0..count {
            came.recv().await;
        }
    };
    let waited = tokio::time::timeout(PATIENCE, all).await;
    consumer.shutdown().await;
    let _ = std::fs::remove_dir_all(offsets);
    waited.map_err(|_| "messages did not come".into())
}

async fn pull(
    cluster: &Cluster,
    topic: &str,
    expression: &str,
    count: usize,
) -> Result<(), Failure> {
    let consumer = cluster.puller(&format!("CG_pull_{topic}"))?.start().await?;
    let filter = Filter::tags(expression);
    let (mut found, start) = (0, Instant::now());
    // One-way sends may still be on their way into the queues, and the topic that they made on its way
    // to the name server.
    while found < count && start.elapsed() < PATIENCE {
        let queues = match consumer.queues(topic).await {
            Err(ClientError::NoRoute(_)) => {
                tokio::time::sleep(ROUTE_PAUSE).await;
                continue;
            }
            queues => queues?,
        };
        for queue in queues {
            found += pull_queue(&consumer, &queue, &filter).await?;
        }
    }
    consumer.shutdown().await;
    if found == count { Ok(()) } else { Err(format!("{found} messages instead of {count}").into()) }
}

/// Reads a queue from where it was read to before; how much there was.
async fn pull_queue(
    consumer: &PullConsumer,
    queue: &MessageQueue,
    filter: &Filter,
) -> Result<usize, Failure> {
    let start = consumer.min_offset(queue).await?;
    let mut offset = consumer.committed(queue).await?.unwrap_or(start);
    let mut found = 0;
    loop {
        let pulled = consumer.pull(queue, filter, offset, 32).await?;
        offset = pulled.next_offset;
        pulled.messages.iter().for_each(got);
        found += pulled.messages.len();
        if !matches!(pulled.status, PullStatus::Found | PullStatus::NoMatchedMessage) {
            break;
        }
    }
    consumer.commit(queue, offset).await?;
    if consumer.committed(queue).await? != Some(offset) {
        return Err(format!("{queue} is not committed at {offset}").into());
    }
    Ok(found)
}
