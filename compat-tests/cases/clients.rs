//! HEART_BEAT (34), UNREGISTER_CLIENT (35), GET_CONSUMER_LIST_BY_GROUP (38),
//! NOTIFY_CONSUMER_IDS_CHANGED (40), GET_CONSUMER_CONNECTION_LIST (203),
//! GET_PRODUCER_CONNECTION_LIST (204).

use super::{MISSING, broker, consumer_heartbeat, fast, heartbeat, names, producer_heartbeat};
use crate::case::{Case, Step, Target};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![consumers(), producers(), lost(), notices(), missing(), unregistered()];
    cases.extend([retry_topic(), last_wins(), fast_port()]);
    cases
}

fn list() -> Step {
    broker(38).ext(&[("consumerGroup", "C$(t)")])
}

fn consumer_connections() -> Step {
    broker(203).ext(&[("consumerGroup", "C$(t)")])
}

fn producer_connections() -> Step {
    broker(204).ext(&[("producerGroup", "P$(t)")])
}

fn unregister(client: &str) -> Step {
    broker(35).ext(&[("clientID", client)])
}

fn consumers() -> Case {
    Case::new(
        "client_consumers",
        [
            list().code_is(1),
            consumer_connections().code_is(206),
            consumer_heartbeat("c1", "C$(t)", "$(t)", "A || B").on("c1"),
            list(),
            consumer_heartbeat("c2", "C$(t)", "$(t)", "A || B").on("c2").frame(|f| {
                f.language = "CPP".to_owned();
                f.version = 100;
            }),
            list(),
            consumer_connections(),
            // The same again changes nothing.
            consumer_heartbeat("c1", "C$(t)", "$(t)", "A || B").on("c1"),
            consumer_connections(),
        ],
    )
}

fn producers() -> Case {
    Case::new(
        "client_producers",
        [
            producer_connections().code_is(1),
            producer_heartbeat("p1", "P$(t)").on("p1"),
            producer_connections(),
            producer_heartbeat("p2", "P$(t)").on("p2"),
            producer_connections(),
            unregister("p1").ext(&[("producerGroup", "P$(t)")]).on("p1"),
            producer_connections(),
            unregister("p2").ext(&[("producerGroup", "P$(t)")]).on("p2"),
            producer_connections().code_is(1),
        ],
    )
}

fn lost() -> Case {
    Case::new(
        "client_connection_lost",
        [
            consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("c1"),
            producer_heartbeat("p1", "P$(t)").on("p1"),
            list(),
            Step::close(Target::Broker, "c1"),
            list().code_is(1).eventually(),
            consumer_connections().code_is(206),
            Step::close(Target::Broker, "p1"),
            producer_connections().until("body.connectionSet", "[]"),
        ],
    )
}

fn notices() -> Case {
    Case::new(
        "client_notices",
        [
            consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("c1"),
            Step::receive("c1", 40),
            consumer_heartbeat("c2", "C$(t)", "$(t)", "*").on("c2"),
            Step::receive("c1", 40),
            Step::receive("c2", 40),
            unregister("c2").ext(&[("consumerGroup", "C$(t)")]).on("c2"),
            Step::receive("c1", 40),
            list(),
            consumer_heartbeat("c3", "C$(t)", "$(t)", "*").on("c3"),
            Step::receive("c1", 40),
            Step::close(Target::Broker, "c3"),
            Step::receive("c1", 40),
            list(),
        ],
    )
}

fn unregistered() -> Case {
    Case::new(
        "client_unregistered",
        [
            unregister("nobody"),
            unregister("nobody").ext(&[("producerGroup", "P$(t)"), ("consumerGroup", "C$(t)")]),
            consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("c1"),
            // From another connection: the connection counts, not the id.
            unregister("c1").ext(&[("consumerGroup", "C$(t)")]),
            list(),
            unregister("other name").ext(&[("consumerGroup", "C$(t)")]).on("c1"),
            list().code_is(1),
        ],
    )
}

fn missing() -> Case {
    Case::new(
        "client_rubbish",
        [
            broker(34).code_is(1),
            broker(34).body("{").code_is(1),
            broker(34).body("{}"),
            broker(35),
            broker(38).code_is(1),
            broker(38).ext(&[("consumerGroup", "")]).code_is(1),
            broker(203).code_is(1),
            broker(204).code_is(1).mask("header.remark", MISSING),
            heartbeat("", "C$(t)", "[]", "[]").on("c1"),
            list(),
            // Unknown members, numbers as texts, bare names.
            broker(34).on("c2").body(
                r#"{clientID:"c2",more:[1,{}],"producerDataSet":[],"consumerDataSet":[{groupName:'C$(t)',
                "consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","consumeType":"CONSUME_ACTIVELY",
                "messageModel":"BROADCASTING","unitMode":"true","subscriptionDataSet":[{"topic":"$(t)",
                "subString":"*","subVersion":"5"}]}]}"#,
            ),
            list(),
            consumer_connections(),
        ],
    )
}

fn retry_topic() -> Case {
    Case::new(
        "client_retry_topic",
        [
            consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("c1"),
            broker(202).ext(&[("topic", "%RETRY%C$(t)")]),
            names(105).ext(&[("topic", "%RETRY%C$(t)")]).eventually(),
        ],
    )
}

fn last_wins() -> Case {
    let subscription =
        r#"[{"topic":"$(t)new","subString":"x","subVersion":2,"tagsSet":["x"],"codeSet":[120]}]"#;
    Case::new(
        "client_last_heartbeat_wins",
        [
            consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("c1"),
            heartbeat("c2", "C$(t)", subscription, "[]").on("c2"),
            consumer_connections(),
        ],
    )
}

fn fast_port() -> Case {
    Case::new(
        "client_fast_port",
        [
            fast(34).frame(|f| f.body = consumer_heartbeat("c1", "C$(t)", "$(t)", "*").into_body()),
            fast(38).ext(&[("consumerGroup", "C$(t)")]),
            fast(203).ext(&[("consumerGroup", "C$(t)")]),
            fast(35).ext(&[("clientID", "c1"), ("consumerGroup", "C$(t)")]),
            fast(38).ext(&[("consumerGroup", "C$(t)")]).code_is(1),
        ],
    )
}
