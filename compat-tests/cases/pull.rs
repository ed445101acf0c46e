//! PULL_MESSAGE (11).

use super::{MISSING, broker, consumer_heartbeat, fast, heartbeat, pull, send, topic};
use crate::case::{Case, Expect, Step};
use crate::fixture::Fixture;
use crate::record::properties;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![amounts(), statuses(), tags(), refused(), subscriptions()];
    cases.extend([long_poll(), long_poll_ends(), commits(), missing_fields(), fast_port()]);
    cases.extend([
        numbers(),
        write_only_topic(),
        offset_moved(),
        broken_expressions(),
        filter_data(),
    ]);
    cases
}

fn tagged(body: &str, tag: &str) -> Step {
    send("$(t)", body).ext(&[("i", properties(&[("TAGS", tag)]))])
}

fn amounts() -> Case {
    let mut steps: Vec<_> = (0..40).map(|i| send("$(t)", &format!("message {i}"))).collect();
    steps.push(pull("$(t)", 0).until("ext.maxOffset", "40"));
    for (offset, most) in [(0, "1"), (3, "5"), (30, "32"), (0, "1000"), (0, "0"), (0, "-1")] {
        steps.push(pull("$(t)", offset).ext(&[("maxMsgNums", most)]));
    }
    steps.push(send("$(t)", "").body(vec![b'a'; 200_000]));
    steps.push(send("$(t)", "").body(vec![b'b'; 100_000]));
    steps.push(pull("$(t)", 40).until("ext.maxOffset", "42"));
    steps.push(pull("$(t)", 38));
    Case::new("pull_amounts", steps)
}

/// Numbers as `Integer.parseInt` and `Long.parseLong` take them, and as they do not.
fn numbers() -> Case {
    let with = |field: &'static str, text: &str| pull("$(t)", 0).ext(&[(field, text)]);
    let mut steps = vec![send("$(t)", "x"), pull("$(t)", 0).eventually()];
    for text in ["+5", "005", "-0", "-2147483648"] {
        steps.push(with("maxMsgNums", text));
    }
    for text in ["", "5 ", " 5", "5L", "0x5", "5.0", "99999999999999999999"] {
        for field in ["maxMsgNums", "queueOffset", "queueId", "sysFlag"] {
            steps.push(with(field, text).code_is(1));
        }
        // Nobody looks at it here.
        steps.push(with("subVersion", text).ours(Expect::Code(1), MISSING));
    }
    steps.extend([with("queueOffset", "+0"), with("queueId", "+0"), with("sysFlag", "04")]);
    Case::new("pull_numbers", steps).json_only()
}

fn statuses() -> Case {
    Case::new(
        "pull_statuses",
        [
            send("$(t)", "one"),
            pull("$(t)", 0).eventually(),
            pull("$(t)", 1).code_is(19),
            pull("$(t)", 2).code_is(21),
            pull("$(t)", 100).code_is(21),
            pull("$(t)", -1).code_is(21),
            pull("$(t)", 0).ext(&[("queueId", "1")]).code_is(19),
            pull("$(t)", 5).ext(&[("queueId", "1")]).code_is(21),
        ],
    )
}

fn tags() -> Case {
    let subscribed = |text: &str| pull("$(t)", 0).ext(&[("subscription", text)]);
    Case::new(
        "pull_tags",
        [
            tagged("a1", "A"),
            tagged("b1", "B"),
            tagged("a2", "A"),
            send("$(t)", "none"),
            pull("$(t)", 0).until("ext.maxOffset", "4"),
            subscribed("A"),
            subscribed("A || B"),
            subscribed("A||B"),
            subscribed("C").code_is(20),
            subscribed(""),
            subscribed("B").ext(&[("queueOffset", "2")]).code_is(20),
            pull("$(t)", 0).without("subscription"),
            pull("$(t)", 0).without("expressionType"),
        ],
    )
}

fn refused() -> Case {
    Case::new(
        "pull_refused",
        [
            pull("$(t)", 0).code_is(17),
            send("$(t)", "x"),
            pull("$(t)", 0).ext(&[("queueId", "4")]).code_is(1),
            pull("$(t)", 0).ext(&[("queueId", "-1")]).code_is(1),
            pull("$(t)", 0).ext(&[("sysFlag", "0")]).code_is(24),
        ],
    )
}

fn subscriptions() -> Case {
    let known = |version: &str| pull("$(t)", 0).ext(&[("sysFlag", "0"), ("subVersion", version)]);
    Case::new(
        "pull_known_subscription",
        [
            tagged("a", "A"),
            tagged("b", "B"),
            pull("$(t)", 0).until("ext.maxOffset", "2"),
            consumer_heartbeat("c1", "C$(t)", "$(t)", "A").on("consumer"),
            known("1"),
            known("0"),
            known("2").code_is(25),
            pull("$(t)other", 0).ext(&[("sysFlag", "0")]).code_is(17),
            send("$(t)other", "x"),
            pull("$(t)other", 0).ext(&[("sysFlag", "0")]).code_is(24),
        ],
    )
}

