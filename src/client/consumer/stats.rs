//! Figures of a consumer by topic, as brokers ask for them.

use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use protocol::bodies::ConsumeStatus;

/// How often figures are written down.
pub(super) const SAMPLE_EVERY: Duration = Duration::from_secs(10);
/// Rates and times are those of the last minute, failures those of the last hour.
const SAMPLES_OF_A_MINUTE: usize = 6;
const SAMPLES_OF_AN_HOUR: usize = 360;

#[derive(Debug, Default)]
pub(super) struct Stats {
    by_topic: Mutex<HashMap<String, Topic>>,
}

#[derive(Debug, Default)]
struct Topic {
    now: Counts,
    /// The newest last.
    samples: VecDeque<(Instant, Counts)>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    pulls: u64,
    pull_ms: u64,
    pulled: u64,
    calls: u64,
    call_ms: u64,
    done: u64,
    failed: u64,
}

impl Stats {
    /// A pull that found messages.
    pub(super) fn pulled(&self, topic: &str, messages: usize, took: Duration) {
        self.count(topic, |counts| {
            counts.pulls += 1;
            counts.pull_ms += ms(took);
            counts.pulled += messages as u64;
        });
    }

    /// A call of the handler.
    pub(super) fn consumed(&self, topic: &str, messages: usize, took: Duration, good: bool) {
        self.count(topic, |counts| {
            counts.calls += 1;
            counts.call_ms += ms(took);
            *(if good { &mut counts.done } else { &mut counts.failed }) += messages as u64;
        });
    }

    fn count(&self, topic: &str, add: impl FnOnce(&mut Counts)) {
        let mut all = self.by_topic.lock();
        match all.get_mut(topic) {
            Some(topic) => add(&mut topic.now),
            None => add(&mut all.entry(topic.to_owned()).or_default().now),
        }
    }

    /// Writes the figures down.
    pub(super) fn sample(&self, now: Instant) {
        for topic in self.by_topic.lock().values_mut() {
            topic.samples.push_back((now, topic.now));
            if topic.samples.len() > SAMPLES_OF_AN_HOUR {
                topic.samples.pop_front();
            }
        }
    }

    /// The figures of a topic.
    pub(super) fn status(&self, topic: &str, now: Instant) -> ConsumeStatus {
        let all = self.by_topic.lock();
        let Some(topic) = all.get(topic) else {
            return ConsumeStatus::default();
        };
        let from = topic.samples.iter().rev().nth(SAMPLES_OF_A_MINUTE - 1);
        let from = from.or_else(|| topic.samples.front()).copied();
        let (since, before) = from.unwrap_or_else(|| (now - SAMPLE_EVERY, Counts::default()));
        let seconds = now.saturating_duration_since(since).as_secs_f64().max(1.0);
        let grown = |figure: fn(&Counts) -> u64| (figure(&topic.now) - figure(&before)) as f64;
        let rate = |figure| grown(figure) / seconds;
        let mean = |sum, count| if grown(count) > 0.0 { grown(sum) / grown(count) } else { 0.0 };
        let hour = topic.samples.front().map_or(0, |(_, counts)| counts.failed);
        let whole_hour = topic.samples.len() < SAMPLES_OF_AN_HOUR;
        let failed = topic.now.failed - if whole_hour { 0 } else { hour };
        ConsumeStatus {
            consume_failed_msgs: i64::try_from(failed).unwrap_or(i64::MAX),
            consume_failed_tps: rate(|c| c.failed),
            consume_ok_tps: rate(|c| c.done),
            consume_rt: mean(|c| c.call_ms, |c| c.calls),
            pull_rt: mean(|c| c.pull_ms, |c| c.pulls),
            pull_tps: rate(|c| c.pulled),
        }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_those_of_the_last_minute() {
        let (stats, start) = (Stats::default(), Instant::now());
        stats.sample(start);
        assert_eq!(stats.status("T", start), ConsumeStatus::default());
        for second in 0..12 {
            stats.pulled("T", 20, Duration::from_millis(4));
            stats.consumed("T", 10, Duration::from_millis(8), true);
            stats.consumed("T", 5, Duration::from_millis(2), false);
            stats.sample(start + SAMPLE_EVERY * (second + 1));
        }
        let status = stats.status("T", start + SAMPLE_EVERY * 12);
        assert_eq!(status.pull_tps, 2.0);
        assert_eq!(status.consume_ok_tps, 1.0);
        assert_eq!(status.consume_failed_tps, 0.5);
        assert_eq!((status.pull_rt, status.consume_rt), (4.0, 5.0));
        assert_eq!(status.consume_failed_msgs, 60);
    }
}
