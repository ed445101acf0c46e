//! `answers.txt` and `reload-and-patterns.txt`: answers of a real broker with `plain_acl.yml`.

use acl::{Credentials, Reload};
use protocol::{Command, Refusal};

use super::{broker, golden, local};

/// One request of the recording, under the name of its line.
struct Probe(Command, &'static str);

const PULL: [(&str, &str); 9] = [
    ("consumerGroup", "groupB"),
    ("topic", "topicB"),
    ("queueId", "0"),
    ("queueOffset", "0"),
    ("maxMsgNums", "32"),
    ("sysFlag", "0"),
    ("commitOffset", "0"),
    ("suspendTimeoutMillis", "0"),
    ("subVersion", "1"),
];

fn probe(name: &str) -> Probe {
    let request = |code: i32, fields: &[(&str, &str)]| {
        let mut request = Command::request(code);
        request.ext.set_present();
        fields.iter().for_each(|(key, value)| request.ext.set(key, value));
        request
    };
    let send = |topic: &str| request(310, &[("a", "PG"), ("b", topic), ("i", "")]).body("hi");
    let heartbeat = |group: &str, topic: &str| {
        request(34, &[]).body(format!(
            r#"{{"clientID":"127.0.0.1@x","producerDataSet":[{{"groupName":"PG"}}],
            "consumerDataSet":[{{"groupName":"{group}","consumeType":"CONSUME_PASSIVELY",
            "subscriptionDataSet":[{{"topic":"{topic}","subString":"*","tagsSet":[]}}]}}]}}"#
        ))
    };
    let pull = |topic: &str| {
        let mut pull = request(11, &PULL);
        pull.ext.set("topic", topic);
        pull
    };
    let query = [("topic", "topicB"), ("key", "K"), ("maxNum", "5")];
    let one = "userone1";
    match name {
        "no extFields (get config 26)" => Probe(Command::request(26), ""),
        "empty extFields" => Probe(request(26, &[]), ""),
        "unknown AccessKey" => Probe(request(26, &[]), "nobody01"),
        "bad signature" => Probe(request(26, &[]), "userone1!"),
        "oneway with bad signature" => Probe(request(26, &[]), "userone1!"),
        "signed get broker config" => Probe(request(26, &[]), one),
        "send topicA=DENY" => Probe(send("topicA"), one),
        "send topicB=PUB|SUB" => Probe(send("topicB"), one),
        "send topicC=SUB" => Probe(send("topicC"), one),
        "send unlisted topic, defaultTopicPerm PUB|SUB" => Probe(send("topicX"), one),
        "non-admin UPDATE_TOPIC" => Probe(request(17, &[("topic", "topicN")]), one),
        "admin UPDATE_TOPIC" => Probe(request(17, &[("topic", "topicN")]), "useradm1"),
        "admin account without perm lists: send" => Probe(send("topicB"), "useradm1"),
        "admin account without perm lists: get config" => Probe(request(26, &[]), "useradm1"),
        "white address account, no signature" => {
            let mut send = send("topicA");
            send.ext.push("AccessKey", "userwht1");
            Probe(send, "")
        }
        "white address account, admin code" => {
            Probe(request(207, &[("groupName", "g"), ("AccessKey", "userwht1")]), "")
        }
        "heartbeat groupB/topicB" => Probe(heartbeat("groupB", "topicB"), one),
        "heartbeat groupX/topicB (group unlisted)" => Probe(heartbeat("groupX", "topicB"), one),
        "heartbeat groupB/%RETRY%groupB" => Probe(heartbeat("groupB", "%RETRY%groupB"), one),
        "pull groupB/topicB" => Probe(pull("topicB"), one),
        "pull groupB/topicC" => Probe(pull("topicC"), one),
        "pull %RETRY%groupB" => Probe(pull("%RETRY%groupB"), one),
        "query message signed as the Java client does (extra _UNIQUE_KEY_QUERY not signed)" => {
            let mut query = request(12, &query);
            sign(&mut query, one);
            query.ext.push("_UNIQUE_KEY_QUERY", "false");
            Probe(query, "")
        }
        "query message with the extra field signed" => {
            let mut query = request(12, &query);
            query.ext.push("_UNIQUE_KEY_QUERY", "false");
            Probe(query, one)
        }
        "unregister producer-only client (35 without consumerGroup)" => {
            Probe(request(35, &[("clientID", "x"), ("producerGroup", "PG")]), one)
        }
        "get consumer list groupB" => Probe(request(38, &[("consumerGroup", "groupB")]), one),
        "batch send 320 to topicA=DENY" => Probe(request(320, &[("b", "topicA")]), one),
        other => panic!("unknown probe: {other}"),
    }
}

