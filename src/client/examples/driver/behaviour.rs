//! Members of groups that come and go, see `Behaviour.java`.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use client::{
    ConsumeFrom, ConsumeStatus, Filter, Message, OrderStatus, Producer, PullConsumer, PushConsumer,
    Received,
};

use crate::{Failure, PATIENCE, finish, next_command, say, text_of};

/// Clients look after routes and brokers this often.
const PERIOD: Duration = Duration::from_secs(1);
/// Pause after a failed send.
const FAILURE_PAUSE: Duration = Duration::from_millis(200);

pub(crate) async fn run(name_servers: &str) -> Result<(), Failure> {
    let producer = Producer::builder("PG_behaviour")
        .name_servers(name_servers)
        .periods(PERIOD, PERIOD)
        .start()
        .await?;
    let mut members = HashMap::new();
    let mut pullers = Vec::new();
    while let Some(words) = next_command()? {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        finish(match words.as_slice() {
            ["join", name, group, topic, how, pause] => {
                let pause = Duration::from_millis(pause.parse()?);
                match join(name_servers, (name, group, topic), how, pause).await {
                    Ok(member) => {
                        members.insert((*name).to_owned(), member);
                        Ok(())
                    }
                    Err(error) => Err(error),
                }
            }
            ["leave", name] => match members.remove(*name) {
                Some(member) => {
                    member.shutdown().await;
                    Ok(())
                }
                None => Err("no such member".into()),
            },
            ["pull", group, topic] => match pull(name_servers, group, topic).await {
                Ok(puller) => {
                    pullers.push(puller);
                    Ok(())
                }
                Err(error) => Err(error),
            },
            ["send", topic, first, count] => {
                send(&producer, topic, first.parse()?, count.parse()?).await
            }
            _ => Err("unknown command".into()),
        });
    }
    for member in members.into_values() {
        member.shutdown().await;
    }
    for puller in pullers {
        puller.shutdown().await;
    }
    producer.shutdown().await;
    Ok(())
}

/// Reads what is there, commits it, and stays a member of the group.
async fn pull(name_servers: &str, group: &str, topic: &str) -> Result<PullConsumer, Failure> {
    let consumer = PullConsumer::builder(group)
        .name_servers(name_servers)
        .instance_name("puller")
        .periods(PERIOD, PERIOD)
        .start()
        .await?;
    consumer.join(topic).await?;
    for queue in consumer.queues(topic).await? {
        let pulled = consumer.pull(&queue, &Filter::all(), 0, 32).await?;
        consumer.commit(&queue, pulled.next_offset).await?;
    }
    Ok(consumer)
}

/// Sends each message until it is stored.
async fn send(producer: &Producer, topic: &str, first: usize, count: usize) -> Result<(), Failure> {
    let start = Instant::now();
    for number in first..first + count {
        let message = Message::new(topic, "tag", number.to_string());
        loop {
            let choose = |queues: &[_]| number % queues.len();
            match producer.send_to_chosen(&message, |all| all.get(choose(all))).await {
                Ok(_) => break,
                Err(error) if start.elapsed() > PATIENCE => return Err(error.into()),
                Err(_) => tokio::time::sleep(FAILURE_PAUSE).await,
            }
        }
    }
    Ok(())
}

fn got(name: &str, message: &Received) {
    say(&format!(
        "GOT\t{name}\t{}\t{}\t{}\t{}",
        text_of(message),
        message.queue_id,
        message.queue_offset,
        message.reconsume_times
    ));
}

async fn join(
    name_servers: &str,
    (name, group, topic): (&str, &str, &str),
    how: &str,
    pause: Duration,
) -> Result<PushConsumer, Failure> {
    let mut builder = PushConsumer::builder(group)
        .name_servers(name_servers)
        .instance_name(name)
        .periods(PERIOD, PERIOD)
        .commit(Duration::from_millis(500))
        .consume_from(ConsumeFrom::First)
        .offsets_dir(std::env::current_dir()?.join("offsets"))
        // So that a slow member does not read everything at once.
        .pending_per_queue(8)
        .pull_batch(4)
        .subscribe(topic, "*");
    if how == "broadcast" {
        builder = builder.broadcast();
    }
    let name = name.to_owned();
    if how == "ordered" {
        let in_order = move |messages: Vec<Received>| {
            let name = name.clone();
            async move {
                tokio::time::sleep(pause).await;
                for message in messages {
                    got(&name, &message);
                }
                OrderStatus::Success
            }
        };
        return Ok(builder.start_orderly(in_order).await?);
    }
    let handler = move |message: Received| {
        let name = name.clone();
        async move {
            tokio::time::sleep(pause).await;
            got(&name, &message);
            ConsumeStatus::Success
        }
    };
    Ok(builder.concurrency(4).start(handler).await?)
}
