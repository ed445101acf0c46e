//! UPDATE_AND_CREATE_SUBSCRIPTIONGROUP (200), GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201),
//! DELETE_SUBSCRIPTIONGROUP (207).

use super::{broker, pull, send};
use crate::case::{Case, Expect, Step};

pub(super) fn cases() -> Vec<Case> {
    vec![created(), created_by_use(), forbidden(), deleted(), rubbish()]
}

fn update(body: &str) -> Step {
    broker(200).body(body)
}

fn created() -> Case {
    Case::new(
        "group_created",
        [
            update(
                r#"{"brokerId":0,"consumeBroadcastEnable":false,"consumeEnable":true,
                "consumeFromMinEnable":false,"groupName":"G$(t)",
                "notifyConsumerIdsChangedEnable":false,"retryMaxTimes":3,"retryQueueNums":2,
                "whichBrokerWhenConsumeSlowly":7}"#,
            ),
            broker(201),
            update(r#"{"groupName":"G$(t)","retryMaxTimes":5}"#),
            update(r#"{"groupName":"H$(t)"}"#),
            broker(201),
        ],
    )
}

fn created_by_use() -> Case {
    Case::new(
        "group_created_by_use",
        [
            send("$(t)", "x"),
            pull("$(t)", 0).eventually(),
            broker(201),
            super::consumer_heartbeat("c1", "H$(t)", "$(t)", "*").on("consumer"),
            broker(201),
        ],
    )
}

fn forbidden() -> Case {
    Case::new(
        "group_forbidden",
        [
            send("$(t)", "x"),
            pull("$(t)", 0).eventually(),
            update(r#"{"groupName":"C$(t)","consumeEnable":false}"#),
            pull("$(t)", 0).code_is(16),
            update(r#"{"groupName":"C$(t)","consumeEnable":true}"#),
            pull("$(t)", 0),
        ],
    )
}

fn deleted() -> Case {
    let delete = || broker(207).ext(&[("groupName", "G$(t)")]);
    Case::new(
        "group_deleted",
        [update(r#"{"groupName":"G$(t)"}"#), broker(201), delete(), broker(201), delete()],
    )
}

fn rubbish() -> Case {
    Case::new(
        "group_rubbish",
        [
            update("{").code_is(1),
            broker(200).code_is(1).ours(Expect::Code(0), "there is nothing to change"),
            broker(207).code_is(1),
        ],
    )
}
