//! What operators ask a broker: UPDATE_BROKER_CONFIG (25), GET_BROKER_CONFIG (26),
//! GET_BROKER_RUNTIME_INFO (28), GET_ALL_DELAY_OFFSET (45), CHECK_CLIENT_CONFIG (46),
//! DELETE_TOPIC_IN_BROKER (215), QUERY_TOPIC_CONSUME_BY_WHO (300), REGISTER_FILTER_SERVER (301),
//! QUERY_CONSUME_TIME_SPAN (303), GET_SYSTEM_TOPIC_LIST_FROM_BROKER (305),
//! CLEAN_EXPIRED_CONSUMEQUEUE (306), QUERY_CORRECTION_OFFSET (308), CLONE_GROUP_OFFSET (314),
//! VIEW_BROKER_STATS_DATA (315), CLEAN_UNUSED_TOPIC (316), GET_BROKER_CONSUME_STATS (317),
//! QUERY_CONSUME_QUEUE (321).

use super::{MISSING, broker, fast, names, pull, send, topic};
use crate::case::{Case, Expect, Step};
use crate::fixture::Fixture;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![config(), running_info(), config_updated(), delay_offsets()];
    cases.extend([client_config(), deleted_topic(), who_consumes(), filter_server()]);
    cases.extend([time_span(), system_topics(), cleaning(), correction(), cloned()]);
    cases.extend([stats(), progress_of_all(), queue_entries(), no_settings()]);
    cases.extend([expressions_checked()]);
    cases
}

fn config() -> Case {
    let masked = |step: Step| {
        step.mask("ext.version", "version of the settings")
            .mask("body.", "addresses and paths differ; the keys are compared")
    };
    Case::new("broker_config", [masked(broker(26)), masked(fast(26))])
}

fn running_info() -> Case {
    let masked =
        |step: Step| step.mask("body.", "measured values; the keys are compared").eventually();
    Case::new("broker_runtime_info", [masked(broker(28)), masked(fast(28))])
}

fn config_updated() -> Case {
    Case::new(
        "broker_config_updated",
        [
            broker(25).body("noSuchKey=1\nfileReservedTime=71\n"),
            broker(26)
                .until("body.fileReservedTime", "71")
                .mask("ext.version", "version of the settings")
                .mask("body.", "addresses and paths differ"),
            broker(25).body("fileReservedTime=72"),
        ],
    )
    .on(Fixture::Alone)
}

fn delay_offsets() -> Case {
    Case::new("delay_offsets", [broker(45).mask("body", "other cases delay, too")]).json_only()
}

fn client_config() -> Case {
    let check = |kind: &str, text: &str| {
        broker(46).body(format!(
            r#"{{"clientId":"c","group":"C$(t)","subscriptionData":{{"topic":"$(t)","subString":"{text}","expressionType":"{kind}"}}}}"#
        ))
    };
    Case::new(
        "client_config_checked",
        [
            check("TAG", "*"),
            check("SQL92", "a = 1").code_is(1),
            broker(46).code_is(1).ours(Expect::Code(0), "there is nothing to check"),
            broker(46).body("{").code_is(1),
        ],
    )
}

fn expressions_checked() -> Case {
    let check = |text: &str| {
        broker(46).body(format!(
            r#"{{"clientId":"c","group":"C$(t)","subscriptionData":{{"topic":"$(t)","subString":"{text}","expressionType":"SQL92"}}}}"#
        ))
    };
    Case::new(
        "client_expressions_checked",
        [
            check("a = 1"),
            check("a = 1 whatever follows"),
            check("a = ").code_is(23).mask("header.remark", "the parser's own words"),
            check("a > 'b'").code_is(23).mask("header.remark", "the parser's own words"),
        ],
    )
    .on(Fixture::Filtering)
}

/// What is no properties text.
fn no_settings() -> Case {
    let why = "ours says where";
    Case::new(
        "settings_unreadable",
        [
            broker(25).body("a=\\uXYZ").code_is(1).mask("header.remark", why),
            names(318).body("a=\\uXYZ").code_is(1).mask("header.remark", why),
        ],
    )
}

fn deleted_topic() -> Case {
    let delete = |name: &str| broker(215).ext(&[("topic", name)]);
    let mut steps = topic("$(t)", 1, 6);
    steps.extend([
        send("$(t)", "x"),
        pull("$(t)", 0).eventually(),
        delete("$(t)").without("topic").code_is(1).mask("header.remark", MISSING),
        delete("$(t)"),
        broker(202).ext(&[("topic", "$(t)")]).code_is(17),
        delete("$(t)"),
        pull("$(t)", 0).code_is(17),
        send("$(t)", "from the start"),
        pull("$(t)", 0).eventually(),
    ]);
    Case::new("topic_deleted", steps).on(Fixture::Alone)
}

