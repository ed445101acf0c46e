//! Odd requests and the answers recorded from 4.4.0 (codes, remarks, fields); where ours differ
//! on purpose, the case says so.

use protocol::Command;

use crate::harness::*;

/// What is asked, and what comes back.
struct Probe {
    code: i32,
    fields: &'static [(&'static str, &'static str)],
    body: &'static str,
    expected: (i32, &'static str),
    /// The fields of the answer; `None` when it has none at all.
    answer: Option<&'static [(&'static str, &'static str)]>,
}

const PULL: [(&str, &str); 9] = [
    ("consumerGroup", "CG_golden"),
    ("topic", "GoldenTopic"),
    ("queueId", "0"),
    ("queueOffset", "0"),
    ("maxMsgNums", "1"),
    ("sysFlag", "4"),
    ("commitOffset", "0"),
    ("suspendTimeoutMillis", "0"),
    ("subscription", "*"),
];

const REGION: &[(&str, &str)] = &[("MSG_REGION", "DefaultRegion"), ("TRACE_ON", "true")];

fn with(changes: &[(&'static str, &'static str)]) -> &'static [(&'static str, &'static str)] {
    let mut fields: Vec<_> = PULL.into();
    fields.push(("subVersion", "0"));
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields.leak()
}

fn send(changes: &[(&'static str, &'static str)]) -> &'static [(&'static str, &'static str)] {
    let mut fields = vec![
        ("a", "p"),
        ("b", "GoldenTopic"),
        ("c", "TBW102"),
        ("d", "4"),
        ("e", "0"),
        ("f", "0"),
        ("g", "1"),
        ("h", "0"),
        ("i", ""),
        ("j", "0"),
        ("k", "false"),
        ("m", "false"),
    ];
    for (name, value) in changes {
        fields.retain(|(known, _)| known != name);
        fields.push((name, value));
    }
    fields.leak()
}

const FAQ: &str = "\nSee http://rocketmq.apache.org/docs/faq/ for further details.";

type Fields = &'static [(&'static str, &'static str)];

fn text(text: String) -> &'static str {
    text.leak()
}

