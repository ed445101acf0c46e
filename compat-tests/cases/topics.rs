//! UPDATE_AND_CREATE_TOPIC (17), GET_ALL_TOPIC_CONFIG (21), GET_TOPIC_STATS_INFO (202).

use super::{broker, fast, names, pull, send, topic, update_topic};
use crate::case::{Case, Step};

pub(super) fn cases() -> Vec<Case> {
    vec![created(), changed(), refused(), table(), stats(), missing_fields()]
}

fn route(topic: &str) -> Step {
    names(105).ext(&[("topic", topic)]).eventually()
}

fn created() -> Case {
    let mut steps = topic("$(t)", 3, 6);
    steps.push(route("$(t)"));
    steps.push(update_topic("$(t)m", 2, 4).ext(&[
        ("topicFilterType", "MULTI_TAG"),
        ("topicSysFlag", "3"),
        ("order", "true"),
        ("writeQueueNums", "5"),
    ]));
    steps.push(route("$(t)m"));
    steps.push(broker(21));
    Case::new("topic_created", steps)
}

fn changed() -> Case {
    let mut steps = topic("$(t)", 8, 6);
    steps.push(route("$(t)"));
    steps.push(update_topic("$(t)", 4, 2));
    steps.push(route("$(t)").until("body.queueDatas[0].perm", "2"));
    steps.push(update_topic("$(t)", 4, 7).ext(&[("writeQueueNums", "1")]));
    steps.push(route("$(t)").until("body.queueDatas[0].perm", "7"));
    steps.push(broker(202).ext(&[("topic", "$(t)")]));
    Case::new("topic_changed", steps)
}

fn refused() -> Case {
    Case::new(
        "topic_refused",
        [
            update_topic("DefaultCluster", 1, 6).code_is(1),
            broker(202).ext(&[("topic", "$(t)none")]).code_is(17),
        ],
    )
}

fn table() -> Case {
    let mut steps = topic("$(t)", 1, 6);
    steps.push(broker(21));
    steps.push(fast(21));
    Case::new("topic_table", steps)
}

fn stats() -> Case {
    let of = |name: &str| broker(202).ext(&[("topic", name)]);
    let mut steps = topic("$(t)", 2, 6);
    steps.extend([
        of("$(t)"),
        send("$(t)", "one"),
        send("$(t)", "two"),
        pull("$(t)", 0).until("ext.maxOffset", "2"),
        of("$(t)"),
        fast(202).ext(&[("topic", "$(t)")]),
    ]);
    steps.extend(topic("$(t)none", 0, 6));
    steps.push(of("$(t)none"));
    Case::new("topic_stats", steps)
}

fn missing_fields() -> Case {
    Case::new(
        "topic_missing_fields",
        [
            broker(17).code_is(1),
            broker(202).code_is(1),
            broker(202).ext(&[("topic", "")]).code_is(17),
        ],
    )
}