fn offset(group: &str, offset: &str) -> Step {
    broker(15).ext(&[
        ("consumerGroup", group),
        ("topic", "$(t)"),
        ("queueId", "0"),
        ("commitOffset", offset),
    ])
}

fn who_consumes() -> Case {
    let who = || broker(300).ext(&[("topic", "$(t)")]);
    Case::new(
        "topic_consumed_by",
        [
            who(),
            offset("C$(t)", "1"),
            super::consumer_heartbeat("c1", "D$(t)", "$(t)", "*").on("consumer"),
            who(),
        ],
    )
}

fn filter_server() -> Case {
    Case::new(
        "filter_server_registered",
        [
            broker(301).ext(&[("filterServerAddr", "127.0.0.1:1")]).on("filter server"),
            Step::close(crate::case::Target::Broker, "filter server"),
        ],
    )
    .on(Fixture::NoCreate)
}

fn time_span() -> Case {
    let span = || broker(303).ext(&[("topic", "$(t)"), ("group", "C$(t)")]);
    Case::new(
        "consume_time_span",
        [
            span().code_is(17),
            send("$(t)", "one").ext(&[("d", "2")]),
            send("$(t)", "two"),
            pull("$(t)", 0).until("ext.maxOffset", "2"),
            offset("C$(t)", "1"),
            span()
                .mask("body.consumeTimeSpanSet[0].delayTime", "time that passed")
                .mask("body.consumeTimeSpanSet[1].delayTime", "time that passed")
                .mask("body.consumeTimeSpanSet[0].consumeTimeStampStr", "a time as text")
                .mask("body.consumeTimeSpanSet[1].consumeTimeStampStr", "a time as text")
                .mask("body.consumeTimeSpanSet[0].maxTimeStampStr", "a time as text")
                .mask("body.consumeTimeSpanSet[1].maxTimeStampStr", "a time as text")
                .mask("body.consumeTimeSpanSet[0].minTimeStampStr", "a time as text")
                .mask("body.consumeTimeSpanSet[1].minTimeStampStr", "a time as text"),
        ],
    )
}

fn system_topics() -> Case {
    Case::new("system_topics", [broker(305), fast(305)])
}

fn cleaning() -> Case {
    Case::new("queues_cleaned", [broker(306), broker(316)]).on(Fixture::Alone)
}

fn correction() -> Case {
    let ask = |filter: &str| {
        broker(308).ext(&[("topic", "$(t)"), ("compareGroup", "C$(t)"), ("filterGroups", filter)])
    };
    Case::new(
        "offsets_corrected",
        [
            ask(""),
            offset("C$(t)", "1"),
            offset("D$(t)", "2"),
            ask(""),
            ask("D$(t)"),
            broker(43).free("body.offsetTable", "with Java the question removes a group's offsets"),
        ],
    )
}

fn cloned() -> Case {
    let clone = |topic: &str| {
        broker(314).ext(&[
            ("srcGroup", "C$(t)"),
            ("destGroup", "D$(t)"),
            ("topic", topic),
            ("offline", "true"),
        ])
    };
    Case::new(
        "offsets_cloned",
        [send("$(t)", "x"), offset("C$(t)", "1"), clone(""), broker(43), clone("$(t)"), broker(43)],
    )
}

fn stats() -> Case {
    let of = |name: &str, key: &str| broker(315).ext(&[("statsName", name), ("statsKey", key)]);
    Case::new(
        "broker_stats",
        [
            of("TOPIC_PUT_NUMS", "$(t)").code_is(1),
            of("NO_SUCH_STATS", "$(t)").code_is(1),
            send("$(t)", "x"),
            of("TOPIC_PUT_NUMS", "$(t)").mask("body.", "samples are taken every ten seconds"),
            of("TOPIC_PUT_SIZE", "$(t)").mask("body.", "samples are taken every ten seconds"),
        ],
    )
}

fn progress_of_all() -> Case {
    let all = |order: &str| broker(317).ext(&[("isOrder", order)]);
    Case::new(
        "consume_stats_of_all",
        [
            send("$(t)", "x"),
            pull("$(t)", 0).eventually(),
            offset("C$(t)", "0"),
            all("false").mask("body.totalDiff", "other cases consume, too"),
            all("true").mask("body.totalDiff", "other cases consume, too"),
        ],
    )
}

fn queue_entries() -> Case {
    let entries = |name: &str| {
        broker(321).ext(&[("topic", name), ("queueId", "0"), ("index", "0"), ("count", "10")])
    };
    Case::new(
        "queue_entries",
        [
            entries("$(t)").code_is(1),
            send("$(t)", "x"),
            pull("$(t)", 0).eventually(),
            entries("$(t)")
                .free("body.", "Java encodes the body before it is filled")
                .free("header.remark", "Java leaves a default text behind"),
        ],
    )
}
