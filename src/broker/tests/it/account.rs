//! The account that a broker signs its own requests with.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use acl::Credentials;
use broker::{Broker, StartError};
use parking_lot::Mutex;
use protocol::codes::request::{REGISTER_BROKER, UNREGISTER_BROKER};
use protocol::requests::{GetAllTopicConfig, RegisterBrokerReply};
use protocol::{Command, Reply};
use remoting::{Answer, Peer, Server, ServerOptions, Service};
use tempfile::TempDir;

use crate::access::{checked, write_rules};
use crate::harness::*;
use crate::replicate::{ha_of, slave_of};

const RULES: &str = "accounts:\n- accessKey: brokers\n  secretKey: secret-b\n  admin: true\n  topicPerms: [Signed=PUB]\n";

fn account(dir: &Path, content: &str) -> String {
    let file = dir.join("account.yml");
    fs::write(&file, content).unwrap();
    file.to_string_lossy().into_owned()
}

/// A name server that knows a master and keeps what it is asked.
struct Names {
    master: RegisterBrokerReply,
    asked: Mutex<Vec<Command>>,
}

impl Service for Names {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        let code = command.code;
        self.asked.lock().push(std::mem::take(command));
        if code == REGISTER_BROKER { Reply::with(&self.master).into() } else { Reply::ok().into() }
    }
}

/// Whether a request carries the signature of the account.
fn signed(command: &Command) -> bool {
    let mut again = command.clone();
    Credentials::new("brokers", "secret-b").sign(&mut again);
    command.ext.get("AccessKey") == Some("brokers")
        && command.ext.get("Signature") == again.ext.get("Signature")
}

/// A slave gets the topics of a master that checks requests, and name servers see who registers.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_signs_what_it_asks() {
    let dir = tempfile::tempdir().unwrap();
    write_rules(dir.path(), RULES);
    let change = checked(&dir);
    let master = Fixture::open(dir, change).await;
    let mut send = Command::of(&send_header("Signed")).unwrap().body("x");
    Credentials::new("brokers", "secret-b").sign(&mut send);
    let answer = master.call(send).await;
    assert_eq!(answer.code, 0, "{answer:?}");

    let known = RegisterBrokerReply {
        ha_server_addr: Some(ha_of(&master)),
        master_addr: Some(master.addr.clone()),
    };
    let service = Arc::new(Names { master: known, asked: Mutex::default() });
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let names = Server::bind(any, ServerOptions::default(), service.clone()).unwrap();
    let addr = names.local_addr().to_string();
    let dir = tempfile::tempdir().unwrap();
    let file = account(dir.path(), "accessKey: brokers\nsecretKey: secret-b\n");
    let slave = Fixture::open(dir, |settings| {
        slave_of("")(settings);
        settings.broker.namesrv_addr = addr;
        settings.broker.account_file = file;
    })
    .await;
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let topics = slave.request(&GetAllTopicConfig).await.body;
        if String::from_utf8_lossy(&topics).contains("\"Signed\"") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "the master's topics never came");
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    slave.stop().await;
    let asked = std::mem::take(&mut *service.asked.lock());
    assert!(asked.iter().all(signed), "{asked:?}");
    for code in [REGISTER_BROKER, UNREGISTER_BROKER] {
        assert!(asked.iter().any(|command| command.code == code), "no {code}");
    }
    names.shutdown().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_an_account_in_the_file_it_does_not_start() {
    for content in [None, Some(""), Some("accessKey: brokers"), Some("accessKey: [")] {
        let dir: TempDir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("account.yml").to_string_lossy().into_owned();
        let file = content.map_or(missing, |content| account(dir.path(), content));
        let mut settings = settings(dir.path());
        settings.broker.account_file = file;
        let error = Broker::start(settings).await.err();
        assert!(matches!(error, Some(StartError::Account { .. })), "{content:?}: {error:?}");
    }
}
