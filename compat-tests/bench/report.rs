//! Samples of both sides, and the table made of them.

use std::fmt;
use std::fmt::Write as _;
use std::time::Duration;

use compat_tests::backend::Backend;

/// One measurement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    /// Messages a second.
    pub(crate) per_second: f64,
    /// Messages a second of the broker's processor time.
    pub(crate) per_cpu_second: f64,
    /// Requests refused with SYSTEM_BUSY.
    pub(crate) refused: f64,
    /// Half of the requests took no longer, in microseconds.
    pub(crate) p50_us: f64,
    /// 99 % of them.
    pub(crate) p99_us: f64,
    /// 99.9 % of them.
    pub(crate) p999_us: f64,
    /// Resident memory without mapped files, at the end.
    pub(crate) memory_bytes: f64,
}

impl fmt::Display for Sample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:9.0} msg/s {:9.0} msg/cpu-s p50 {:7.0} p99 {:7.0} p99.9 {:7.0} us {:6.1} MiB, \
             {} refused",
            self.per_second,
            self.per_cpu_second,
            self.p50_us,
            self.p99_us,
            self.p999_us,
            self.memory_bytes / 1_048_576.0,
            self.refused
        )
    }
}

/// Everything measured in a run.
#[derive(Default)]
pub(crate) struct Report {
    samples: Vec<(&'static str, Backend, Sample)>,
    starts: Vec<(Backend, Duration)>,
}

/// A column: its name, its value, how it is written, and whether more is better.
type Column = (&'static str, fn(&Sample) -> f64, fn(f64) -> String, bool);

const COLUMNS: [Column; 6] = [
    ("msg/s", |s| s.per_second, thousands, true),
    ("msg/CPU s", |s| s.per_cpu_second, thousands, true),
    ("p50 ms", |s| s.p50_us, millis, false),
    ("p99 ms", |s| s.p99_us, millis, false),
    ("p99.9 ms", |s| s.p999_us, millis, false),
    ("memory MiB", |s| s.memory_bytes, mebibytes, false),
];

fn thousands(value: f64) -> String {
    format!("{:.1} k", value / 1000.0)
}

fn millis(value: f64) -> String {
    format!("{:.2}", value / 1000.0)
}

fn mebibytes(value: f64) -> String {
    format!("{:.0}", value / 1_048_576.0)
}

impl Report {
    /// Books a measurement of a row.
    pub(crate) fn sample(&mut self, row: &'static str, backend: Backend, sample: Sample) {
        self.samples.push((row, backend, sample));
    }

    /// Books a start.
    pub(crate) fn start(&mut self, backend: Backend, took: Duration) {
        eprintln!("start          {:5} {:.1} ms", backend.name(), took.as_secs_f64() * 1000.0);
        self.starts.push((backend, took));
    }

    /// The table: medians of the rounds with their range, and the ratio of the medians in our
    /// favour (above 1 is better).
    pub(crate) fn markdown(&self) -> String {
        let mut text = String::from("| work | figure | Java 4.4.0 | ours | times better |\n");
        text.push_str("|---|---|---|---|---|\n");
        let mut rows: Vec<&str> = self.samples.iter().map(|(row, ..)| *row).collect();
        rows.dedup();
        for row in rows {
            for (name, value, show, more_is_better) in COLUMNS {
                let of = |backend| self.values(row, backend, value);
                let line =
                    line(row, name, of(Backend::Java), of(Backend::Ours), show, more_is_better);
                text.push_str(&line);
            }
        }
        let of = |backend| {
            let starts = self.starts.iter().filter(|(b, _)| *b == backend);
            starts.map(|(_, took)| took.as_secs_f64() * 1e6).collect()
        };
        let (java, ours) = (of(Backend::Java), of(Backend::Ours));
        text.push_str(&line("start", "first send ms", java, ours, millis, false));
        text
    }

    fn values(&self, row: &str, backend: Backend, value: fn(&Sample) -> f64) -> Vec<f64> {
        let of_row = self.samples.iter().filter(|(r, b, _)| *r == row && *b == backend);
        of_row.map(|(.., sample)| value(sample)).collect()
    }
}

fn line(
    row: &str,
    name: &str,
    java: Vec<f64>,
    ours: Vec<f64>,
    show: fn(f64) -> String,
    more_is_better: bool,
) -> String {
    let (Some(j), Some(o)) = (Spread::of(java), Spread::of(ours)) else {
        return String::new();
    };
    let ratio = if more_is_better { o.median / j.median } else { j.median / o.median };
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(text, "| {row} | {name} | {} | {} | {ratio:.1} |", j.show(show), o.show(show));
    text
}

struct Spread {
    min: f64,
    median: f64,
    max: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let (min, max) = (*values.first()?, *values.last()?);
        // The two in the middle are one where their number is odd.
        let (low, high) = (values[(values.len() - 1) / 2], values[values.len() / 2]);
        Some(Self { min, median: f64::midpoint(low, high), max })
    }

    fn show(&self, show: fn(f64) -> String) -> String {
        format!("{} ({} to {})", show(self.median), show(self.min), show(self.max))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: [f64; 3]) {
        let spread = Spread::of(values.to_vec()).unwrap();
        assert!([spread.min, spread.median, spread.max] == expected, "{values:?}");
    }

    #[test]
    fn a_median_is_in_the_middle() {
        check(&[7.0], [7.0, 7.0, 7.0]);
        check(&[9.0, 1.0], [1.0, 5.0, 9.0]);
        check(&[9.0, 1.0, 2.0], [1.0, 2.0, 9.0]);
        check(&[4.0, 9.0, 1.0, 2.0], [1.0, 3.0, 9.0]);
        assert!(Spread::of(Vec::new()).is_none());
    }
}
