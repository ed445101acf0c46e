//! The statistics of a broker: counted where it happens, sampled every ten seconds, ten minutes
//! and hour, read by the replies to 28, 208, 315 and 317, and written to `stats.log`.
//!
//! Counting finds its counters by the names at hand, without building a key: a hash, a read lock
//! and the additions. A counter is made by the first event that it counts; those of a topic or
//! group that is deleted go with it.

mod intern;
mod item;
mod keep;
#[cfg(test)]
mod tests;

use parking_lot::Mutex;
use protocol::bodies::BrokerStatsItem;
use protocol::message::at;

use self::intern::{Interned, Key};
pub(crate) use self::item::{Item, Span};
pub(crate) use self::keep::keep;
use crate::java_text::fixed;

/// Separates the parts of a key: `topic@group`, `queueId@topic@group`.
const SEPARATOR: char = '@';

/// The counters of one broker.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    topics: Interned<TopicItems>,
    groups: Interned<GroupItems>,
    queues: Interned<QueueItems>,
    broker_put: Item,
    broker_got: Item,
    /// When each span was last sampled.
    sampled: Mutex<[i64; 3]>,
    days: Mutex<Days>,
}

/// What is counted of a topic.
#[derive(Debug, Default)]
struct TopicItems {
    put_nums: Item,
    put_size: Item,
}

/// What is counted of a group on a topic.
#[derive(Debug, Default)]
struct GroupItems {
    got_nums: Item,
    got_size: Item,
    sent_back: Item,
}

/// What is counted of a group on a queue.
#[derive(Debug, Default)]
struct QueueItems {
    latency: Item,
    behind_bytes: item::Moment,
    behind_ms: item::Moment,
}

/// What a pull got.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Got<'a> {
    /// The group that pulled.
    pub(crate) group: &'a str,
    /// The topic.
    pub(crate) topic: &'a str,
    /// The queue.
    pub(crate) queue_id: i32,
    /// Messages.
    pub(crate) messages: u64,
    /// Bytes of their records.
    pub(crate) bytes: u64,
    /// How long reading took.
    pub(crate) took_ms: i64,
}

/// Totals at the last two midnights, since the start of the broker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Days {
    /// Messages put until the midnight before the last.
    pub(crate) put_yesterday: u64,
    /// Messages put until the last midnight.
    pub(crate) put_today: u64,
    /// Messages got until the midnight before the last.
    pub(crate) got_yesterday: u64,
    /// Messages got until the last midnight.
    pub(crate) got_today: u64,
}

/// Counting.
impl Stats {
    /// A send stored `messages` of `bytes` in `topic`.
    pub(crate) fn put(&self, topic: &str, messages: u64, bytes: u64) {
        let (messages, bytes) = (messages.cast_signed(), bytes.cast_signed());
        self.topics.with(Key::topic(topic), |items| {
            items.put_nums.add(messages, 1);
            items.put_size.add(bytes, 1);
        });
        self.broker_put.add(messages, 0);
    }

    /// A pull got messages.
    pub(crate) fn got(&self, got: &Got<'_>) {
        let Got { group, topic, queue_id, took_ms, .. } = *got;
        let (messages, bytes) = (got.messages.cast_signed(), got.bytes.cast_signed());
        self.groups.with(Key::group(topic, group), |items| {
            items.got_nums.add(messages, 1);
            items.got_size.add(bytes, 1);
        });
        self.queues.with(Key { topic, group, queue_id }, |items| items.latency.add(took_ms, 1));
        self.broker_got.add(messages, 0);
    }

    /// `group` gave a message of `topic` back.
    pub(crate) fn sent_back(&self, group: &str, topic: &str) {
        self.groups.with(Key::group(topic, group), |items| items.sent_back.add(1, 1));
    }

    /// How far `group` is behind the newest message of the log, in bytes and in time.
    pub(crate) fn behind(&self, group: &str, topic: &str, queue_id: i32, bytes: i64, ms: i64) {
        self.queues.with(Key { topic, group, queue_id }, |items| {
            items.behind_bytes.set(bytes);
            items.behind_ms.set(ms);
        });
    }

    /// A topic was deleted.
    pub(crate) fn forget_topic(&self, topic: &str) {
        self.topics.forget(|key| key.topic == topic);
        self.groups.forget(|key| key.topic == topic);
        self.queues.forget(|key| key.topic == topic);
    }

