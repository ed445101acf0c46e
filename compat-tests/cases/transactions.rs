//! END_TRANSACTION (37).

use super::{broker, pull, send};
use crate::case::{Case, Expect, Step};
use crate::record::properties;

pub(super) fn cases() -> Vec<Case> {
    vec![committed(), rolled_back(), refused()]
}

/// A half message that nobody needs again.
pub(super) fn open_half() -> Step {
    let list = [("TRAN_MSG", "true"), ("PGROUP", "P$(t)"), ("UNIQ_KEY", "U$(t)"), ("KEYS", "k")];
    send("$(t)", "half").ext(&[("i", properties(&list))]).ext(&[("f", "4"), ("e", "1")])
}

pub(super) fn half() -> Step {
    open_half()
        .mask("ext.queueOffset", "all half messages share a queue")
        .save("m", "msgId")
        .save("state", "queueOffset")
}

pub(super) fn end(what: &str) -> Step {
    broker(37).ext(&[
        ("producerGroup", "P$(t)"),
        ("tranStateTableOffset", "$(state)"),
        ("commitLogOffset", "$(m.offset)"),
        ("commitOrRollback", what),
        ("fromTransactionCheck", "false"),
        ("msgId", "U$(t)"),
        ("transactionId", "U$(t)"),
    ])
}

fn committed() -> Case {
    Case::new(
        "transaction_committed",
        [
            half(),
            pull("$(t)", 0).code_is(19).ext(&[("queueId", "1")]),
            end("8"),
            pull("$(t)", 0).ext(&[("queueId", "1")]).eventually(),
        ],
    )
}

fn rolled_back() -> Case {
    Case::new(
        "transaction_rolled_back",
        [
            half(),
            end("12").ext(&[("fromTransactionCheck", "true")]),
            pull("$(t)", 0).code_is(19).ext(&[("queueId", "1")]),
        ],
    )
}

fn refused() -> Case {
    Case::new(
        "transaction_refused",
        [
            half(),
            end("8").ext(&[("producerGroup", "wrong")]).code_is(1),
            end("8").ext(&[("tranStateTableOffset", "999999")]).code_is(1),
            end("8").ext(&[("commitLogOffset", "99999999999")]).code_is(1),
            end("0").silent().ours(Expect::Code(0), "whoever waits gets an answer"),
            broker(37).code_is(1),
        ],
    )
}
