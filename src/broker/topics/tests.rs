use super::*;

fn rules() -> Rules {
    Rules {
        cluster: "DefaultCluster".to_owned(),
        cluster_topic: true,
        broker: "broker-a".to_owned(),
        broker_topic: true,
        auto_create: true,
        auto_create_queues: 8,
        trace_topic: None,
    }
}

fn load(rules: &Rules) -> (tempfile::TempDir, Topics) {
    let dir = tempfile::tempdir().unwrap();
    let topics = Topics::load(dir.path(), rules, 5).unwrap();
    (dir, topics)
}

fn derive(topics: &Topics, name: &str, queues: i32) -> Result<Found, CreateError> {
    topics.find_or_derive(name, topic::AUTO_CREATE, queues, 0, true, 7)
}

#[test]
fn a_fresh_broker_has_the_topics_of_4_4_0() {
    let (_dir, topics) = load(&rules());
    let check = |name: &str, queues: i32, perm: i32| {
        let topic = topics.get(name).unwrap_or_else(|| panic!("{name}"));
        assert_eq!((topic.read_queues, topic.write_queues, topic.perm), (queues, queues, perm));
    };
    check("SELF_TEST_TOPIC", 1, 6);
    check("TBW102", 8, 7);
    check("BenchmarkTest", 1024, 6);
    check("DefaultCluster", 16, 7);
    check("broker-a", 1, 7);
    check("OFFSET_MOVED_EVENT", 1, 6);
    assert_eq!(topics.table().topics.len(), 6);
    assert_eq!(topics.system_topics().len(), 6);
    assert_eq!(topics.table().version, DataVersion::new(5));

    let closed = Rules {
        cluster_topic: false,
        broker_topic: false,
        auto_create: false,
        trace_topic: Some("RMQ_SYS_TRACE_TOPIC".to_owned()),
        ..rules()
    };
    let (_dir, topics) = load(&closed);
    assert_eq!(topics.get("DefaultCluster").map(|t| t.perm), Some(1));
    assert_eq!(topics.get("broker-a").map(|t| t.perm), Some(1));
    assert_eq!(topics.get("TBW102"), None);
    assert_eq!(topics.get("RMQ_SYS_TRACE_TOPIC").map(|t| t.write_queues), Some(1));
}

#[test]
fn a_new_topic_follows_its_model() {
    let (_dir, topics) = load(&rules());
    let found = derive(&topics, "T", 4).unwrap();
    assert_eq!((found.topic.write_queues, found.topic.perm, found.change), (4, 6, Some(1)));
    assert_eq!(derive(&topics, "T", 9).unwrap(), Found { change: None, ..found });
    assert_eq!(derive(&topics, "U", 99).unwrap().topic.write_queues, 8);
    assert_eq!(derive(&topics, "V", -1).unwrap().topic.write_queues, 0);
    let version = topics.table().version;
    assert_eq!((version.counter, version.timestamp), (3, 7));
    let by_cluster = topics.find_or_derive("W", "DefaultCluster", 20, 1, true, 0).unwrap();
    assert_eq!((by_cluster.topic.write_queues, by_cluster.topic.sys_flag), (16, 1));
}

#[test]
fn without_a_model_there_is_no_topic() {
    let (_dir, topics) = load(&rules());
    for model in ["none", "BenchmarkTest", ""] {
        let refused = topics.find_or_derive("T", model, 4, 0, true, 0);
        assert_eq!(refused, Err(CreateError::NoModel), "{model}");
    }
    let refused = topics.find_or_derive("T", "TBW102", 4, 0, false, 0);
    assert_eq!(refused, Err(CreateError::NoModel));
    assert_eq!(topics.get("TBW102").map(|t| t.perm), Some(6), "nobody inherits from now on");
    assert_eq!(derive(&topics, "T", 4), Err(CreateError::NoModel));
}

#[test]
fn names_that_leave_the_store_are_refused() {
    let (_dir, topics) = load(&rules());
    for name in ["..", ".", "a/b", "../x", "a.b", "ä", "a b", "", "a\u{0}"] {
        assert_eq!(derive(&topics, name, 4), Err(CreateError::IllegalName), "{name:?}");
        let put = topics.put(plain(name, 1), 0);
        assert_eq!(put, Err(CreateError::IllegalName), "{name:?}");
    }
    let long = "a".repeat(128);
    assert_eq!(derive(&topics, &long, 4), Err(CreateError::NameTooLong));
    assert!(derive(&topics, &long[1..], 4).is_ok());
    for group in ["../x", "a/b", "a\nb"] {
        let refused = topics.find_or_create(&topic::retry(group), 1, 6, 0, 0);
        assert_eq!(refused, Err(CreateError::IllegalName), "{group:?}");
    }
    assert!(topics.find_or_create("%RETRY%com.example", 1, 6, 0, 0).is_ok());
}

#[test]
fn the_order_configuration_is_taken_over() {
    let (_dir, topics) = load(&rules());
    derive(&topics, "T", 4).unwrap();
    let before = topics.table().version;
    topics.set_ordered(|_| false, 1);
    assert_eq!(topics.table().version, before);
    topics.set_ordered(|name| name == "T", 1);
    assert!(topics.get("T").unwrap().order);
    assert_eq!(topics.table().version.counter, before.counter + 1);
    topics.set_ordered(|_| false, 2);
    assert!(!topics.get("T").unwrap().order);
}

#[test]
fn changes_are_read_back() {
    let (dir, topics) = load(&rules());
    derive(&topics, "T", 4).unwrap();
    topics.put(TopicConfig { perm: 4, ..plain("T", 3) }, 9).unwrap();
    derive(&topics, "gone", 4).unwrap();
    assert!(topics.delete("gone", 10).is_some());
    assert!(topics.delete("gone", 10).is_none());
    topics.keep();
    let again = Topics::load(dir.path(), &rules(), 6).unwrap();
    assert_eq!(again.get("T").map(|t| (t.read_queues, t.perm)), Some((3, 4)));
    assert_eq!(again.get("gone"), None);
    assert_eq!(again.table().version, topics.table().version);
}

#[test]
fn topics_are_made_up_to_a_limit() {
    let (_dir, mut topics) = load(&rules());
    topics.count_max = topics.table().topics.len() + 1;
    let config = |name: &str, queues| TopicConfig::new(name, queues, queues, 6);
    assert!(derive(&topics, "T", 4).is_ok());
    assert_eq!(derive(&topics, "U", 4), Err(CreateError::TooMany));
    assert_eq!(topics.find_or_create("%RETRY%g", 1, 6, 0, 7), Err(CreateError::TooMany));
    assert_eq!(topics.put(config("U", 4), 7), Err(CreateError::TooMany));
    assert!(topics.put(config("T", 5), 7).is_ok(), "one that is there can still be changed");
    assert!(derive(&topics, "T", 4).is_ok());
    topics.delete("T", 7);
    assert!(derive(&topics, "U", 4).is_ok());
}
