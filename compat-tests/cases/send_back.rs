//! CONSUMER_SEND_MSG_BACK (36).

use super::{broker, consumer_heartbeat, pull, send};
use crate::case::{Case, Expect, Step};
use crate::fixture::Fixture;
use crate::record::properties;

pub(super) fn cases() -> Vec<Case> {
    vec![retried(), dead(), refused(), unknown_group(), old_client(), twice(), forbidden()]
}

fn back(offset: &str) -> Step {
    broker(36).ext(&[
        ("offset", offset),
        ("group", "C$(t)"),
        ("delayLevel", "1"),
        ("originMsgId", "origin"),
        ("originTopic", "$(t)"),
        ("unitMode", "false"),
        ("maxReconsumeTimes", "16"),
    ])
}

fn one_message() -> Vec<Step> {
    vec![
        consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("consumer"),
        send("$(t)", "again please")
            .ext(&[("i", properties(&[("TAGS", "A"), ("KEYS", "k"), ("UNIQ_KEY", "U$(t)")]))])
            .save("m", "msgId"),
        pull("$(t)", 0).eventually(),
    ]
}

fn retried() -> Case {
    let mut steps = one_message();
    steps.push(back("$(m.offset)"));
    steps.push(pull("%RETRY%C$(t)", 0).eventually());
    Case::new("send_back_retry", steps)
}

fn twice() -> Case {
    let mut steps = one_message();
    steps.push(back("$(m.offset)"));
    steps.push(pull("%RETRY%C$(t)", 0).eventually());
    steps.push(back("$(m.offset)").without("originMsgId").without("unitMode"));
    steps.push(pull("%RETRY%C$(t)", 0).until("ext.maxOffset", "2"));
    Case::new("send_back_twice", steps)
}

fn dead() -> Case {
    let mut steps = one_message();
    steps.push(back("$(m.offset)").ext(&[("delayLevel", "-1")]));
    steps.push(back("$(m.offset)").ext(&[("maxReconsumeTimes", "0")]));
    steps.push(
        broker(30).ext(&[("topic", "%DLQ%C$(t)"), ("queueId", "0")]).until("ext.offset", "2"),
    );
    steps.push(pull("%DLQ%C$(t)", 0).code_is(16));
    steps.extend(super::topic("%DLQ%C$(t)", 1, 6));
    steps.push(pull("%DLQ%C$(t)", 0));
    Case::new("send_back_dead_letter", steps)
}

fn refused() -> Case {
    let mut steps = one_message();
    steps.extend([
        back("999999999999").code_is(1),
        back("$(m.offset)")
            .without("maxReconsumeTimes")
            .code_is(1)
            .ours(Expect::Code(0), "without a limit of the client the group's holds"),
        back("$(m.offset)").without("offset").code_is(1),
        back("$(m.offset)").ext(&[("delayLevel", "x")]).code_is(1),
        broker(36).code_is(1),
    ]);
    Case::new("send_back_refused", steps)
}

fn forbidden() -> Case {
    Case::new("send_back_closed_broker", [back("0").code_is(16)]).on(Fixture::Closed)
}

fn unknown_group() -> Case {
    Case::new("send_back_unknown_group", [back("0").code_is(26)]).on(Fixture::NoCreate)
}

fn old_client() -> Case {
    let mut steps = one_message();
    steps.push(
        back("$(m.offset)")
            .without("maxReconsumeTimes")
            .ext(&[("delayLevel", "-1")])
            .frame(|f| f.version = 100),
    );
    steps.push(
        broker(30).ext(&[("topic", "%DLQ%C$(t)"), ("queueId", "0")]).until("ext.offset", "1"),
    );
    Case::new("send_back_old_client", steps)
}
