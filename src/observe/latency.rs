//! How long things took, counted as they happen.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// Upper ends of the classes, inclusive, in microseconds; what takes longer is in one more.
const BOUNDS_US: [u64; 19] = [
    50, 100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000,
    1_000_000, 2_500_000, 5_000_000, 10_000_000, 30_000_000, 60_000_000,
];
const CLASSES: usize = BOUNDS_US.len() + 1;
/// Copies of the counters: threads that count in different ones do not wait for each other.
const SHARDS: usize = 8;

static NEXT_SHARD: AtomicUsize = AtomicUsize::new(0);
thread_local! {
    static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
}

fn shard() -> usize {
    SHARD.with(|shard| {
        shard.get().unwrap_or_else(|| {
            let mine = NEXT_SHARD.fetch_add(1, Ordering::Relaxed) % SHARDS;
            shard.set(Some(mine));
            mine
        })
    })
}

/// One histogram: how many in each class, and their sum. Alone on its cache lines.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Histogram {
    classes: [AtomicU64; CLASSES],
    sum_us: AtomicU64,
}

/// A fixed number of histograms, all made at the start.
#[derive(Debug)]
pub(crate) struct Latencies {
    /// `SHARDS` times all histograms.
    all: Box<[Histogram]>,
    count: usize,
}

/// A histogram as it stands.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Spread {
    classes: [u64; CLASSES],
    sum_us: u64,
}

impl Latencies {
    /// `count` histograms.
    pub(crate) fn new(count: usize) -> Self {
        let all = std::iter::repeat_with(Histogram::default).take(count * SHARDS).collect();
        Self { all, count }
    }

    /// Counts one duration in the histogram at `index`; nothing where there is none.
    pub(crate) fn note(&self, index: usize, took: Duration) {
        if index >= self.count {
            return;
        }
        let Some(histogram) = self.all.get(shard() * self.count + index) else { return };
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let class = BOUNDS_US.partition_point(|bound| *bound < us);
        if let Some(class) = histogram.classes.get(class) {
            class.fetch_add(1, Ordering::Relaxed);
        }
        histogram.sum_us.fetch_add(us, Ordering::Relaxed);
    }

    /// The histogram at `index`, over all threads.
    pub(crate) fn spread(&self, index: usize) -> Spread {
        let mut spread = Spread::default();
        let shards = (0..SHARDS).filter_map(|shard| self.all.get(shard * self.count + index));
        for histogram in shards {
            for (sum, class) in spread.classes.iter_mut().zip(&histogram.classes) {
                *sum += class.load(Ordering::Relaxed);
            }
            spread.sum_us += histogram.sum_us.load(Ordering::Relaxed);
        }
        spread
    }
}

impl Spread {
    /// Durations counted.
    pub(crate) fn count(&self) -> u64 {
        self.classes.iter().sum()
    }

    /// Their sum.
    pub(crate) fn sum_seconds(&self) -> f64 {
        seconds(self.sum_us)
    }

    /// For each class its upper end in seconds and how many took no longer; the last has no end.
    pub(crate) fn cumulative(&self) -> impl Iterator<Item = (Option<f64>, u64)> {
        let ends = BOUNDS_US.iter().map(|us| Some(seconds(*us))).chain([None]);
        let mut below = 0;
        ends.zip(self.classes).map(move |(end, count)| {
            below += count;
            (end, below)
        })
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_in_the_class_of_their_bound() {
        let latencies = Latencies::new(2);
        for us in [0, 50, 51, 60_000_000, 60_000_001] {
            latencies.note(1, Duration::from_micros(us));
        }
        latencies.note(2, Duration::from_micros(1));
        let spread = latencies.spread(1);
        assert_eq!(spread.count(), 5);
        assert_eq!(spread.sum_seconds(), 120.000_102);
        let classes: Vec<_> = spread.cumulative().collect();
        assert_eq!(classes[0], (Some(0.000_05), 2));
        assert_eq!(classes[1], (Some(0.0001), 3));
        assert_eq!(classes[18], (Some(60.0), 4));
        assert_eq!(classes[19], (None, 5));
        assert_eq!(latencies.spread(0), Spread::default());
    }

    #[test]
    fn all_threads_count() {
        let latencies = Latencies::new(3);
        std::thread::scope(|scope| {
            for _ in 0..2 * SHARDS {
                scope.spawn(|| (0..1000).for_each(|_| latencies.note(2, Duration::from_millis(1))));
            }
        });
        assert_eq!(latencies.spread(2).count(), 2 * SHARDS as u64 * 1000);
        assert_eq!(latencies.spread(1).count(), 0);
    }
}
