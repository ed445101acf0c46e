//! LOCK_BATCH_MQ (41), UNLOCK_BATCH_MQ (42).

use super::{broker, fast};
use crate::case::{Case, Expect, Step};

pub(super) fn cases() -> Vec<Case> {
    vec![locked(), rubbish()]
}

fn body(client: &str, queues: &[u32]) -> String {
    let set: Vec<_> = queues
        .iter()
        .map(|q| format!(r#"{{"brokerName":"broker-a","queueId":{q},"topic":"$(t)"}}"#))
        .collect();
    format!(r#"{{"clientId":"{client}","consumerGroup":"C$(t)","mqSet":[{}]}}"#, set.join(","))
}

fn lock(client: &str, queues: &[u32]) -> Step {
    broker(41).body(body(client, queues))
}

fn unlock(client: &str, queues: &[u32]) -> Step {
    broker(42).body(body(client, queues))
}

fn locked() -> Case {
    Case::new(
        "lock_queues",
        [
            lock("c1", &[0, 1]),
            lock("c1", &[0, 1, 2]),
            lock("c2", &[0, 1, 2, 3]),
            unlock("c2", &[0]),
            lock("c2", &[0]),
            unlock("c1", &[0, 2]),
            lock("c2", &[0, 1, 2]),
            lock("c1", &[]),
            unlock("c1", &[9]),
            fast(41).body(body("c2", &[5])),
            fast(42).body(body("c2", &[5])),
            unlock("c1", &[1]).oneway(),
            lock("c3", &[1]).until("body.lockOKMQSet[0].queueId", "1"),
        ],
    )
}

fn rubbish() -> Case {
    Case::new(
        "lock_rubbish",
        [
            broker(41).code_is(1),
            broker(41).body("{").code_is(1),
            broker(41).body("{}").code_is(0),
            broker(42).code_is(1),
            broker(42).body("{}").code_is(1).ours(Expect::Code(0), "there is nothing to unlock"),
        ],
    )
}
