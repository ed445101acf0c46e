//! A broker on a free port with a store of small files, and raw requests to it.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker::config::BrokerConfigs;
use broker::{Broker, Settings};
use config::Env;
use parking_lot::Mutex;
use protocol::message::{self, Message};
use protocol::requests::{GetMaxOffset, PullMessage, Request, SendMessageV2};
use protocol::{Command, json};
use remoting::{Answer, Client, ClientOptions, Peer, Service};
use serde::Serialize;
use tempfile::TempDir;

/// Longer than anything here takes.
pub(crate) const LONG: Duration = Duration::from_secs(20);

/// Pull flags: the subscription comes with the pull.
pub(crate) const OWN: i32 = 4;
/// Pull flags: hold the pull.
pub(crate) const HOLD: i32 = 2;

/// A running broker and a connection to it.
pub(crate) struct Fixture {
    pub(crate) broker: Arc<Broker>,
    pub(crate) client: Client,
    pub(crate) addr: String,
    pub(crate) dir: TempDir,
}

/// Settings of a broker whose store is in `dir`.
pub(crate) fn settings(dir: &Path) -> Settings {
    let env = Env::empty()
        .with_user_home(&dir.to_string_lossy())
        .with_host_name("broker-t")
        .with_local_address("127.0.0.1");
    let mut configs = BrokerConfigs::from_env(&env);
    configs.server.listen_port = 0;
    configs.store.maped_file_size_commit_log = 8 * 1024 * 1024;
    configs.store.maped_file_size_consume_queue = 20 * 1000;
    configs.store.max_hash_slot_num = 500;
    configs.store.max_index_num = 2000;
    Settings::from(configs)
}

impl Fixture {
    /// A broker with the defaults.
    pub(crate) async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A broker with changed settings.
    pub(crate) async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::open(tempfile::tempdir().unwrap(), change).await
    }

    /// A broker on a store that may exist.
    pub(crate) async fn open(dir: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(dir.path());
        change(&mut settings);
        let broker = Broker::start(settings).await.unwrap();
        let addr = loopback(broker.local_addr().port());
        Self { broker, client: Client::new(ClientOptions::default()), addr, dir }
    }

    /// Stops the broker and hands the store back.
    pub(crate) async fn stop(self) -> TempDir {
        self.broker.shutdown().await;
        self.dir
    }

    pub(crate) async fn call(&self, command: Command) -> Command {
        self.client.call(&self.addr, command, LONG).await.unwrap()
    }

    pub(crate) async fn request<R: Request + Serialize>(&self, header: &R) -> Command {
        self.call(Command::of(header).unwrap()).await
    }

    pub(crate) async fn json<R: Request + Serialize, B: Serialize>(
        &self,
        header: &R,
        body: &B,
    ) -> Command {
        self.call(Command::of(header).unwrap().body(json::to_vec(body))).await
    }

    /// Sends a body to queue 0 of a topic.
    pub(crate) async fn send(&self, topic: &str, body: &str, properties: &str) -> Command {
        let header = SendMessageV2 { properties: Some(properties), ..send_header(topic) };
        self.call(Command::of(&header).unwrap().body(body.to_owned())).await
    }

    /// Pulls from queue 0 without waiting.
    pub(crate) async fn pull(&self, topic: &str, offset: i64) -> Command {
        self.request(&pull_header("g", topic, offset)).await
    }

    /// Waits until queue 0 of a topic has so many messages.
    pub(crate) async fn filled(&self, topic: &str, count: i64) {
        let header = GetMaxOffset { topic: topic.to_owned(), queue_id: 0 };
        let deadline = tokio::time::Instant::now() + LONG;
        loop {
            let answer = self.request(&header).await;
            if field(&answer, "offset").parse::<i64>().unwrap() >= count {
                return;
            }
            assert!(tokio::time::Instant::now() < deadline, "{topic} has no {count} messages");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    /// The messages of queue 0 from an offset on, once there are `count` in the queue.
    pub(crate) async fn take(&self, topic: &str, offset: i64, count: i64) -> Vec<Pulled> {
        self.filled(topic, count).await;
        let answer = self.pull(topic, offset).await;
        assert_eq!(answer.code, 0, "{answer:?}");
        pulled(&answer)
    }

    /// Where the VIP listener is.
    pub(crate) fn vip(&self) -> String {
        loopback(self.broker.local_addr().port() - 2)
    }
}

pub(crate) fn loopback(port: u16) -> String {
    SocketAddr::from(([127, 0, 0, 1], port)).to_string()
}

/// A message as pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pulled {
    pub(crate) body: String,
    pub(crate) topic: String,
    pub(crate) queue_offset: i64,
    pub(crate) physical_offset: i64,
    pub(crate) reconsume_times: i32,
    pub(crate) properties: String,
}

