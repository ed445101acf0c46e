//! Groups: connections (203, 204), deleting (207), progress (208, 303, 317).

use protocol::bodies::{
    ConsumeStats, ConsumeStatsList, HeartbeatData, MessageQueue, ProducerData,
    QueryConsumeTimeSpanBody,
};
use protocol::requests::{
    DeleteSubscriptionGroup, GetAllSubscriptionGroupConfig, GetBrokerConsumeStats, GetConsumeStats,
    GetConsumerConnectionList, GetProducerConnectionList, HeartBeat, QueryConsumeTimeSpan,
    QueryConsumerOffset, UpdateAndCreateSubscriptionGroup,
};
use protocol::{Command, json};
use remoting::{Client, ClientOptions};

use super::{Consumer, commit, create, filled_topic, text, wait_for};
use crate::harness::*;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_a_consumer_group() {
    let f = Fixture::new().await;
    let ask = GetConsumerConnectionList { consumer_group: "CG_x".to_owned() };
    let answer = f.request(&ask).await;
    assert_eq!((answer.code, remark(&answer)), (206, "the consumer group[CG_x] not online"));
    let consumer = Consumer::new(Vec::new());
    consumer.join(&f, "127.0.0.1@c", "CG_x", "T", Some(121)).await;
    let answer = f.request(&ask).await;
    let body = text(&answer);
    let start = r#"{"connectionSet":[{"clientAddr":"127.0.0.1:"#;
    assert!(body.starts_with(start), "{body}");
    let rest = r#"","clientId":"127.0.0.1@c","language":"JAVA","version":121}],"#;
    assert!(body.contains(rest), "{body}");
    assert!(body.contains(r#""subscriptionTable":{"T":{"#), "{body}");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_of_a_producer_group() {
    let f = Fixture::new().await;
    let ask = GetProducerConnectionList { producer_group: "PG_x".to_owned() };
    let answer = f.request(&ask).await;
    assert_eq!((answer.code, remark(&answer)), (1, "the producer group[PG_x] not exist"));
    let producer = Client::new(ClientOptions::default());
    let heartbeat = HeartbeatData {
        client_id: "127.0.0.1@z".to_owned(),
        producer_data_set: vec![ProducerData { group_name: "PG_x".to_owned() }],
        ..HeartbeatData::default()
    };
    let command = Command::of(&HeartBeat).unwrap().body(json::to_vec(&heartbeat));
    producer.call(&f.addr, command, LONG).await.unwrap();
    let answer = f.request(&ask).await;
    let rest = r#"","clientId":"127.0.0.1@z","language":"JAVA","version":293}]}"#;
    assert!(text(&answer).ends_with(rest), "{answer:?}");
    // A group that lost its last connection is known all the same.
    producer.shutdown().await;
    let empty = |answer: &Command| answer.code == 0 && text(answer) == r#"{"connectionSet":[]}"#;
    wait_for("empty group", || f.request(&ask), empty).await;
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_is_deleted_and_its_offsets_stay() {
    let f = Fixture::new().await;
    let config = protocol::bodies::SubscriptionGroupConfig::new("CG_x");
    assert_eq!(f.json(&UpdateAndCreateSubscriptionGroup, &config).await.code, 0);
    commit(&f, "CG_x", "T", 0, 7).await;
    let delete = DeleteSubscriptionGroup { group_name: "CG_x".to_owned() };
    for _ in 0..2 {
        let answer = f.request(&delete).await;
        assert_eq!((answer.code, remark(&answer)), (0, ""));
    }
    assert!(!text(&f.request(&GetAllSubscriptionGroupConfig).await).contains("CG_x"));
    let path = f.dir.path().join("store/config/subscriptionGroup.json");
    assert!(!std::fs::read_to_string(path).unwrap().contains("CG_x"));
    let offset = QueryConsumerOffset {
        consumer_group: "CG_x".to_owned(),
        topic: "T".to_owned(),
        queue_id: 0,
    };
    assert_eq!(field(&f.request(&offset).await, "offset"), "7");
    f.stop().await;
}

fn stats_of(group: &str, topic: Option<&str>) -> GetConsumeStats {
    GetConsumeStats { consumer_group: group.to_owned(), topic: topic.map(str::to_owned) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_of_a_group() {
    let f = Fixture::new().await;
    create(&f, "T", 2).await;
    for body in ["a", "b", "c"] {
        f.send("T", body, "").await;
    }
    f.filled("T", 3).await;
    let answer = f.request(&stats_of("CG", None)).await;
    assert_eq!(text(&answer), r#"{"consumeTps":0.0,"offsetTable":{}}"#);
    commit(&f, "CG", "T", 0, 2).await;
    commit(&f, "CG", "T", 1, -9).await;
    commit(&f, "CG", "Gone", 0, 2).await;
    let answer = f.request(&stats_of("CG", None)).await;
    let stats: ConsumeStats = json::from_slice(&answer.body).unwrap();
    assert_eq!(stats.offset_table.len(), 2);
    let queue = |id| stats.offset_table[&MessageQueue::new("T", "broker-t", id)];
    assert_eq!((queue(0).broker_offset, queue(0).consumer_offset), (3, 2));
    assert!(queue(0).last_timestamp > 1_700_000_000_000);
    assert_eq!((queue(1).broker_offset, queue(1).consumer_offset), (0, 0));
    assert_eq!(queue(1).last_timestamp, 0);
    assert_eq!(stats.total_diff(), 1);
    // A topic may be named; one that is not there is left out.
    let named = f.request(&stats_of("CG", Some("T"))).await;
    assert_eq!(named.body, answer.body);
    assert_eq!(f.request(&stats_of("CG", Some(" "))).await.body, answer.body);
    let none = f.request(&stats_of("CG", Some("Gone"))).await;
    assert_eq!(text(&none), r#"{"consumeTps":0.0,"offsetTable":{}}"#);
    // So is one that the group, which is online, does not subscribe to.
    let consumer = Consumer::new(Vec::new());
    consumer.join(&f, "c", "CG", "Other", None).await;
    let none = f.request(&stats_of("CG", Some("T"))).await;
    assert_eq!(text(&none), r#"{"consumeTps":0.0,"offsetTable":{}}"#);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn progress_of_all_groups() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 3).await;
    let config = protocol::bodies::SubscriptionGroupConfig::new("CG_x");
    f.json(&UpdateAndCreateSubscriptionGroup, &config).await;
    commit(&f, "CG_x", "T", 0, 1).await;
    commit(&f, "unknown group", "T", 0, 1).await;
    let answer = f.request(&GetBrokerConsumeStats { is_order: false }).await;
    let list: ConsumeStatsList = json::from_slice(&answer.body).unwrap();
    assert_eq!(list.broker_addr.as_deref(), Some(f.broker.addr()));
    assert_eq!(list.total_diff, 2);
    let groups: Vec<_> = list.consume_stats_list.iter().flat_map(|one| one.iter()).collect();
    assert_eq!(groups.len(), 8, "seven of the system and one");
    let with: Vec<_> = groups.iter().filter(|(_, stats)| !stats.is_empty()).collect();
    assert_eq!((with.len(), with[0].0.as_str(), with[0].1.len()), (1, "CG_x", 1));
    assert!(text(&answer).contains(r#"{"TOOLS_CONSUMER":[]}"#));
    let answer = f.request(&GetBrokerConsumeStats { is_order: true }).await;
    let list: ConsumeStatsList = json::from_slice(&answer.body).unwrap();
    assert_eq!((list.total_diff, list.consume_stats_list.len()), (0, 8));
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn time_span_of_a_group() {
    let f = Fixture::new().await;
    let ask = |topic: &str, group: &str| QueryConsumeTimeSpan {
        topic: topic.to_owned(),
        group: group.to_owned(),
    };
    let answer = f.request(&ask("NoTopic", "CG")).await;
    assert_eq!((answer.code, remark(&answer)), (17, "topic[NoTopic] not exist"));
    create(&f, "T", 2).await;
    f.send("T", "a", "").await;
    tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    f.send("T", "b", "").await;
    f.filled("T", 2).await;
    commit(&f, "CG", "T", 0, 2).await;
    let answer = f.request(&ask("T", "CG")).await;
    let body: QueryConsumeTimeSpanBody = json::from_slice(&answer.body).unwrap();
    let [busy, empty] = &body.consume_time_span_set[..] else { panic!("{body:?}") };
    assert_eq!((busy.message_queue.queue_id, empty.message_queue.queue_id), (0, 1));
    assert!(busy.min_time_stamp < busy.max_time_stamp);
    assert_eq!(busy.consume_time_stamp, busy.max_time_stamp);
    assert_eq!(busy.delay_time, 0);
    assert_eq!(busy.min_time_stamp_str.as_ref().map(String::len), Some(23));
    assert_eq!((empty.min_time_stamp, empty.max_time_stamp), (-1, -1));
    assert_eq!(empty.delay_time, 0);

    commit(&f, "CG", "T", 0, 1).await;
    let answer = f.request(&ask("T", "CG")).await;
    let body: QueryConsumeTimeSpanBody = json::from_slice(&answer.body).unwrap();
    let behind = &body.consume_time_span_set[0];
    assert_eq!(behind.consume_time_stamp, behind.min_time_stamp);
    assert!((0..60_000).contains(&behind.delay_time), "{behind:?}");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_group_without_an_offset_is_as_far_behind_as_the_oldest_message() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 1).await;
    let ask = QueryConsumeTimeSpan { topic: "T".to_owned(), group: "nobody".to_owned() };
    let body: QueryConsumeTimeSpanBody = json::from_slice(&f.request(&ask).await.body).unwrap();
    let span = &body.consume_time_span_set[0];
    assert_eq!(span.consume_time_stamp, span.min_time_stamp);
    assert!((0..60_000).contains(&span.delay_time), "{span:?}");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_with_too_many_queues_is_not_listed() {
    // Of a store that another product has left.
    let dir = tempfile::tempdir().unwrap();
    let config = dir.path().join("store/config");
    std::fs::create_dir_all(&config).unwrap();
    let topics = r#"{"topicConfigTable":{"Wide":{"topicName":"Wide","readQueueNums":100000,
        "writeQueueNums":100000,"perm":6,"topicFilterType":"SINGLE_TAG","topicSysFlag":0,
        "order":false}},"dataVersion":{"timestamp":1,"counter":1}}"#;
    std::fs::write(config.join("topics.json"), topics).unwrap();
    let f = Fixture::open(dir, |_| ()).await;
    let ask = protocol::requests::GetTopicStatsInfo { topic: "Wide".to_owned() };
    let answer = f.request(&ask).await;
    assert_eq!(answer.code, 1);
    assert!(remark(&answer).contains("100000 queues"), "{answer:?}");
    f.stop().await;
}
