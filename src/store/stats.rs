//! Counters of the store and the rates made of them, as 4.4.0 reports them.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Samples kept: one a second, for the rate over ten minutes.
const SAMPLES: usize = 600;
/// Spans of the reported rates, in samples.
const SPANS: [usize; 3] = [10, 60, 600];
/// Upper ends, exclusive, of the classes of put times, ms; the last class has none.
const PUT_TIMES: [(u64, &str); 12] = [
    (1, "[<=0ms]"),
    (10, "[0~10ms]"),
    (50, "[10~50ms]"),
    (100, "[50~100ms]"),
    (200, "[100~200ms]"),
    (500, "[200~500ms]"),
    (1000, "[500ms~1s]"),
    (2000, "[1~2s]"),
    (3000, "[2~3s]"),
    (4000, "[3~4s]"),
    (5000, "[4~5s]"),
    (10_000, "[5~10s]"),
];
const PUT_TIMES_LAST: &str = "[10s~]";

/// Counted where it happens, read by reports.
#[derive(Debug)]
pub struct Stats {
    boot_ms: i64,
    put_messages: AtomicU64,
    put_bytes: AtomicU64,
    put_failures: AtomicU64,
    put_ms_max: AtomicU64,
    put_times: [AtomicU64; PUT_TIMES.len() + 1],
    get_found: AtomicU64,
    get_missed: AtomicU64,
    get_messages: AtomicU64,
    get_ms_max: AtomicU64,
    samples: Mutex<VecDeque<Sample>>,
}

#[derive(Debug, Clone, Copy)]
struct Sample {
    at_ms: i64,
    put: u64,
    found: u64,
    missed: u64,
    messages: u64,
}

impl Stats {
    pub(crate) fn new(boot_ms: i64) -> Self {
        Self {
            boot_ms,
            put_messages: AtomicU64::new(0),
            put_bytes: AtomicU64::new(0),
            put_failures: AtomicU64::new(0),
            put_ms_max: AtomicU64::new(0),
            put_times: Default::default(),
            get_found: AtomicU64::new(0),
            get_missed: AtomicU64::new(0),
            get_messages: AtomicU64::new(0),
            get_ms_max: AtomicU64::new(0),
            samples: Mutex::default(),
        }
    }

    pub(crate) fn note_put(&self, messages: usize, bytes: usize, took: Duration) {
        self.put_messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.put_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let class = PUT_TIMES.iter().position(|(end, _)| ms < *end).unwrap_or(PUT_TIMES.len());
        if let Some(count) = self.put_times.get(class) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        if ms > self.put_ms_max.load(Ordering::Relaxed) {
            self.put_ms_max.fetch_max(ms, Ordering::Relaxed);
        }
    }