fn probe(
    code: i32,
    fields: Fields,
    expected: (i32, &'static str),
    answer: Option<Fields>,
) -> Probe {
    Probe { code, fields, body: "", expected, answer }
}

/// 4.4.0 sends no answer at all to the first three, and a NullPointerException to the last.
fn unserved() -> Vec<Probe> {
    vec![
        probe(9999, &[], (3, " request type 9999 not supported"), None),
        probe(13, &[("topic", "GoldenTopic")], (3, " request type 13 not supported"), None),
        probe(27, &[], (3, " request type 27 not supported"), None),
        probe(30, &[("topic", "GoldenTopic")], (1, "the custom field <queueId> is null"), None),
    ]
}

fn pulls() -> Vec<Probe> {
    let nothing_new: Fields = &[
        ("suggestWhichBrokerId", "0"),
        ("nextBeginOffset", "1"),
        ("minOffset", "0"),
        ("maxOffset", "1"),
    ];
    let no_group = text(format!("the consumer's group info not exist{FAQ}"));
    let no_topic = text(format!("topic[NoTopic] not exist, apply first please! {FAQ}"));
    let of_nobody = with(&[("sysFlag", "0"), ("consumerGroup", "CG_none")]);
    let overflow = (19, "OFFSET_OVERFLOW_ONE");
    vec![
        probe(11, with(&[("queueOffset", "1")]), overflow, Some(nothing_new)),
        probe(11, of_nobody, (24, no_group), Some(&[])),
        probe(11, with(&[("topic", "NoTopic")]), (17, no_topic), Some(&[])),
    ]
}

fn sends() -> Vec<Probe> {
    let reserved = "the topic[TBW102] is conflict with system reserved words.";
    let no_topic = text(format!("topic[NewTopicX] not exist, apply first please!{FAQ}"));
    let new_topic = send(&[("b", "NewTopicX"), ("c", "NODEF")]);
    let cluster: Fields = &[
        ("topic", "DefaultCluster"),
        ("defaultTopic", "TBW102"),
        ("readQueueNums", "1"),
        ("writeQueueNums", "1"),
        ("perm", "6"),
        ("topicFilterType", "SINGLE_TAG"),
    ];
    let cluster_reserved = "the topic[DefaultCluster] is conflict with system reserved words.";
    vec![
        probe(310, send(&[("b", "TBW102")]), (1, reserved), Some(REGION)),
        probe(310, new_topic, (17, no_topic), Some(REGION)),
        probe(17, cluster, (1, cluster_reserved), None),
    ]
}

fn offsets() -> Vec<Probe> {
    let queue: Fields = &[("topic", "GoldenTopic"), ("queueId", "0")];
    let nowhere: Fields = &[("topic", "NoTopic"), ("queueId", "0")];
    let at_time: Fields = &[("topic", "NoTopic"), ("queueId", "0"), ("timestamp", "1")];
    let of_group: Fields = &[("consumerGroup", "CG_x"), ("topic", "GoldenTopic"), ("queueId", "0")];
    let commit: Fields = &[
        ("consumerGroup", "CG_x"),
        ("topic", "Nowhere"),
        ("queueId", "77"),
        ("commitOffset", "-5"),
    ];
    let zero: Option<Fields> = Some(&[("offset", "0")]);
    let not_there = "can not find message by the offset, 99999999";
    vec![
        probe(30, queue, (0, ""), Some(&[("offset", "1")])),
        probe(14, of_group, (0, ""), zero),
        probe(15, commit, (0, ""), Some(&[])),
        probe(29, at_time, (0, ""), zero),
        probe(31, nowhere, (0, ""), zero),
        probe(32, nowhere, (0, ""), Some(&[("timestamp", "-1")])),
        probe(33, &[("offset", "99999999")], (1, not_there), None),
        probe(45, &[], (0, ""), None),
    ]
}

fn clients() -> Vec<Probe> {
    let leave: Fields = &[("clientID", "c"), ("producerGroup", "p")];
    let no_consumer = "no consumer for this group, CG_x";
    let body = "{\"clientID\":\"c1\",\"consumerDataSet\":[],\
        \"producerDataSet\":[{\"groupName\":\"pg1\"}]}";
    vec![
        Probe { body, ..probe(34, &[], (0, ""), None) },
        probe(35, leave, (0, ""), Some(&[])),
        probe(38, &[("consumerGroup", "CG_x")], (1, no_consumer), Some(&[])),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_4_4_0() {
    let f = Fixture::new().await;
    f.send("GoldenTopic", "plain", "").await;
    f.filled("GoldenTopic", 1).await;
    let all = [unserved(), pulls(), sends(), offsets(), clients()];
    for probe in all.into_iter().flatten() {
        let mut command = Command::request(probe.code).body(probe.body);
        for (name, value) in probe.fields {
            command.ext.push(name, value);
        }
        let answer = f.call(command).await;
        let what = format!("{} {:?}", probe.code, probe.fields);
        assert_eq!((answer.code, remark(&answer)), probe.expected, "{what}");
        assert_eq!(answer.ext.present(), probe.answer.is_some(), "{what}: {answer:?}");
        let fields = probe.answer.unwrap_or_default();
        assert_eq!(answer.ext.len(), fields.len(), "{what}: {answer:?}");
        for (name, value) in fields {
            assert_eq!(field(&answer, name), *value, "{what}");
        }
    }
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn remarks_that_name_the_caller() {
    let f = Fixture::new().await;
    f.send("GoldenTopic", "plain", "").await;
    let pull = |fields: &[(&str, &str)]| {
        let mut command = Command::request(11);
        fields.iter().for_each(|(name, value)| command.ext.push(name, value));
        command
    };
    let answer = f.call(pull(with(&[("queueId", "9")]))).await;
    assert_eq!(answer.code, 1);
    let expected = "queueId[9] is illegal, topic:[GoldenTopic] topicConfig.readQueueNums:[4] consumer:[/127.0.0.1:";
    assert!(remark(&answer).starts_with(expected), "{answer:?}");
    let mut command = Command::request(310).body("x");
    send(&[("e", "7")]).iter().for_each(|(name, value)| command.ext.push(name, value));
    let answer = f.call(command).await;
    assert_eq!(answer.code, 1);
    let expected = "request queueId[7] is illegal, TopicConfig [topicName=GoldenTopic, \
        readQueueNums=4, writeQueueNums=4, perm=RW-, topicFilterType=SINGLE_TAG, topicSysFlag=0, \
        order=false] Producer: 127.0.0.1:";
    assert!(remark(&answer).starts_with(expected), "{answer:?}");
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_messages_are_not_stored_as_ordinary_ones() {
    let f = Fixture::with(|s| s.broker.reject_transaction_message = true).await;
    f.send("T", "x", "").await;
    let answer = f.send("T", "half", "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}").await;
    assert_eq!(answer.code, 16);
    assert_eq!(remark(&answer), "the broker[127.0.0.1] sending transaction message is forbidden");
    f.filled("T", 1).await;
    assert_eq!(bodies(&f.pull("T", 0).await), ["x"]);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_is_refused_and_the_connection_goes_on() {
    let f = Fixture::new().await;
    let bodies: [&[u8]; 4] = [b"{{{", b"\xFF\xFE\x00", b"[1,2", b"\"text\""];
    for code in [34, 41, 42, 46, 200] {
        for body in bodies {
            let answer = f.call(Command::request(code).body(body.to_vec())).await;
            assert_ne!(answer.code, 0, "{code} {body:?}: {answer:?}");
        }
    }
    for code in [34, 41, 42] {
        let answer = f.call(Command::request(code)).await;
        assert_eq!((answer.code, remark(&answer)), (1, "the request has no body"), "{code}");
    }
    for (name, value) in [("e", "x"), ("e", "99999999999"), ("g", ""), ("f", "1.5")] {
        let mut command = Command::request(310).body("x");
        send(&[(name, value)]).iter().for_each(|(name, value)| command.ext.push(name, value));
        let answer = f.call(command).await;
        assert_eq!(answer.code, 1, "{name}={value}: {answer:?}");
    }
    let mut batch = Command::request(320).body(vec![0xFF; 100]);
    send(&[("m", "true")]).iter().for_each(|(name, value)| batch.ext.push(name, value));
    assert_eq!(f.call(batch).await.code, 13);
    assert_eq!(f.send("T", "still here", "").await.code, 0);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_answers_what_is_held_and_does_not_wait_for_it() {
    let f = Fixture::new().await;
    f.send("T", "x", "").await;
    f.filled("T", 1).await;
    let mut header = pull_header("g", "T", 1);
    header.sys_flag = OWN | HOLD;
    header.suspend_timeout_millis = 600_000;
    let held = f.request(&header);
    let stop = async {
        // The pull is on its way before this connection's next request is.
        f.filled("T", 1).await;
        let started = tokio::time::Instant::now();
        f.broker.shutdown().await;
        started.elapsed()
    };
    let (answer, took) = tokio::join!(held, stop);
    assert_eq!((answer.code, remark(&answer)), (19, "OFFSET_OVERFLOW_ONE"));
    assert!(took < std::time::Duration::from_secs(2), "{took:?}");
}
