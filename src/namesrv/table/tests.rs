//! The rules of registration, liveness and removal, with times as plain numbers.

use protocol::bodies::TopicList;
use protocol::json;

use super::*;

const HA: &str = "127.0.0.1:10912";

/// A registrant of cluster `c` whose connection is the number of its port.
fn who<'a>(broker: &'a str, id: i64, addr: &'a str) -> Registrant<'a> {
    let connection = addr.rsplit(':').next().unwrap().parse().unwrap();
    Registrant { cluster: "c", broker, id, addr, ha_addr: HA, connection }
}

fn row(name: &str, perm: i32) -> TopicConfig {
    TopicConfig::new(name, 4, 4, perm)
}

fn content(counter: i64, topics: &[TopicConfig]) -> Content {
    Content {
        version: DataVersion { counter, timestamp: 7 },
        topics: Some(topics.to_vec()),
        filter_servers: Some(Vec::new()),
        digest: u64::try_from(counter).unwrap(),
    }
}

/// Registers at time 0.
fn add(table: &mut RouteTable, broker: &str, id: i64, addr: &str, content: Content) -> Registered {
    table.register(&who(broker, id, addr), content, 0).unwrap()
}

fn route(table: &RouteTable, topic: &str) -> String {
    let encoded = table.encoded_route(topic).map(|body| String::from_utf8(body.to_vec()).unwrap());
    let fresh = table.route(topic).map(|route| json::to_string(&route));
    assert_eq!(encoded, fresh, "the kept answer is the present one");
    encoded.unwrap_or_default()
}

fn queue(perm: i32) -> String {
    format!(
        r#"{{"brokerName":"a","perm":{perm},"readQueueNums":4,"topicSynFlag":0,"writeQueueNums":4}}"#
    )
}

fn lines(events: &[Event]) -> Vec<String> {
    events.iter().map(ToString::to_string).collect()
}

/// No row, byte or index entry is left behind.
fn assert_empty(table: &RouteTable) {
    assert_eq!(table.topics.sizes(), (0, 0, 0));
    assert_eq!(table.topics.cached_bytes(), 0);
    assert_eq!((table.addresses, table.memberships, table.live.len()), (0, 0, 0));
    assert!(table.brokers.is_empty() && table.clusters.is_empty());
}

#[test]
fn a_registration_makes_routes_and_log_lines() {
    let mut table = RouteTable::default();
    let done = add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    assert_eq!(
        lines(&done.events),
        [
            "new topic registered, T QueueData [brokerName=a, readQueueNums=4, writeQueueNums=4, \
             perm=6, topicSynFlag=0]",
            "new broker registered, 127.0.0.1:1 HAServer: 127.0.0.1:10912",
        ]
    );
    assert_eq!(done.master, None);
    assert_eq!(
        route(&table, "T"),
        format!(
            r#"{{"brokerDatas":[{{"brokerAddrs":{{0:"127.0.0.1:1"}},"brokerName":"a","cluster":"c"}}],"filterServerTable":{{}},"queueDatas":[{}]}}"#,
            queue(6)
        )
    );
    assert_eq!(route(&table, "other"), "");
    let info = json::to_string(&table.cluster_info());
    let broker = r#"{"brokerAddrs":{0:"127.0.0.1:1"},"brokerName":"a","cluster":"c"}"#;
    let clusters = r#"{"c":["a"]}"#;
    assert_eq!(
        info,
        format!(r#"{{"brokerAddrTable":{{"a":{broker}}},"clusterAddrTable":{clusters}}}"#)
    );
}

#[test]
fn topics_are_taken_only_from_a_master_with_another_version() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 1, "127.0.0.1:2", content(5, &[row("T", 6)]));
    assert!(route(&table, "T").is_empty(), "slaves do not make topics");
    add(&mut table, "a", 0, "127.0.0.1:1", content(5, &[row("T", 6)]));
    assert!(route(&table, "T").contains("\"perm\":6"), "a new id counts as new");
    let same = add(&mut table, "a", 0, "127.0.0.1:1", content(5, &[row("T", 4)]));
    assert!(same.events.is_empty());
    assert!(route(&table, "T").contains("\"perm\":6"), "same version, nothing changes");
    let other = add(&mut table, "a", 0, "127.0.0.1:1", content(6, &[row("T", 4), row("U", 6)]));
    assert_eq!(other.events.len(), 2);
    assert_eq!(
        other.events[0].to_string(),
        "topic changed, T OLD: QueueData [brokerName=a, readQueueNums=4, writeQueueNums=4, \
         perm=6, topicSynFlag=0] NEW: QueueData [brokerName=a, readQueueNums=4, \
         writeQueueNums=4, perm=4, topicSynFlag=0]"
    );
    assert!(route(&table, "T").contains("\"perm\":4"));
    add(&mut table, "a", 0, "127.0.0.1:1", content(7, &[]));
    assert!(!route(&table, "T").is_empty(), "a topic that is not mentioned stays");
}

