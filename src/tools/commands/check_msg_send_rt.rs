//! `checkMsgSendRT`: times sends to the queues of a topic in turn.

use std::time::Instant;

use client::Message;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::{fixed, now_ms};

/// Bytes of a message unless given.
pub(super) const SIZE: usize = 128;

pub(super) const COMMAND: Command = Command {
    name: "checkMsgSendRT",
    about: "Time sends to a topic",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::value('a', "amout", "Messages to send, 100 unless given"),
        Opt::required('s', "size", "Bytes of a message"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    broker_name: &'a str,
    queue_id: i32,
    sent: bool,
    rt_ms: u128,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let amount: i64 = context.number('a')?.unwrap_or(100);
    let size = context.number('s')?.unwrap_or(SIZE);
    let producer = context.producer(context.settings(&now_ms().to_string())).await?;
    let message = Message::new(topic, "", "a".repeat(size));
    say!(context, "{:<32}  {:<4}  {:<20}    {}\n", "#Broker Name", "#QID", "#Send Result", "#RT")?;
    let (mut broker_name, mut queue_id) = (String::new(), 0);
    let mut total_ms = 0;
    for number in 0..amount {
        let begun = Instant::now();
        let sent = producer
            .send_to_chosen(&message, |queues| {
                let at = usize::try_from(number).unwrap_or(0) % queues.len().max(1);
                let queue = queues.get(at)?;
                queue.broker_name.clone_into(&mut broker_name);
                queue_id = queue.queue_id;
                Some(queue)
            })
            .await
            .is_ok();
        let rt_ms = begun.elapsed().as_millis();
        // The first send also finds the way.
        if number != 0 {
            total_ms += rt_ms;
        }
        context.row(
            &Row { broker_name: &broker_name, queue_id, sent, rt_ms },
            format_args!("{broker_name:<32}  {queue_id:<4}  {sent:<20}    {rt_ms}\n"),
        )?;
        context.flush()?;
    }
    Ok(say!(context, "Avg RT: {}\n", fixed(total_ms as f64 / (amount - 1) as f64, 2))?)
}