    /// A group was deleted.
    pub(crate) fn forget_group(&self, group: &str) {
        self.groups.forget(|key| key.group == group);
        self.queues.forget(|key| key.group == group);
    }
}

/// Reading.
impl Stats {
    /// Messages a second that `group` got from `topic` over the last minute.
    pub(crate) fn got_tps(&self, group: &str, topic: &str) -> f64 {
        let tps = |items: &GroupItems| items.got_nums.figures(Span::Minute).tps;
        self.groups.find(Key::group(topic, group), tps).unwrap_or(0.0)
    }

    /// Messages a second that were put and got over the last minute.
    pub(crate) fn broker_tps(&self) -> (f64, f64) {
        let tps = |item: &Item| item.figures(Span::Minute).tps;
        (tps(&self.broker_put), tps(&self.broker_got))
    }

    /// All topics that were sent to, with the counters of their messages and bytes.
    pub(crate) fn each_topic(&self, mut act: impl FnMut(&str, &Item, &Item)) {
        self.topics.each(|key, items| act(key.topic, &items.put_nums, &items.put_size));
    }

    /// All topics and groups that got or gave back messages, with the counters of messages and
    /// bytes they got and of messages they gave back.
    pub(crate) fn each_group(&self, mut act: impl FnMut(&str, &str, [&Item; 3])) {
        self.groups.each(|key, items| {
            act(key.topic, key.group, [&items.got_nums, &items.got_size, &items.sent_back]);
        });
    }

    /// The figures of minute, hour and day of one item of a set, as 315 names them.
    pub(crate) fn find(&self, set: &str, key: &str, cluster: &str) -> Option<[BrokerStatsItem; 3]> {
        let topic = |item: fn(&TopicItems) -> &Item| {
            self.topics.find(Key::topic(key), |items| figures(item(items)))
        };
        let group = |item: fn(&GroupItems) -> &Item| {
            pairs(key).find_map(|(topic, group)| {
                self.groups.find(Key::group(topic, group), |items| figures(item(items)))
            })
        };
        let broker = |item| (key == cluster).then(|| figures(item));
        match set {
            "TOPIC_PUT_NUMS" => topic(|items| &items.put_nums)?,
            "TOPIC_PUT_SIZE" => topic(|items| &items.put_size)?,
            "GROUP_GET_NUMS" => group(|items| &items.got_nums)?,
            "GROUP_GET_SIZE" => group(|items| &items.got_size)?,
            "SNDBCK_PUT_NUMS" => group(|items| &items.sent_back)?,
            "GROUP_GET_LATENCY" => {
                let (queue_id, rest) = key.split_once(SEPARATOR)?;
                let queue_id = queue_id.parse().ok()?;
                pairs(rest).find_map(|(topic, group)| {
                    let key = Key { topic, group, queue_id };
                    self.queues.find(key, |items| figures(&items.latency))
                })?
            }
            "BROKER_PUT_NUMS" => broker(&self.broker_put)?,
            "BROKER_GET_NUMS" => broker(&self.broker_got)?,
            // 4.4.0 has further sets that nothing ever counts in.
            _ => None,
        }
    }

    /// Groups that are more than `limit` bytes behind on some queue, and by how many. Each is
    /// told once: what it says next is what it pulls next. (In 4.4.0 a group that was stopped for
    /// this cannot be allowed again, since the figure stays.)
    pub(crate) fn far_behind(&self, limit: i64) -> Vec<(String, i64)> {
        let mut found = Vec::new();
        self.queues.each(|key, items| {
            if let Some(bytes) = items.behind_bytes.get().filter(|bytes| *bytes > limit) {
                items.behind_bytes.set(0);
                found.push((key.group.to_owned(), bytes));
            }
        });
        found
    }

    /// Totals at the last two midnights.
    pub(crate) fn days(&self) -> Days {
        *self.days.lock()
    }
}

/// What the clock brings.
impl Stats {
    /// Notes where all counters stand.
    pub(crate) fn sample(&self, span: Span, now_ms: i64) {
        let before_ms = {
            let mut sampled = self.sampled.lock();
            match std::mem::replace(&mut sampled[span as usize], now_ms) {
                // The first sample of all: nothing was counted before the broker was there.
                0 => now_ms,
                before_ms => before_ms,
            }
        };
        self.each_item(|_, _, item| item.sample(span, now_ms, before_ms));
    }

