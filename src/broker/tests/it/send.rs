//! Sending: one message, batches, one-way, refusals, durability.

use std::time::Duration;

use protocol::batch::{self, Item};
use protocol::requests::{
    GetMaxOffset, SendBatchMessage, SendHeader, SendMessage, SendMessageV2, ViewMessageById,
};
use protocol::{Command, perm};
use store::FlushDiskType;

use crate::harness::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_sent_is_a_message_pulled() {
    let f = Fixture::new().await;
    let answer = f.send("T", "hello", "TAGS\u{1}a\u{2}k\u{1}v\u{2}").await;
    assert_eq!((answer.code, remark(&answer)), (0, ""));
    assert_eq!(field(&answer, "queueId"), "0");
    assert_eq!(field(&answer, "queueOffset"), "0");
    assert_eq!(field(&answer, "MSG_REGION"), "DefaultRegion");
    assert_eq!(field(&answer, "TRACE_ON"), "true");
    let port = f.broker.local_addr().port();
    assert_eq!(field(&answer, "msgId"), format!("7F000001{port:08X}{:016X}", 0));
    let second = f.send("T", "again", "").await;
    assert_eq!(field(&second, "queueOffset"), "1");

    let messages = f.take("T", 0, 2).await;
    let seen: Vec<_> = messages.iter().map(|m| (m.body.as_str(), m.queue_offset)).collect();
    assert_eq!(seen, [("hello", 0), ("again", 1)]);
    assert_eq!(messages[0].properties, "TAGS\u{1}a\u{2}k\u{1}v\u{2}");

    let offset = messages[1].physical_offset;
    let view = f.request(&ViewMessageById { offset }).await;
    assert_eq!((view.code, bodies(&view)), (0, vec!["again".to_owned()]));
    let middle = f.request(&ViewMessageById { offset: offset + 3 }).await;
    assert_eq!(middle.code, 1);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_old_header_and_the_vip_port_do_the_same() {
    let f = Fixture::new().await;
    let old =
        SendMessage::from(SendHeader::from(SendMessageV2 { queue_id: -1, ..send_header("T") }));
    let command = Command::of(&old).unwrap().body("x");
    let answer = f.client.call(&f.vip(), command, LONG).await.unwrap();
    assert_eq!(answer.code, 0, "{answer:?}");
    let queue_id: i32 = field(&answer, "queueId").parse().unwrap();
    assert!((0..4).contains(&queue_id));
    let mut header = pull_header("g", "T", 0);
    header.queue_id = queue_id;
    header.sys_flag = OWN | HOLD;
    header.suspend_timeout_millis = 15_000;
    let pulled = f.client.call(&f.vip(), Command::of(&header).unwrap(), LONG).await.unwrap();
    assert_eq!(bodies(&pulled), ["x"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_batch_is_stored_in_one_run() {
    let f = Fixture::new().await;
    let mut body = Vec::new();
    for text in ["a", "b", "c"] {
        let properties = format!("KEYS\u{1}{text}\u{2}");
        let item = Item { flag: 7, body: text.as_bytes(), properties: properties.as_str().into() };
        batch::encode_item(&item, &mut body);
    }
    let plain = SendMessageV2 { batch: true, ..send_header("T") };
    let batch = SendBatchMessage::from(SendHeader::from(plain));
    let by_code = f.call(Command::of(&batch).unwrap().body(body.clone())).await;
    assert_eq!(by_code.code, 0, "{by_code:?}");
    let ids: Vec<&str> = field(&by_code, "msgId").split(',').collect();
    assert!(ids.len() == 3 && ids.iter().all(|id| id.len() == 32), "{ids:?}");
    let by_flag = f.call(Command::of(&plain).unwrap().body(body.clone())).await;
    assert_eq!(field(&by_flag, "queueOffset"), "3");
    f.filled("T", 6).await;
    let messages = pulled(&f.pull("T", 0).await);
    let seen: Vec<&str> = messages.iter().map(|m| m.body.as_str()).collect();
    assert_eq!(seen, ["a", "b", "c", "a", "b", "c"]);
    assert_eq!(messages[1].property("KEYS"), Some("b"));
    assert_eq!(field(&by_code, "msgId").split(',').nth(1), Some(ids[1]));

    let cut = f.call(Command::of(&plain).unwrap().body(body[..body.len() - 1].to_vec())).await;
    assert_eq!(cut.code, 13, "{cut:?}");
    let retry = SendMessageV2 { batch: true, ..send_header("%RETRY%g") };
    let refused = f.call(Command::of(&retry).unwrap().body(body)).await;
    assert_eq!(refused.code, 13);
    assert_eq!(remark(&refused), "batch request does not support retry group %RETRY%g");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_one_way_send_is_stored_and_not_answered() {
    let f = Fixture::new().await;
    let command = Command::of(&send_header("T")).unwrap().body("quiet");
    f.client.oneway(&f.addr, command).await.unwrap();
    let max = f.request(&GetMaxOffset { topic: "T".into(), queue_id: 0 }).await;
    assert_eq!(max.code, 0, "the next answer on the connection is the next request's");
    eventually("the topic", || f.dir.path().join("store/consumequeue/T/0").exists()).await;
    assert_eq!(f.take("T", 0, 1).await[0].body, "quiet");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_cannot_leave_the_store() {
    let f = Fixture::new().await;
    let before = f.dir.path().read_dir().unwrap().count();
    for topic in ["..", "../../x", "a/b", "a.b"] {
        let answer = f.send(topic, "x", "").await;
        assert_eq!(answer.code, 13, "{topic}: {answer:?}");
        assert!(remark(&answer).contains("contains illegal characters"), "{answer:?}");
        assert_eq!(field(&answer, "MSG_REGION"), "DefaultRegion");
    }
    let long = f.send(&"a".repeat(128), "x", "").await;
    assert_eq!(long.code, 13);
    assert!(remark(&long).starts_with("the message is illegal"));
    assert_eq!(f.dir.path().read_dir().unwrap().count(), before);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn limits_have_the_texts_of_4_4_0() {
    let f = Fixture::new().await;
    f.send("T", "x", "").await;
    let big = Command::of(&send_header("T")).unwrap().body(vec![0; 4 * 1024 * 1024 + 1]);
    let answers = [f.call(big).await, f.send("T", "x", &"a".repeat(32_768)).await];
    for answer in answers {
        assert_eq!(answer.code, 13);
        assert_eq!(
            remark(&answer),
            "the message is illegal, maybe msg body or properties length not matched. msg body \
             length limit 128k, msg properties length limit 32k."
        );
    }
    let level = f.send("T", "x", "DELAY\u{1}abc\u{2}").await;
    assert_eq!(level.code, 1);
    assert!(
        remark(&level).starts_with("java.lang.NumberFormatException: For input string: \"abc\"")
    );
    let negative = f.send("T", "x", "DELAY\u{1}-1\u{2}").await;
    assert_eq!((negative.code, field(&negative, "queueOffset")), (0, "1"));
    let empty = f.send("T", "", "").await;
    assert_eq!((empty.code, field(&empty, "queueOffset")), (0, "2"));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permissions_and_flow_control() {
    let late = Fixture::with(|s| s.broker.start_accept_send_request_time_stamp = i64::MAX).await;
    let answer = late.send("T", "x", "").await;
    assert_eq!(answer.code, 1);
    assert!(remark(&answer).starts_with("broker unable to service, until "));
    late.stop().await;

    let closed = Fixture::with(|s| s.broker.broker_permission = perm::WRITE).await;
    assert_eq!(closed.send("T", "x", "").await.code, 0);
    let answer = closed.pull("T", 0).await;
    assert_eq!(answer.code, 16);
    assert_eq!(remark(&answer), "the broker[127.0.0.1] pulling message is forbidden");
    closed.stop().await;

    let strict = Fixture::with(|s| s.broker.auto_create_topic_enable = false).await;
    let answer = strict.send("T", "x", "").await;
    assert_eq!(answer.code, 17);
    strict.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_flush_answers_when_the_message_is_on_disk() {
    let f = Fixture::with(|s| s.store.flush_disk_type = FlushDiskType::SyncFlush).await;
    for n in 0..5 {
        let answer = f.send("T", "x", "").await;
        assert_eq!((answer.code, field(&answer, "queueOffset")), (0, n.to_string().as_str()));
    }
    let careless = f.send("T", "x", "WAIT\u{1}false\u{2}").await;
    assert_eq!(careless.code, 0);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sync_master_without_a_slave_says_so() {
    let f = Fixture::with(|s| s.store.broker_role = store::BrokerRole::SyncMaster).await;
    let answer = f.send("T", "x", "").await;
    assert_eq!((answer.code, remark(&answer)), (11, ""));
    assert_eq!(field(&answer, "queueOffset"), "0", "it is stored all the same");
    let careless = f.send("T", "x", "WAIT\u{1}false\u{2}").await;
    assert_eq!(careless.code, 0);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_delayed_message_comes_later_with_all_its_properties() {
    let f = Fixture::with(|s| s.store.message_delay_level = "1s 2s".into()).await;
    let sent = tokio::time::Instant::now();
    let answer = f.send("T", "later", "k\u{1}v\u{2}DELAY\u{1}1\u{2}").await;
    assert_eq!((answer.code, field(&answer, "queueId")), (0, "0"));
    f.send("T", "much later", "DELAY\u{1}99\u{2}").await;
    let first = f.take("T", 0, 1).await;
    let took = sent.elapsed();
    assert!((Duration::from_millis(990)..Duration::from_secs(5)).contains(&took), "{took:?}");
    assert_eq!(first[0].body, "later");
    assert_eq!(first[0].property("REAL_TOPIC"), Some("T"));
    assert_eq!(first[0].property("REAL_QID"), Some("0"));
    assert_eq!(first[0].property("DELAY"), Some("1"));
    assert_eq!(first[0].property("k"), Some("v"));
    let second = f.take("T", 1, 2).await;
    assert_eq!(second[0].property("DELAY"), Some("2"), "the highest level there is");
    f.stop().await;
}
