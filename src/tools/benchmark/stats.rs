//! Counting, and the line that is printed every ten seconds.

use std::collections::VecDeque;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::text::now_ms;

/// How often figures are written down.
const SAMPLE: Duration = Duration::from_secs(1);
/// So many samples make a line.
const SAMPLES: usize = 10;
/// How often a line is printed.
const LINES_EVERY: u32 = 10;

/// Figures that programs count; what each counts is said beside its line.
#[derive(Debug)]
pub(super) struct Counts<const N: usize>([AtomicI64; N]);

impl<const N: usize> Counts<N> {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self(std::array::from_fn(|_| AtomicI64::new(0))))
    }

    pub(super) fn add(&self, which: usize, count: i64) {
        if let Some(figure) = self.0.get(which) {
            figure.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn raise(&self, which: usize, to: i64) {
        if let Some(figure) = self.0.get(which) {
            figure.fetch_max(to, Ordering::Relaxed);
        }
    }

    fn sample(&self) -> Sample<N> {
        Sample { at_ms: now_ms(), figures: self.0.each_ref().map(|it| it.load(Ordering::Relaxed)) }
    }
}

/// The figures at a time.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sample<const N: usize> {
    pub(super) at_ms: i64,
    pub(super) figures: [i64; N],
}

/// The growth of figure `which` a second.
pub(super) fn rate<const N: usize>(begin: &Sample<N>, end: &Sample<N>, which: usize) -> i64 {
    let grown = (end.figures[which] - begin.figures[which]) as f64;
    // Java casts like that, too: what is no number becomes 0.
    (grown / (end.at_ms - begin.at_ms) as f64 * 1000.0) as i64
}

/// The growth of figure `sum` for each growth of figure `count`.
pub(super) fn mean<const N: usize>(
    begin: &Sample<N>,
    end: &Sample<N>,
    sum: usize,
    count: usize,
) -> f64 {
    let grown = |which: usize| (end.figures[which] - begin.figures[which]) as f64;
    grown(sum) / grown(count)
}

/// Prints a line every ten seconds until it is dropped.
pub(super) async fn report<W: Write, const N: usize>(
    counts: &Counts<N>,
    out: &Mutex<W>,
    line: impl Fn(&Sample<N>, &Sample<N>) -> String,
) -> anyhow::Result<()> {
    let mut samples = VecDeque::with_capacity(SAMPLES + 1);
    let mut ticks = tokio::time::interval(SAMPLE);
    ticks.tick().await;
    for tick in 1_u32.. {
        ticks.tick().await;
        samples.push_back(counts.sample());
        if samples.len() > SAMPLES {
            samples.pop_front();
        }
        let due = tick.is_multiple_of(LINES_EVERY) && samples.len() == SAMPLES;
        if let (true, Some(begin), Some(end)) = (due, samples.front(), samples.back()) {
            let mut out = out.lock();
            writeln!(out, "{}", line(begin, end))?;
            out.flush()?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_means_are_those_of_the_window() {
        let begin = Sample { at_ms: 1000, figures: [10, 100] };
        let end = Sample { at_ms: 10_000, figures: [100, 190] };
        assert_eq!(rate(&begin, &end, 0), 10);
        assert_eq!(mean(&begin, &end, 1, 0), 1.0);
        assert_eq!(rate(&begin, &begin, 0), 0);
        assert_eq!(format!("{:7.3}", mean(&begin, &begin, 1, 0)), "    NaN");
    }

    #[tokio::test(start_paused = true)]
    async fn a_line_comes_every_ten_seconds() {
        let (counts, out) = (Counts::<1>::new(), Mutex::new(Vec::new()));
        let line = |_: &Sample<1>, end: &Sample<1>| end.figures[0].to_string();
        counts.add(0, 5);
        counts.raise(0, 3);
        let reporting = report(&counts, &out, line);
        assert!(tokio::time::timeout(Duration::from_millis(35_500), reporting).await.is_err());
        assert_eq!(String::from_utf8(out.into_inner()).unwrap(), "5\n5\n5\n");
    }
}
