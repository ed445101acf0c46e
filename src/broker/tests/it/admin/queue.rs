//! Entries of a queue (321).

use protocol::bodies::{
    ConsumerData, HeartbeatData, QueryConsumeQueueResponseBody, SubscriptionData,
};
use protocol::json;
use protocol::properties::tags_code;
use protocol::requests::{HeartBeat, QueryConsumeQueue};

use super::{Consumer, filled_topic, text};
use crate::harness::*;

fn entries(topic: &str, index: i64, count: i32, group: Option<&str>) -> QueryConsumeQueue {
    QueryConsumeQueue {
        topic: topic.to_owned(),
        queue_id: 0,
        index,
        count,
        consumer_group: group.map(str::to_owned),
    }
}

async fn ask(f: &Fixture, header: &QueryConsumeQueue) -> QueryConsumeQueueResponseBody {
    let answer = f.request(header).await;
    assert_eq!((answer.code, remark(&answer)), (0, ""));
    json::from_slice(&answer.body).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_of_a_queue_are_told() {
    let f = Fixture::new().await;
    let answer = f.request(&entries("NoTopic", 0, 2, None)).await;
    assert_eq!((answer.code, remark(&answer)), (1, "0@NoTopic is not exist!"));
    filled_topic(&f, "T", 1).await;
    f.send("T", "b", "TAGS\u{1}a\u{2}").await;
    f.send("T", "c", "TAGS\u{1}b\u{2}").await;
    let pulled = f.take("T", 0, 3).await;

    let body = ask(&f, &entries("T", 1, 10, None)).await;
    assert_eq!((body.min_queue_index, body.max_queue_index), (0, 3));
    assert_eq!((body.subscription_data, body.filter_data), (None, None));
    let data = body.queue_data.unwrap();
    assert_eq!(data.len(), 2);
    assert_eq!(data[0].physic_offset, pulled[1].physical_offset);
    assert_eq!(data[0].tags_code, tags_code(b"a"));
    assert_eq!(i64::from(data[0].physic_size), data[1].physic_offset - data[0].physic_offset);
    assert!(!data[0].eval);
    let data = ask(&f, &entries("T", 0, 1, None)).await.queue_data.unwrap();
    assert_eq!(data.len(), 1);

    for index in [3, -1] {
        let answer = f.request(&entries("T", index, 1, None)).await;
        let expected = format!("Index {index} of 0@T is not exist!");
        assert_eq!((answer.code, remark(&answer)), (0, expected.as_str()));
        assert_eq!(text(&answer), r#"{"maxQueueIndex":3,"minQueueIndex":0}"#);
    }
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn entries_are_held_against_the_filter_of_a_group() {
    let f = Fixture::with(|s| {
        s.broker.enable_property_filter = true;
        s.broker.enable_calc_filter_bit_map = true;
        s.store.enable_consume_queue_ext = true;
    })
    .await;
    let body = |answer: QueryConsumeQueueResponseBody| {
        let eval: Vec<_> = answer.queue_data.iter().flatten().map(|entry| entry.eval).collect();
        (eval, answer)
    };
    filled_topic(&f, "T", 1).await;
    let consumer = Consumer::new(Vec::new());
    let heartbeat = |group: &str, subscription| HeartbeatData {
        client_id: "c".to_owned(),
        consumer_data_set: vec![ConsumerData {
            group_name: group.to_owned(),
            subscription_data_set: vec![subscription],
            ..ConsumerData::default()
        }],
        ..HeartbeatData::default()
    };
    for heartbeat in [
        heartbeat("tags", SubscriptionData::of_tags("T", "a", 1)),
        heartbeat("sql", SubscriptionData::of("T", "n > 5", Some("SQL92"), 1)),
    ] {
        let command = protocol::Command::of(&HeartBeat).unwrap().body(json::to_vec(&heartbeat));
        consumer.client.call(&f.addr, command, LONG).await.unwrap();
    }
    // Bit maps say something about messages that came after the filter.
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    f.send("T", "x", "TAGS\u{1}a\u{2}n\u{1}6\u{2}").await;
    f.send("T", "x", "TAGS\u{1}b\u{2}n\u{1}1\u{2}").await;
    f.filled("T", 3).await;

    let (eval, answer) = body(ask(&f, &entries("T", 1, 9, Some("tags"))).await);
    assert_eq!(eval, [true, false]);
    assert_eq!(answer.subscription_data.map(|s| s.sub_string), Some("a".to_owned()));
    assert_eq!(answer.filter_data.as_deref(), Some("null"));
    let data = answer.queue_data.unwrap();
    let unit = data[0].extend_data_json.as_deref().unwrap();
    assert!(unit.starts_with(r#"{"filterBitMap":""#), "{unit}");
    assert!(unit.contains(&format!(r#""tagsCode":{}"#, tags_code(b"a"))), "{unit}");
    assert!(data[0].bit_map.as_deref().is_some_and(|bits| bits.contains('1')));
    assert!(data[1].bit_map.as_deref().is_some_and(|bits| !bits.contains('1')));

    let (eval, answer) = body(ask(&f, &entries("T", 1, 9, Some("sql"))).await);
    assert_eq!(eval, [true, false]);
    let filter = answer.filter_data.unwrap();
    assert!(filter.contains("\"expression\":\"n > 5\""), "{filter}");

    let (eval, answer) = body(ask(&f, &entries("T", 1, 9, Some("nobody"))).await);
    assert_eq!(eval, [false, false]);
    assert_eq!(answer.filter_data.as_deref(), Some("nobody@T is not online!"));
    f.stop().await;
}