#[test]
fn both_parts_of_the_version_count() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(5, &[row("T", 6)]));
    let mut later = content(5, &[row("T", 4)]);
    later.version.timestamp = 8;
    add(&mut table, "a", 0, "127.0.0.1:1", later);
    assert!(route(&table, "T").contains("\"perm\":4"));
    assert_eq!(table.data_version("127.0.0.1:1").map(|v| v.timestamp), Some(8));
    assert_eq!(table.data_version("127.0.0.1:2"), None);
}

#[test]
fn a_repetition_is_taken_unread() {
    let mut table = RouteTable::default();
    let a = who("a", 0, "127.0.0.1:1");
    assert!(table.refresh(&a, 5, 0).is_none(), "nobody registered yet");
    add(&mut table, "a", 0, "127.0.0.1:1", content(5, &[row("T", 6)]));
    assert!(table.refresh(&a, 6, 0).is_none(), "another body");
    assert!(table.refresh(&who("b", 0, "127.0.0.1:1"), 5, 0).is_none(), "another name");
    assert!(table.refresh(&who("a", 1, "127.0.0.1:1"), 5, 0).is_none(), "another id");
    let again = table.refresh(&a, 5, 100_000).unwrap().unwrap();
    assert_eq!(again, Registered::default());
    assert!(table.expire(220_000).events.is_empty(), "it was a sign of life");
    assert!(table.any_silent(220_001));
}

#[test]
fn a_slave_learns_its_master_while_that_lives() {
    let mut table = RouteTable::default();
    let slave = |table: &mut RouteTable| add(table, "a", 1, "127.0.0.1:2", content(0, &[])).master;
    assert_eq!(slave(&mut table), None);
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[]));
    let master = Master { addr: "127.0.0.1:1".into(), ha_addr: HA.into() };
    assert_eq!(slave(&mut table), Some(master.clone()));
    let again = table.refresh(&who("a", 1, "127.0.0.1:2"), 0, 0).unwrap().unwrap();
    assert_eq!(again.master, Some(master));
    table.connection_closed(1);
    assert_eq!(slave(&mut table), None);
}

#[test]
fn a_slave_joins_and_leaves_the_route() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    let alone = route(&table, "T");
    add(&mut table, "a", 1, "127.0.0.1:2", content(0, &[]));
    assert!(route(&table, "T").contains(r#"{0:"127.0.0.1:1",1:"127.0.0.1:2"}"#));
    let left = table.connection_closed(2);
    assert_eq!(
        lines(&left),
        [
            "the broker's channel destroyed, 127.0.0.1:2, clean it's data structure at once",
            "remove brokerAddr[1, 127.0.0.1:2] from brokerAddrTable, because channel destroyed",
        ]
    );
    assert_eq!(route(&table, "T"), alone);
}

#[test]
fn the_last_address_takes_name_cluster_and_topics_along() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    add(&mut table, "b", 0, "127.0.0.1:3", content(0, &[row("T", 6)]));
    route(&table, "T");
    let events = lines(&table.connection_closed(1));
    assert_eq!(
        events[2..],
        [
            "remove brokerName[a] from brokerAddrTable, because channel destroyed",
            "remove brokerName[a], clusterName[c] from clusterAddrTable, because channel destroyed",
            "remove topic[T QueueData [brokerName=a, readQueueNums=4, writeQueueNums=4, perm=6, \
             topicSynFlag=0]], from topicQueueTable, because channel destroyed",
        ]
    );
    assert!(!route(&table, "T").contains("\"a\""));
    let events = lines(&table.connection_closed(3));
    assert_eq!(
        events[4],
        "remove the clusterName[c] from clusterAddrTable, because channel destroyed and no \
         broker in this cluster"
    );
    assert_eq!(
        events[6],
        "remove topic[T] all queue, from topicQueueTable, because channel destroyed"
    );
    assert_empty(&table);
    assert!(table.connection_closed(3).is_empty());
}

