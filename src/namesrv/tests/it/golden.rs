//! Conversations recorded with the name server of Java 4.4.0, replayed.

use std::collections::HashMap;

use serde_json::Value;
use tempfile::tempdir;

use crate::harness::{Answer, Connection, Running, eventually};

/// Recorded frames by name.
struct Golden(HashMap<String, Vec<u8>>);

impl Golden {
    fn load() -> Self {
        let lines = include_str!("../data/frames.jsonl").lines();
        let frames = lines.map(|line| {
            let entry: Value = serde_json::from_str(line).unwrap();
            let hex = entry["frame"].as_str().unwrap();
            let bytes = (0..hex.len()).step_by(2);
            let bytes = bytes.map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
            (entry["name"].as_str().unwrap().to_owned(), bytes.collect())
        });
        Self(frames.collect())
    }

    fn frame(&self, name: &str) -> &[u8] {
        self.0.get(name).unwrap_or_else(|| panic!("no frame {name}"))
    }

    /// Sends the recorded request and returns our answer with the recorded one.
    fn ask(&self, connection: &mut Connection, name: &str) -> (Answer, Answer) {
        connection.send_raw(self.frame(&format!("{name}.request")));
        (connection.receive(), Answer::parse(self.frame(&format!("{name}.response"))))
    }

    /// Sends the recorded request; header and body of the answer must be the recorded ones.
    fn same(&self, connection: &mut Connection, name: &str) {
        let (ours, theirs) = self.ask(connection, name);
        assert_eq!(ours.header, theirs.header, "{name}");
        assert_eq!(ours.text(), theirs.text(), "{name}");
    }
}

#[test]
fn a_master_a_slave_a_client_and_an_admin() {
    let golden = Golden::load();
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut client = server.connect();
    golden.same(&mut client, "route.not_found");

    let mut master = server.connect();
    golden.same(&mut master, "register_broker.first");
    master.send_raw(golden.frame("register_broker.oneway_after_auto_topic"));
    eventually("the new topic has a route", || !server.route("GoldenTopic").is_empty());
    golden.same(&mut client, "route.found");
    golden.same(&mut client, "mqadmin.cluster_info");

    let mut slave = server.connect();
    golden.same(&mut slave, "register_broker.slave");
    let both = r#"{"brokerAddrs":{0:"127.0.0.1:25200",1:"127.0.0.1:25300"}"#;
    assert!(server.route("GoldenTopic").contains(both));
    golden.same(&mut slave, "unregister_broker");
    golden.same(&mut client, "route.found");

    golden.same(&mut client, "mqadmin.put_kv");
    golden.same(&mut client, "mqadmin.delete_kv");
    let file = std::fs::read_to_string(home.path().join("namesrv/kvConfig.json")).unwrap();
    assert_eq!(file, r#"{"configTable":{"ns1":{}}}"#);

    let (ours, theirs) = golden.ask(&mut client, "mqadmin.all_topic_list");
    assert_eq!(ours.header, theirs.header);
    assert_eq!(
        ours.text(),
        r#"{"topicList":["BenchmarkTest","GoldenCluster","GoldenTopic","OFFSET_MOVED_EVENT","RMQ_SYS_TRANS_HALF_TOPIC","SELF_TEST_TOPIC","TBW102","broker-g"]}"#
    );
    let (ours, mut theirs) = golden.ask(&mut client, "mqadmin.wipe_write_perm");
    theirs.header["extFields"]["wipeTopicCount"] = "8".into();
    assert_eq!(ours.header, theirs.header);
    assert!(server.route("GoldenTopic").contains(r#""perm":4"#));
}

#[test]
fn the_configuration_has_the_recorded_keys() {
    fn keys(text: &str) -> Vec<&str> {
        let mut keys: Vec<_> = text.lines().map(|l| l.split_once('=').unwrap().0).collect();
        keys.sort_unstable();
        keys
    }
    let golden = Golden::load();
    let home = tempdir().unwrap();
    let server = Running::start_with(&home, |s| s.extra_properties = config::Properties::new());
    let (ours, theirs) = golden.ask(&mut server.connect(), "mqadmin.get_namesrv_config");
    assert_eq!(ours.header, theirs.header);
    assert_eq!(keys(&ours.text()), keys(&theirs.text()));
}

#[test]
fn compressed_bodies_binary_headers_and_data_versions() {
    let golden = Golden::load();
    let home = tempdir().unwrap();
    let server = Running::start(&home);
    let mut master = server.connect();
    golden.same(&mut master, "register_broker.compressed");
    golden.same(&mut master, "query_data_version.unchanged");
    let (ours, theirs) = golden.ask(&mut master, "query_data_version.changed");
    assert_eq!(ours.header, theirs.header);
    assert_eq!(ours.text(), r#"{"counter":0,"timestamp":1795360715876}"#);

    let mut binary = server.connect();
    golden.same(&mut binary, "register_broker.binary_header");
    binary.send_raw(golden.frame("register_broker.binary_header.oneway"));
    eventually("the new topic has a route", || !server.route("GoldenTopic").is_empty());
    golden.same(&mut binary, "route.binary_request_json_answer");
    golden.same(&mut binary, "unregister_broker.binary");
    assert!(server.route("GoldenTopic").is_empty());
}
