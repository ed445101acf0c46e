//! Topics: figures (202), consumers (300), the system's (305), deleting (215, 306, 316).

use protocol::bodies::{
    SubscriptionGroupConfig, TopicConfigSerializeWrapper, TopicList, TopicOffset, TopicStatsTable,
};
use protocol::json;
use protocol::requests::{
    CleanExpiredConsumeQueue, CleanUnusedTopic, DeleteTopicInBroker, GetAllTopicConfig,
    GetMaxOffset, GetSystemTopicListFromBroker, GetTopicStatsInfo, QueryTopicConsumeByWho,
    UpdateAndCreateSubscriptionGroup, UpdateAndCreateTopic, ViewBrokerStatsData,
};

use super::{Consumer, commit, create, filled_topic, text};
use crate::harness::*;

async fn max(f: &Fixture, topic: &str, queue_id: i32) -> String {
    let answer = f.request(&GetMaxOffset { topic: topic.to_owned(), queue_id }).await;
    field(&answer, "offset").to_owned()
}

async fn delete(f: &Fixture, topic: &str) -> protocol::Command {
    f.request(&DeleteTopicInBroker { topic: topic.to_owned() }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn figures_of_a_topic() {
    let f = Fixture::new().await;
    let ask = |topic: &str| GetTopicStatsInfo { topic: topic.to_owned() };
    let answer = f.request(&ask("NoTopic")).await;
    assert_eq!((answer.code, remark(&answer)), (17, "topic[NoTopic] not exist"));
    create(&f, "Empty", 0).await;
    assert_eq!(text(&f.request(&ask("Empty")).await), r#"{"offsetTable":{}}"#);

    create(&f, "T", 2).await;
    f.send("T", "a", "").await;
    f.send("T", "b", "").await;
    f.filled("T", 2).await;
    let answer = f.request(&ask("T")).await;
    let table: TopicStatsTable = json::from_slice(&answer.body).unwrap();
    let (queues, offsets): (Vec<_>, Vec<_>) = table.offset_table.into_iter().unzip();
    assert_eq!(queues.iter().map(|q| q.queue_id).collect::<Vec<_>>(), [0, 1]);
    assert_eq!((queues[0].topic.as_str(), queues[0].broker_name.as_str()), ("T", "broker-t"));
    assert_eq!((offsets[0].min_offset, offsets[0].max_offset), (0, 2));
    assert!(offsets[0].last_update_timestamp > 1_700_000_000_000);
    assert_eq!(offsets[1], TopicOffset::default());
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consumers_of_a_topic_are_those_online_and_those_with_offsets() {
    let f = Fixture::new().await;
    let ask = QueryTopicConsumeByWho { topic: "T".to_owned() };
    assert_eq!(text(&f.request(&ask).await), r#"{"groupList":[]}"#);
    commit(&f, "offline", "T", 0, 1).await;
    let consumer = Consumer::new(Vec::new());
    consumer.join(&f, "c1", "online", "T", None).await;
    assert_eq!(text(&f.request(&ask).await), r#"{"groupList":["offline","online"]}"#);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_of_the_system() {
    let f = Fixture::new().await;
    let answer = f.request(&GetSystemTopicListFromBroker).await;
    let list: TopicList = json::from_slice(&answer.body).unwrap();
    assert_eq!(
        list.topic_list.into_iter().collect::<Vec<_>>(),
        [
            "BenchmarkTest",
            "DefaultCluster",
            "OFFSET_MOVED_EVENT",
            "SELF_TEST_TOPIC",
            "TBW102",
            "broker-t"
        ]
    );
    assert!(!text(&answer).contains("brokerAddr"));
    f.stop().await;
}

/// A broker whose store has queues of topics that its table does not have: one of the system's,
/// one of nobody's; and a delayed message.
async fn with_strays() -> Fixture {
    let f = Fixture::new().await;
    for topic in ["RMQ_SYS_TRANS_OP_HALF_TOPIC", "Stray", "Del1", "Stays"] {
        filled_topic(&f, topic, 1).await;
    }
    f.send("Stays", "later", "DELAY\u{1}18\u{2}").await;
    let dir = f.stop().await;
    let path = dir.path().join("store/config/topics.json");
    let mut table: TopicConfigSerializeWrapper =
        json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    table.topic_config_table.retain(|name, _| name != "Stray" && !name.contains("TRANS"));
    std::fs::write(&path, json::to_string_pretty(&table)).unwrap();
    let f = Fixture::open(dir, |_| ()).await;
    assert_eq!(max(&f, "Stray", 0).await, "1");
    f
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn deleting_a_topic_deletes_no_other_queues() {
    let f = with_strays().await;
    let folder = |topic: &str| f.dir.path().join("store/consumequeue").join(topic);
    assert!(folder("Del1").exists());
    let answer = delete(&f, "Del1").await;
    assert_eq!((answer.code, remark(&answer), answer.ext.present()), (0, "", false));
    assert_eq!(max(&f, "Del1", 0).await, "0");
    assert!(!folder("Del1").exists());
    let table = f.request(&GetAllTopicConfig).await;
    assert!(!text(&table).contains("Del1") && text(&table).contains("Stays"));
    let file = std::fs::read_to_string(f.dir.path().join("store/config/topics.json")).unwrap();
    assert!(!file.contains("Del1"), "on disk when it is answered");
    // One that is not there is deleted, too.
    assert_eq!(delete(&f, "NeverWas").await.code, 0);
    for topic in ["RMQ_SYS_TRANS_OP_HALF_TOPIC", "Stray", "Stays"] {
        assert_eq!(max(&f, topic, 0).await, "1", "{topic}");
        assert!(folder(topic).exists());
    }
    assert_eq!(max(&f, "SCHEDULE_TOPIC_XXXX", 17).await, "1");

    // A new topic of the name begins anew.
    filled_topic(&f, "Del1", 1).await;
    assert_eq!(max(&f, "Del1", 0).await, "1");
    // A queue without a topic can be deleted by name.
    assert_eq!(delete(&f, "Stray").await.code, 0);
    assert_eq!(max(&f, "Stray", 0).await, "0");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cleaning_unused_topics_keeps_what_the_broker_works_with() {
    let f = with_strays().await;
    let answer = f.request(&CleanUnusedTopic).await;
    assert_eq!((answer.code, remark(&answer)), (0, ""));
    assert_eq!(max(&f, "Stray", 0).await, "0");
    for topic in ["RMQ_SYS_TRANS_OP_HALF_TOPIC", "Del1", "Stays"] {
        assert_eq!(max(&f, topic, 0).await, "1", "{topic}");
    }
    assert_eq!(max(&f, "SCHEDULE_TOPIC_XXXX", 17).await, "1");
    let answer = f.request(&CleanExpiredConsumeQueue).await;
    assert_eq!((answer.code, remark(&answer)), (0, ""));
    assert_eq!(max(&f, "Stays", 0).await, "1");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn names_that_are_paths_or_the_brokers_own_are_not_deleted() {
    let f = with_strays().await;
    let keep = f.dir.path().join("keep");
    std::fs::create_dir(&keep).unwrap();
    for name in ["../../keep", "..", "/etc", "", "a/b"] {
        let answer = delete(&f, name).await;
        assert_eq!(answer.code, 1, "{name}");
        assert!(remark(&answer).starts_with("The specified topic["), "{answer:?}");
    }
    assert!(keep.exists());
    for name in ["SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC"] {
        let answer = delete(&f, name).await;
        let expected = format!("the topic[{name}] is conflict with system reserved words.");
        assert_eq!((answer.code, remark(&answer)), (1, expected.as_str()));
    }
    assert_eq!(max(&f, "RMQ_SYS_TRANS_OP_HALF_TOPIC", 0).await, "1");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_figures_of_a_deleted_topic_go_with_it() {
    let f = Fixture::new().await;
    filled_topic(&f, "T", 1).await;
    let item = ViewBrokerStatsData { stats_name: "TOPIC_PUT_NUMS".into(), stats_key: "T".into() };
    assert_eq!(f.request(&item).await.code, 0);
    delete(&f, "T").await;
    assert_eq!(f.request(&item).await.code, 1);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queues_are_limited() {
    let f = Fixture::new().await;
    create(&f, "T", 65_536).await;
    let refused = "there are too many queues, a broker keeps 65536 at most";
    for (read, write) in [(65_537, 1), (1, i32::MAX)] {
        let header = UpdateAndCreateTopic {
            topic: "U".to_owned(),
            read_queue_nums: read,
            write_queue_nums: write,
            perm: 6,
            topic_filter_type: "SINGLE_TAG".to_owned(),
            ..Default::default()
        };
        let answer = f.request(&header).await;
        assert_eq!((answer.code, remark(&answer)), (1, refused));
    }
    let group =
        SubscriptionGroupConfig { retry_queue_nums: 65_537, ..SubscriptionGroupConfig::new("g") };
    let answer = f.json(&UpdateAndCreateSubscriptionGroup, &group).await;
    assert_eq!((answer.code, remark(&answer)), (1, refused));
    let answer = f.request(&GetTopicStatsInfo { topic: "U".to_owned() }).await;
    assert_eq!(answer.code, 17, "it was not made");
    f.stop().await;
}