#[test]
fn a_broker_expires_after_two_minutes_of_silence() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    table.register(&who("b", 0, "127.0.0.1:3"), content(0, &[]), 60_000).unwrap();
    assert!(!table.any_silent(EXPIRY_MS));
    assert_eq!(table.expire(EXPIRY_MS), Expired { connections: vec![], events: vec![] });
    assert!(table.any_silent(EXPIRY_MS + 1));
    let expired = table.expire(EXPIRY_MS + 1);
    assert_eq!(expired.connections, [1]);
    assert_eq!(expired.events[0].to_string(), "The broker channel expired, 127.0.0.1:1 120000ms");
    assert_eq!(route(&table, "T"), "");
    table.touch("127.0.0.1:3", 200_000);
    assert!(!table.any_silent(320_000));
    table.expire(320_001);
    assert_empty(&table);
}

#[test]
fn a_replaced_address_expires_without_harm() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    route(&table, "T");
    let moved = table.register(&who("a", 0, "127.0.0.1:9"), content(0, &[]), 100_000).unwrap();
    assert_eq!(moved.events.len(), 1);
    let now = route(&table, "T");
    assert!(now.contains("127.0.0.1:9") && !now.contains("127.0.0.1:1\""));
    assert_eq!(table.data_version("127.0.0.1:1"), table.data_version("127.0.0.1:9"));
    assert_eq!(table.expire(150_000).connections, [1]);
    assert_eq!(route(&table, "T"), now);
}

#[test]
fn a_reconnected_broker_survives_the_end_of_its_old_connection() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    let again = Registrant { connection: 77, ..who("a", 0, "127.0.0.1:1") };
    table.refresh(&again, 0, 0).unwrap().unwrap();
    assert!(table.connection_closed(1).is_empty());
    assert!(!route(&table, "T").is_empty());
    table.connection_closed(77);
    assert_empty(&table);
}

#[test]
fn farewell_takes_the_id_out() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    add(&mut table, "a", 1, "127.0.0.1:2", content(0, &[]));
    route(&table, "T");
    let events = lines(&table.unregister("c", "127.0.0.1:2", "a", 1));
    assert_eq!(
        events,
        [
            "unregisterBroker, remove from brokerLiveTable OK, 127.0.0.1:2",
            "unregisterBroker, remove addr from brokerAddrTable OK, 127.0.0.1:2",
        ]
    );
    assert!(!route(&table, "T").contains("127.0.0.1:2"));
    let events = lines(&table.unregister("c", "127.0.0.1:1", "a", 0));
    assert_eq!(
        events[2..],
        [
            "unregisterBroker, remove name from brokerAddrTable OK, a",
            "unregisterBroker, remove name from clusterAddrTable OK, a",
            "unregisterBroker, remove cluster from clusterAddrTable c",
            "removeTopicByBrokerName, remove one broker's topic T QueueData [brokerName=a, \
             readQueueNums=4, writeQueueNums=4, perm=6, topicSynFlag=0]",
            "removeTopicByBrokerName, remove the topic all queue T",
        ]
    );
    assert_empty(&table);
    let events = lines(&table.unregister("c", "127.0.0.1:1", "a", 0));
    assert_eq!(events, ["unregisterBroker, remove from brokerLiveTable Failed, 127.0.0.1:1"]);
}

