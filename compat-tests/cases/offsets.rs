//! QUERY_CONSUMER_OFFSET (14), UPDATE_CONSUMER_OFFSET (15), GET_ALL_CONSUMER_OFFSET (43),
//! GET_CONSUME_STATS (208).

use super::{broker, consumer_heartbeat, fast, pull, send};
use crate::case::{Case, Step};
use crate::fixture::Fixture;

pub(super) fn cases() -> Vec<Case> {
    vec![
        stored(),
        unknown(),
        missing_fields(),
        all_of_them(),
        progress(),
        one_way(),
        fast_port(),
        far_behind(),
    ]
}

/// Nothing was committed, and the first message counts as on disk already.
fn far_behind() -> Case {
    Case::new(
        "consumer_offset_unknown",
        [
            send("$(t)", "one"),
            send("$(t)", "two"),
            pull("$(t)", 0).until("ext.maxOffset", "2"),
            ask("$(t)", "0").code_is(22),
        ],
    )
    .on(Fixture::Filtering)
}

fn ask(topic: &str, queue: &str) -> Step {
    broker(14).ext(&[("consumerGroup", "C$(t)"), ("topic", topic), ("queueId", queue)])
}

fn tell(topic: &str, queue: &str, offset: &str) -> Step {
    broker(15).ext(&[
        ("consumerGroup", "C$(t)"),
        ("topic", topic),
        ("queueId", queue),
        ("commitOffset", offset),
    ])
}

fn stored() -> Case {
    Case::new(
        "offset_stored",
        [
            tell("$(t)", "0", "5"),
            ask("$(t)", "0"),
            tell("$(t)", "0", "2"),
            ask("$(t)", "0"),
            tell("$(t)", "1", "9223372036854775807"),
            ask("$(t)", "1"),
            tell("$(t)", "77", "1"),
            ask("$(t)", "77"),
            tell("$(t)", "0", "-5"),
            ask("$(t)", "0"),
        ],
    )
}

fn unknown() -> Case {
    Case::new(
        "offset_unknown",
        [
            ask("$(t)none", "0"),
            ask("$(t)none", "-3"),
            send("$(t)", "x"),
            pull("$(t)", 0).eventually(),
            ask("$(t)", "0"),
            ask("$(t)", "1"),
            ask("$(t)", "100"),
        ],
    )
}

fn missing_fields() -> Case {
    let mut steps = vec![broker(14).code_is(1), broker(15).code_is(1)];
    steps.push(ask("$(t)", "x").code_is(1));
    steps.push(ask("$(t)", "0").without("queueId").code_is(1));
    steps.push(tell("$(t)", "x", "1").code_is(1));
    steps.push(tell("$(t)", "1", "x").code_is(1));
    steps.push(tell("$(t)", "1", "1").without("commitOffset").code_is(1));
    Case::new("offset_missing_fields", steps)
}

fn all_of_them() -> Case {
    Case::new(
        "offset_table",
        [
            tell("$(t)", "0", "5"),
            tell("$(t)", "3", "7"),
            tell("$(t)2", "0", "1").ext(&[("consumerGroup", "D$(t)")]),
            broker(43),
        ],
    )
}

fn progress() -> Case {
    let stats = |topic: Option<&str>| {
        let step = broker(208)
            .ext(&[("consumerGroup", "C$(t)")])
            .mask("body.consumeTps", "null (no number) when two samples were taken at once");
        match topic {
            Some(topic) => step.ext(&[("topic", topic)]),
            None => step,
        }
    };
    Case::new(
        "consume_stats",
        [
            stats(None),
            send("$(t)", "one"),
            send("$(t)", "two"),
            pull("$(t)", 0).until("ext.maxOffset", "2"),
            tell("$(t)", "0", "1"),
            stats(None),
            consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("consumer"),
            stats(None),
            stats(Some("$(t)")),
            stats(Some("$(t)none")),
            stats(Some("")),
            broker(208).code_is(1),
        ],
    )
}

fn one_way() -> Case {
    Case::new(
        "offset_one_way",
        [tell("$(t)", "0", "5").oneway(), ask("$(t)", "0").until("ext.offset", "5")],
    )
}

fn fast_port() -> Case {
    Case::new(
        "offset_fast_port",
        [
            fast(15).ext(&[
                ("consumerGroup", "C$(t)"),
                ("topic", "$(t)"),
                ("queueId", "0"),
                ("commitOffset", "4"),
            ]),
            fast(14).ext(&[("consumerGroup", "C$(t)"), ("topic", "$(t)"), ("queueId", "0")]),
            fast(208).ext(&[("consumerGroup", "C$(t)")]),
        ],
    )
}
