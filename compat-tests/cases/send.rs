//! SEND_MESSAGE (10), SEND_MESSAGE_V2 (310), SEND_BATCH_MESSAGE (320).

use super::{batch_of_one, broker, fast, long_send, names, pull, send, short_send, topic};
use crate::case::{Case, Expect};
use crate::fixture::Fixture;
use crate::record::{batch, properties};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![ok_short(), ok_long(), fast_port(), one_way(), properties_kept()];
    cases.extend([tags_and_flags(), created_queues(), refused(), limits(), missing_fields()]);
    cases.extend([batches(), batch_refused(), read_only_topic(), no_creation(), delayed()]);
    cases.extend([
        odd_levels(),
        no_queues(),
        closed_broker(),
        retry_topic(),
        unknown_group(),
        lonely(),
    ]);
    cases
}

fn ok_short() -> Case {
    Case::new(
        "send_short",
        [
            send("$(t)", "hello"),
            send("$(t)", "queue 3").ext(&[("e", "3")]),
            send("$(t)", "héllo wörld, 你好"),
            pull("$(t)", 0).until("ext.maxOffset", "2"),
            pull("$(t)", 0).ext(&[("queueId", "3")]).eventually(),
        ],
    )
}

fn ok_long() -> Case {
    Case::new(
        "send_long",
        [
            long_send("$(t)", "hello"),
            long_send("$(t)", "").ext(&[("flag", "7"), ("sysFlag", "2")]),
            // One queue, so that the random choice is known.
            long_send("$(t)one", "any queue")
                .ext(&[("queueId", "-1"), ("defaultTopicQueueNums", "1")]),
            pull("$(t)", 0).until("ext.maxOffset", "2"),
            pull("$(t)one", 0).eventually(),
        ],
    )
}

fn fast_port() -> Case {
    Case::new(
        "send_fast_port",
        [
            fast(310).frame(|f| f.ext = send("$(t)", "").into_ext()).body("over the fast port"),
            fast(310).frame(|f| f.ext = send("TBW102", "").into_ext()).code_is(1),
            pull("$(t)", 0).eventually(),
        ],
    )
}

fn one_way() -> Case {
    Case::new(
        "send_one_way",
        [
            send("$(t)", "no answer wanted").oneway(),
            pull("$(t)", 0).eventually(),
            send("TBW102", "refused without a word").oneway(),
        ],
    )
}

fn properties_kept() -> Case {
    let many = [
        ("KEYS", "k1 k2"),
        ("TAGS", "TagA"),
        ("WAIT", "true"),
        ("UNIQ_KEY", "U-$(t)"),
        ("user", "väl=ue"),
        ("z", "1"),
    ];
    Case::new(
        "send_properties",
        [
            send("$(t)", "x").ext(&[("i", properties(&many))]),
            send("$(t)", "empty value").ext(&[("i", "a\u{1}\u{2}b\u{1}c\u{2}")]),
            send("$(t)", "no end").ext(&[("i", "a\u{1}b")]),
            send("$(t)", "rubbish").ext(&[("i", "abc")]),
            send("$(t)", "no properties").without("i"),
            pull("$(t)", 0).until("ext.maxOffset", "5"),
        ],
    )
}

fn tags_and_flags() -> Case {
    Case::new(
        "send_flags",
        [
            send("$(t)", "compressed they say").ext(&[("f", "1")]),
            send("$(t)", "flag").ext(&[("h", "-5")]),
            send("$(t)", "born early").ext(&[("g", "1")]),
            send("$(t)", "again").ext(&[("j", "4")]),
            send("$(t)", "unit").ext(&[("k", "true")]),
            pull("$(t)", 0).until("ext.maxOffset", "5"),
        ],
    )
}

fn created_queues() -> Case {
    let sent = |topic: &str, queues: &str| send(topic, "x").ext(&[("d", queues)]);
    let route = |topic: &str| names(105).ext(&[("topic", topic)]).eventually();
    Case::new(
        "send_creates_topic",
        [
            sent("$(t)few", "2"),
            sent("$(t)many", "100"),
            sent("$(t)unit", "3").ext(&[("k", "true")]),
            route("$(t)few"),
            route("$(t)many"),
            route("$(t)unit"),
            // Any topic that hands its settings on can be the model.
            send("$(t)model", "x").ext(&[("c", "BenchmarkTest")]).code_is(17),
        ],
    )
}

fn refused() -> Case {
    Case::new(
        "send_refused",
        [
            send("TBW102", "x").code_is(1),
            send("$(t)", "x"),
            send("$(t)", "x").ext(&[("e", "4")]).code_is(1),
            send("$(t)", "x").ext(&[("e", "1000000")]).code_is(1),
            send("$(t)new", "x").ext(&[("c", "no-such-model")]).code_is(17),
            long_send("$(t)new", "x").ext(&[("defaultTopic", "no-such-model")]).code_is(17),
            long_send("$(t)", "x").ext(&[("queueId", "9")]).code_is(1),
        ],
    )
}

