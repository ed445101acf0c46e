//! Sends in each of the ways there are. With servers on this machine:
//!
//!     cargo run -p client --example producer -- 127.0.0.1:9876
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::{ClientError, Message, Producer, batches};

const TOPIC: &str = "TopicTest";

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let name_servers = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9876".to_owned());
    let producer = Producer::builder("example_producer")
        .name_servers(name_servers)
        .retries(2)
        .fault_tolerance(true)
        .start()
        .await?;

    // One after the other: the broker has it when this returns.
    let message = Message::new(TOPIC, "TagA", "Hello RocketMQ").keys(&["order-1"]);
    println!("{}", producer.send(&message).await?);

    // Many at a time.
    let mut under_way = Vec::new();
    for number in 0..100 {
        let message = Message::new(TOPIC, "TagB", format!("in the background {number}"));
        under_way.push(producer.send_in_background(message).await?);
    }
    for sent in under_way {
        let sent = sent.await.map_err(|lost| ClientError::Invalid(lost.to_string()))?;
        println!("{}", sent?);
    }

    // Without asking whether it arrived.
    producer.send_oneway(&Message::new(TOPIC, "TagC", "fire and forget")).await?;

    // Several in a request, as many as fit.
    let many: Vec<_> =
        (0..1000).map(|n| Message::new(TOPIC, "TagD", format!("batched {n}"))).collect();
    for run in batches(&many, 1024 * 1024) {
        println!("{} messages: {}", run.len(), producer.send_batch(run).await?);
    }

    // Messages of a customer stay in order.
    for step in ["created", "paid", "sent"] {
        let message = Message::new(TOPIC, "TagE", step);
        println!("{}", producer.send_ordered(&message, "customer-7").await?);
    }

    // Delivered in ten seconds (level 3).
    println!("{}", producer.send(&Message::new(TOPIC, "TagF", "later").delay_level(3)).await?);
    producer.shutdown().await;
    Ok(())
}
