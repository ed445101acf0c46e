//! REGISTER_BROKER (103), UNREGISTER_BROKER (104), GET_ROUTEINTO_BY_TOPIC (105),
//! GET_BROKER_CLUSTER_INFO (106), WIPE_WRITE_PERM_OF_BROKER (205),
//! GET_ALL_TOPIC_LIST_FROM_NAMESERVER (206), DELETE_TOPIC_IN_NAMESRV (216),
//! GET_TOPICS_BY_CLUSTER (224), GET_SYSTEM_TOPIC_LIST_FROM_NS (304), the unit lists (311, 312,
//! 313) and QUERY_DATA_VERSION (322).

use super::{MISSING, names};
use crate::case::{Case, Expect, Step, Target};

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![known(), lists(), registered(), refused(), slave(), lost(), versions()];
    cases.extend([wiped(), missing_fields(), deleted(), unit_lists()]);
    cases
}

fn route(topic: &str) -> Step {
    names(105).ext(&[("topic", topic)])
}

/// A registration of a broker that does not exist. The table of live brokers goes by address,
/// so every conversation has its own.
fn register(broker: &str, id: &str, port: u32, version: u32, topics: &[(&str, u32)]) -> Step {
    let table: Vec<_> = topics
        .iter()
        .map(|(topic, flag)| {
            format!(
                r#""{topic}":{{"order":false,"perm":6,"readQueueNums":4,"topicFilterType":"SINGLE_TAG","topicName":"{topic}","topicSysFlag":{flag},"writeQueueNums":4}}"#
            )
        })
        .collect();
    names(103)
        .on(if id == "0" { "master" } else { "slave" })
        .ext(&[
            ("brokerName", broker),
            ("brokerAddr", &format!("$(t):{port}")),
            ("clusterName", "K$(t)"),
            ("haServerAddr", &format!("$(t):{}", port + 1)),
            ("brokerId", id),
            ("compressed", "false"),
            ("bodyCrc32", "0"),
        ])
        .body(format!(
            r#"{{"filterServerList":[],"topicConfigSerializeWrapper":{{"dataVersion":{{"counter":{version},"timestamp":5}},"topicConfigTable":{{{}}}}}}}"#,
            table.join(",")
        ))
}

fn unregister(broker: &str, id: &str, port: u32) -> Step {
    names(104).ext(&[
        ("brokerName", broker),
        ("brokerAddr", &format!("$(t):{port}")),
        ("clusterName", "K$(t)"),
        ("brokerId", id),
    ])
}

fn known() -> Case {
    Case::new(
        "route_known",
        [
            route("TBW102"),
            route("BenchmarkTest"),
            route("DefaultCluster"),
            route("broker-a"),
            route("$(t)").code_is(17),
        ],
    )
}

fn lists() -> Case {
    Case::new(
        "route_lists",
        [
            names(106),
            names(206),
            names(304).mask("body.brokerAddr", "any broker"),
            names(224).ext(&[("cluster", "DefaultCluster")]),
        ],
    )
}

fn registered() -> Case {
    Case::new(
        "route_registered",
        [
            register("B$(t)", "0", 900, 1, &[("$(t)1", 0), ("$(t)2", 0)]),
            route("$(t)1"),
            names(106),
            names(206),
            names(304).mask("body.brokerAddr", "any broker"),
            names(224).ext(&[("cluster", "K$(t)")]),
            // The same version changes nothing; a new one adds, and removes nothing.
            register("B$(t)", "0", 900, 1, &[("$(t)3", 0)]),
            route("$(t)3").code_is(17),
            register("B$(t)", "0", 900, 2, &[("$(t)3", 0)]),
            route("$(t)3"),
            route("$(t)1"),
            // Another address takes the place.
            register("B$(t)", "0", 910, 3, &[]),
            route("$(t)3"),
            unregister("B$(t)", "0", 910),
            route("$(t)3").code_is(17),
            names(106),
        ],
    )
}

fn refused() -> Case {
    Case::new(
        "route_register_refused",
        [
            register("B$(t)", "0", 900, 1, &[])
                .ext(&[("bodyCrc32", "77")])
                .code_is(1)
                .free("ext", "no fields, or a table without any"),
            register("B$(t)", "0", 900, 1, &[])
                .body("{")
                .code_is(1)
                .mask("header.remark", "the parser's own words"),
            names(103).code_is(1),
            unregister("B$(t)", "0", 900),
            names(104).code_is(1),
        ],
    )
}

fn slave() -> Case {
    Case::new(
        "route_slave",
        [
            register("B$(t)", "1", 920, 1, &[("$(t)s", 0)]),
            route("$(t)s").code_is(17),
            register("B$(t)", "0", 900, 1, &[("$(t)", 0)]),
            register("B$(t)", "1", 920, 1, &[]),
            route("$(t)"),
            names(106),
            unregister("B$(t)", "0", 900),
            route("$(t)"),
            unregister("B$(t)", "1", 920),
            route("$(t)").code_is(17),
        ],
    )
}

fn lost() -> Case {
    Case::new(
        "route_connection_lost",
        [
            register("B$(t)", "0", 900, 1, &[("$(t)", 0)]),
            route("$(t)"),
            Step::close(Target::NameServer, "master"),
            route("$(t)").code_is(17).eventually(),
        ],
    )
}

fn versions() -> Case {
    let ask = |version: u32| {
        names(322)
            .ext(&[
                ("brokerName", "B$(t)"),
                ("brokerAddr", "$(t):900"),
                ("clusterName", "K$(t)"),
                ("brokerId", "0"),
            ])
            .body(format!(r#"{{"counter":{version},"timestamp":5}}"#))
    };
    Case::new(
        "route_data_version",
        [
            ask(1),
            register("B$(t)", "0", 900, 1, &[]),
            ask(1),
            ask(2),
            ask(1).body("").code_is(1),
            names(322).code_is(1),
        ],
    )
}

fn wiped() -> Case {
    Case::new(
        "route_write_wiped",
        [
            names(205).ext(&[("brokerName", "B$(t)")]),
            register("B$(t)", "0", 900, 1, &[("$(t)1", 0), ("$(t)2", 0)]),
            names(205).ext(&[("brokerName", "B$(t)")]),
            route("$(t)1"),
            register("B$(t)", "0", 900, 1, &[("$(t)1", 0)]),
            route("$(t)1"),
            register("B$(t)", "0", 900, 2, &[("$(t)1", 0)]),
            route("$(t)1"),
            route("$(t)2"),
        ],
    )
}

fn deleted() -> Case {
    Case::new(
        "route_topic_deleted",
        [
            register("B$(t)", "0", 900, 1, &[("$(t)", 0)]),
            route("$(t)"),
            names(216).ext(&[("topic", "$(t)")]),
            route("$(t)").code_is(17),
            names(216).ext(&[("topic", "$(t)")]),
        ],
    )
}

fn unit_lists() -> Case {
    Case::new(
        "route_unit_lists",
        [
            register(
                "B$(t)",
                "0",
                900,
                1,
                &[("$(t)0", 0), ("$(t)1", 1), ("$(t)2", 2), ("$(t)3", 3)],
            ),
            names(311),
            names(312),
            names(313),
            route("$(t)3"),
        ],
    )
}

fn missing_fields() -> Case {
    Case::new(
        "route_missing_fields",
        [
            names(105).code_is(17).ours(Expect::Code(1), MISSING),
            names(205).ours(Expect::Code(1), MISSING),
            names(224).ours(Expect::Code(1), MISSING),
            names(216).ours(Expect::Code(1), MISSING),
        ],
    )
}
