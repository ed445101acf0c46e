//! One counter and what became of it over the last minute, hour and day.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicI64, Ordering};

use parking_lot::Mutex;
use protocol::bodies::BrokerStatsItem;

/// A span of time that is looked back over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Span {
    /// 60 seconds, sampled every 10 seconds.
    Minute,
    /// 60 minutes, sampled every 10 minutes.
    Hour,
    /// 24 hours, sampled every hour.
    Day,
}

impl Span {
    /// Samples kept: those at both ends of the span and all between.
    const fn samples(self) -> usize {
        match self {
            Self::Minute | Self::Hour => 7,
            Self::Day => 25,
        }
    }

    /// The word in the lines of the log.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Minute => "Minute",
            Self::Hour => "Hour",
            Self::Day => "Day",
        }
    }
}

/// A counter at one moment.
#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: i64,
    times: i64,
    value: i64,
}

/// A counter: how much, and in how many events.
#[derive(Debug, Default)]
pub(crate) struct Item {
    value: AtomicI64,
    times: AtomicI64,
    /// Oldest first; one list a span.
    samples: Mutex<[VecDeque<Sample>; 3]>,
}

impl Item {
    /// Counts.
    pub(super) fn add(&self, value: i64, times: i64) {
        self.value.fetch_add(value, Ordering::Relaxed);
        if times != 0 {
            self.times.fetch_add(times, Ordering::Relaxed);
        }
    }

    /// Whether anything was ever counted: what was not does not exist for those who ask.
    pub(crate) fn is_used(&self) -> bool {
        self.value.load(Ordering::Relaxed) != 0 || self.times.load(Ordering::Relaxed) != 0
    }

    /// How much was counted since the start.
    pub(crate) fn total(&self) -> i64 {
        self.value.load(Ordering::Relaxed)
    }

    /// Notes where the counter stands. One that is sampled for the first time stood at 0 when
    /// the others were sampled last, at `before_ms`; 4.4.0 forgets what was counted before the
    /// first sample.
    pub(super) fn sample(&self, span: Span, now_ms: i64, before_ms: i64) {
        if !self.is_used() {
            return;
        }
        let mut samples = self.samples.lock();
        let list = &mut samples[span as usize];
        if list.is_empty() && before_ms < now_ms {
            list.push_back(Sample { at_ms: before_ms, times: 0, value: 0 });
        }
        list.push_back(Sample {
            at_ms: now_ms,
            times: self.times.load(Ordering::Relaxed),
            value: self.value.load(Ordering::Relaxed),
        });
        while list.len() > span.samples() {
            list.pop_front();
        }
    }

    /// What was counted from the oldest to the newest sample of a span.
    pub(crate) fn figures(&self, span: Span) -> BrokerStatsItem {
        let samples = self.samples.lock();
        let list = &samples[span as usize];
        let (Some(first), Some(last)) = (list.front(), list.back()) else {
            return BrokerStatsItem::default();
        };
        let (sum, times) = (last.value - first.value, last.times - first.times);
        let ms = last.at_ms - first.at_ms;
        BrokerStatsItem {
            sum,
            tps: if ms > 0 { sum as f64 * 1000.0 / ms as f64 } else { 0.0 },
            avgpt: if times > 0 { sum as f64 / times as f64 } else { 0.0 },
        }
    }
}

/// A value that only matters as it is now.
#[derive(Debug)]
pub(super) struct Moment(AtomicI64);

impl Moment {
    const UNSET: i64 = i64::MIN;

    pub(super) fn set(&self, value: i64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// `None` for a value never set.
    pub(super) fn get(&self) -> Option<i64> {
        Some(self.0.load(Ordering::Relaxed)).filter(|value| *value != Self::UNSET)
    }
}

impl Default for Moment {
    fn default() -> Self {
        Self(AtomicI64::new(Self::UNSET))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(item: &Item, span: Span, sum: i64, tps: f64, avgpt: f64) {
        assert_eq!(item.figures(span), BrokerStatsItem { avgpt, sum, tps });
    }

    #[test]
    fn a_minute_is_the_newest_sample_less_the_oldest() {
        let item = Item::default();
        item.add(20, 2);
        check(&item, Span::Minute, 0, 0.0, 0.0);
        item.sample(Span::Minute, 10_000, 0);
        check(&item, Span::Minute, 20, 2.0, 10.0);
        for round in 2..=6 {
            item.add(10, 1);
            item.sample(Span::Minute, round * 10_000, (round - 1) * 10_000);
        }
        check(&item, Span::Minute, 70, 70_000.0 / 60_000.0, 10.0);
        // Seven samples are kept: the first one goes.
        item.sample(Span::Minute, 70_000, 60_000);
        check(&item, Span::Minute, 50, 50_000.0 / 60_000.0, 10.0);
        for round in 8..=12 {
            item.sample(Span::Minute, round * 10_000, (round - 1) * 10_000);
        }
        check(&item, Span::Minute, 0, 0.0, 0.0);
    }

    #[test]
    fn spans_are_apart() {
        let item = Item::default();
        item.add(6, 0);
        item.sample(Span::Hour, 600_000, 0);
        check(&item, Span::Minute, 0, 0.0, 0.0);
        check(&item, Span::Hour, 6, 0.01, 0.0);
        for hour in 1..=30 {
            item.add(1, 0);
            item.sample(Span::Day, hour * 3_600_000, (hour - 1) * 3_600_000);
        }
        // 25 samples, 24 hours.
        check(&item, Span::Day, 24, 24.0 / 86_400.0, 0.0);
    }

    #[test]
    fn what_was_never_counted_has_no_samples() {
        let item = Item::default();
        item.sample(Span::Minute, 10_000, 0);
        assert!(!item.is_used());
        item.add(0, 1);
        assert!(item.is_used());
        item.sample(Span::Minute, 20_000, 10_000);
        item.sample(Span::Minute, 20_000, 20_000);
        check(&item, Span::Minute, 0, 0.0, 0.0);
        let first = Item::default();
        first.add(5, 1);
        first.sample(Span::Minute, 7, 7);
        check(&first, Span::Minute, 0, 0.0, 0.0);
    }

    #[test]
    fn moments_say_whether_they_were_set() {
        let moment = Moment::default();
        assert_eq!(moment.get(), None);
        moment.set(0);
        assert_eq!(moment.get(), Some(0));
    }
}
