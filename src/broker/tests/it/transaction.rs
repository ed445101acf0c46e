//! Transactions: half messages, their ends, and the questions about those that have none.

use std::time::Duration;

use broker::Settings;
use protocol::bodies::{ConsumerOffsetSerializeWrapper, HeartbeatData, ProducerData};
use protocol::ext::from_ext;
use protocol::message::Message;
use protocol::message_id::MessageId;
use protocol::requests::{
    CheckTransactionState, EndTransaction, GetAllConsumerOffset, GetAllTopicConfig, HeartBeat,
    SendMessageV2,
};
use protocol::{Command, json};
use remoting::Client;
use store::{BrokerRole, FlushDiskType};

use crate::harness::*;

const HALF: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
const OP: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
const CHECK: i32 = 39;
const COMMIT: i32 = 8;
const ROLLBACK: i32 = 12;

/// Where a half message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    queue: i64,
    physical: i64,
}

fn properties(key: &str, more: &str) -> String {
    format!("TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}UNIQ_KEY\u{1}{key}\u{2}{more}")
}

fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    i64::try_from(since.unwrap().as_millis()).unwrap()
}

impl Fixture {
    /// Sends a half message to queue 1 of a topic.
    async fn half(&self, topic: &str, key: &str, more: &str) -> Place {
        let properties = properties(key, more);
        let header = SendMessageV2 {
            queue_id: 1,
            properties: Some(&properties),
            born_timestamp: now_ms(),
            flag: 7,
            ..send_header(topic)
        };
        let answer = self.call(Command::of(&header).unwrap().body(key.to_owned())).await;
        assert_eq!((answer.code, field(&answer, "queueId")), (0, "1"), "{answer:?}");
        let id: MessageId = field(&answer, "msgId").parse().unwrap();
        Place { queue: field(&answer, "queueOffset").parse().unwrap(), physical: id.offset }
    }

    async fn end(&self, place: Place, what: i32) -> Command {
        self.request(&end_header(place, what)).await
    }

    /// What is in queue 1 of a topic.
    async fn bodies_of(&self, topic: &str) -> Vec<String> {
        let mut header = pull_header("g", topic, 0);
        header.queue_id = 1;
        bodies(&self.request(&header).await)
    }

