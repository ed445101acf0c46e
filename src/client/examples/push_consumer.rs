//! Consumes a topic together with the other members of a group, until interrupted. With servers
//! on this machine:
//!
//!     cargo run -p client --example push_consumer -- 127.0.0.1:9876
//!
//! `orderly` behind the address takes the messages of a queue one after the other, `broadcast`
//! gives every member all of them.
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::{Allocate, ClientError, ConsumeFrom, ConsumeStatus, OrderStatus, PushConsumer};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let mut words = std::env::args().skip(1);
    let name_servers = words.next().unwrap_or_else(|| "127.0.0.1:9876".to_owned());
    let how = words.next().unwrap_or_default();
    let builder = PushConsumer::builder("example_consumer")
        .name_servers(name_servers)
        .consume_from(ConsumeFrom::First)
        .allocate(Allocate::Circle)
        // Reading pauses while so much waits for the handler.
        .pending_per_queue(500)
        .subscribe("TopicTest", "TagA || TagB || TagC || TagD || TagE || TagF || TagT");
    let concurrently = |message: client::Received| async move {
        println!("{message}");
        if message.reconsume_times < 1 && message.body().ends_with(b"7") {
            // The broker delivers it again after the delay of level 2, five seconds.
            return ConsumeStatus::LaterAt(2);
        }
        ConsumeStatus::Success
    };
    let consumer = match how.as_str() {
        "orderly" => {
            let in_order = |messages: Vec<client::Received>| async move {
                for message in messages {
                    println!("{message}");
                }
                OrderStatus::Success
            };
            builder.start_orderly(in_order).await?
        }
        "broadcast" => builder.broadcast().start(concurrently).await?,
        _ => builder.start(concurrently).await?,
    };
    let interrupted = tokio::signal::ctrl_c().await;
    println!("{} queues given back, {interrupted:?}", consumer.queues().len());
    consumer.shutdown().await;
    Ok(())
}
