//! Sends messages that count only when a local transaction does. With servers on this machine:
//!
//!     cargo run -p client --example transaction -- 127.0.0.1:9876
#![allow(clippy::print_stdout, reason = "an example shows what it does")]

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use client::{ClientError, Message, Producer, TransactionState};

#[tokio::main]
async fn main() -> Result<(), ClientError> {
    let name_servers = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9876".to_owned());
    // What a database would be.
    let paid: Arc<Mutex<HashSet<String>>> = Arc::default();
    let known = Arc::clone(&paid);
    let producer = Producer::builder("example_transactions")
        .name_servers(name_servers)
        // The broker asks when it did not hear how a transaction ended.
        .check_back(move |message| {
            let id = message.message_id();
            let known = known.lock().unwrap_or_else(PoisonError::into_inner).contains(&id);
            println!("asked about {id}");
            async move { if known { TransactionState::Commit } else { TransactionState::Rollback } }
        })
        .start()
        .await?;
    for number in 0..6 {
        let message = Message::new("TopicTest", "TagT", format!("payment {number}"));
        let paid = Arc::clone(&paid);
        let ended = producer
            .send_in_transaction(&message, |half| async move {
                // The local transaction: every second one fails, every third one tells nobody.
                if number % 2 == 0 {
                    let mut paid = paid.lock().unwrap_or_else(PoisonError::into_inner);
                    paid.insert(half.message_id);
                }
                match number % 3 {
                    2 => TransactionState::Unknown,
                    _ if number % 2 == 0 => TransactionState::Commit,
                    _ => TransactionState::Rollback,
                }
            })
            .await?;
        println!("{ended}");
    }
    println!("waiting for questions, for a minute and a half");
    tokio::time::sleep(std::time::Duration::from_secs(90)).await;
    producer.shutdown().await;
    Ok(())
}
