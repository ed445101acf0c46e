//! QUERY_MESSAGE (12), VIEW_MESSAGE_BY_ID (33), SEARCH_OFFSET_BY_TIMESTAMP (29),
//! GET_MAX_OFFSET (30), GET_MIN_OFFSET (31), GET_EARLIEST_MSG_STORETIME (32).

use super::{MISSING, broker, fast, long_send, pull, send};
use crate::case::{Case, Expect, Step};
use crate::record::properties;

pub(super) fn cases() -> Vec<Case> {
    vec![by_key(), by_key_missing(), by_id(), fast_port(), bounds(), bounds_missing(), by_time()]
}

fn query(topic: &str, key: &str) -> Step {
    broker(12)
        .ext(&[
            ("topic", topic),
            ("key", key),
            ("maxNum", "64"),
            ("beginTimestamp", "0"),
            ("endTimestamp", "9999999999999"),
        ])
        .mask("ext.index", "the end of the index, whoever wrote it")
}

fn keyed(body: &str, keys: &str, id: &str) -> Step {
    send("$(t)", body).ext(&[("i", properties(&[("KEYS", keys), ("UNIQ_KEY", id)]))])
}

fn by_key() -> Case {
    let mut steps = vec![
        keyed("one", "k1 k2", "U1$(t)"),
        keyed("two", "k2", "U2$(t)"),
        keyed("three", "k2  k3 ", "U3$(t)"),
        query("$(t)", "k3").eventually(),
        query("$(t)", "k1"),
        query("$(t)", "k2"),
        query("$(t)", "U2$(t)"),
        query("$(t)", "U2$(t)").ext(&[("_UNIQUE_KEY_QUERY", "true"), ("maxNum", "1")]),
        query("$(t)", "k2").ext(&[("maxNum", "2")]),
        query("$(t)", "k2").ext(&[("maxNum", "0")]).code_is(22),
        query("$(t)", "k2").ext(&[("maxNum", "-1")]).code_is(1),
        query("$(t)", "none").ext(&[("maxNum", "-1")]).code_is(1),
        query("$(t)", "k1").ext(&[("maxNum", "-1"), ("_UNIQUE_KEY_QUERY", "true")]),
        query("$(t)", "k2").ext(&[("endTimestamp", "1")]).code_is(22),
        query("$(t)", "k2").ext(&[("beginTimestamp", "9999999999998")]).code_is(22),
        query("$(t)", "no-such-key").code_is(22),
        query("$(t)other", "k1").code_is(22),
    ];
    steps.extend((0..70).map(|i| keyed(&format!("many {i}"), "many", &format!("M{i}$(t)"))));
    steps.push(query("$(t)", "M69$(t)").eventually());
    steps.push(query("$(t)", "many"));
    steps.push(query("$(t)", "many").ext(&[("maxNum", "1000")]));
    steps.push(query("$(t)", "many").ext(&[("_UNIQUE_KEY_QUERY", "true")]));
    Case::new("query_by_key", steps)
}

fn by_key_missing() -> Case {
    let mut steps = vec![broker(12).code_is(1)];
    for field in ["maxNum", "beginTimestamp", "endTimestamp"] {
        steps.push(query("$(t)", "k").without(field).code_is(1));
        steps.push(query("$(t)", "k").ext(&[(field, "x")]).code_is(1));
    }
    for field in ["topic", "key"] {
        let step = query("$(t)", "k").without(field).code_is(22);
        steps.push(step.ours(Expect::Code(1), MISSING));
    }
    Case::new("query_missing_fields", steps)
}

fn by_id() -> Case {
    let view = |offset: &str| broker(33).ext(&[("offset", offset)]);
    Case::new(
        "view_by_id",
        [
            keyed("look at me", "k", "U$(t)").save("m", "msgId"),
            send("$(t)", "").body(vec![b'l'; 100_000]).save("long", "msgId"),
            view("$(m.offset)"),
            view("$(long.offset)"),
            view("99999999999").code_is(1),
            view("-1").code_is(1),
            view("x").code_is(1),
            broker(33).code_is(1),
        ],
    )
}

fn fast_port() -> Case {
    Case::new(
        "query_fast_port",
        [
            long_send("$(t)", "x")
                .ext(&[("properties", properties(&[("KEYS", "k")]))])
                .save("m", "msgId"),
            fast(12)
                .ext(&[
                    ("topic", "$(t)"),
                    ("key", "k"),
                    ("maxNum", "1"),
                    ("beginTimestamp", "0"),
                    ("endTimestamp", "9999999999999"),
                ])
                .mask("ext.index", "the end of the index, whoever wrote it")
                .eventually(),
            fast(33).ext(&[("offset", "$(m.offset)")]),
            fast(30).ext(&[("topic", "$(t)"), ("queueId", "0")]),
            fast(31).ext(&[("topic", "$(t)"), ("queueId", "0")]),
            fast(29).ext(&[("topic", "$(t)"), ("queueId", "0"), ("timestamp", "$(now)")]),
        ],
    )
}

fn bounds() -> Case {
    let of = |code: i32, topic: &str, queue: &str| {
        broker(code).ext(&[("topic", topic), ("queueId", queue)])
    };
    let mut steps =
        vec![send("$(t)", "one"), send("$(t)", "two"), pull("$(t)", 0).until("ext.maxOffset", "2")];
    for code in [30, 31, 32] {
        for queue in ["0", "1", "99", "-1"] {
            steps.push(of(code, "$(t)", queue));
        }
        steps.push(of(code, "$(t)none", "0"));
    }
    Case::new("queue_bounds", steps)
}

fn bounds_missing() -> Case {
    let mut steps = Vec::new();
    for code in [29, 30, 31, 32] {
        steps.push(broker(code).code_is(1));
        steps.push(broker(code).ext(&[("topic", "$(t)")]).code_is(1));
        steps.push(
            broker(code).ext(&[("topic", "$(t)"), ("queueId", "x"), ("timestamp", "1")]).code_is(1),
        );
    }
    steps.push(
        broker(29).ext(&[("topic", "$(t)"), ("queueId", "0"), ("timestamp", "x")]).code_is(1),
    );
    steps.push(broker(31).ext(&[("queueId", "0")]).code_is(1));
    Case::new("queue_bounds_missing_fields", steps)
}

fn by_time() -> Case {
    let at =
        |time: &str| broker(29).ext(&[("topic", "$(t)"), ("queueId", "0"), ("timestamp", time)]);
    Case::new(
        "search_by_time",
        [
            at("0"),
            send("$(t)", "one"),
            send("$(t)", "two"),
            send("$(t)", "three"),
            pull("$(t)", 0).until("ext.maxOffset", "3"),
            at("0"),
            at("1"),
            at("-1"),
            at("9999999999999"),
            broker(29).ext(&[("topic", "$(t)none"), ("queueId", "0"), ("timestamp", "1")]),
            broker(29).ext(&[("topic", "$(t)"), ("queueId", "77"), ("timestamp", "1")]),
        ],
    )
}
