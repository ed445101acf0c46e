//! The manual's first demo without Java: twins of
//! `org.apache.rocketmq.example.quickstart.Producer` and `.Consumer`, with their output lines.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use client::{
    ConsumeFrom, ConsumeStatus, ConsumerBuilder, ConsumerSettings, Message, Producer, Settings,
};
use parking_lot::Mutex;
use remoting::ClientOptions;

const TOPIC: &str = "TopicTest";
const PRODUCER_GROUP: &str = "please_rename_unique_group_name";
const CONSUMER_GROUP: &str = "please_rename_unique_group_name_4";
const MESSAGES: usize = 1000;
/// Pause after a failed send.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

/// Where the demo finds its cluster and how it connects.
#[derive(Clone)]
pub struct Environment {
    /// `rocketmq.namesrv.addr` or `NAMESRV_ADDR`.
    pub name_servers: String,
    /// Encoding and encryption.
    pub connections: ClientOptions,
}

/// Sends the demo's 1000 messages; a line for each on `out`.
///
/// # Errors
/// When there is no name server to ask or `out` cannot be written. A failed send is printed
/// and the next message goes on, as in Java.
pub async fn produce(environment: &Environment, out: &mut impl Write) -> anyhow::Result<()> {
    let mut settings = Settings::new(PRODUCER_GROUP, &environment.name_servers);
    settings.connections = environment.connections.clone();
    let producer = Producer::start(settings).await.context("start producer")?;
    for number in 0..MESSAGES {
        let message = Message::new(TOPIC, "TagA", format!("Hello RocketMQ {number}"));
        match producer.send(&message).await {
            Ok(sent) => writeln!(out, "{sent}")?,
            Err(error) => {
                writeln!(out, "{error}")?;
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
    producer.shutdown().await;
    Ok(())
}

/// Consumes the demo's topic from its start until `stop` is done; a line for each message.
///
/// # Errors
/// When there is no name server to ask.
pub async fn consume<W: Write + Send + 'static>(
    environment: &Environment,
    out: W,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut settings = ConsumerSettings::new(CONSUMER_GROUP, &environment.name_servers);
    settings.client.connections = environment.connections.clone();
    settings.from = ConsumeFrom::First;
    let threads = settings.concurrency;
    let out = Arc::new(Mutex::new(out));
    let shown = Arc::clone(&out);
    let count = AtomicUsize::new(0);
    let handler = move |message: client::Received| {
        // Java prints the name of the thread that got the message.
        let thread = count.fetch_add(1, Ordering::Relaxed) % threads + 1;
        let line = format!("ConsumeMessageThread_{thread} Receive New Messages: [{message}] \n");
        // What was not shown was not received.
        let status = match show(&shown, &line) {
            Ok(()) => ConsumeStatus::Success,
            Err(_) => ConsumeStatus::Later,
        };
        std::future::ready(status)
    };
    let consumer = ConsumerBuilder::from(settings).subscribe(TOPIC, "*").start(handler);
    let consumer = consumer.await.context("start consumer")?;
    show(&out, "Consumer Started.\n")?;
    stop.await;
    consumer.shutdown().await;
    Ok(())
}

fn show(out: &Mutex<impl Write>, text: &str) -> io::Result<()> {
    let mut out = out.lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
