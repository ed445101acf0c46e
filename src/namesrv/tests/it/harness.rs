//! A name server on a free port and a client that knows nothing but frames.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use config::{Env, Properties};
use namesrv::{Namesrv, NamesrvConfigs, Settings};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// How long a test waits for something that must come.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running name server; stops when dropped.
pub(crate) struct Running {
    namesrv: Option<Namesrv>,
    runtime: Runtime,
}

impl Running {
    /// Starts on a free port with files under `home`.
    pub(crate) fn start(home: &TempDir) -> Self {
        Self::start_with(home, |_| {})
    }

    /// The same with other settings.
    pub(crate) fn start_with(home: &TempDir, change: impl FnOnce(&mut Settings)) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let mut settings = settings(home);
        change(&mut settings);
        let guard = runtime.enter();
        let namesrv = Namesrv::start(settings).unwrap();
        drop(guard);
        Self { namesrv: Some(namesrv), runtime }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.namesrv.as_ref().unwrap().local_addr()
    }

    pub(crate) fn connect(&self) -> Connection {
        let stream = TcpStream::connect(self.addr()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Connection { stream, opaque: 100 }
    }

    /// The body of a route answer, empty without a route.
    pub(crate) fn route(&self, topic: &str) -> String {
        self.connect().call(105, json!({ "topic": topic }), b"").text()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(namesrv) = self.namesrv.take() {
            self.runtime.block_on(namesrv.shutdown());
        }
    }
}

pub(crate) fn settings(home: &TempDir) -> Settings {
    let user_home = home.path().to_str().unwrap();
    let env = Env::empty().with_var("ROCKETMQ_HOME", "/opt/rocketmq").with_user_home(user_home);
    let mut settings = Settings::new(NamesrvConfigs::from_env(&env));
    settings.server.listen_port = 0;
    settings.listen_on = Ipv4Addr::LOCALHOST.into();
    settings.extra_properties = Properties::parse(b"myOwnKey=1").unwrap();
    settings
}

/// A connection that sends and receives frames with JSON headers.
pub(crate) struct Connection {
    stream: TcpStream,
    opaque: i32,
}

/// One frame as received.
pub(crate) struct Answer {
    pub(crate) header: Value,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn code(&self) -> i64 {
        self.header["code"].as_i64().unwrap()
    }

    pub(crate) fn remark(&self) -> &str {
        self.header["remark"].as_str().unwrap_or_default()
    }

    pub(crate) fn text(self) -> String {
        String::from_utf8(self.body).unwrap()
    }

    pub(crate) fn parse(frame: &[u8]) -> Self {
        let word = u32::from_be_bytes(frame[4..8].try_into().unwrap());
        assert_eq!(word >> 24, 0, "a JSON header");
        let (header, body) = frame[8..].split_at(word as usize & 0xFF_FFFF);
        Self { header: serde_json::from_slice(header).unwrap(), body: body.to_vec() }
    }
}

impl Connection {
    pub(crate) fn send_raw(&mut self, frame: &[u8]) {
        self.stream.write_all(frame).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Answer {
        let mut frame = vec![0; 4];
        self.stream.read_exact(&mut frame).unwrap();
        let length = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
        frame.resize(4 + length, 0);
        self.stream.read_exact(&mut frame[4..]).unwrap();
        Answer::parse(&frame)
    }

    /// Waits until the server has closed the connection.
    pub(crate) fn wait_closed(&mut self) {
        let mut rest = Vec::new();
        let _ = self.stream.read_to_end(&mut rest);
        assert!(rest.is_empty(), "nothing was answered");
    }

    pub(crate) fn call(&mut self, code: i32, fields: Value, body: &[u8]) -> Answer {
        self.call_as(code, 293, fields, body)
    }

    pub(crate) fn call_as(
        &mut self,
        code: i32,
        version: i32,
        fields: Value,
        body: &[u8],
    ) -> Answer {
        self.opaque += 1;
        let mut header = json!({
            "code": code, "language": "JAVA", "version": version, "opaque": self.opaque, "flag": 0,
            "serializeTypeCurrentRPC": "JSON",
        });
        if !fields.is_null() {
            header["extFields"] = fields;
        }
        let header = header.to_string();
        let length = 4 + header.len() + body.len();
        let mut frame = u32::try_from(length).unwrap().to_be_bytes().to_vec();
        frame.extend(u32::try_from(header.len()).unwrap().to_be_bytes());
        frame.extend(header.as_bytes());
        frame.extend(body);
        self.send_raw(&frame);
        let answer = self.receive();
        assert_eq!(answer.header["opaque"], self.opaque);
        answer
    }
}

/// Waits until `condition` holds.
pub(crate) fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The header fields of a registration.
pub(crate) fn registrant(broker: &str, id: i64, addr: &str) -> Value {
    json!({
        "brokerName": broker, "brokerAddr": addr, "clusterName": "C", "haServerAddr": "127.0.0.1:2",
        "brokerId": id.to_string(), "compressed": "false", "bodyCrc32": "0",
    })
}

/// A registration body with one topic.
pub(crate) fn body(counter: i64, topic: &str, perm: i32) -> String {
    json!({
        "filterServerList": [],
        "topicConfigSerializeWrapper": {
            "dataVersion": { "counter": counter, "timestamp": 1 },
            "topicConfigTable": { topic: {
                "order": false, "perm": perm, "readQueueNums": 4, "topicFilterType": "SINGLE_TAG",
                "topicName": topic, "topicSysFlag": 0, "writeQueueNums": 4,
            } },
        },
    })
    .to_string()
}
