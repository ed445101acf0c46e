//! How far groups have come, and who is connected.

use std::collections::BTreeMap;

use observe::{Metric, Scrape};
use protocol::bodies::MessageModel;
use protocol::topic;

use super::Who;
use crate::clients::consumers::Lookup;
use crate::handlers::admin_group::is_dropped;
use crate::now_ms;
use crate::offsets::split;
use crate::start::Broker;

/// Most queues of a topic that are looked at for one group.
const QUEUES_MAX: i32 = 65_536;

/// Adds the figures of all groups.
pub(super) fn collect(broker: &Broker, who: &Who<'_>, scrape: &mut Scrape) {
    let Who { cluster, broker: name, .. } = *who;
    for (group, count) in broker.producers.counts() {
        scrape.set(Metric::ProducerCount, &[cluster, name, &group], count as f64);
    }
    let online: BTreeMap<_, _> = broker.consumers.counts().into_iter().collect();
    for (group, count) in &online {
        scrape.set(Metric::GroupCount, &[cluster, name, group], *count as f64);
    }
    for (key, offsets) in broker.offsets.snapshot().offset_table {
        let Some((topic, group)) = split(&key) else { continue };
        let labels = [cluster, name, topic, group];
        let Some(progress) = Progress::of(broker, group, topic, &offsets) else { continue };
        scrape.set(Metric::ConsumerOffset, &labels, progress.consumed as f64);
        if !progress.clustering {
            // Each of its members has offsets of its own, and keeps them itself.
            continue;
        }
        scrape.set(Metric::GroupLatencyByStoreTime, &labels, progress.oldest_ms as f64);
        let metric = match (topic::is_retry(topic), topic::is_dlq(topic)) {
            (true, _) => Metric::GroupRetryDiff,
            (_, true) => Metric::GroupDlqDiff,
            _ => Metric::GroupDiff,
        };
        let count = online.get(group).copied().unwrap_or(0).to_string();
        // The model by its place in Java's enum; the other one is not here.
        let labels = [cluster, name, group, topic, &count, "1"];
        scrape.set(metric, &labels, progress.behind as f64);
    }
}

/// How far a group is in a topic.
struct Progress {
    clustering: bool,
    /// Sum of its offsets.
    consumed: i64,
    /// Messages before it.
    behind: i64,
    /// How long the oldest of them has been here.
    oldest_ms: i64,
}

impl Progress {
    /// `None` for a topic that is gone, or that the group, which is online, left.
    fn of(broker: &Broker, group: &str, topic: &str, offsets: &BTreeMap<i32, i64>) -> Option<Self> {
        let config = broker.topics.get(topic)?;
        if is_dropped(broker, group, topic) {
            return None;
        }
        let clustering = match broker.consumers.lookup(group, topic) {
            Lookup::NoGroup => true,
            Lookup::Group(model, _) => model != Some(MessageModel::Broadcasting),
        };
        let mut all = Self { clustering, consumed: 0, behind: 0, oldest_ms: 0 };
        for queue_id in 0..config.read_queues.clamp(0, QUEUES_MAX) {
            let offset = offsets.get(&queue_id).copied().unwrap_or(0).max(0);
            let max = broker.store.max_offset(topic, queue_id).max(0);
            all.consumed = all.consumed.saturating_add(offset);
            all.behind = all.behind.saturating_add(max.saturating_sub(offset));
            if clustering && offset < max {
                let next = offset.max(broker.store.min_offset(topic, queue_id));
                let stored = broker.store.store_time(topic, queue_id, next);
                if stored > 0 {
                    all.oldest_ms = all.oldest_ms.max(now_ms().saturating_sub(stored));
                }
            }
        }
        Some(all)
    }
}
