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

fn probes() -> Vec<Probe> {
    let faq = "\nSee http://rocketmq.apache.org/docs/faq/ for further details.";
    let text = |text: String| -> &'static str { text.leak() };
    let probe = |code, fields, expected, answer| Probe { code, fields, body: "", expected, answer };
    vec![
        // 4.4.0 sends no answer at all to these three.
        probe(9999, &[], (3, " request type 9999 not supported"), None),
        probe(13, &[("topic", "GoldenTopic")], (3, " request type 13 not supported"), None),
        probe(27, &[], (3, " request type 27 not supported"), None),
        probe(30, &[("topic", "GoldenTopic"), ("queueId", "0")], (0, ""), Some(&[("offset", "1")])),
        // 4.4.0: a NullPointerException, also code 1.
        probe(30, &[("topic", "GoldenTopic")], (1, "the custom field <queueId> is null"), None),
        probe(
            11,
            with(&[("queueOffset", "1")]),
            (19, "OFFSET_OVERFLOW_ONE"),
            Some(&[
                ("suggestWhichBrokerId", "0"),
                ("nextBeginOffset", "1"),
                ("minOffset", "0"),
                ("maxOffset", "1"),
            ]),
        ),
        probe(
            11,
            with(&[("sysFlag", "0"), ("consumerGroup", "CG_none")]),
            (24, text(format!("the consumer's group info not exist{faq}"))),
            Some(&[]),
        ),
        probe(
            11,
            with(&[("topic", "NoTopic")]),
            (17, text(format!("topic[NoTopic] not exist, apply first please! {faq}"))),
            Some(&[]),
        ),
        probe(
            14,
            &[("consumerGroup", "CG_x"), ("topic", "GoldenTopic"), ("queueId", "0")],
            (0, ""),
            Some(&[("offset", "0")]),
        ),
        probe(
            310,
            send(&[("b", "TBW102")]),
            (1, "the topic[TBW102] is conflict with system reserved words."),
            Some(REGION),
        ),
        probe(
            310,
            send(&[("b", "NewTopicX"), ("c", "NODEF")]),
            (17, text(format!("topic[NewTopicX] not exist, apply first please!{faq}"))),
            Some(REGION),
        ),
        probe(38, &[("consumerGroup", "CG_x")], (1, "no consumer for this group, CG_x"), Some(&[])),
        probe(
            33,
            &[("offset", "99999999")],
            (1, "can not find message by the offset, 99999999"),
            None,
        ),
        probe(45, &[], (0, ""), None),
        probe(35, &[("clientID", "c"), ("producerGroup", "p")], (0, ""), Some(&[])),
        probe(
            29,
            &[("topic", "NoTopic"), ("queueId", "0"), ("timestamp", "1")],
            (0, ""),
            Some(&[("offset", "0")]),
        ),
        probe(31, &[("topic", "NoTopic"), ("queueId", "0")], (0, ""), Some(&[("offset", "0")])),
        probe(32, &[("topic", "NoTopic"), ("queueId", "0")], (0, ""), Some(&[("timestamp", "-1")])),
        Probe {
            code: 34,
            fields: &[],
            body: "{\"clientID\":\"c1\",\"consumerDataSet\":[],\"producerDataSet\":[{\"groupName\":\"pg1\"}]}",
            expected: (0, ""),
            answer: None,
        },
        probe(
            17,
            &[
                ("topic", "DefaultCluster"),
                ("defaultTopic", "TBW102"),
                ("readQueueNums", "1"),
                ("writeQueueNums", "1"),
                ("perm", "6"),
                ("topicFilterType", "SINGLE_TAG"),
            ],
            (1, "the topic[DefaultCluster] is conflict with system reserved words."),
            None,
        ),
        probe(
            15,
            &[
                ("consumerGroup", "CG_x"),
                ("topic", "Nowhere"),
                ("queueId", "77"),
                ("commitOffset", "-5"),
            ],
            (0, ""),
            Some(&[]),
        ),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_are_those_of_4_4_0() {
    let f = Fixture::new().await;
    f.send("GoldenTopic", "plain", "").await;
    f.filled("GoldenTopic", 1).await;
    for probe in probes() {
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
