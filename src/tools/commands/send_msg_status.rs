//! `sendMsgStatus`: times sends to the topic that is named like a broker.

use std::time::Instant;

use client::Message;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::Context;

/// Group of the producer.
const PRODUCER_GROUP: &str = "PID_SMSC";
/// What the bodies are made of.
const PIECE: &str = "hello jodie";
/// Size of the message that comes before those that count.
const FIRST_SIZE: i64 = 16;

pub(super) const COMMAND: Command = Command {
    name: "sendMsgStatus",
    about: "Time sends to a broker",
    json: true,
    options: &[
        Opt::required('b', "brokerName", "Name of the broker"),
        Opt::value('s', "messageSize", "Bytes of a message, 128 unless given"),
        Opt::value('c', "count", "Messages to send, 50 unless given"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    rt_ms: u128,
    send_result: String,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let broker = context.required('b');
    let size = context.number('s')?.unwrap_or(128);
    let count: i32 = context.number('c')?.unwrap_or(50);
    let producer = context.producer(context.settings(PRODUCER_GROUP)).await?;
    producer.send(&message(&broker, FIRST_SIZE)).await?;
    for _ in 0..count {
        let message = message(&broker, size);
        let begun = Instant::now();
        let sent = producer.send(&message).await?;
        let row = Row { rt_ms: begun.elapsed().as_millis(), send_result: sent.to_string() };
        context.row(&row, format_args!("rt:{}ms, SendResult={sent}", row.rt_ms))?;
        context.flush()?;
    }
    Ok(())
}

/// A message of at least `size` bytes, rounded up to whole pieces.
fn message(topic: &str, size: i64) -> Message {
    let pieces = usize::try_from(size).unwrap_or(0).div_ceil(PIECE.len());
    Message { topic: topic.to_owned(), body: PIECE.repeat(pieces).into(), ..Message::default() }
}
