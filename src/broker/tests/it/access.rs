//! Access control: where requests are checked, and that the rules follow their file.

use std::fs;
use std::path::Path;

use acl::Credentials;
use broker::{Broker, StartError};
use protocol::Command;
use protocol::message_id::MessageId;
use protocol::requests::{
    ConsumerSendMsgBack, EndTransaction, GetBrokerConfig, GetMaxOffset, SendMessageV2,
    ViewMessageById,
};
use tempfile::TempDir;

use crate::harness::*;

const RULES: &str = "
accounts:
- accessKey: producer
  secretKey: secret-p
  topicPerms: [T=PUB, U=DENY]
- accessKey: consumer
  secretKey: secret-c
  topicPerms: [T=PUB|SUB]
  groupPerms: [g=SUB]
- accessKey: operator
  secretKey: secret-o
  admin: true
";

pub(crate) fn write_rules(dir: &Path, rules: &str) {
    fs::create_dir_all(dir.join("home/conf")).unwrap();
    fs::write(dir.join("home/conf/plain_acl.yml"), rules).unwrap();
}

pub(crate) fn checked(dir: &TempDir) -> impl FnOnce(&mut broker::Settings) + use<> {
    let home = dir.path().join("home").to_string_lossy().into_owned();
    move |settings| {
        settings.broker.acl_enable = true;
        settings.broker.rocketmq_home = home;
    }
}

async fn fixture(rules: &str) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    write_rules(dir.path(), rules);
    let change = checked(&dir);
    Fixture::open(dir, change).await
}

impl Fixture {
    /// Signs with an account of `RULES`, and sends.
    async fn signed(&self, account: &str, mut command: Command) -> Command {
        Credentials::new(account, &format!("secret-{}", &account[..1])).sign(&mut command);
        self.call(command).await
    }
}

fn send(topic: &str, properties: &str) -> Command {
    let header = SendMessageV2 { properties: Some(properties), ..send_header(topic) };
    Command::of(&header).unwrap().body("x")
}

fn id_of(answer: &Command) -> MessageId {
    assert_eq!(answer.code, 0, "{answer:?}");
    field(answer, "msgId").parse().unwrap()
}

