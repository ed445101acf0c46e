//! Settings, key-value configuration, and requests nobody should send.

use std::fs;

use serde_json::{Value, json};
use tempfile::{TempDir, tempdir};

use crate::harness::{Running, body, registrant};

fn kv(key: &str, value: &str) -> Value {
    json!({ "namespace": "ORDER_TOPIC_CONFIG", "key": key, "value": value })
}

#[test]
fn what_is_not_served_is_refused_at_once() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut client = server.connect();
    for code in [9999, -1, 10, 34] {
        let answer = client.call(code, json!({}), b"");
        assert_eq!(answer.code(), 3);
        assert_eq!(answer.remark(), format!(" request type {code} not supported"));
    }
    let answer = client.call(105, json!({}), b"");
    assert_eq!(answer.code(), 1);
    assert!(answer.remark().contains("topic"), "{}", answer.remark());
}

#[test]
fn what_is_no_frame_ends_its_connection_only() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut client = server.connect();
    for bytes in [&[0xFF; 16][..], b"\0\0\0\x0e\0\0\0\x0a{bad json}", b"\x01\0\0\x01\0\0\0\0"] {
        let mut bad = server.connect();
        bad.send_raw(bytes);
        bad.wait_closed();
    }
    assert_eq!(client.call(206, json!(null), b"").code(), 0);
}

#[test]
fn key_values_live_in_their_file() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut client = server.connect();
    assert_eq!(client.call(100, kv("T", "a:4"), b"").code(), 0);
    let mut get = |key: &str| client.call(101, kv(key, ""), b"");
    assert_eq!(get("T").header["extFields"], json!({ "value": "a:4" }));
    let missing = get("U");
    assert_eq!(missing.code(), 22);
    assert_eq!(missing.remark(), "No config item, Namespace: ORDER_TOPIC_CONFIG Key: U");
    assert_eq!(missing.header["extFields"], json!({}));
    drop(server);

    let server = Running::start(&home);
    let mut client = server.connect();
    let mut list = |namespace: &str| client.call(219, json!({ "namespace": namespace }), b"");
    assert_eq!(list("ORDER_TOPIC_CONFIG").text(), r#"{"table":{"T":"a:4"}}"#);
    let missing = list("none");
    assert_eq!((missing.code(), missing.remark()), (22, "No config item, Namespace: none"));
    assert_eq!(server.connect().call(102, kv("T", ""), b"").code(), 0);
    let file = fs::read_to_string(home.path().join("namesrv/kvConfig.json")).unwrap();
    assert_eq!(file, r#"{"configTable":{"ORDER_TOPIC_CONFIG":{}}}"#);
}

#[test]
fn ordered_topics_reach_brokers_and_when_enabled_clients() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut broker = server.connect();
    let mut register = || broker.call(103, registrant("a", 0, "h:1"), body(1, "T", 6).as_bytes());
    assert!(register().body.is_empty());
    let mut client = server.connect();
    client.call(100, kv("T", "a:4"), b"");
    assert_eq!(register().text(), r#"{"table":{"T":"a:4"}}"#);
    assert!(!server.route("T").contains("orderTopicConf"));
    client.call(318, json!(null), b"orderMessageEnable=true\n");
    assert!(server.route("T").contains(r#""orderTopicConf":"a:4","queueDatas""#));
    client.call(102, kv("T", ""), b"");
    assert!(!server.route("T").contains("orderTopicConf"));
}

fn config_file(home: &TempDir) -> Result<String, std::io::Error> {
    fs::read_to_string(home.path().join("namesrv/namesrv.properties"))
}

#[test]
fn settings_change_and_are_written() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut admin = server.connect();
    let shown = admin.call(319, json!(null), b"").text();
    assert!(shown.starts_with("rocketmqHome=/opt/rocketmq\n"), "{shown}");
    assert!(shown.contains("listenPort=0\n") && shown.ends_with("myOwnKey=1\n"), "{shown}");

    assert_eq!(admin.call(318, json!(null), b"").code(), 0);
    assert!(config_file(&home).is_err(), "nothing to do, nothing written");

    let change = b"listenPort=9999\nmyOwnKey=2\nnoSuchKey=1\nserverWorkerThreads=many\n";
    let answer = admin.call(318, json!(null), change);
    assert_eq!(answer.code(), 0);
    assert_eq!(
        answer.remark(),
        "unknown, ignored: noSuchKey; not a value of serverWorkerThreads, ignored: many"
    );
    let shown = admin.call(319, json!(null), b"").text();
    assert!(shown.contains("listenPort=9999\n") && shown.contains("serverWorkerThreads=8\n"));
    assert!(shown.ends_with("myOwnKey=2\n") && !shown.contains("noSuchKey"));
    assert_eq!(config_file(&home).unwrap(), shown);

    assert_eq!(admin.call(318, json!(null), b"broken=\\u12").code(), 1);
    assert_eq!(admin.call(318, json!(null), &vec![b'a'; 70_000]).code(), 1);
}

#[test]
fn settings_that_name_paths_stay() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut admin = server.connect();
    let before = admin.call(319, json!(null), b"").text();
    let target = home.path().join("elsewhere");
    for key in ["configStorePath", "kvConfigPath", "rocketmqHome"] {
        let change = format!("listenPort=1\n{key}={}\n", target.display());
        let answer = admin.call(318, json!(null), change.as_bytes());
        assert_eq!(answer.code(), 16);
        assert!(answer.remark().starts_with(&format!("{key} names a path")), "{}", answer.remark());
    }
    assert_eq!(admin.call(319, json!(null), b"").text(), before, "all or nothing");
    assert!(!target.exists());
    let whole = admin.call(318, json!(null), before.as_bytes());
    assert_eq!((whole.code(), whole.remark()), (0, ""), "what was read may be written back");

    let smuggled = b"productEnvName=x\\nkvConfigPath=/tmp/evil\n";
    assert_eq!(admin.call(318, json!(null), smuggled).code(), 0);
    let file = config_file(&home).unwrap();
    assert!(!file.lines().any(|line| line.contains("/tmp/evil") && line.starts_with("kv")));
}

#[test]
fn in_cluster_test_mode_production_is_asked() {
    let (home, other_home) = (tempdir().unwrap(), tempdir().unwrap());
    let production = Running::start(&home);
    let mut broker = production.connect();
    broker.call(103, registrant("a", 0, "h:1"), body(1, "T", 6).as_bytes());
    let product = production.addr().to_string();
    let server = Running::start_with(&other_home, |settings| {
        settings.config.cluster_test = true;
        settings.product_name_servers = vec!["127.0.0.1:1".into(), product];
    });
    assert_eq!(server.route("T"), production.route("T"));
    let missing = server.connect().call(105, json!({ "topic": "U" }), b"");
    assert_eq!(missing.code(), 17);
    assert!(missing.remark().starts_with("No topic route info in name server for the topic: U\n"));
}

#[test]
fn a_port_in_use_and_a_bad_port_are_errors() {
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let _guard = runtime.enter();
    for (port, expected) in [(i32::from(server.addr().port()), "listen on 127.0.0.1"), (-1, "-1")] {
        let mut settings = crate::harness::settings(&home);
        settings.server.listen_port = port;
        let error = namesrv::Namesrv::start(settings).err().unwrap().to_string();
        assert!(error.contains(expected), "{error}");
    }
}
