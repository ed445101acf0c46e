//! The answer to one scraper, in the text format of Prometheus, version 0.0.4.
//!
//! The format asks for all series of a metric in one place, while servers walk over their topics
//! once: so each metric has a text of its own until the end.

use std::fmt::{self, Write as _};

use crate::latency::Latencies;
use crate::table::{Kind, Metric};

/// Most series of an answer, so that hundreds of thousands of topics cannot fill the memory.
const SERIES_MAX: usize = 100_000;

/// Figures on their way to a scraper.
#[derive(Debug)]
pub struct Scrape {
    /// One for each metric.
    texts: Vec<String>,
    series: usize,
    left_out: usize,
}

impl Default for Scrape {
    fn default() -> Self {
        let texts = Metric::ALL.iter().map(|_| String::new()).collect();
        Self { texts, series: 0, left_out: 0 }
    }
}

impl Scrape {
    /// Adds the value of one series; `labels` in the order of the table.
    pub fn set(&mut self, metric: Metric, labels: &[&str], value: f64) {
        if self.has_room() {
            self.line(metric, "", labels, None, value);
        }
    }

    /// Adds a histogram, unless nothing was counted in it.
    pub(crate) fn durations(
        &mut self,
        metric: Metric,
        labels: &[&str],
        from: &Latencies,
        index: usize,
    ) {
        debug_assert_eq!(metric.row().kind, Kind::Histogram);
        let spread = from.spread(index);
        if spread.count() == 0 || !self.has_room() {
            return;
        }
        for (end, count) in spread.cumulative() {
            self.line(metric, "_bucket", labels, Some(end.unwrap_or(f64::INFINITY)), count as f64);
        }
        self.line(metric, "_sum", labels, None, spread.sum_seconds());
        self.line(metric, "_count", labels, None, spread.count() as f64);
    }

    /// The answer.
    #[must_use]
    pub fn text(mut self) -> String {
        let left_out = self.left_out as f64;
        self.line(Metric::LeftOut, "", &[], None, left_out);
        let mut all = String::new();
        for (metric, text) in Metric::ALL.iter().zip(&self.texts) {
            if text.is_empty() {
                continue;
            }
            let row = metric.row();
            let help = row.help_line().replace('\\', "\\\\");
            let _ = writeln!(all, "# HELP {} {help}", row.name);
            let _ = writeln!(all, "# TYPE {} {}", row.name, row.kind.word());
            all.push_str(text);
        }
        all
    }

    fn has_room(&mut self) -> bool {
        let room = self.series < SERIES_MAX;
        *(if room { &mut self.series } else { &mut self.left_out }) += 1;
        room
    }

    fn line(&mut self, metric: Metric, suffix: &str, labels: &[&str], le: Option<f64>, value: f64) {
        let row = metric.row();
        debug_assert_eq!(row.labels.len(), labels.len(), "{}", row.name);
        let Some(text) = self.texts.get_mut(metric as usize) else { return };
        text.push_str(row.name);
        text.push_str(suffix);
        let mut before = '{';
        for (name, label) in row.labels.iter().zip(labels) {
            let _ = write!(text, "{before}{name}=\"{}\"", Escaped(label));
            before = ',';
        }
        if let Some(end) = le {
            let _ = write!(text, "{before}le=\"{}\"", Number(end));
            before = ',';
        }
        if before == ',' {
            text.push('}');
        }
        let _ = writeln!(text, " {}", Number(value));
    }
}

/// A label's value: three characters are escaped.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A value, as Go's `ParseFloat` reads it.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == f64::INFINITY {
            f.write_str("+Inf")
        } else if self.0 == f64::NEG_INFINITY {
            f.write_str("-Inf")
        } else {
            write!(f, "{}", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn series_of_a_metric_stand_together_under_their_help() {
        let mut scrape = Scrape::default();
        scrape.set(Metric::ProducerTps, &["c", "b", "t1"], 1.5);
        scrape.set(Metric::HeldPulls, &["c", "b"], 2.0);
        scrape.set(Metric::ProducerTps, &["c", "b", "a\"b\\c\nd"], 0.0);
        let expected = "\
# HELP rocketmq_producer_tps Messages a second stored in a topic, over the last minute.
# TYPE rocketmq_producer_tps gauge
rocketmq_producer_tps{cluster=\"c\",broker=\"b\",topic=\"t1\"} 1.5
rocketmq_producer_tps{cluster=\"c\",broker=\"b\",topic=\"a\\\"b\\\\c\\nd\"} 0
# HELP rocketmq_held_pulls Pulls that are held until a message comes.
# TYPE rocketmq_held_pulls gauge
rocketmq_held_pulls{cluster=\"c\",broker=\"b\"} 2
# HELP rocketmq_scrape_series_left_out Series that did not fit into this answer.
# TYPE rocketmq_scrape_series_left_out gauge
rocketmq_scrape_series_left_out 0
";
        assert_eq!(scrape.text(), expected);
    }

    #[test]
    fn histograms_are_cumulative() {
        let latencies = Latencies::new(2);
        latencies.note(0, Duration::from_micros(70));
        latencies.note(0, Duration::from_millis(1));
        let mut scrape = Scrape::default();
        scrape.durations(Metric::RpcLatency, &["10", "SendMessage", "at_once"], &latencies, 0);
        scrape.durations(Metric::RpcLatency, &["11", "PullMessage", "at_once"], &latencies, 1);
        let text = scrape.text();
        let labels = "request_code=\"10\",request=\"SendMessage\",answered=\"at_once\"";
        for line in [
            format!("_bucket{{{labels},le=\"0.00005\"}} 0"),
            format!("_bucket{{{labels},le=\"0.0001\"}} 1"),
            format!("_bucket{{{labels},le=\"0.001\"}} 2"),
            format!("_bucket{{{labels},le=\"+Inf\"}} 2"),
            format!("_sum{{{labels}}} 0.00107"),
            format!("_count{{{labels}}} 2"),
        ] {
            let line = format!("rocketmq_rpc_latency_seconds{line}");
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        assert!(!text.contains("PullMessage"));
    }

    #[test]
    fn an_answer_has_an_end() {
        let mut scrape = Scrape::default();
        for number in 0..SERIES_MAX + 3 {
            scrape.set(Metric::ProducerTps, &["c", "b", &number.to_string()], 1.0);
        }
        let text = scrape.text();
        assert_eq!(text.lines().count(), SERIES_MAX + 2 + 3);
        assert!(text.ends_with("\nrocketmq_scrape_series_left_out 3\n"));
    }

    #[test]
    fn numbers_are_written_as_scrapers_read_them() {
        let text = |value| Number(value).to_string();
        assert_eq!(text(1e18), "1000000000000000000");
        assert_eq!(text(0.25), "0.25");
        assert_eq!(text(f64::NAN), "NaN");
        assert_eq!(text(f64::NEG_INFINITY), "-Inf");
    }
}