fn limits() -> Case {
    let long_name = format!("$(t){}", "n".repeat(128));
    let name = |length: usize| format!("$(t){}", "n".repeat(length - "Zq-send_limits-J".len()));
    let value = |length: usize| properties(&[("k", &"v".repeat(length - 3))]);
    Case::new(
        "send_limits",
        [
            send(&long_name, "x").code_is(13),
            send(&name(127), "x"),
            send(&name(128), "x").code_is(13),
            send("$(t)", "x").ext(&[("i", value(32767))]),
            send("$(t)", "x").ext(&[("i", value(32768))]).code_is(13),
            long_send("$(t)", "x").ext(&[("properties", value(32768))]).code_is(13),
            send("$(t)", "x").body(vec![b'x'; 4 * 1024 * 1024 + 1]).code_is(13),
            // The body alone would fit, the record does not.
            send("$(t)", "x").body(vec![b'x'; 4 * 1024 * 1024]).code_is(13),
            send("$(t)", "x").body(vec![b'x'; 4 * 1024 * 1024 - 91 - 16]),
            send("$(t)", "x").body(vec![b'x'; 4 * 1024 * 1024 - 91 - 15]).code_is(13),
            pull("$(t)", 1).until("ext.maxOffset", "2"),
        ],
    )
}

fn missing_fields() -> Case {
    let mut steps = vec![
        broker(310).body("no fields").code_is(1),
        broker(10).body("no fields").code_is(1),
        broker(320).body("no fields").code_is(1),
        send("$(t)", "x"),
    ];
    for field in ["b", "e", "f", "g", "h"] {
        steps.push(send("$(t)missing", field).without(field).code_is(1));
    }
    // Model and number of queues matter only where a topic is made.
    for field in ["a", "c", "d", "j", "k", "m"] {
        steps.push(send("$(t)", field).without(field));
    }
    for field in ["e", "f", "h"] {
        steps.push(send("$(t)", "abc").ext(&[(field, "abc")]).code_is(1));
    }
    steps.push(send("$(t)", "true by any other name").ext(&[("k", "TRUE"), ("m", "yes")]));
    let no_model = send("$(t)new", "x").without("c").code_is(1);
    steps.push(no_model.ours(Expect::Code(17), "there is no topic to model it on"));
    let no_number = send("$(t)newer", "x").without("d").code_is(1);
    steps.push(no_number.ours(Expect::Code(0), "as many queues as Java clients ask for"));
    Case::new("send_missing_fields", steps)
}

fn batches() -> Case {
    let three = || {
        batch(&[
            ("one", properties(&[("TAGS", "A"), ("KEYS", "k1")])),
            ("two", properties(&[("TAGS", "B")])),
            ("", String::new()),
        ])
    };
    Case::new(
        "send_batch",
        [
            short_send(320, "$(t)").ext(&[("m", "true")]).body(three()),
            short_send(310, "$(t)").ext(&[("m", "true"), ("e", "1")]).body(three()),
            long_send("$(t)", "").ext(&[("batch", "true"), ("queueId", "2")]).body(three()),
            // The field decides, not the code.
            short_send(320, "$(t)").ext(&[("e", "3")]).body("a plain message"),
            pull("$(t)", 0).until("ext.maxOffset", "3"),
            pull("$(t)", 0).ext(&[("queueId", "1")]).until("ext.maxOffset", "3"),
            pull("$(t)", 0).ext(&[("queueId", "2")]).until("ext.maxOffset", "3"),
            pull("$(t)", 0).ext(&[("queueId", "3")]).eventually(),
        ],
    )
}

fn batch_refused() -> Case {
    let of = |properties: String| batch(&[("x", properties)]);
    let batch_to = |topic: &str| short_send(320, topic).ext(&[("m", "true")]);
    Case::new(
        "send_batch_refused",
        [
            batch_to("%RETRY%$(t)").body(of(String::new())).code_is(13),
            batch_to("$(t)").body(vec![b'x'; 4 * 1024 * 1024 + 1]).code_is(13),
            batch_to(&format!("$(t){}", "n".repeat(128)))
                .body(of(String::new()))
                .code_is(13)
                .mask("header.remark", "ours refuses the name before the topic is made"),
        ],
    )
}

fn read_only_topic() -> Case {
    let mut steps = topic("$(t)", 1, 4);
    steps.push(send("$(t)", "taken all the same"));
    steps.push(pull("$(t)", 0).eventually());
    Case::new("send_read_only_topic", steps)
}

fn no_queues() -> Case {
    let mut steps = topic("$(t)", 0, 6);
    steps.push(send("$(t)", "x").ext(&[("e", "-1")]).code_is(1));
    steps.push(send("$(t)", "x").code_is(1));
    Case::new("send_no_queues", steps)
}