    /// The lines of `stats.log` about a span.
    pub(crate) fn lines(&self, span: Span, cluster: &str) -> Vec<String> {
        let mut lines = Vec::new();
        self.each_item(|set, key, item| {
            if item.is_used() {
                let BrokerStatsItem { sum, tps, avgpt } = item.figures(span);
                lines.push(format!(
                    "[{set}] [{}] Stats In One {}, SUM: {sum} TPS: {} AVGPT: {}",
                    text(key, cluster),
                    span.word(),
                    fixed(tps, 2),
                    fixed(avgpt, 2)
                ));
            }
        });
        lines.sort_unstable();
        lines
    }

    /// The lines of `stats.log` about how far groups are behind.
    pub(crate) fn moment_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        self.queues.each(|key, items| {
            for (set, moment) in [
                ("GROUP_GET_FALL_SIZE", &items.behind_bytes),
                ("GROUP_GET_FALL_TIME", &items.behind_ms),
            ] {
                if let Some(value) = moment.get() {
                    let key = text(key, "");
                    lines.push(format!("[{set}] [{key}] Stats Every 5 Minutes, Value: {value}"));
                }
            }
        });
        lines.sort_unstable();
        lines
    }

    /// It is midnight: takes the totals over, and returns yesterday's numbers of messages put and
    /// got.
    pub(crate) fn midnight(&self, put: u64, got: u64) -> (u64, u64) {
        let mut days = self.days.lock();
        *days = Days {
            put_yesterday: days.put_today,
            put_today: put,
            got_yesterday: days.got_today,
            got_today: got,
        };
        (put.saturating_sub(days.put_yesterday), got.saturating_sub(days.got_yesterday))
    }

    fn each_item(&self, mut act: impl FnMut(&'static str, Key<'_>, &Item)) {
        self.topics.each(|key, items| {
            act("TOPIC_PUT_NUMS", key, &items.put_nums);
            act("TOPIC_PUT_SIZE", key, &items.put_size);
        });
        self.groups.each(|key, items| {
            act("GROUP_GET_NUMS", key, &items.got_nums);
            act("GROUP_GET_SIZE", key, &items.got_size);
            act("SNDBCK_PUT_NUMS", key, &items.sent_back);
        });
        self.queues.each(|key, items| act("GROUP_GET_LATENCY", key, &items.latency));
        act("BROKER_PUT_NUMS", Key::topic(""), &self.broker_put);
        act("BROKER_GET_NUMS", Key::topic(""), &self.broker_got);
    }
}

/// The figures of minute, hour and day; `None` for an item that never counted.
fn figures(item: &Item) -> Option<[BrokerStatsItem; 3]> {
    let all = [Span::Minute, Span::Hour, Span::Day].map(|span| item.figures(span));
    item.is_used().then_some(all)
}

/// The ways to take `topic@group` apart: names of either may hold the separator too.
fn pairs(key: &str) -> impl Iterator<Item = (&str, &str)> {
    key.match_indices(SEPARATOR).map(|(at, _)| (&key[..at], &key[at + 1..]))
}

/// A key as the log and 315 have it; the broker's own is named after the cluster.
fn text(key: Key<'_>, cluster: &str) -> String {
    let Key { topic, group, queue_id } = key;
    match (topic, group) {
        ("", _) => cluster.to_owned(),
        (_, "") => topic.to_owned(),
        _ if queue_id < 0 => format!("{topic}{SEPARATOR}{group}"),
        _ => format!("{queue_id}{SEPARATOR}{topic}{SEPARATOR}{group}"),
    }
}

/// Store time of the last of some records, which lie one behind the other in a slice.
pub(crate) fn newest_store_time(mut rest: &[u8]) -> Option<i64> {
    loop {
        let size = usize::try_from(i32::from_be_bytes(*rest.first_chunk()?)).ok()?;
        match rest.get(size..) {
            Some(next) if !next.is_empty() && size > 0 => rest = next,
            _ => break,
        }
    }
    rest.get(at::STORE_TIMESTAMP..)?.first_chunk().map(|time| i64::from_be_bytes(*time))
}
