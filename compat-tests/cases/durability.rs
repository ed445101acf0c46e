//! What senders hear of a broker that waits for its disk and gives up at once, that waits for a slave in
//! vain, or that is a slave itself.

use super::transactions::{end, half, open_half};
use super::{batch_of_one, broker, consumer_heartbeat, long_send, pull, send, topic};
use crate::case::{Case, Step};
use crate::fixture::Fixture;
use crate::record::properties;

pub(super) fn cases() -> Vec<Case> {
    vec![late_disk(), lonely_transaction(), slave_refuses(), slave_serves()]
}

/// A disk that was quick was asked again, and has more.
const AGAIN: &str = "how often it was tried";

fn unhurried() -> String {
    properties(&[("WAIT", "false")])
}

/// Stored, but nobody waited until it was on disk. Java's disk may be quicker now and then.
fn late_disk() -> Case {
    let late = |step: Step| {
        step.code_is(10).eventually().mask("ext.queueOffset", AGAIN).mask("ext.msgId", AGAIN)
    };
    Case::new(
        "send_late_disk",
        [
            late(send("$(t)", "one")),
            late(long_send("$(t)", "two").ext(&[("queueId", "1")])),
            late(batch_of_one("$(t)").ext(&[("e", "2")])),
            send("$(t)", "in no hurry")
                .ext(&[("i", unhurried().as_str()), ("e", "3")])
                .mask("ext.msgId", AGAIN),
            pull("$(t)", 0)
                .ext(&[("queueId", "3")])
                .eventually()
                .mask("body[0].physicalOffset", AGAIN),
            late(half()),
            end("8"),
        ],
    )
    .on(Fixture::LateDisk)
}

/// Half and whole message are stored, the one who ends it does not hear that no slave has them.
fn lonely_transaction() -> Case {
    Case::new(
        "transaction_without_slave",
        [half().code_is(11), end("8"), pull("$(t)", 0).ext(&[("queueId", "1")]).eventually()],
    )
    .on(Fixture::Lonely)
}

/// Nobody may store anything on a slave, nor end what is open on its master.
fn slave_refuses() -> Case {
    let refused =
        |step: Step| step.code_is(14).mask("header.remark", "how full the disks of the moment are");
    Case::new(
        "slave_refuses",
        [
            refused(send("$(t)", "x")),
            refused(send("$(t)", "x").ext(&[("i", unhurried())])),
            refused(long_send("$(t)", "x")),
            refused(batch_of_one("$(t)")),
            refused(open_half()),
            broker(37)
                .ext(&[
                    ("producerGroup", "P$(t)"),
                    ("tranStateTableOffset", "0"),
                    ("commitLogOffset", "0"),
                    ("commitOrRollback", "8"),
                    ("fromTransactionCheck", "false"),
                    ("msgId", "U$(t)"),
                ])
                .code_is(11),
        ],
    )
    .on(Fixture::Slave)
}

/// What a slave has it serves, and it sends nobody back who is ahead of it.
fn slave_serves() -> Case {
    let offset = |code: i32| {
        broker(code).ext(&[
            ("consumerGroup", "C$(t)"),
            ("topic", "$(t)"),
            ("queueId", "0"),
            ("commitOffset", "5"),
        ])
    };
    let mut steps = vec![
        pull("$(t)", 0).code_is(17),
        consumer_heartbeat("c1", "C$(t)", "$(t)", "*").on("consumer"),
        offset(15),
        offset(14),
        broker(30).ext(&[("topic", "$(t)"), ("queueId", "0")]),
        broker(33).ext(&[("offset", "0")]).code_is(1),
    ];
    steps.extend(topic("$(t)", 1, 6));
    steps.extend([
        pull("$(t)", 0).code_is(19),
        pull("$(t)", 7).code_is(20),
        // Progress that comes with a pull is the master's business.
        pull("$(t)", 0).ext(&[("sysFlag", "5"), ("commitOffset", "9")]).code_is(19),
        offset(14),
        pull("$(t)", 0).ext(&[("sysFlag", "0"), ("topic", "$(t)none")]).code_is(17),
    ]);
    Case::new("slave_serves", steps).on(Fixture::Slave)
}
