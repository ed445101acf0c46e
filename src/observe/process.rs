//! Figures of the process, under the names that Prometheus clients have for them.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::param::{clock_ticks_per_second, page_size};
use rustix::process::{Resource, getrlimit};

use crate::{Metric, Scrape};

/// What `/proc/self/stat` says.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Stat {
    cpu_ticks: u64,
    threads: u64,
    /// Since the machine was started.
    start_ticks: u64,
    virtual_bytes: u64,
    resident_pages: u64,
}

impl Stat {
    /// The fields behind the name, which stands in parentheses and may hold anything.
    fn parse(text: &str) -> Option<Self> {
        let fields: Vec<&str> = text.rsplit_once(')')?.1.split_ascii_whitespace().collect();
        // proc(5) numbers the fields from 1, and the state behind the name is the third.
        let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
        Some(Self {
            cpu_ticks: field(14)? + field(15)?,
            threads: field(20)?,
            start_ticks: field(22)?,
            virtual_bytes: field(23)?,
            resident_pages: field(24)?,
        })
    }
}

/// Adds the figures of this process. What the system does not tell is left out.
pub(crate) fn collect(scrape: &mut Scrape) {
    let ticks = clock_ticks_per_second().max(1) as f64;
    if let Some(stat) = fs::read_to_string("/proc/self/stat").ok().as_deref().and_then(Stat::parse)
    {
        scrape.set(Metric::ProcessCpuSeconds, &[], stat.cpu_ticks as f64 / ticks);
        let resident = stat.resident_pages.saturating_mul(page_size() as u64);
        scrape.set(Metric::ProcessResidentBytes, &[], resident as f64);
        scrape.set(Metric::ProcessVirtualBytes, &[], stat.virtual_bytes as f64);
        scrape.set(Metric::ProcessThreads, &[], stat.threads as f64);
        if let Some(started) = start_seconds(stat.start_ticks as f64 / ticks) {
            scrape.set(Metric::ProcessStartSeconds, &[], started);
        }
    }
    if let Ok(entries) = fs::read_dir("/proc/self/fd") {
        // One of them is the listing itself.
        let open = entries.count().saturating_sub(1);
        scrape.set(Metric::ProcessOpenFds, &[], open as f64);
    }
    if let Some(most) = getrlimit(Resource::Nofile).current {
        scrape.set(Metric::ProcessMaxFds, &[], most as f64);
    }
}

/// The time of the start, since 1970.
fn start_seconds(after_boot: f64) -> Option<f64> {
    let uptime = fs::read_to_string("/proc/uptime").ok()?;
    let uptime: f64 = uptime.split_ascii_whitespace().next()?.parse().ok()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs_f64();
    // Both come in hundredths; more digits would only change from one look to the next.
    Some((now - uptime + after_boot).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_counted_from_behind_the_name() {
        let text = "4242 (a) b (c) S 1 4242 4242 0 -1 4194560 9 0 0 0 250 50 7 7 20 0 17 0 1000 \
                    8192000 300 18446744073709551615 1 1 0 0 0 0 0";
        let expected = Stat {
            cpu_ticks: 300,
            threads: 17,
            start_ticks: 1000,
            virtual_bytes: 8_192_000,
            resident_pages: 300,
        };
        assert_eq!(Stat::parse(text), Some(expected));
        assert_eq!(Stat::parse("4242 (a) S 1"), None);
        assert_eq!(Stat::parse(""), None);
    }

    #[test]
    fn this_process_has_figures() {
        let mut scrape = Scrape::default();
        collect(&mut scrape);
        let text = scrape.text();
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
            line.unwrap_or_else(|| panic!("no {name} in {text}")).parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes") > 100_000.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") >= value("process_open_fds"));
        assert!(value("process_threads") >= 1.0);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
        let age = now - value("process_start_time_seconds");
        assert!((-2.0..3600.0).contains(&age), "{age}");
    }
}