#[test]
fn write_permission_is_wiped_until_the_topics_change() {
    let mut table = RouteTable::default();
    let topics = [row("T", 6), row("U", 4)];
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &topics));
    route(&table, "T");
    assert_eq!(table.wipe_write("nobody"), 0);
    assert_eq!(table.wipe_write("a"), 2);
    assert!(route(&table, "T").contains("\"perm\":4"));
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &topics));
    assert!(route(&table, "T").contains("\"perm\":4"));
    add(&mut table, "a", 0, "127.0.0.1:1", content(1, &topics));
    assert!(route(&table, "T").contains("\"perm\":6"));
}

#[test]
fn a_deleted_topic_returns_with_the_next_version() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    route(&table, "T");
    table.delete_topic("T");
    table.delete_topic("unknown");
    assert_eq!(table.topics.sizes(), (0, 0, 0));
    assert_eq!(table.topics.cached_bytes(), 0);
    assert_eq!(route(&table, "T"), "");
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    assert_eq!(route(&table, "T"), "");
    add(&mut table, "a", 0, "127.0.0.1:1", content(1, &[row("T", 6)]));
    assert_ne!(route(&table, "T"), "");
}

#[test]
fn filter_servers_are_in_the_route_while_there_are_some() {
    let mut table = RouteTable::default();
    let with = |servers: Option<&[&str]>, counter| Content {
        filter_servers: servers.map(|list| list.iter().map(|s| s.to_string()).collect()),
        ..content(counter, &[row("T", 6)])
    };
    add(&mut table, "a", 0, "127.0.0.1:1", with(Some(&[]), 0));
    assert!(route(&table, "T").contains(r#""filterServerTable":{}"#));
    add(&mut table, "a", 0, "127.0.0.1:1", with(Some(&["127.0.0.1:5", "bad\nname"]), 1));
    let filled = r#""filterServerTable":{"127.0.0.1:1":["127.0.0.1:5"]}"#;
    assert!(route(&table, "T").contains(filled));
    add(&mut table, "a", 0, "127.0.0.1:1", with(None, 2));
    assert!(route(&table, "T").contains(filled), "not mentioned, not changed");
    add(&mut table, "a", 0, "127.0.0.1:1", with(Some(&[]), 3));
    assert!(route(&table, "T").contains(r#""filterServerTable":{}"#));
}

#[test]
fn a_name_in_two_clusters_keeps_the_first_and_leaves_both() {
    let mut table = RouteTable::default();
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &[row("T", 6)]));
    let other = Registrant { cluster: "d", ..who("a", 1, "127.0.0.1:2") };
    table.register(&other, content(0, &[]), 0).unwrap();
    let info = json::to_string(&table.cluster_info());
    assert!(info.contains(r#""cluster":"c""#) && !info.contains(r#""cluster":"d""#));
    assert!(info.contains(r#""clusterAddrTable":{"c":["a"],"d":["a"]}"#));
    table.connection_closed(1);
    table.connection_closed(2);
    assert_empty(&table);
}

#[test]
fn topic_lists() {
    let mut table = RouteTable::default();
    let flagged = |name: &str, flag| TopicConfig { topic_sys_flag: flag, ..row(name, 6) };
    let topics = [flagged("plain", 0), flagged("unit", 1), flagged("sub", 2), flagged("both", 3)];
    add(&mut table, "a", 0, "127.0.0.1:1", content(0, &topics));
    let other = Registrant { cluster: "d", ..who("b", 0, "127.0.0.1:3") };
    table.register(&other, content(0, &[flagged("sub", 1), row("own", 6)]), 0).unwrap();
    let names = |list: TopicList| list.topic_list.into_iter().collect::<Vec<_>>();
    assert_eq!(names(table.all_topics()), ["both", "own", "plain", "sub", "unit"]);
    assert_eq!(names(table.topics_of_cluster("c")), ["both", "plain", "sub", "unit"]);
    assert_eq!(names(table.topics_of_cluster("d")), ["own", "sub"]);
    assert!(names(table.topics_of_cluster("none")).is_empty());
    assert_eq!(names(table.unit_topics(UnitTopics::Unit)), ["both", "unit"]);
    assert_eq!(names(table.unit_topics(UnitTopics::UnitSub)), ["both", "sub"]);
    assert_eq!(names(table.unit_topics(UnitTopics::UnitSubNotUnit)), ["sub"]);
    let system = table.system_topics();
    assert_eq!(system.broker_addr.as_deref(), Some("127.0.0.1:1"));
    assert_eq!(names(system), ["a", "b", "c", "d"]);
    assert_eq!(json::to_string(&RouteTable::default().system_topics()), r#"{"topicList":[]}"#);
}

#[test]
fn unusable_topic_names_are_left_out() {
    let mut table = RouteTable::default();
    let long = "x".repeat(MAX_NAME + 1);
    let topics = [row("ok", 6), row("", 6), row("two\nlines", 6), row(&long, 6)];
    let done = add(&mut table, "a", 0, "127.0.0.1:1", content(0, &topics));
    assert!(
        lines(&done.events).contains(&"3 topics of broker a left out: unusable name".to_owned())
    );
    assert!(table.all_topics().topic_list.iter().eq(["ok"]));
}

#[test]
fn brokers_are_bounded() {
    let mut table = RouteTable::default();
    for n in 0..MAX_BROKERS {
        let addr = format!("h:{n}");
        table.register(&who("a", n as i64, &addr), content(0, &[]), 0).unwrap();
    }
    assert_eq!(table.register(&who("a", -1, "h:7"), content(0, &[]), 0), Err(Full));
    assert_eq!(table.register(&who("b", 0, "h:1"), content(0, &[]), 0), Err(Full));
    assert_eq!(table.register(&who("a", 1, "h:70000"), content(0, &[]), 0), Err(Full));
    table.register(&who("a", 1, "h:1"), content(0, &[]), 0).unwrap();
    table.expire(EXPIRY_MS + 1);
    assert_empty(&table);
}

/// Random walks: whatever the order, kept answers are present ones and nothing is left over.
#[test]
fn any_order_of_events_leaves_the_table_consistent() {
    for seed in 1..=64_u64 {
        walk(seed);
    }
}

fn walk(seed: u64) {
    let mut state = seed;
    let mut random = |below: u64| {
        // SplitMix64, enough to vary the order.
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        (z ^ (z >> 27)) % below
    };
    let mut table = RouteTable::default();
    let topics = ["T", "U", "V"];
    for step in 0..200 {
        let (name, id) = (["a", "b"][random(2) as usize], random(2) as i64);
        let addr = format!("h:{}", random(5));
        match random(8) {
            0..=3 => {
                let rows: Vec<_> = topics.iter().map(|t| row(t, random(8) as i32)).collect();
                let count = random(4) as usize;
                add(&mut table, name, id, &addr, content(step, &rows[..count.min(3)]));
            }
            4 => drop(table.unregister("c", &addr, name, id)),
            5 => drop(table.connection_closed(random(5))),
            6 => drop(table.wipe_write(name)),
            _ => table.delete_topic(topics[random(3) as usize]),
        }
        let kept: usize = topics.iter().map(|t| route(&table, t).len()).sum();
        assert_eq!(table.topics.cached_bytes(), kept, "seed {seed}, step {step}");
        let addresses: usize = table.brokers.values().map(|b| b.addrs.len()).sum();
        assert_eq!(table.addresses, addresses, "seed {seed}, step {step}");
    }
    table.expire(EXPIRY_MS + 1);
    let left: Vec<_> =
        table.brokers.iter().map(|(n, b)| (n.to_string(), b.addrs.clone())).collect();
    for (name, addrs) in left {
        for (id, addr) in addrs {
            table.unregister("c", &addr, &name, id);
        }
    }
    assert_empty(&table);
}