    /// Messages that came from the master.
    pub(crate) fn note_copied(&self, messages: usize, bytes: usize) {
        self.put_messages.fetch_add(messages as u64, Ordering::Relaxed);
        self.put_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn note_put_failure(&self) {
        self.put_failures.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn note_get(&self, messages: usize, took: Duration) {
        if messages > 0 {
            self.get_found.fetch_add(1, Ordering::Relaxed);
            self.get_messages.fetch_add(messages as u64, Ordering::Relaxed);
        } else {
            self.get_missed.fetch_add(1, Ordering::Relaxed);
        }
        let ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        if ms > self.get_ms_max.load(Ordering::Relaxed) {
            self.get_ms_max.fetch_max(ms, Ordering::Relaxed);
        }
    }

    /// When the store was opened, ms.
    #[must_use]
    pub fn boot_ms(&self) -> i64 {
        self.boot_ms
    }

    /// Messages appended since the start.
    #[must_use]
    pub fn put_messages(&self) -> u64 {
        self.put_messages.load(Ordering::Relaxed)
    }

    /// Bytes of records appended since the start.
    #[must_use]
    pub fn put_bytes(&self) -> u64 {
        self.put_bytes.load(Ordering::Relaxed)
    }

    /// Appends that were refused or failed since the start.
    #[must_use]
    pub fn put_failures(&self) -> u64 {
        self.put_failures.load(Ordering::Relaxed)
    }

    /// Messages handed to readers since the start.
    #[must_use]
    pub fn get_messages(&self) -> u64 {
        self.get_messages.load(Ordering::Relaxed)
    }

    /// Takes a sample; to be called once a second.
    pub(crate) fn sample(&self, now_ms: i64) {
        let mut samples = self.samples.lock();
        samples.push_back(Sample {
            at_ms: now_ms,
            put: self.put_messages(),
            found: self.get_found.load(Ordering::Relaxed),
            missed: self.get_missed.load(Ordering::Relaxed),
            messages: self.get_messages(),
        });
        if samples.len() > SAMPLES + 1 {
            samples.pop_front();
        }
    }

    /// A counter's rate a second over the last `span` samples, if there are as many.
    fn rate(&self, span: usize, counter: impl Fn(&Sample) -> u64) -> Option<f64> {
        let samples = self.samples.lock();
        let last = samples.back()?;
        let first = samples.get(samples.len().checked_sub(span + 1)?)?;
        let time = (last.at_ms - first.at_ms) as f64;
        Some((counter(last) - counter(first)) as f64 / time * 1000.0)
    }

    /// The three rates, blanks between; a rate that is not known yet is left empty.
    fn rates(&self, counter: impl Fn(&Sample) -> u64) -> String {
        let text = |span| self.rate(span, &counter).map(java_double).unwrap_or_default();
        SPANS.map(text).join(" ")
    }

    /// The rates of reads, found or not; here what is not known yet is 0.
    fn total_rates(&self) -> String {
        let both = |sample: &Sample| sample.found + sample.missed;
        SPANS.map(|span| java_double(self.rate(span, both).unwrap_or(0.0))).join(" ")
    }

    fn put_times(&self) -> String {
        let labels = PUT_TIMES.iter().map(|(_, label)| *label).chain([PUT_TIMES_LAST]);
        let counts = self.put_times.iter().map(|count| count.load(Ordering::Relaxed));
        labels.zip(counts).map(|(label, count)| format!("{label}:{count} ")).collect()
    }

    /// The store's part of the broker's runtime info.
    pub(crate) fn report(&self, now_ms: i64) -> Vec<(String, String)> {
        let messages = self.put_messages().max(1);
        let average = self.put_bytes() as f64 / messages as f64;
        let put_ms_max = self.put_ms_max.load(Ordering::Relaxed);
        let get_ms_max = self.get_ms_max.load(Ordering::Relaxed);
        [
            ("bootTimestamp", self.boot_ms.to_string()),
            ("runtime", runtime(now_ms - self.boot_ms)),
            ("putMessageEntireTimeMax", put_ms_max.to_string()),
            ("putMessageTimesTotal", messages.to_string()),
            ("putMessageSizeTotal", self.put_bytes().to_string()),
            ("putMessageDistributeTime", self.put_times()),
            ("putMessageAverageSize", java_double(average)),
            ("dispatchMaxBuffer", "0".to_owned()),
            ("getMessageEntireTimeMax", get_ms_max.to_string()),
            ("putTps", self.rates(|sample| sample.put)),
            ("getFoundTps", self.rates(|sample| sample.found)),
            ("getMissTps", self.rates(|sample| sample.missed)),
            ("getTotalTps", self.total_rates()),
            ("getTransferedTps", self.rates(|sample| sample.messages)),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }

    /// Writes the two lines of every minute to the log, and starts a new count of put times.
    pub(crate) fn log_minute(&self) {
        let rate = |counter: fn(&Sample) -> u64| {
            self.rate(60, counter).map(java_double).unwrap_or_default()
        };
        tracing::info!(
            "[STORETPS] put_tps {} get_found_tps {} get_miss_tps {} get_transfered_tps {}",
            rate(|sample| sample.put),
            rate(|sample| sample.found),
            rate(|sample| sample.missed),
            rate(|sample| sample.messages),
        );
        let total: u64 = self.put_times.iter().map(|count| count.load(Ordering::Relaxed)).sum();
        tracing::info!(
            "[PAGECACHERT] TotalPut {total}, PutMessageDistributeTime {}",
            self.put_times()
        );
        self.put_times.iter().for_each(|count| count.store(0, Ordering::Relaxed));
    }
}

fn runtime(ms: i64) -> String {
    let seconds = ms.max(0) / 1000;
    let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
    let (minutes, seconds) = (seconds / 60 % 60, seconds % 60);
    format!("[ {days} days, {hours} hours, {minutes} minutes, {seconds} seconds ]")
}

/// `Double.toString` of Java.
pub(crate) fn java_double(value: f64) -> String {
    let size = value.abs();
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN".to_owned()
        } else {
            format!("{value}").replace("inf", "Infinity")
        };
    }
    if value == 0.0 || (1e-3..1e7).contains(&size) {
        return format!("{value:?}");
    }
    let text = format!("{value:E}");
    match text.split_once('E') {
        Some((digits, power)) if !digits.contains('.') => format!("{digits}.0E{power}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_are_written_as_java_does() {
        for (value, text) in [
            (0.0, "0.0"),
            (0.0762795694083394, "0.0762795694083394"),
            (204.93939393939394, "204.93939393939394"),
            (9_999_999.0, "9999999.0"),
            (10_000_000.0, "1.0E7"),
            (123_456_789.5, "1.234567895E8"),
            (0.0005, "5.0E-4"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "Infinity"),
        ] {
            assert_eq!(java_double(value), text);
        }
    }

    #[test]
    fn rates_appear_once_there_are_samples_enough() {
        let stats = Stats::new(0);
        stats.sample(0);
        for second in 1..=10 {
            stats.note_put(5, 100, Duration::ZERO);
            stats.note_get(0, Duration::ZERO);
            stats.sample(second * 1000);
        }
        let report: std::collections::HashMap<_, _> = stats.report(10_000).into_iter().collect();
        assert_eq!(report["putTps"], "5.0  ");
        assert_eq!(report["getTotalTps"], "1.0 0.0 0.0");
        assert_eq!(report["getFoundTps"], "0.0  ");
        assert_eq!(report["putMessageAverageSize"], "20.0");
        assert_eq!(report["runtime"], "[ 0 days, 0 hours, 0 minutes, 10 seconds ]");
        assert!(report["putMessageDistributeTime"].starts_with("[<=0ms]:10 [0~10ms]:0 "));
    }
}