    /// Waits for that many messages in queue 1 of a topic.
    async fn take_from_1(&self, topic: &str, count: usize) -> Vec<Pulled> {
        let deadline = tokio::time::Instant::now() + LONG;
        loop {
            let mut header = pull_header("g", topic, 0);
            header.queue_id = 1;
            let found = pulled(&self.request(&header).await);
            if found.len() >= count {
                return found;
            }
            assert!(tokio::time::Instant::now() < deadline, "{found:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Makes sure that what was stored until now is in its queue.
    async fn settle(&self) {
        let before = self.send("Settle", "x", "").await;
        let offset: i64 = field(&before, "queueOffset").parse().unwrap();
        self.take("Settle", offset, 1).await;
    }

    /// The offset of the broker's own group in a queue.
    async fn progress(&self, topic: &str) -> Option<i64> {
        let body = self.request(&GetAllConsumerOffset).await.body;
        let table: ConsumerOffsetSerializeWrapper = json::from_slice(&body).unwrap();
        let offsets = table.offset_table.get(&format!("{topic}@CID_RMQ_SYS_TRANS"))?;
        offsets.get(&0).copied()
    }

    async fn wait_for_progress(&self, topic: &str, offset: i64) {
        let deadline = tokio::time::Instant::now() + LONG;
        while self.progress(topic).await != Some(offset) {
            let now = self.progress(topic).await;
            assert!(tokio::time::Instant::now() < deadline, "{topic} is at {now:?}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn end_header(place: Place, what: i32) -> EndTransaction {
    EndTransaction {
        producer_group: "p".into(),
        tran_state_table_offset: place.queue,
        commit_log_offset: place.physical,
        commit_or_rollback: what,
        from_transaction_check: false,
        msg_id: "u".into(),
        transaction_id: None,
    }
}

/// Looks for open transactions all the time.
fn eager(settings: &mut Settings) {
    settings.broker.transaction_time_out = 50;
    settings.broker.transaction_check_interval = 50;
}

/// Joins producer group `p`.
async fn join(client: &Client, f: &Fixture) {
    let heartbeat = HeartbeatData {
        client_id: "c".into(),
        producer_data_set: vec![ProducerData { group_name: "p".into() }],
        ..HeartbeatData::default()
    };
    let command = Command::of(&HeartBeat).unwrap().body(json::to_vec(&heartbeat));
    assert_eq!(client.call(&f.addr, command, LONG).await.unwrap().code, 0);
}

/// The half message a question is about.
fn asked_about(question: &Command) -> Place {
    let header: CheckTransactionState = from_ext(&question.ext).unwrap();
    Place { queue: header.tran_state_table_offset, physical: header.commit_log_offset }
}

async fn questions(asked: &Asked, count: usize) -> Vec<Command> {
    eventually("a question", || asked.count(CHECK) >= count).await;
    asked.all(CHECK)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_committed_message_is_delivered_as_it_was_sent() {
    let f = Fixture::new().await;
    let place = f.half("T", "one", "TAGS\u{1}t\u{2}").await;
    assert_eq!(place.queue, 0);
    assert_eq!(f.half("T", "two", "").await.queue, 1);
    f.settle().await;
    assert!(f.bodies_of("T").await.is_empty());
    let answer = f.end(place, COMMIT).await;
    assert_eq!((answer.code, answer.remark.as_deref()), (0, None), "{answer:?}");
    let got = f.take_from_1("T", 1).await;
    assert_eq!((got.len(), got[0].body.as_str(), got[0].topic.as_str()), (1, "one", "T"));
    let all = properties("one", "TAGS\u{1}t\u{2}") + "REAL_TOPIC\u{1}T\u{2}REAL_QID\u{1}1\u{2}";
    assert_eq!(got[0].properties, all);
    let mut header = pull_header("g", "T", 0);
    header.queue_id = 1;
    let answer = f.request(&header).await;
    let message = Message::decode(&answer.body).unwrap();
    assert_eq!((message.sys_flag, message.flag), (COMMIT, 7));
    assert_eq!(message.prepared_transaction_offset, place.physical);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolled_back_message_is_not() {
    let f = Fixture::new().await;
    let place = f.half("T", "one", "").await;
    let answer = f.end(place, ROLLBACK).await;
    assert_eq!((answer.code, remark(&answer)), (0, "not set any response code"));
    f.settle().await;
    assert!(f.bodies_of("T").await.is_empty());
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_and_op_messages_are_those_of_4_4_0() {
    let f = Fixture::with(|s| s.broker.transaction_check_interval = 50).await;
    let first = f.half("T", "one", "").await;
    let second = f.half("T", "two", "").await;
    f.end(second, COMMIT).await;
    f.end(first, ROLLBACK).await;
    // The first round puts the topic of half messages into the table; the other never is.
    f.wait_for_progress(HALF, 2).await;
    f.wait_for_progress(OP, 2).await;
    let topics = f.request(&GetAllTopicConfig).await.body;
    let topics = String::from_utf8_lossy(&topics);
    assert!(topics.contains(HALF) && !topics.contains(OP), "{topics}");
    let halves = f.take(HALF, 0, 2).await;
    assert_eq!((halves[0].body.as_str(), halves[0].physical_offset), ("one", first.physical));
    assert!(halves[0].properties.ends_with("REAL_TOPIC\u{1}T\u{2}REAL_QID\u{1}1\u{2}"));
    let dir = f.stop().await;
    let ops = dir.path().join("store/consumequeue").join(OP).join("0/00000000000000000000");
    let entry = std::fs::read(ops).unwrap();
    let physical = i64::from_be_bytes(*entry.first_chunk().unwrap());
    let log = std::fs::read(dir.path().join("store/commitlog/00000000000000000000")).unwrap();
    let op = Message::decode(&log[usize::try_from(physical).unwrap()..]).unwrap();
    assert_eq!((op.topic, op.queue_id, op.body), (OP, 0, &b"1"[..]));
    assert_eq!(op.properties.as_bytes(), b"WAIT\x01true\x02TAGS\x01d\x02");
    assert_eq!(op.born_host, op.store_host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_another_transaction_is_refused() {
    let f = Fixture::new().await;
    let place = f.half("T", "one", "").await;
    let plain = f.send("T", "plain", "PGROUP\u{1}p\u{2}").await;
    let plain: MessageId = field(&plain, "msgId").parse().unwrap();
    let right = end_header(place, COMMIT);
    let missing = "Find prepared transaction message failed";
    for (header, text) in [
        (
            EndTransaction { producer_group: "q".into(), ..right.clone() },
            "The producer group wrong",
        ),
        (
            EndTransaction { tran_state_table_offset: 1, ..right.clone() },
            "The transaction state table offset wrong",
        ),
        (EndTransaction { commit_log_offset: 1 << 40, ..right.clone() }, missing),
        (EndTransaction { commit_log_offset: -1, ..right.clone() }, missing),
        (EndTransaction { commit_log_offset: place.physical + 1, ..right.clone() }, missing),
        (EndTransaction { commit_log_offset: plain.offset, ..right.clone() }, missing),
        (
            EndTransaction { commit_or_rollback: 5, ..right.clone() },
            "commitOrRollback 5 is no end of a transaction",
        ),
    ] {
        let answer = f.request(&header).await;
        assert_eq!((answer.code, remark(&answer)), (1, text), "{header:?}");
    }
    let unknown = f.end(place, 0).await;
    assert_eq!((unknown.code, unknown.remark), (0, None));
    f.settle().await;
    assert!(f.bodies_of("T").await.is_empty());
    assert_eq!(f.end(place, COMMIT).await.code, 0);
    f.take_from_1("T", 1).await;
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_ends_once() {
    let f = Fixture::new().await;
    let (kept, dropped) = (f.half("T", "kept", "").await, f.half("T", "dropped", "").await);
    let open = f.half("T", "open", "").await;
    for _ in 0..3 {
        let answer = f.end(kept, COMMIT).await;
        assert_eq!((answer.code, answer.remark), (0, None));
        assert_eq!(f.end(dropped, ROLLBACK).await.code, 0);
    }
    let f = Fixture::open(f.stop().await, |_| ()).await;
    assert_eq!(f.end(kept, COMMIT).await.code, 0);
    assert_eq!(f.end(dropped, ROLLBACK).await.code, 0);
    // What was decided first stands.
    assert_eq!(f.end(open, COMMIT).await.code, 0);
    assert_eq!(f.end(open, ROLLBACK).await.code, 0);
    assert_eq!(f.end(dropped, COMMIT).await.code, 0);
    f.settle().await;
    assert_eq!(f.bodies_of("T").await, ["kept", "open"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_is_asked_about_what_it_did_not_end() {
    let f = Fixture::with(eager).await;
    let (client, asked) = listening_client();
    join(&client, &f).await;
    let done = f.half("T", "done", "").await;
    f.end(done, COMMIT).await;
    let place = f.half("T", "open", "a\u{1}b\u{2}").await;
    let question = questions(&asked, 1).await.remove(0);
    assert!(question.is_oneway());
    let about = asked_about(&question);
    assert!(about.queue > place.queue && about.physical > place.physical);
    assert_eq!((field(&question, "msgId"), field(&question, "transactionId")), ("open", "open"));
    let id: MessageId = field(&question, "offsetMsgId").parse().unwrap();
    assert_eq!(id.offset, about.physical);
    let shown = Message::decode(&question.body).unwrap();
    assert_eq!((shown.topic, shown.queue_id, shown.body), ("T", 1, &b"open"[..]));
    assert_eq!((shown.queue_offset, shown.physical_offset), (about.queue, about.physical));
    assert_eq!(shown.properties.get("TRANSACTION_CHECK_TIMES"), Some("1"));
    assert_eq!(shown.properties.get("a"), Some("b"));

    let answer = EndTransaction { from_transaction_check: true, ..end_header(about, COMMIT) };
    client.oneway(&f.addr, Command::of(&answer).unwrap()).await.unwrap();
    let got = f.take_from_1("T", 2).await;
    assert_eq!(got[1].body, "open");
    // Neither the same answer again nor one to the first question is another message.
    assert_eq!(f.request(&answer).await.code, 0);
    assert_eq!(f.end(place, COMMIT).await.code, 0);
    f.settle().await;
    assert_eq!(f.bodies_of("T").await, ["done", "open"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_that_crosses_the_question_counts() {
    let f = Fixture::with(eager).await;
    let (client, asked) = listening_client();
    join(&client, &f).await;
    let place = f.half("T", "one", "").await;
    let about = asked_about(&questions(&asked, 2).await[1]);
    assert_eq!(f.end(place, COMMIT).await.code, 0);
    f.take_from_1("T", 1).await;
    for about in [about, asked_about(&asked.all(CHECK)[0])] {
        assert_eq!(f.end(about, COMMIT).await.code, 0);
    }
    // What is settled is not asked about: everything is done with.
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let count = asked.count(CHECK);
        tokio::time::sleep(Duration::from_millis(200)).await;
        if asked.count(CHECK) == count {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "still asked");
    }
    assert_eq!(f.bodies_of("T").await, ["one"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_producer_is_asked_so_often_and_no_more() {
    let f = Fixture::with(|s| {
        eager(s);
        s.broker.transaction_check_max = 3;
    })
    .await;
    let (client, asked) = listening_client();
    join(&client, &f).await;
    let place = f.half("T", "one", "").await;
    questions(&asked, 3).await;
    f.wait_for_progress(HALF, 4).await;
    assert_eq!(asked.count(CHECK), 3);
    // It was given up, but its producer may still decide.
    assert_eq!(f.end(place, COMMIT).await.code, 0);
    assert_eq!(f.end(place, COMMIT).await.code, 0);
    f.settle().await;
    assert_eq!(f.bodies_of("T").await, ["one"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_may_ask_to_be_left_alone() {
    let f = Fixture::with(eager).await;
    let (client, asked) = listening_client();
    join(&client, &f).await;
    f.half("T", "immune", "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}2\u{2}").await;
    let born = tokio::time::Instant::now();
    f.half("T", "other", "").await;
    let about_immune = |question: &Command| field(question, "msgId") == "immune";
    let first = questions(&asked, 1).await.remove(0);
    assert!(!about_immune(&first), "whatever stands aside does not hold up the others");
    eventually("a question", || asked.all(CHECK).iter().any(about_immune)).await;
    assert!(born.elapsed() >= Duration::from_millis(1900), "{:?}", born.elapsed());
    let question = asked.all(CHECK).into_iter().find(about_immune).unwrap();
    let shown = Message::decode(&question.body).unwrap();
    assert_eq!(shown.properties.get("TRAN_PREPARED_QUEUE_OFFSET"), Some("0"));
    assert_eq!(shown.properties.get("TRANSACTION_CHECK_TIMES"), Some("1"));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_transactions_survive_a_restart() {
    let f = Fixture::with(eager).await;
    let (client, asked) = listening_client();
    join(&client, &f).await;
    let done = f.half("T", "done", "").await;
    f.end(done, COMMIT).await;
    let asked_before = f.half("T", "asked", "").await;
    questions(&asked, 1).await;
    let dir = f.stop().await;

    let f = Fixture::open(dir, |s| s.broker.transaction_check_interval = 3_600_000).await;
    let open = f.half("T", "open", "").await;
    let f = Fixture::open(f.stop().await, eager).await;
    let (client, asked) = listening_client();
    join(&client, &f).await;
    let about = |key: &str| {
        let all = asked.all(CHECK);
        all.iter().rfind(|question| field(question, "msgId") == key).map(asked_about)
    };
    eventually("both are asked about", || about("asked").is_some() && about("open").is_some())
        .await;
    assert!(about("done").is_none());
    // The offsets that the producer got first stand for the transaction as well.
    f.end(asked_before, COMMIT).await;
    f.end(about("open").unwrap(), COMMIT).await;
    f.take_from_1("T", 3).await;
    f.end(about("asked").unwrap(), COMMIT).await;
    f.end(open, COMMIT).await;
    f.end(done, COMMIT).await;
    f.settle().await;
    assert_eq!(f.bodies_of("T").await, ["done", "asked", "open"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_its_op_message_is_not_done_again() {
    let f = Fixture::new().await;
    let (done, open) = (f.half("T", "done", "").await, f.half("T", "open", "").await);
    f.end(done, COMMIT).await;
    f.take_from_1("T", 1).await;
    let dir = f.stop().await;
    // As if the broker had died between the two.
    std::fs::remove_dir_all(dir.path().join("store/consumequeue").join(OP)).unwrap();
    let offsets = dir.path().join("store/config/consumerOffset.json");
    std::fs::write(&offsets, "{\"offsetTable\":{}}").unwrap();
    std::fs::remove_file(offsets.with_extension("json.bak")).unwrap_or_default();

    let f = Fixture::open(dir, |_| ()).await;
    assert_eq!(f.end(done, COMMIT).await.code, 0);
    assert_eq!(f.end(open, COMMIT).await.code, 0);
    f.take_from_1("T", 2).await;
    f.settle().await;
    assert_eq!(f.bodies_of("T").await, ["done", "open"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn op_messages_of_a_queue_that_was_destroyed_settle_nothing() {
    let f = Fixture::new().await;
    for key in ["a", "b"] {
        let place = f.half("T", key, "").await;
        f.end(place, COMMIT).await;
    }
    let dir = f.stop().await;
    // As 4.4.0 does when any topic is deleted in its first minute.
    std::fs::remove_dir_all(dir.path().join("store/consumequeue").join(HALF)).unwrap();

    let f = Fixture::open(dir, |_| ()).await;
    let (first, second) = (f.half("T", "c", "").await, f.half("T", "d", "").await);
    assert_eq!((first.queue, second.queue), (0, 1));
    f.end(first, COMMIT).await;
    f.take_from_1("T", 3).await;
    let f = Fixture::open(f.stop().await, |_| ()).await;
    f.end(first, COMMIT).await;
    f.end(second, COMMIT).await;
    f.take_from_1("T", 4).await;
    f.settle().await;
    assert_eq!(f.bodies_of("T").await, ["a", "b", "c", "d"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slave_ends_nothing() {
    let f = Fixture::new().await;
    let place = f.half("T", "one", "").await;
    let f = Fixture::open(f.stop().await, |s| {
        s.store.broker_role = BrokerRole::Slave;
        s.broker.broker_id = 1;
    })
    .await;
    let answer = f.end(place, COMMIT).await;
    assert_eq!((answer.code, remark(&answer)), (11, "not set any response code"));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_is_answered_when_it_is_on_disk() {
    let f = Fixture::with(|s| s.store.flush_disk_type = FlushDiskType::SyncFlush).await;
    let place = f.half("T", "one", "").await;
    assert_eq!(f.end(place, COMMIT).await.code, 0);
    f.take_from_1("T", 1).await;
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_message_waits_after_its_commit() {
    let f = Fixture::with(|s| s.store.message_delay_level = "1s".into()).await;
    let place = f.half("T", "one", "DELAY\u{1}1\u{2}").await;
    let started = tokio::time::Instant::now();
    assert_eq!(f.end(place, COMMIT).await.code, 0);
    let got = f.take_from_1("T", 1).await;
    assert_eq!(got[0].body, "one");
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_retry_of_a_committed_message_is_no_transaction() {
    let f = Fixture::with(|s| s.store.message_delay_level = "1s 1s 1s".into()).await;
    let properties = properties("one", "DELAY\u{1}1\u{2}");
    let header = SendMessageV2 {
        properties: Some(&properties),
        reconsume_times: 1,
        max_reconsume_times: Some(16),
        ..send_header("%RETRY%g")
    };
    let answer = f.call(Command::of(&header).unwrap().body("again")).await;
    assert_eq!(answer.code, 0, "{answer:?}");
    assert_eq!(f.take("%RETRY%g", 0, 1).await[0].body, "again");
    f.stop().await;
}
