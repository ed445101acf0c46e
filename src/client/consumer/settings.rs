//! How a push consumer behaves.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use protocol::bodies::{ConsumeFromWhere, MessageModel};

use crate::{Allocate, Filter, Settings};

/// Where a group starts in a queue that it has never read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumeFrom {
    /// With what comes from now on.
    Last,
    /// With the oldest message there is.
    First,
    /// With messages stored around this time, in ms.
    Time(i64),
}

impl ConsumeFrom {
    pub(crate) fn as_java(self) -> ConsumeFromWhere {
        match self {
            Self::Last => ConsumeFromWhere::LastOffset,
            Self::First => ConsumeFromWhere::FirstOffset,
            Self::Time(_) => ConsumeFromWhere::Timestamp,
        }
    }
}

/// Settings of a push consumer (Java: the fields of `DefaultMQPushConsumer`).
#[derive(Clone)]
pub struct ConsumerSettings {
    /// What all clients have.
    pub client: Settings,
    /// Topics, and what is wanted of them.
    pub subscriptions: BTreeMap<String, Filter>,
    /// Whether members share the messages or each gets all.
    pub model: MessageModel,
    /// How members share queues out.
    pub allocate: Allocate,
    /// Where to start in queues never read.
    pub from: ConsumeFrom,
    /// Calls of the handler at a time.
    pub concurrency: usize,
    /// Messages given to the handler at a time at most.
    pub handler_batch: usize,
    /// Messages asked for at a time.
    pub pull_batch: i32,
    /// Pause between pulls of a queue.
    pub pull_interval: Duration,
    /// Messages of one queue read but not yet done; beyond it reading pauses.
    pub pending_per_queue: usize,
    /// The same in bytes.
    pub pending_bytes_per_queue: usize,
    /// How many offsets the newest message may be ahead of the oldest one not done; not when
    /// consuming in order.
    pub pending_span: i64,
    /// Messages of one topic read but not yet done, shared among its queues; in place of the
    /// limit for a queue.
    pub pending_per_topic: Option<usize>,
    /// The same in bytes.
    pub pending_bytes_per_topic: Option<usize>,
    /// Deliveries before the dead letter queue; without a number 16, and no end when consuming in
    /// order.
    pub max_reconsume_times: Option<i32>,
    /// How long a message may stay in the handler before the broker shall deliver it again; not
    /// when consuming in order.
    pub consume_timeout: Duration,
    /// Pause of a queue whose message was not consumed in order.
    pub suspend: Duration,
    /// How often queues are shared out anew without being told to.
    pub rebalance: Duration,
    /// How often offsets are committed.
    pub commit: Duration,
    /// How often locks on queues are renewed when consuming in order; brokers keep them for 60 s.
    pub lock: Duration,
    /// How long stopping waits for the handler.
    pub stop_patience: Duration,
    /// Where offsets are kept when each member gets all messages.
    pub offsets_dir: PathBuf,
}

impl ConsumerSettings {
    /// The defaults of 4.4.0 for `group`.
    #[must_use]
    pub fn new(group: impl Into<String>, name_servers: impl Into<String>) -> Self {
        let home = std::env::home_dir().unwrap_or_default();
        Self {
            client: Settings::new(group, name_servers),
            subscriptions: BTreeMap::new(),
            model: MessageModel::Clustering,
            allocate: Allocate::Averagely,
            from: ConsumeFrom::Last,
            concurrency: 20,
            handler_batch: 1,
            pull_batch: 32,
            pull_interval: Duration::ZERO,
            pending_per_queue: 1000,
            pending_bytes_per_queue: 100 * 1024 * 1024,
            pending_span: 2000,
            pending_per_topic: None,
            pending_bytes_per_topic: None,
            max_reconsume_times: None,
            consume_timeout: Duration::from_secs(15 * 60),
            suspend: Duration::from_secs(1),
            rebalance: Duration::from_secs(20),
            commit: Duration::from_secs(5),
            lock: Duration::from_secs(20),
            stop_patience: Duration::from_secs(10),
            offsets_dir: home.join(".rocketmq_offsets"),
        }
    }

    pub(super) fn is_broadcast(&self) -> bool {
        self.model == MessageModel::Broadcasting
    }

    /// Limits of one queue when `queues` of a topic are ours: messages and bytes.
    pub(super) fn limits(&self, queues: usize) -> (usize, usize) {
        let shared = |limit: Option<usize>, each: usize| {
            limit.map_or(each, |limit| (limit / queues.max(1)).max(1))
        };
        (
            shared(self.pending_per_topic, self.pending_per_queue),
            shared(self.pending_bytes_per_topic, self.pending_bytes_per_queue),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_of_a_topic_are_shared_among_its_queues() {
        let mut settings = ConsumerSettings::new("g", "");
        assert_eq!(settings.limits(4), (1000, 100 * 1024 * 1024));
        settings.pending_per_topic = Some(10);
        settings.pending_bytes_per_topic = Some(2);
        assert_eq!(settings.limits(4), (2, 1));
        assert_eq!(settings.limits(0), (10, 2));
    }
}
