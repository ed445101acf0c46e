//! Requests that a broker passes on to a client: INVOKE_BROKER_TO_RESET_OFFSET (222, 220 to the
//! client), INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223, 221), GET_CONSUMER_RUNNING_INFO (307),
//! CONSUME_MESSAGE_DIRECTLY (309).

use super::{broker, consumer_heartbeat, pull, send, topic};
use crate::case::{Case, Step};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![reset(), reset_refused(), status(), running_info(), consumed_directly()];
    cases.push(no_answer());
    cases
}

fn online() -> Step {
    consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("consumer")
}

fn reset_to(time: &str) -> Step {
    broker(222).ext(&[
        ("topic", "$(t)"),
        ("group", "C$(t)"),
        ("timestamp", time),
        ("isForce", "true"),
    ])
}

fn offset(value: &str) -> Step {
    broker(15).ext(&[
        ("consumerGroup", "C$(t)"),
        ("topic", "$(t)"),
        ("queueId", "0"),
        ("commitOffset", value),
    ])
}

fn reset() -> Case {
    let mut steps = topic("$(t)", 1, 6);
    steps.extend([
        send("$(t)", "one"),
        send("$(t)", "two"),
        pull("$(t)", 0).until("ext.maxOffset", "2"),
        offset("1"),
        online(),
        reset_to("-1"),
        Step::receive("consumer", 220),
        reset_to("0"),
        Step::receive("consumer", 220),
    ]);
    Case::new("offset_reset", steps)
}

fn reset_refused() -> Case {
    let mut steps = topic("$(t)", 1, 6);
    steps.extend([
        reset_to("-1").ext(&[("topic", "$(t)none")]).code_is(1),
        reset_to("-1").code_is(1),
        offset("1"),
        reset_to("-1").code_is(206),
    ]);
    Case::new("offset_reset_refused", steps)
}

fn status() -> Case {
    let ask = || broker(223).ext(&[("topic", "$(t)"), ("group", "C$(t)")]);
    let queues = r#"{"consumerTable":{},"messageQueueTable":{{"brokerName":"broker-a","queueId":0,"topic":"$(t)"}:5}}"#;
    Case::new(
        "consumer_status",
        [
            ask().code_is(1),
            online(),
            ask().on("admin").started("status"),
            Step::receive("consumer", 221),
            Step::answer("consumer", 0, queues),
            Step::finish("status"),
        ],
    )
}

fn running_info() -> Case {
    let ask = |client: &str| {
        broker(307).ext(&[
            ("consumerGroup", "C$(t)"),
            ("clientId", client),
            ("jstackEnable", "false"),
        ])
    };
    Case::new(
        "consumer_running_info",
        [
            ask("c1").code_is(1),
            online(),
            ask("c2").code_is(1),
            ask("c1").on("admin").started("info"),
            Step::receive("consumer", 307),
            Step::answer("consumer", 0, r#"{"properties":{"a":"b"},"mqTable":{}}"#),
            Step::finish("info"),
        ],
    )
}

/// A consumer that does not answer for ten seconds.
fn no_answer() -> Case {
    let info = || broker(307).ext(&[("consumerGroup", "C$(t)"), ("clientId", "c1")]);
    let consume =
        || broker(309).ext(&[("consumerGroup", "C$(t)"), ("clientId", "c1"), ("msgId", "$(m)")]);
    let late = |label: &'static str| {
        Step::finish(label).code_is(207).mask("header.remark", "the addresses of the client")
    };
    Case::new(
        "consumer_does_not_answer",
        [
            online(),
            send("$(t)", "x").save("m", "msgId"),
            pull("$(t)", 0).eventually(),
            info().on("admin 1").started("info"),
            consume().on("admin 2").started("consume"),
            late("info"),
            late("consume"),
        ],
    )
    .json_only()
}

fn consumed_directly() -> Case {
    let ask =
        || broker(309).ext(&[("consumerGroup", "C$(t)"), ("clientId", "c1"), ("msgId", "$(m)")]);
    Case::new(
        "consumed_directly",
        [
            send("$(t)", "consume me").save("m", "msgId"),
            pull("$(t)", 0).eventually(),
            ask().code_is(1),
            online(),
            ask().on("admin").started("consume"),
            Step::receive("consumer", 309).records(),
            Step::answer("consumer", 0, r#"{"autoCommit":true,"consumeResult":"CR_SUCCESS"}"#),
            Step::finish("consume"),
        ],
    )
}
