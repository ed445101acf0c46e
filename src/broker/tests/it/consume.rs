//! Consuming: pulls, long polls, filters, groups, send-back, locks, offsets, queries.

use std::collections::BTreeSet;
use std::time::Duration;

use protocol::batch::{self, Item};
use protocol::bodies::{
    CheckClientRequestBody, ConsumerData, ConsumerOffsetSerializeWrapper,
    GetConsumerListByGroupResponseBody, HeartbeatData, LockBatchRequestBody, LockBatchResponseBody,
    MessageQueue, ProducerData, SubscriptionData, UnlockBatchRequestBody,
};
use protocol::codes::request::NOTIFY_CONSUMER_IDS_CHANGED;
use protocol::requests::{
    CheckClientConfig, ConsumerSendMsgBack, GetAllConsumerOffset, GetConsumerListByGroup,
    HeartBeat, LockBatchMq, PullMessage, QueryConsumerOffset, QueryMessage, SendMessageV2,
    UnlockBatchMq, UnregisterClient, UpdateConsumerOffset,
};
use protocol::{Command, json};
use remoting::Client;

use crate::harness::*;

/// A pull that is held for `ms`, of tag `tag`.
fn held<'a>(topic: &'a str, offset: i64, tag: &'a str, ms: i64) -> PullMessage<'a> {
    PullMessage {
        sys_flag: OWN | HOLD,
        suspend_timeout_millis: ms,
        subscription: Some(tag),
        ..pull_header("g", topic, offset)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_pull_is_answered_by_the_message_it_wants() {
    let f = Fixture::new().await;
    f.send("T", "first", "").await;
    f.filled("T", 1).await;
    let header = held("T", 1, "a", 15_000);
    let pull = f.request(&header);
    // One connection's requests are served in order: the pull is held when the sends come.
    let sends = async {
        f.send("T", "unwanted", "TAGS\u{1}b\u{2}").await;
        f.filled("T", 2).await;
        f.send("T", "wanted", "TAGS\u{1}a\u{2}").await;
    };
    let started = tokio::time::Instant::now();
    let (answer, ()) = tokio::join!(pull, sends);
    let took = started.elapsed();
    assert!(took < Duration::from_secs(4), "woken, not looked after: {took:?}");
    assert_eq!((answer.code, remark(&answer)), (0, "FOUND"));
    assert_eq!(bodies(&answer), ["wanted"]);
    assert_eq!(field(&answer, "nextBeginOffset"), "3");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_held_pull_ends_after_its_time() {
    let f = Fixture::new().await;
    f.send("T", "x", "").await;
    f.filled("T", 1).await;
    let started = tokio::time::Instant::now();
    let answer = f.request(&held("T", 1, "*", 300)).await;
    let took = started.elapsed();
    assert!((Duration::from_millis(290)..Duration::from_secs(3)).contains(&took), "{took:?}");
    assert_eq!((answer.code, remark(&answer)), (19, "OFFSET_OVERFLOW_ONE"));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pulls_outside_the_queue_are_told_where_to_go() {
    let f = Fixture::new().await;
    for n in 0..3 {
        f.send("T", &n.to_string(), "").await;
    }
    f.filled("T", 3).await;
    let check = async |offset: i64, code: i32, status: &str, next: &str| {
        let answer = f.pull("T", offset).await;
        assert_eq!((answer.code, remark(&answer)), (code, status), "{offset}");
        assert_eq!(field(&answer, "nextBeginOffset"), next, "{offset}");
        assert_eq!(field(&answer, "minOffset"), "0");
        assert_eq!(field(&answer, "maxOffset"), "3");
        assert_eq!(field(&answer, "suggestWhichBrokerId"), "0");
    };
    check(2, 0, "FOUND", "3").await;
    check(3, 19, "OFFSET_OVERFLOW_ONE", "3").await;
    check(4, 21, "OFFSET_OVERFLOW_BADLY", "0").await;
    let mut empty = pull_header("g", "T", 0);
    empty.queue_id = 1;
    let answer = f.request(&empty).await;
    assert_eq!((answer.code, remark(&answer)), (19, "NO_MESSAGE_IN_QUEUE"));
    empty.queue_offset = 7;
    assert_eq!(f.request(&empty).await.code, 21);
    let events = f.take("OFFSET_MOVED_EVENT", 0, 1).await;
    assert_eq!(
        events[0].body,
        "{\"consumerGroup\":\"g\",\"messageQueue\":{\"brokerName\":\"broker-t\",\"queueId\":0,\
         \"topic\":\"T\"},\"offsetNew\":0,\"offsetRequest\":4}"
    );
    assert_eq!(events[0].properties, "TAGS\u{1}g\u{2}DELAY\u{1}0\u{2}KEYS\u{1}g\u{2}");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sql_filters_where_they_are_allowed() {
    let f = Fixture::with(|s| s.broker.enable_property_filter = true).await;
    f.send("T", "5", "n\u{1}5\u{2}").await;
    f.send("T", "6", "n\u{1}6\u{2}").await;
    f.filled("T", 2).await;
    let sql = PullMessage {
        subscription: Some("n > 5"),
        expression_type: Some("SQL92"),
        ..pull_header("g", "T", 0)
    };
    assert_eq!(bodies(&f.request(&sql).await), ["6"]);
    let check = |text: &str| CheckClientRequestBody {
        client_id: "c".into(),
        group: "g".into(),
        subscription_data: Some(SubscriptionData::of("T", text, Some("SQL92"), 0)),
    };
    assert_eq!(f.json(&CheckClientConfig, &check("a = 1")).await.code, 0);
    let bad = f.json(&CheckClientConfig, &check("a ===")).await;
    assert_eq!(bad.code, 23);
    assert!(remark(&bad).starts_with("org.apache.rocketmq.filter.parser.ParseException: "));

    let plain = Fixture::new().await;
    plain.send("T", "5", "").await;
    let answer = plain.request(&sql).await;
    assert_eq!(answer.code, 1);
    let text = "The broker does not support consumer to filter message by SQL92";
    assert_eq!(remark(&answer), text);
    assert_eq!(remark(&plain.json(&CheckClientConfig, &check("a = 1")).await), text);
    plain.stop().await;
    f.stop().await;
}

fn heartbeat(client_id: &str, topics: &[&str]) -> HeartbeatData {
    let subscription_data_set =
        topics.iter().map(|topic| SubscriptionData::of_tags(topic, "*", 1)).collect();
    let group =
        ConsumerData { group_name: "cg".into(), subscription_data_set, ..ConsumerData::default() };
    HeartbeatData {
        client_id: client_id.into(),
        consumer_data_set: vec![group],
        producer_data_set: vec![ProducerData { group_name: "pg".into() }],
    }
}

async fn beat(f: &Fixture, client: &Client, client_id: &str, topics: &[&str]) {
    let body = json::to_vec(&heartbeat(client_id, topics));
    let command = Command::of(&HeartBeat).unwrap().body(body);
    assert_eq!(client.call(&f.addr, command, LONG).await.unwrap().code, 0);
}

async fn members(f: &Fixture) -> Vec<String> {
    let answer = f.request(&GetConsumerListByGroup { consumer_group: "cg".into() }).await;
    if answer.code != 0 {
        assert_eq!(remark(&answer), "no consumer for this group, cg");
        return Vec::new();
    }
    let body: GetConsumerListByGroupResponseBody = json::from_slice(&answer.body).unwrap();
    body.consumer_id_list
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn members_are_told_of_each_other() {
    let f = Fixture::new().await;
    assert!(members(&f).await.is_empty());
    let (one, asked_one) = listening_client();
    let (two, asked_two) = listening_client();
    let seen = |who: &std::sync::Arc<Asked>| who.count(NOTIFY_CONSUMER_IDS_CHANGED);
    beat(&f, &one, "c1", &["T"]).await;
    eventually("notice of itself", || seen(&asked_one) == 1).await;
    beat(&f, &two, "c2", &["T"]).await;
    eventually("notice of the second", || seen(&asked_one) == 2 && seen(&asked_two) == 1).await;
    assert_eq!(members(&f).await, ["c1", "c2"]);
    beat(&f, &one, "c1", &["T"]).await;
    beat(&f, &one, "c1", &["T", "U"]).await;
    eventually("notice of the topic", || seen(&asked_one) == 3 && seen(&asked_two) == 2).await;

    let leave = UnregisterClient {
        client_id: "c1".into(),
        consumer_group: Some("cg".into()),
        producer_group: Some("pg".into()),
    };
    let answer = one.call(&f.addr, Command::of(&leave).unwrap(), LONG).await.unwrap();
    assert_eq!(answer.code, 0);
    eventually("notice of leaving", || seen(&asked_two) == 3).await;
    assert_eq!(members(&f).await, ["c2"]);
    beat(&f, &one, "c1", &["T"]).await;
    eventually("notice of coming back", || seen(&asked_two) == 4).await;
    two.shutdown().await;
    eventually("notice of a lost connection", || seen(&asked_one) == 5).await;
    assert_eq!(members(&f).await, ["c1"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pull_without_subscription_needs_a_heartbeat() {
    let f = Fixture::new().await;
    f.send("T", "x", "").await;
    f.filled("T", 1).await;
    let plain = PullMessage { sys_flag: 0, subscription: None, ..pull_header("cg", "T", 0) };
    let check = async |header: &PullMessage<'_>, code: i32, text: &str| {
        let answer = f.request(header).await;
        assert_eq!(answer.code, code, "{answer:?}");
        assert!(remark(&answer).starts_with(text), "{answer:?}");
    };
    check(&plain, 24, "the consumer's group info not exist\nSee ").await;
    beat(&f, &f.client, "c", &["other"]).await;
    check(&plain, 24, "the consumer's subscription not exist\nSee ").await;
    beat(&f, &f.client, "c", &["T"]).await;
    check(&plain, 0, "FOUND").await;
    check(&PullMessage { sub_version: 2, ..plain }, 25, "the consumer's subscription not latest")
        .await;
    f.stop().await;
}

/// Gives the first message of a topic back.
async fn give_back(f: &Fixture, offset: i64, level: i32, max: i32) -> Command {
    f.request(&ConsumerSendMsgBack {
        offset,
        group: "cg".into(),
        delay_level: level,
        origin_msg_id: None,
        origin_topic: Some("T".into()),
        unit_mode: false,
        max_reconsume_times: Some(max),
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_given_back_comes_again_and_ends_as_a_dead_letter() {
    let f = Fixture::with(|s| s.store.message_delay_level = "1s 1s 1s 1s".into()).await;
    let sent = f.send("T", "try me", "TAGS\u{1}a\u{2}UNIQ_KEY\u{1}u\u{2}").await;
    let offset = f.take("T", 0, 1).await[0].physical_offset;
    assert_eq!(give_back(&f, offset, 0, 1).await.code, 0);
    let retry = f.take("%RETRY%cg", 0, 1).await;
    assert_eq!((retry[0].body.as_str(), retry[0].reconsume_times), ("try me", 1));
    assert_eq!(retry[0].property("RETRY_TOPIC"), Some("T"));
    assert_eq!(retry[0].property("WAIT"), Some("false"));
    assert_eq!(retry[0].property("DELAY"), Some("3"));
    assert_eq!(retry[0].property("ORIGIN_MESSAGE_ID"), Some(field(&sent, "msgId")));
    assert_eq!(retry[0].property("UNIQ_KEY"), Some("u"));

    assert_eq!(give_back(&f, retry[0].physical_offset, 0, 1).await.code, 0);
    let dlq = f.pull("%DLQ%cg", 0).await;
    assert_eq!(dlq.code, 16);
    assert_eq!(remark(&dlq), "the topic[%DLQ%cg] pulling message is forbidden");
    let letters = f.dir.path().join("store/consumequeue/%DLQ%cg/0");
    eventually("the dead letter", || letters.exists()).await;

    let lost = give_back(&f, 1 << 40, 0, 1).await;
    assert_eq!(lost.code, 1);
    assert_eq!(remark(&lost), format!("look message by offset failed, {}", 1i64 << 40));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_is_locked_by_one_client() {
    let f = Fixture::new().await;
    let lock = async |client: &str, ids: &[i32]| -> BTreeSet<i32> {
        let body = LockBatchRequestBody {
            client_id: client.into(),
            consumer_group: "cg".into(),
            mq_set: ids.iter().map(|id| MessageQueue::new("T", "broker-t", *id)).collect(),
        };
        let answer = f.json(&LockBatchMq, &body).await;
        let locked: LockBatchResponseBody = json::from_slice(&answer.body).unwrap();
        locked.lock_ok_mq_set.iter().map(|q| q.queue_id).collect()
    };
    assert_eq!(lock("a", &[0, 1]).await, [0, 1].into());
    assert_eq!(lock("b", &[1, 2]).await, [2].into());
    let unlock = UnlockBatchRequestBody {
        client_id: "a".into(),
        consumer_group: "cg".into(),
        mq_set: [MessageQueue::new("T", "broker-t", 1)].into(),
    };
    assert_eq!(f.json(&UnlockBatchMq, &unlock).await.code, 0);
    assert_eq!(lock("b", &[0, 1]).await, [1].into());
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn offsets_are_kept_as_told() {
    let f = Fixture::new().await;
    let query = async |group: &str, queue_id: i32| {
        let header =
            QueryConsumerOffset { consumer_group: group.into(), topic: "T".into(), queue_id };
        let answer = f.request(&header).await;
        (answer.code, answer.ext.get("offset").map(str::to_owned))
    };
    assert_eq!(query("cg", 0).await, (0, Some("0".into())), "a fresh queue begins at 0");
    let update = UpdateConsumerOffset {
        consumer_group: "cg".into(),
        topic: "T".into(),
        queue_id: 0,
        commit_offset: 5,
    };
    assert_eq!(f.request(&update).await.code, 0);
    assert_eq!(query("cg", 0).await, (0, Some("5".into())));
    let negative = UpdateConsumerOffset { commit_offset: -1, ..update };
    assert_eq!(f.request(&negative).await.code, 0);
    assert_eq!(query("cg", 0).await, (0, Some("0".into())));

    f.send("T", "x", "").await;
    f.filled("T", 1).await;
    let pull = PullMessage { sys_flag: OWN | 1, commit_offset: 9, ..pull_header("cg", "T", 0) };
    assert_eq!(f.request(&pull).await.code, 0);
    assert_eq!(query("cg", 0).await, (0, Some("9".into())));
    let all = f.request(&GetAllConsumerOffset).await;
    assert_eq!(all.body, "{\"offsetTable\":{\"T@cg\":{0:9}}}");
    let _: ConsumerOffsetSerializeWrapper = json::from_slice(&all.body).unwrap();
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_are_found_by_key() {
    let f = Fixture::new().await;
    f.send("T", "one", "KEYS\u{1}k1 k2\u{2}UNIQ_KEY\u{1}U1\u{2}").await;
    f.send("T", "two", "KEYS\u{1}k2\u{2}UNIQ_KEY\u{1}U2\u{2}").await;
    f.filled("T", 2).await;
    let query = async |key: &str, unique: bool| {
        let header = QueryMessage {
            topic: "T".into(),
            key: key.into(),
            max_num: 32,
            begin_timestamp: 0,
            end_timestamp: i64::MAX,
        };
        let mut command = Command::of(&header).unwrap();
        command.ext.push("_UNIQUE_KEY_QUERY", if unique { "true" } else { "false" });
        f.call(command).await
    };
    let deadline = tokio::time::Instant::now() + LONG;
    while query("k2", false).await.code != 0 {
        assert!(tokio::time::Instant::now() < deadline, "never indexed");
    }
    assert_eq!(bodies(&query("k1", false).await), ["one"]);
    assert_eq!(bodies(&query("k2", false).await), ["one", "two"]);
    assert_eq!(bodies(&query("U2", true).await), ["two"]);
    let none = query("zzz", false).await;
    assert_eq!(
        (none.code, remark(&none)),
        (22, "can not find message, maybe time range not correct")
    );
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn old_messages_are_pulled_like_new_ones() {
    /// More than what is taken for being in memory.
    const OLD: i64 = 40_000;
    let f = Fixture::new().await;
    f.send("T", "first", "").await;
    let later = Item { flag: 0, body: b"later", properties: "".into() };
    let mut body = Vec::new();
    (0..1000).for_each(|_| batch::encode_item(&later, &mut body));
    for _ in 0..OLD / 1000 {
        let batch = SendMessageV2 { batch: true, ..send_header("T") };
        let sent = f.call(Command::of(&batch).unwrap().body(body.clone())).await;
        assert_eq!(sent.code, 0, "{sent:?}");
    }
    f.filled("T", OLD + 1).await;
    let answer = f.pull("T", 0).await;
    assert_eq!((answer.code, remark(&answer)), (0, "FOUND"));
    assert_eq!(bodies(&answer)[..2], ["first", "later"]);
    assert_eq!(field(&answer, "maxOffset"), (OLD + 1).to_string());
    let answer = f.pull("T", OLD).await;
    assert_eq!(bodies(&answer), ["later"]);
    f.stop().await;
}