impl Pulled {
    pub(crate) fn property(&self, name: &str) -> Option<&str> {
        protocol::properties::Properties::from(self.properties.as_str()).get(name)
    }
}

pub(crate) fn pulled(answer: &Command) -> Vec<Pulled> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let owned = |m: Message<'_>| Pulled {
        body: text(m.body),
        topic: m.topic.to_owned(),
        queue_offset: m.queue_offset,
        physical_offset: m.physical_offset,
        reconsume_times: m.reconsume_times,
        properties: text(m.properties.as_bytes()),
    };
    message::records(&answer.body).map(|record| owned(record.unwrap())).collect()
}

pub(crate) fn bodies(answer: &Command) -> Vec<String> {
    pulled(answer).into_iter().map(|m| m.body).collect()
}

pub(crate) fn field<'a>(answer: &'a Command, name: &str) -> &'a str {
    answer.ext.get(name).unwrap_or_else(|| panic!("no {name} in {answer:?}"))
}

pub(crate) fn remark(answer: &Command) -> &str {
    answer.remark.as_deref().unwrap_or_default()
}

pub(crate) fn send_header(topic: &str) -> SendMessageV2<'_> {
    SendMessageV2 {
        producer_group: "p",
        topic,
        default_topic: "TBW102",
        default_topic_queue_nums: 4,
        queue_id: 0,
        sys_flag: 0,
        born_timestamp: 1,
        flag: 0,
        properties: Some(""),
        reconsume_times: 0,
        unit_mode: false,
        max_reconsume_times: None,
        batch: false,
    }
}

pub(crate) fn pull_header<'a>(group: &'a str, topic: &'a str, offset: i64) -> PullMessage<'a> {
    PullMessage {
        consumer_group: group,
        topic,
        queue_id: 0,
        queue_offset: offset,
        max_msg_nums: 32,
        sys_flag: OWN,
        commit_offset: 0,
        suspend_timeout_millis: 0,
        subscription: Some("*"),
        sub_version: 0,
        expression_type: None,
    }
}

/// Remembers what servers ask of a client.
#[derive(Default)]
pub(crate) struct Asked(Mutex<Vec<Command>>);

impl Service for Asked {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        self.0.lock().push(std::mem::take(command));
        Answer::Never
    }
}

impl Asked {
    /// How many requests of a code came.
    pub(crate) fn count(&self, code: i32) -> usize {
        self.0.lock().iter().filter(|c| c.code == code).count()
    }

    /// The requests of a code, in the order they came.
    pub(crate) fn all(&self, code: i32) -> Vec<Command> {
        self.0.lock().iter().filter(|c| c.code == code).cloned().collect()
    }
}

/// A client that remembers what it is asked.
pub(crate) fn listening_client() -> (Client, Arc<Asked>) {
    let asked = Arc::new(Asked::default());
    let service: Arc<dyn Service> = asked.clone();
    let options = ClientOptions { service: Some(service), ..ClientOptions::default() };
    (Client::new(options), asked)
}

/// Waits until `done`, looking often.
pub(crate) async fn eventually(what: &str, done: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
