//! What a restart keeps, and what keeps a broker from starting.

use std::fs;

use broker::{Broker, StartError};
use protocol::bodies::{SubscriptionGroupConfig, TopicConfigSerializeWrapper};
use protocol::json;
use protocol::requests::{
    GetAllDelayOffset, GetAllSubscriptionGroupConfig, GetAllTopicConfig, QueryConsumerOffset,
    UpdateAndCreateSubscriptionGroup, UpdateAndCreateTopic, UpdateConsumerOffset,
};

use crate::harness::*;

fn topic(name: &str, queues: i32) -> UpdateAndCreateTopic {
    UpdateAndCreateTopic {
        topic: name.into(),
        default_topic: "TBW102".into(),
        read_queue_nums: queues,
        write_queue_nums: queues,
        perm: 6,
        topic_filter_type: "SINGLE_TAG".into(),
        topic_sys_flag: 0,
        order: false,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_again() {
    let f = Fixture::with(|s| s.store.message_delay_level = "1s 1h".into()).await;
    f.send("T", "one", "").await;
    f.send("T", "delayed", "DELAY\u{1}1\u{2}").await;
    assert_eq!(f.take("T", 1, 2).await[0].body, "delayed");
    assert_eq!(f.request(&topic("U", 3)).await.code, 0);
    let group =
        SubscriptionGroupConfig { retry_max_times: 3, ..SubscriptionGroupConfig::new("cg") };
    assert_eq!(f.json(&UpdateAndCreateSubscriptionGroup, &group).await.code, 0);
    let update = UpdateConsumerOffset {
        consumer_group: "cg".into(),
        topic: "T".into(),
        queue_id: 0,
        commit_offset: 1,
    };
    f.request(&update).await;
    let topics = f.request(&GetAllTopicConfig).await.body;
    let groups = f.request(&GetAllSubscriptionGroupConfig).await.body;
    let table: TopicConfigSerializeWrapper = json::from_slice(&topics).unwrap();
    assert_eq!(table.topic_config_table["U"].read_queue_nums, 3);
    let dir = f.stop().await;
    assert!(!dir.path().join("store/abort").exists());

    let f = Fixture::open(dir, |s| s.store.message_delay_level = "1s 1h".into()).await;
    assert_eq!(bodies(&f.pull("T", 0).await), ["one", "delayed"]);
    assert_eq!(field(&f.send("T", "three", "").await, "queueOffset"), "2");
    assert_eq!(f.request(&GetAllTopicConfig).await.body, topics);
    assert_eq!(f.request(&GetAllSubscriptionGroupConfig).await.body, groups);
    assert_eq!(f.request(&GetAllDelayOffset).await.body, "{\"offsetTable\":{1:1}}");
    let query = QueryConsumerOffset { consumer_group: "cg".into(), topic: "T".into(), queue_id: 0 };
    assert_eq!(field(&f.request(&query).await, "offset"), "1");
    let dir = f.stop().await;
    let offsets = fs::read_to_string(dir.path().join("store/config/consumerOffset.json")).unwrap();
    assert_eq!(offsets, "{\n\t\"offsetTable\":{\n\t\t\"T@cg\":{0:1\n\t\t}\n\t}\n}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_is_on_disk_before_its_first_message_is_acknowledged() {
    let f = Fixture::new().await;
    f.send("Fresh", "x", "").await;
    let text = fs::read_to_string(f.dir.path().join("store/config/topics.json")).unwrap();
    assert!(text.contains("\t\t\"Fresh\":{\n\t\t\t\"order\":false,\n\t\t\t\"perm\":6,"), "{text}");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_table_is_replaced_by_its_backup_or_keeps_the_broker_from_starting() {
    let f = Fixture::new().await;
    f.send("One", "x", "").await;
    f.send("Two", "x", "").await;
    let dir = f.stop().await;
    let file = dir.path().join("store/config/topics.json");
    let backup = dir.path().join("store/config/topics.json.bak");
    assert!(fs::read_to_string(&backup).unwrap().contains("One"));
    fs::write(&file, "{\"dataVersion\":").unwrap();

    let f = Fixture::open(dir, |_| ()).await;
    assert_eq!(bodies(&f.pull("One", 0).await), ["x"]);
    let dir = f.stop().await;

    fs::write(&file, "{\"dataVersion\":").unwrap();
    fs::write(&backup, "]").unwrap();
    let error = Broker::start(settings(dir.path())).await.unwrap_err();
    assert!(matches!(error, StartError::Table(_)), "{error}");
    assert_eq!(error.exit_code(), 253);
    assert_eq!(fs::read_to_string(&file).unwrap(), "{\"dataVersion\":");
    assert_eq!(fs::read_to_string(&backup).unwrap(), "]");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_in_use_is_a_clear_error_and_leaves_the_store_closed() {
    let taken = std::net::TcpListener::bind("0.0.0.0:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let mut configured = settings(dir.path());
    configured.server.listen_port = i32::from(taken.local_addr().unwrap().port());
    let error = Broker::start(configured).await.unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }), "{error}");
    assert_eq!(error.exit_code(), 255);
    let f = Fixture::open(dir, |_| ()).await;
    assert_eq!(f.send("T", "x", "").await.code, 0);
    f.stop().await;
}