fn denied(answer: &Command, text: &str) {
    let expected = format!("org.apache.rocketmq.acl.common.AclException: {text}");
    assert_eq!((answer.code, remark(answer)), (1, expected.as_str()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_checked_before_it_is_read() {
    let f = fixture(RULES).await;
    denied(&f.call(send("T", "")).await, "No accessKey is configured");
    denied(&f.call(Command::request(310)).await, "No accessKey is configured");
    denied(&f.call(Command::request(34).body("{")).await, "No accessKey is configured");
    denied(&f.signed("somebody", send("T", "")).await, "No acl config for somebody");
    denied(&f.signed("producer", send("U", "")).await, "No default permission for topic:U");
    let mut batch = send("U", "");
    batch.code = 320;
    denied(&f.signed("producer", batch).await, "No default permission for topic:U");
    assert_eq!(f.signed("producer", send("T", "")).await.code, 0);
    let mut forged = send("T", "");
    Credentials::new("producer", "guessed").sign(&mut forged);
    denied(&f.call(forged).await, "Check signature failed for accessKey=producer");

    let config = || Command::of(&GetBrokerConfig).unwrap();
    let text = "Need admin permission for request code=26, but accessKey=consumer is not";
    denied(&f.signed("consumer", config()).await, text);
    assert_eq!(f.signed("operator", config()).await.code, 0);
    // Both ports are checked.
    let vip = f.client.call(&f.vip(), config(), LONG).await.unwrap();
    denied(&vip, "No accessKey is configured");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_nobody_may_do_silently_does_nothing() {
    let f = fixture(RULES).await;
    f.client.oneway(&f.addr, send("T", "")).await.unwrap();
    assert_eq!(f.signed("producer", send("T", "")).await.code, 0);
    let ends = Command::of(&GetMaxOffset { topic: "T".into(), queue_id: 0 }).unwrap();
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let answer = f.signed("consumer", ends.clone()).await;
        match field(&answer, "offset") {
            "0" => assert!(tokio::time::Instant::now() < deadline, "nothing arrived"),
            end => break assert_eq!(end, "1", "only the signed one"),
        }
    }
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_named_by_offset_are_checked_by_their_topic() {
    let rules = format!("{RULES}  topicPerms: [T=PUB, U=PUB|SUB]\n");
    let f = fixture(&rules).await;
    let (open, closed) =
        (f.signed("operator", send("T", "")).await, f.signed("operator", send("U", "")).await);
    let (open, closed) = (id_of(&open).offset, id_of(&closed).offset);
    let view = |offset| Command::of(&ViewMessageById { offset }).unwrap();
    assert_eq!(f.signed("consumer", view(open)).await.code, 0);
    denied(&f.signed("consumer", view(closed)).await, "No default permission for topic:U");
    denied(&f.signed("producer", view(open)).await, "No default permission for topic:T");
    assert_eq!(f.signed("operator", view(closed)).await.code, 0);

    // Nor can others be had by giving them back as one's own.
    let back = |offset| {
        let header = ConsumerSendMsgBack {
            offset,
            group: "g".into(),
            delay_level: 1,
            origin_msg_id: None,
            origin_topic: Some("T".into()),
            unit_mode: false,
            max_reconsume_times: Some(16),
        };
        Command::of(&header).unwrap()
    };
    denied(&f.signed("consumer", back(closed)).await, "No default permission for topic:U");
    assert_eq!(f.signed("consumer", back(open)).await.code, 0);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_who_may_send_end_a_transaction() {
    let f = fixture(RULES).await;
    let half = f.signed("producer", send("T", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}")).await;
    let header = EndTransaction {
        producer_group: "p".into(),
        tran_state_table_offset: 0,
        commit_log_offset: id_of(&half).offset,
        commit_or_rollback: 8,
        ..EndTransaction::default()
    };
    let end = || Command::of(&header).unwrap();
    let other = RULES.replace("T=PUB|SUB", "T=SUB");
    write_rules(f.dir.path(), &other);
    let deadline = tokio::time::Instant::now() + LONG;
    while f.signed("consumer", send("T", "")).await.code == 0 {
        assert!(tokio::time::Instant::now() < deadline, "the new rules are not in force");
    }
    denied(&f.signed("consumer", end()).await, "No default permission for topic:T");
    assert_eq!(f.signed("producer", end()).await.code, 0);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_rules_follow_their_file() {
    let f = fixture(RULES).await;
    let becomes = async |code: i32| {
        let deadline = tokio::time::Instant::now() + LONG;
        while f.signed("producer", send("T", "")).await.code != code {
            assert!(tokio::time::Instant::now() < deadline, "not {code} in time");
        }
    };
    becomes(0).await;
    write_rules(f.dir.path(), &RULES.replace("T=PUB,", "T=DENY,"));
    becomes(1).await;
    // What cannot be used changes nothing, nor does a file that is gone.
    write_rules(f.dir.path(), "accounts: [");
    fs::remove_file(f.dir.path().join("home/conf/plain_acl.yml")).unwrap();
    becomes(1).await;
    write_rules(f.dir.path(), RULES);
    becomes(0).await;
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_rules_a_broker_does_not_start() {
    for rules in [None, Some(""), Some("accounts: ["), Some("accounts:\n- accessKey: short\n")] {
        let dir = tempfile::tempdir().unwrap();
        if let Some(rules) = rules {
            write_rules(dir.path(), rules);
        }
        let mut settings = settings(dir.path());
        checked(&dir)(&mut settings);
        let error = Broker::start(settings).await.unwrap_err();
        assert!(matches!(error, StartError::Access { .. }), "{rules:?}: {error:?}");
        assert_eq!(error.exit_code(), 255);
        assert!(error.to_string().contains("home/conf/plain_acl.yml"), "{error}");
    }
}