/// Signs for an account, with a wrong secret where its name ends in `!`.
fn sign(request: &mut Command, account: &str) {
    match account.strip_suffix('!') {
        _ if account.is_empty() => {}
        Some(account) => Credentials::new(account, "wrongsecret").sign(request),
        None => Credentials::new(account, "secret12345").sign(request),
    }
}

/// The text of an `AclException` in a recorded remark, without the stack frame behind it.
fn denial(answer: &str) -> Option<&str> {
    let (_, text) = answer.split_once("remark='org.apache.rocketmq.acl.common.AclException: ")?;
    text.split_once(", org.apache.rocketmq.acl.plain").map(|(text, _)| text)
}

/// Lines that are answered otherwise here; `differences.rs` says how.
const OTHERWISE: [&str; 4] = [
    "no extFields (get config 26)",
    "signed get broker config",
    "admin account without perm lists: send",
    "batch send 320 to topicA=DENY",
];

#[test]
fn answers() {
    let acl = broker(&golden("plain_acl.yml"));
    let mut count = 0;
    for line in golden("answers.txt").lines() {
        // Some names have a colon of their own.
        let (name, answer) =
            line.split_once(": code=").or_else(|| line.split_once(": no answer")).unwrap();
        if OTHERWISE.contains(&name) {
            continue;
        }
        let Probe(mut request, account) = probe(name);
        sign(&mut request, account);
        let ours = acl.check(request.code, &request.ext, &request.body, local());
        let expected = match name {
            "oneway with bad signature" => Some("Check signature failed for accessKey=userone1"),
            _ => denial(answer),
        };
        assert_eq!(ours.as_ref().err().map(ToString::to_string).as_deref(), expected, "{name}");
        if let Err(error) = ours {
            let refusal = Refusal::from(error);
            assert_eq!(refusal.code, 1);
            assert!(
                refusal.remark.starts_with("org.apache.rocketmq.acl.common.AclException: "),
                "{name}: {}",
                refusal.remark
            );
        }
        count += 1;
    }
    assert_eq!(count, 23);
}

#[test]
fn white_address_patterns() {
    let text = golden("reload-and-patterns.txt");
    let mut lines = text.lines().skip_while(|line| !line.starts_with("127."));
    let mut count = 0;
    while let (Some(pattern), Some(answer)) = (lines.next(), lines.next()) {
        let (pattern, _) = pattern.rsplit_once(" 1 java.lang.NullPointerException").unwrap();
        let yml = format!("globalWhiteRemoteAddresses:\n- {pattern}\naccounts: []\n");
        // A pattern that cannot be read made that broker keep its rules, which had none.
        let white = acl::Acl::new(acl::Server::Broker, yml.as_bytes())
            .is_ok_and(|acl| acl.check(26, &protocol::Ext::empty_object(), b"", local()).is_ok());
        assert_eq!(white, answer.contains("code=0"), "{pattern}");
        count += 1;
    }
    assert_eq!(count, 12);
}

#[test]
fn reload() {
    let first = golden("plain_acl.yml");
    let acl = broker(&first);
    let send = || {
        let Probe(mut request, account) = probe("send topicA=DENY");
        sign(&mut request, account);
        acl.check(request.code, &request.ext, &request.body, local()).is_ok()
    };
    assert_eq!(acl.reload(first.as_bytes()), Reload::Unchanged);
    assert!(!send());
    let opened = first.replace("topicA=DENY", "topicA=PUB");
    assert_eq!(acl.reload(opened.as_bytes()), Reload::Applied);
    assert!(send());
    for bad in ["accounts: [", "", "# nothing\n", "accounts:\n- accessKey: short\n"] {
        assert!(matches!(acl.reload(bad.as_bytes()), Reload::Kept(_)), "{bad:?}");
        assert!(send(), "{bad:?}");
        assert_eq!(acl.reload(bad.as_bytes()), Reload::Unchanged, "{bad:?}");
    }
    assert_eq!(acl.reload(first.as_bytes()), Reload::Applied);
    assert!(!send());
}
