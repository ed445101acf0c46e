//! `sendMessage`: sends one message.

use client::{Message, Producer, SendResult};
use protocol::bodies::MessageQueue;
use protocol::properties::name;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::text::now_ms;

pub(super) const COMMAND: Command = Command {
    name: "sendMessage",
    about: "Send a message",
    json: false,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('p', "body", "What the message says, as UTF-8 text"),
        Opt::value('k', "key", "Keys to find it by, joined by blanks"),
        Opt::value('c', "tags", "Its tag"),
        Opt::value('b', "broker", "Name of the broker to send it to"),
        Opt::value('i', "qid", "Queue of the broker to send it to; needs -b"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let tag = context.value('c').unwrap_or_default();
    let mut message = Message::new(topic.as_str(), tag, context.required('p'));
    if let Some(keys) = context.value('k').filter(|keys| !keys.is_empty()) {
        message = message.property(name::KEYS, keys);
    }
    let broker = context.value('b').map(str::to_owned);
    let queue_id: Option<i32> = match (&broker, context.has('i')) {
        (None, true) => return Ok(say!(context, "-i names a queue of a broker: give -b, too")?),
        _ => context.number('i')?,
    };
    let producer = context.producer(context.settings(&now_ms().to_string())).await?;
    let sent = send(&producer, &message, broker, queue_id).await?;
    say!(
        context,
        "{:<32}  {:<4}  {:<20}    {}\n",
        "#Broker Name",
        "#QID",
        "#Send Result",
        "#MsgId"
    )?;
    say!(
        context,
        "{:<32}  {:<4}  {:<20}    {}\n",
        sent.queue.broker_name,
        sent.queue.queue_id,
        sent.status.name(),
        sent.message_id
    )?;
    Ok(())
}

async fn send(
    producer: &Producer,
    message: &Message,
    broker: Option<String>,
    queue_id: Option<i32>,
) -> Result<SendResult, client::ClientError> {
    let Some(broker) = broker else { return producer.send(message).await };
    match queue_id {
        Some(queue_id @ 0..) => {
            let queue = MessageQueue::new(&message.topic, broker, queue_id);
            producer.send_to_queue(message, &queue).await
        }
        // 4.4.0 takes no notice of a broker without a queue.
        _ => {
            let on_broker = |queue: &&MessageQueue| queue.broker_name == broker;
            producer.send_to_chosen(message, |queues| queues.iter().find(on_broker)).await
        }
    }
}
