//! Access control of a name server, off unless asked for.

use std::fs;

use namesrv::{Namesrv, Settings, StartError};
use serde_json::json;
use tempfile::{TempDir, tempdir};

use crate::harness::{Running, body, eventually, registrant, settings};

const RULES: &str =
    "accounts:\n- accessKey: operator\n  secretKey: secret-of-operator\n  admin: true\n";

fn checked(home: &TempDir, settings: &mut Settings) {
    settings.access.acl_enable = true;
    settings.config.rocketmq_home = home.path().display().to_string();
}

fn write(home: &TempDir, rules: &str) {
    fs::create_dir_all(home.path().join("conf")).unwrap();
    fs::write(home.path().join("conf/plain_acl.yml"), rules).unwrap();
}

#[test]
fn every_request_is_checked_where_asked_for() {
    let home = tempdir().unwrap();
    write(&home, RULES);
    let server = Running::start_with(&home, |settings| checked(&home, settings));
    let mut client = server.connect();
    let denied = |answer: crate::harness::Answer, why: &str| {
        assert_eq!(answer.code(), 1);
        let remark = format!("org.apache.rocketmq.acl.common.AclException: {why}");
        assert_eq!(answer.remark(), remark);
    };
    for code in [100, 104, 105, 106, 205, 206, 216, 318, 319, 9999] {
        denied(client.call(code, json!({ "topic": "T" }), b""), "No accessKey is configured");
    }
    let broker = registrant("broker-a", 0, "127.0.0.1:10911");
    denied(
        client.call(103, broker.clone(), body(1, "T", 6).as_bytes()),
        "No accessKey is configured",
    );
    let forged = json!({ "topic": "T", "AccessKey": "operator", "Signature": "AAAA" });
    denied(client.call(105, forged, b""), "Check signature failed for accessKey=operator");

    // Brokers are known by their addresses; the file is taken again when it changes.
    write(&home, &format!("globalWhiteRemoteAddresses:\n- 127.0.0.1\n{RULES}"));
    eventually("the rules were taken", || client.call(206, json!(null), b"").code() == 0);
    assert_eq!(client.call(103, broker, body(1, "T", 6).as_bytes()).code(), 0);
    assert_eq!(client.call(105, json!({ "topic": "T" }), b"").code(), 0);

    // What cannot be used, or is gone, changes nothing.
    write(&home, "accounts: [");
    fs::remove_file(home.path().join("conf/plain_acl.yml")).unwrap();
    assert_eq!(client.call(206, json!(null), b"").code(), 0);
}

#[test]
fn without_rules_it_does_not_start() {
    let home = tempdir().unwrap();
    for rules in [None, Some(""), Some("accounts: [")] {
        if let Some(rules) = rules {
            write(&home, rules);
        }
        let mut settings = settings(&home);
        checked(&home, &mut settings);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _inside = runtime.enter();
        let error = Namesrv::start(settings).err();
        assert!(matches!(error, Some(StartError::Access { .. })), "{rules:?}: {error:?}");
    }
}

#[test]
fn the_check_is_not_switched_over_the_wire() {
    let home = tempdir().unwrap();
    let server = Running::start_with(&home, |settings| {
        settings.extra_properties.set("aclEnable", "false");
    });
    let mut client = server.connect();
    let answer = client.call(318, json!(null), b"aclEnable=true");
    assert_eq!(answer.code(), 16, "{}", answer.remark());
    assert_eq!(
        client.call(318, json!(null), b"aclEnable=false\norderMessageEnable=true").code(),
        0
    );
    assert!(client.call(319, json!(null), b"").text().contains("aclEnable=false\n"));
}
