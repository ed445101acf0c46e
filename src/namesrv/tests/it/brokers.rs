//! Registration and life of brokers.

use serde_json::json;
use tempfile::tempdir;

use crate::harness::{Running, body, eventually, registrant};

const FIRST: &str = "127.0.0.1:1";

#[test]
fn a_closed_connection_takes_the_broker_out_at_once() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut broker = server.connect();
    let answer = broker.call(103, registrant("a", 0, FIRST), body(1, "T", 6).as_bytes());
    assert_eq!((answer.code(), &answer.header["extFields"]), (0, &json!({})));
    assert!(!server.route("T").is_empty());
    drop(broker);
    eventually("the route is gone", || server.route("T").is_empty());
    let info = server.connect().call(106, json!(null), b"").text();
    assert_eq!(info, r#"{"brokerAddrTable":{},"clusterAddrTable":{}}"#);
}

#[test]
fn the_check_sum_is_checked_when_there_is_one() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut broker = server.connect();
    let body = body(1, "T", 6);
    let mut fields = registrant("a", 0, FIRST);
    for (crc, code) in [(crc32fast::hash(body.as_bytes()) & 0x7FFF_FFFF, 0), (1, 1)] {
        fields["bodyCrc32"] = crc.to_string().into();
        let answer = broker.call(103, fields.clone(), body.as_bytes());
        assert_eq!(answer.code(), code);
        assert_eq!(answer.remark(), if code == 0 { "" } else { "crc32 not match" });
    }
    let answer = broker.call(103, fields, b"");
    assert_eq!(answer.remark(), "crc32 not match");
}

#[test]
fn repetitions_and_changes() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut broker = server.connect();
    let mut register = |body: &str| {
        assert_eq!(broker.call(103, registrant("a", 0, FIRST), body.as_bytes()).code(), 0);
    };
    register(&body(1, "T", 6));
    server.connect().call(205, json!({ "brokerName": "a" }), b"");
    register(&body(1, "T", 6));
    assert!(server.route("T").contains(r#""perm":4"#), "the same version changes nothing");
    register(&body(2, "T", 6));
    assert!(server.route("T").contains(r#""perm":6"#));
    server.connect().call(216, json!({ "topic": "T" }), b"");
    assert!(server.route("T").is_empty());
    register(&body(3, "T", 6));
    assert!(!server.route("T").is_empty());
}

#[test]
fn the_oldest_brokers_send_topics_only() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let old = r#"{"dataVersion":{"counter":1,"timestamp":1},"topicConfigTable":{"T":{"topicName":"T","perm":6}}}"#;
    let mut broker = server.connect();
    let answer = broker.call_as(103, 36, registrant("a", 0, FIRST), old.as_bytes());
    assert_eq!(answer.code(), 0);
    assert!(server.route("T").contains(r#""readQueueNums":16"#));
}

#[test]
fn bad_registrations_are_refused_with_a_reason() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut broker = server.connect();
    let mut check = |change: (&str, &str), body: &[u8], expected: &str| {
        let mut fields = registrant("a", 0, FIRST);
        fields[change.0] = change.1.into();
        let answer = broker.call(103, fields, body);
        assert_eq!(answer.code(), 1, "{change:?}");
        assert!(answer.remark().contains(expected), "{}", answer.remark());
    };
    check(("brokerName", ""), b"", "brokerName is empty");
    check(("clusterName", "a\nb"), b"", "clusterName is empty, longer");
    check(("brokerAddr", &"x".repeat(600)), b"", "brokerAddr is empty, longer than 512 bytes");
    check(("brokerId", "x"), b"", "brokerId");
    check(("x", ""), b"{\"topic", "Failed to decode RegisterBrokerBody");
    check(("compressed", "true"), b"{}", "Failed to decode RegisterBrokerBody");
    let answer = broker.call(103, json!({ "brokerName": "a" }), b"");
    assert_eq!(answer.code(), 1);
    assert!(answer.remark().contains("brokerAddr"), "{}", answer.remark());
    let info = broker.call(106, json!(null), b"").text();
    assert_eq!(info, r#"{"brokerAddrTable":{},"clusterAddrTable":{}}"#);
}

#[test]
fn an_unknown_broker_has_changed() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let fields = json!({
        "brokerName": "a", "brokerAddr": FIRST, "clusterName": "C", "brokerId": "0",
    });
    let mut broker = server.connect();
    let answer = broker.call(322, fields.clone(), br#"{"counter":1,"timestamp":2}"#);
    assert_eq!(answer.header["extFields"], json!({ "changed": "true" }));
    assert!(answer.body.is_empty());
    let answer = broker.call(322, fields, b"");
    assert_eq!(answer.code(), 1);
}

#[test]
fn large_registrations_are_taken_whole() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let topics: serde_json::Map<_, _> = (0..10_000)
        .map(|n| (format!("topic-{n}"), json!({ "topicName": format!("topic-{n}"), "perm": 6 })))
        .collect();
    let body = json!({ "topicConfigSerializeWrapper": {
        "dataVersion": { "counter": 1, "timestamp": 1 }, "topicConfigTable": topics,
    } })
    .to_string();
    let mut broker = server.connect();
    for _ in 0..3 {
        assert_eq!(broker.call(103, registrant("a", 0, FIRST), body.as_bytes()).code(), 0);
    }
    assert!(!server.route("topic-9999").is_empty());
    let wiped = broker.call(205, json!({ "brokerName": "a" }), b"");
    assert_eq!(wiped.header["extFields"]["wipeTopicCount"], "10000");
}