fn long_poll() -> Case {
    let held = |name: &'static str| {
        pull("$(t)", 1).ext(&[("sysFlag", "6"), ("suspendTimeoutMillis", "15000")]).on(name)
    };
    Case::new(
        "pull_held",
        [
            tagged("first", "A"),
            pull("$(t)", 0).eventually(),
            held("waiter 1").started("all"),
            held("waiter 2").ext(&[("subscription", "B")]).started("only B"),
            Step::quiet("waiter 1"),
            Step::quiet("waiter 2"),
            // At once, since Java wakes all waiters every five seconds, whatever their tags.
            tagged("second", "A"),
            tagged("third", "B"),
            Step::finish("all")
                .records()
                .free("body[1]", "the third may be there already")
                .free("ext.", "the third may be there already"),
            Step::finish("only B").records(),
        ],
    )
}

fn long_poll_ends() -> Case {
    Case::new(
        "pull_held_to_the_end",
        [
            send("$(t)", "first"),
            pull("$(t)", 0).eventually(),
            pull("$(t)", 1)
                .ext(&[("sysFlag", "6"), ("suspendTimeoutMillis", "1000")])
                .on("waiter")
                .started("held"),
            Step::finish("held").code_is(19),
        ],
    )
    .json_only()
}

fn commits() -> Case {
    let stored =
        || broker(14).ext(&[("consumerGroup", "C$(t)"), ("topic", "$(t)"), ("queueId", "0")]);
    let committing = |flag: &str, offset: &str| {
        pull("$(t)", 0).ext(&[("sysFlag", flag), ("commitOffset", offset)])
    };
    Case::new(
        "pull_commits",
        [
            send("$(t)", "x"),
            committing("4", "7").eventually(),
            stored(),
            committing("5", "7"),
            stored(),
            committing("5", "3"),
            stored(),
            committing("5", "-9"),
            stored(),
        ],
    )
}

fn missing_fields() -> Case {
    let mut steps = vec![send("$(t)", "x"), broker(11).code_is(1)];
    for field in ["queueId", "queueOffset", "maxMsgNums", "sysFlag"] {
        steps.push(pull("$(t)", 0).without(field).code_is(1));
        steps.push(pull("$(t)", 0).ext(&[(field, "many")]).code_is(1));
    }
    // Used only with a flag that is not set here.
    for field in ["commitOffset", "suspendTimeoutMillis"] {
        steps.push(pull("$(t)", 0).without(field));
    }
    Case::new("pull_missing_fields", steps)
}

fn fast_port() -> Case {
    Case::new(
        "pull_fast_port",
        [
            send("$(t)", "x"),
            fast(11)
                .frame(|f| f.ext = pull("$(t)", 0).into_ext())
                .silent()
                .ours(Expect::Code(0), "the fast port serves pulls, too"),
        ],
    )
}

fn write_only_topic() -> Case {
    let mut steps = topic("$(t)", 1, 2);
    steps.push(send("$(t)", "x"));
    steps.push(pull("$(t)", 0).code_is(16));
    Case::new("pull_write_only_topic", steps)
}

fn offset_moved() -> Case {
    let events = || broker(30).ext(&[("topic", "OFFSET_MOVED_EVENT"), ("queueId", "0")]);
    let by_key = broker(12).ext(&[
        ("topic", "OFFSET_MOVED_EVENT"),
        ("key", "C$(t)"),
        ("maxNum", "32"),
        ("beginTimestamp", "0"),
        ("endTimestamp", "9999999999999"),
    ]);
    Case::new(
        "pull_offset_moved_event",
        [
            send("$(t)", "x"),
            pull("$(t)", 0).eventually(),
            pull("$(t)", 10).code_is(21),
            by_key
                .eventually()
                .mask("ext.index", "other cases write too")
                .mask("body[0].queueOffset", "other cases write too"),
            events().mask("ext.offset", "other cases write too"),
        ],
    )
}

fn broken_expressions() -> Case {
    let of_type = |kind: &str, text: &str| {
        pull("$(t)", 0).ext(&[("expressionType", kind), ("subscription", text)])
    };
    Case::new(
        "pull_expressions",
        [
            send("$(t)", "x"),
            pull("$(t)", 0).eventually(),
            of_type("SQL92", "a = 1").code_is(1),
            of_type("", "*"),
            of_type("nonsense", "*").code_is(1),
            of_type("TAG", "||").code_is(23),
        ],
    )
}

/// An expression that does not compile leaves the broker without a filter, and without the old one.
fn filter_data() -> Case {
    let subscribed = |group: &str, expression: &str, version: &str| {
        let subscription = format!(
            r#"[{{"classFilterMode":false,"codeSet":[],"expressionType":"SQL92","subString":"{expression}","subVersion":{version},"tagsSet":[],"topic":"$(t)"}}]"#
        );
        heartbeat("c1", group, &subscription, "[]").on("consumer")
    };
    let known = |group: &str, version: &str| {
        pull("$(t)", 0).ext(&[
            ("consumerGroup", group),
            ("sysFlag", "0"),
            ("subVersion", version),
            ("expressionType", "SQL92"),
        ])
    };
    let good = properties(&[("a", "1")]);
    Case::new(
        "pull_filter_data",
        [
            send("$(t)", "fits").ext(&[("i", good)]),
            pull("$(t)", 0).eventually(),
            subscribed("C$(t)", "a = 1", "1"),
            known("C$(t)", "1"),
            subscribed("C$(t)", "a = ", "2"),
            known("C$(t)", "2").code_is(27),
            subscribed("D$(t)", "a = ", "1"),
            known("D$(t)", "1").code_is(27),
        ],
    )
    .on(Fixture::Filtering)
}
