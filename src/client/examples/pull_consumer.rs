//! Reads what a topic holds and is done. With servers on this machine:
//!
//!     cargo run -p client --example pull_consumer -- 127.0.0.1:9876
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use client::{ClientError, Filter, PullConsumer, PullStatus};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let name_servers = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9876".to_owned());
    let consumer =
        PullConsumer::builder("example_puller").name_servers(name_servers).start().await?;
    for queue in consumer.queues("TopicTest").await? {
        let start = consumer.min_offset(&queue).await?;
        let mut offset = consumer.committed(&queue).await?.unwrap_or(start);
        println!("{queue} from {offset} to {}", consumer.max_offset(&queue).await?);
        loop {
            let pulled = consumer.pull(&queue, &Filter::all(), offset, 32).await?;
            offset = pulled.next_offset;
            for message in &pulled.messages {
                println!("{message}");
            }
            if !matches!(pulled.status, PullStatus::Found | PullStatus::NoMatchedMessage) {
                break;
            }
        }
        // The next run goes on here.
        consumer.commit(&queue, offset).await?;
    }
    consumer.shutdown().await;
    Ok(())
}
