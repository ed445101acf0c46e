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
use protocol::requests::{PullMessage, Request, SendMessageV2};
use protocol::{Command, json};
use remoting::{Answer, Client, ClientOptions, Peer, Service};
use serde::Serialize;
use tempfile::TempDir;

/// Longer than anything here takes.
pub const LONG: Duration = Duration::from_secs(20);

/// Pull flags: the subscription comes with the pull.
pub const OWN: i32 = 4;
/// Pull flags: hold the pull.
pub const HOLD: i32 = 2;

/// A running broker and a connection to it.
pub struct Fixture {
    pub broker: Arc<Broker>,
    pub client: Client,
    pub addr: String,
    pub dir: TempDir,
}

/// Settings of a broker whose store is in `dir`.
pub fn settings(dir: &Path) -> Settings {
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
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// A broker with changed settings.
    pub async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::open(tempfile::tempdir().unwrap(), change).await
    }

    /// A broker on a store that may exist.
    pub async fn open(dir: TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings(dir.path());
        change(&mut settings);
        let broker = Broker::start(settings).await.unwrap();
        let addr = loopback(broker.local_addr().port());
        Self { broker, client: Client::new(ClientOptions::default()), addr, dir }
    }

    /// Stops the broker and hands the store back.
    pub async fn stop(self) -> TempDir {
        self.broker.shutdown().await;
        self.dir
    }

    pub async fn call(&self, command: Command) -> Command {
        self.client.call(&self.addr, command, LONG).await.unwrap()
    }

    pub async fn request<R: Request + Serialize>(&self, header: &R) -> Command {
        self.call(Command::of(header).unwrap()).await
    }

    pub async fn json<R: Request + Serialize, B: Serialize>(&self, header: &R, body: &B) -> Command {
        self.call(Command::of(header).unwrap().body(json::to_vec(body))).await
    }

    /// Sends a body to queue 0 of a topic.
    pub async fn send(&self, topic: &str, body: &str, properties: &str) -> Command {
        let header = SendMessageV2 { properties: Some(properties), ..send_header(topic) };
        self.call(Command::of(&header).unwrap().body(body.to_owned())).await
    }

    /// Pulls from queue 0 without waiting.
    pub async fn pull(&self, topic: &str, offset: i64) -> Command {
        self.request(&pull_header("g", topic, offset)).await
    }

    /// The bodies of all messages from an offset, waiting for the first.
    pub async fn wait_for(&self, topic: &str, offset: i64) -> Vec<Pulled> {
        let header = PullMessage {
            sys_flag: OWN | HOLD,
            suspend_timeout_millis: 15_000,
            ..pull_header("g", topic, offset)
        };
        let answer = self.request(&header).await;
        assert_eq!(answer.code, 0, "{answer:?}");
        pulled(&answer)
    }

    /// Where the VIP listener is.
    pub fn vip(&self) -> String {
        loopback(self.broker.local_addr().port() - 2)
    }
}

pub fn loopback(port: u16) -> String {
    SocketAddr::from(([127, 0, 0, 1], port)).to_string()
}

/// A message as pulled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pulled {
    pub body: String,
    pub topic: String,
    pub queue_offset: i64,
    pub physical_offset: i64,
    pub reconsume_times: i32,
    pub properties: String,
}

impl Pulled {
    pub fn property(&self, name: &str) -> Option<&str> {
        protocol::properties::Properties::from(self.properties.as_str()).get(name)
    }
}

pub fn pulled(answer: &Command) -> Vec<Pulled> {
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

pub fn bodies(answer: &Command) -> Vec<String> {
    pulled(answer).into_iter().map(|m| m.body).collect()
}

pub fn field<'a>(answer: &'a Command, name: &str) -> &'a str {
    answer.ext.get(name).unwrap_or_else(|| panic!("no {name} in {answer:?}"))
}

pub fn remark(answer: &Command) -> &str {
    answer.remark.as_deref().unwrap_or_default()
}

pub fn send_header(topic: &str) -> SendMessageV2<'_> {
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

pub fn pull_header<'a>(group: &'a str, topic: &'a str, offset: i64) -> PullMessage<'a> {
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
pub struct Asked(Mutex<Vec<Command>>);

impl Service for Asked {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        self.0.lock().push(std::mem::take(command));
        Answer::Never
    }
}

impl Asked {
    /// How many requests of a code came.
    pub fn count(&self, code: i32) -> usize {
        self.0.lock().iter().filter(|c| c.code == code).count()
    }
}

/// A client that remembers what it is asked.
pub fn listening_client() -> (Client, Arc<Asked>) {
    let asked = Arc::new(Asked::default());
    let service: Arc<dyn Service> = asked.clone();
    let options = ClientOptions { service: Some(service), ..ClientOptions::default() };
    (Client::new(options), asked)
}

/// Waits until `done`, looking often.
pub async fn eventually(what: &str, done: impl Fn() -> bool) {
    let deadline = tokio::time::Instant::now() + LONG;
    while !done() {
        assert!(tokio::time::Instant::now() < deadline, "{what} did not happen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
