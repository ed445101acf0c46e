//! Requests of operators.

mod figures;
mod groups;
mod offsets;
mod queue;
mod relay;
mod settings;
mod topics;

use std::sync::Arc;

use parking_lot::Mutex;
use protocol::bodies::{ConsumerData, HeartbeatData, SubscriptionData};
use protocol::requests::{HeartBeat, UpdateConsumerOffset};
use protocol::{Command, Reply, json};
use remoting::{Answer, Client, ClientOptions, Peer, Service};

use crate::harness::*;

/// The body as text.
fn text(answer: &Command) -> &str {
    std::str::from_utf8(&answer.body).unwrap()
}

/// Waits until `answer` says what is wanted.
async fn wait_for<F: Future<Output = Command>>(
    what: &str,
    ask: impl Fn() -> F,
    wanted: impl Fn(&Command) -> bool,
) -> Command {
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let answer = ask().await;
        if wanted(&answer) {
            return answer;
        }
        assert!(tokio::time::Instant::now() < deadline, "{what}: {answer:?}");
        tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    }
}

/// A consumer that answers what brokers ask as it is told to, and remembers it.
struct Consumer {
    client: Client,
    asked: Arc<Script>,
}

/// What a consumer answers to a code; without an answer it stays silent.
struct Script {
    answers: Vec<(i32, Reply)>,
    asked: Mutex<Vec<Command>>,
}

impl Service for Script {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        let answer = self.answers.iter().find(|(code, _)| *code == command.code);
        let answer = answer.map_or(Answer::Never, |(_, reply)| Answer::Now(reply.clone()));
        self.asked.lock().push(std::mem::take(command));
        answer
    }
}

impl Consumer {
    /// Not online yet.
    fn new(answers: Vec<(i32, Reply)>) -> Self {
        let asked = Arc::new(Script { answers, asked: Mutex::default() });
        let service: Arc<dyn Service> = asked.clone();
        let options = ClientOptions { service: Some(service), ..ClientOptions::default() };
        Self { client: Client::new(options), asked }
    }

    /// Stands for a group that subscribes to a topic; as an old client with another version.
    async fn join(&self, f: &Fixture, id: &str, group: &str, topic: &str, version: Option<i32>) {
        let heartbeat = HeartbeatData {
            client_id: id.to_owned(),
            consumer_data_set: vec![ConsumerData {
                group_name: group.to_owned(),
                subscription_data_set: vec![SubscriptionData::of_tags(topic, "*", 1)],
                ..ConsumerData::default()
            }],
            ..HeartbeatData::default()
        };
        let mut command = Command::of(&HeartBeat).unwrap().body(json::to_vec(&heartbeat));
        command.version = version.unwrap_or(command.version);
        let answer = self.client.call(&f.addr, command, LONG).await.unwrap();
        assert_eq!(answer.code, 0, "{answer:?}");
    }

    /// The requests of a code that came.
    fn asked(&self, code: i32) -> Vec<Command> {
        self.asked.asked.lock().iter().filter(|c| c.code == code).cloned().collect()
    }
}

/// Commits an offset.
async fn commit(f: &Fixture, group: &str, topic: &str, queue_id: i32, offset: i64) {
    let header = UpdateConsumerOffset {
        consumer_group: group.to_owned(),
        topic: topic.to_owned(),
        queue_id,
        commit_offset: offset,
    };
    assert_eq!(f.request(&header).await.code, 0);
}

/// A topic with one queue and so many messages.
async fn filled_topic(f: &Fixture, topic: &str, messages: i64) {
    create(f, topic, 1).await;
    for _ in 0..messages {
        assert_eq!(f.send(topic, "body", "").await.code, 0);
    }
    if messages > 0 {
        f.filled(topic, messages).await;
    }
}

/// A topic with so many queues.
async fn create(f: &Fixture, topic: &str, queues: i32) {
    let header = protocol::requests::UpdateAndCreateTopic {
        topic: topic.to_owned(),
        read_queue_nums: queues,
        write_queue_nums: queues,
        perm: 6,
        topic_filter_type: "SINGLE_TAG".to_owned(),
        ..Default::default()
    };
    assert_eq!(f.request(&header).await.code, 0);
}