fn no_creation() -> Case {
    let mut steps = vec![
        send("$(t)", "x").code_is(17),
        long_send("$(t)", "x").code_is(17),
        pull("$(t)", 0).code_is(26),
    ];
    steps.extend(topic("$(t)", 1, 6));
    steps.push(send("$(t)", "x").ext(&[("e", "-1"), ("d", "4")]));
    steps.push(send("$(t)", "x"));
    Case::new("send_no_creation", steps).on(Fixture::NoCreate)
}

fn delayed() -> Case {
    let level = |level: &str| properties(&[("DELAY", level), ("TAGS", "A")]);
    Case::new(
        "send_delayed",
        [
            send("$(t)", "in a second")
                .ext(&[("i", level("1"))])
                .mask("ext.queueOffset", "all messages of a level share a queue"),
            send("$(t)", "not at all late").ext(&[("i", level("0"))]),
            send("$(t)", "not a number").ext(&[("i", level("x"))]).code_is(1),
            pull("$(t)", 0).until("ext.maxOffset", "2"),
        ],
    )
}

/// What `Integer.parseInt` takes for a level, and what not.
fn odd_levels() -> Case {
    let level = |level: &str| send("$(t)", level).ext(&[("i", properties(&[("DELAY", level)]))]);
    let mut steps: Vec<_> = ["+1", "01", "1234567890"]
        .map(|text| {
            level(text)
                .ext(&[("e", "1")])
                .mask("ext.queueOffset", "all messages of a level share a queue")
        })
        .to_vec();
    steps.extend(["-1", "+0", "-0", ""].map(level));
    steps.extend(["+", "-", " 1", "1 ", "1.0", "99999999999", "1L"].map(|x| level(x).code_is(1)));
    // A batch is never delayed, whoever asks for it.
    let batched = |level: &str| batch_of_one("$(t)").ext(&[("i", properties(&[("DELAY", level)]))]);
    steps.extend(["1", "+1"].map(|text| batched(text).code_is(13)));
    steps.extend(["x", " 1"].map(|text| batched(text).code_is(1)));
    steps.extend(["0", "-1"].map(batched));
    let flagged = |flag: &str| batch_of_one("$(t)").ext(&[("f", flag)]);
    steps.extend(["4", "8", "12"].map(|flag| flagged(flag).code_is(13)));
    let inside =
        batch(&[("one", properties(&[("DELAY", "x")])), ("two", properties(&[("DELAY", "1")]))]);
    steps.push(batch_of_one("$(t)").body(inside));
    steps.push(pull("$(t)", 4).until("ext.maxOffset", "8"));
    let foreign =
        level("\u{ff11}").mask("ext.queueOffset", "all messages of a level share a queue");
    steps.push(foreign.ours(Expect::Code(1), "a number has digits of ASCII"));
    Case::new("send_odd_levels", steps)
}

fn closed_broker() -> Case {
    let half = properties(&[("TRAN_MSG", "true"), ("PGROUP", "P$(t)")]);
    Case::new(
        "send_closed_broker",
        [
            send("$(t)", "x"),
            send("$(t)", "x").ext(&[("i", &half)]).code_is(16),
            long_send("$(t)", "x").ext(&[("properties", &half)]).code_is(16),
            pull("$(t)", 0).code_is(16),
        ],
    )
    .on(Fixture::Closed)
}

fn unknown_group() -> Case {
    let retry = "%RETRY%$(t)";
    Case::new(
        "send_unknown_group",
        [
            send(retry, "x").ext(&[("l", "16")]).code_is(26),
            long_send(retry, "x").ext(&[("maxReconsumeTimes", "16")]).code_is(26),
            batch_of_one("$(t)").code_is(17),
        ],
    )
    .on(Fixture::NoCreate)
}

/// Stored, but not on a slave.
fn lonely() -> Case {
    Case::new(
        "send_without_slave",
        [
            send("$(t)", "x").code_is(11),
            long_send("$(t)", "x").code_is(11),
            batch_of_one("$(t)").code_is(11),
            send("$(t)", "in no hurry").ext(&[("i", properties(&[("WAIT", "false")]))]),
            pull("$(t)", 0).until("ext.maxOffset", "4"),
        ],
    )
    .on(Fixture::Lonely)
}

fn retry_topic() -> Case {
    Case::new(
        "send_to_retry_topic",
        [
            send("%RETRY%$(t)", "made without a model").ext(&[("c", "no-such-model"), ("l", "16")]),
            send("%RETRY%$(t)", "too often").ext(&[("j", "16"), ("l", "16")]),
            pull("%RETRY%$(t)", 0).eventually(),
            pull("%DLQ%$(t)", 0).code_is(16),
            send("%RETRY%$(t)other", "no limit given")
                .code_is(1)
                .ours(Expect::Code(0), "without a limit of the client the group's holds"),
        ],
    )
}
