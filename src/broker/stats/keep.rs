//! The task that samples the statistics, writes their log, and keeps consumers that are too far
//! behind from slowing the others down.

use std::sync::Arc;
use std::time::Duration;

use jiff::Zoned;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, interval_at};
use tokio_util::sync::CancellationToken;

use super::Span;
use crate::{Broker, LOG, now_ms};

/// Log target of the figures.
const LOG_STATS: &str = "RocketmqStats";
/// Log target of what is done to groups that are too far behind.
const LOG_PROTECTION: &str = "RocketmqProtection";

const MINUTE: Duration = Duration::from_secs(60);
/// Between two samples of a minute, an hour and a day.
const PERIODS: [Duration; 3] =
    [Duration::from_secs(10), Duration::from_secs(600), Duration::from_secs(3600)];
/// How often groups that are too far behind are looked for.
const PROTECTION: Duration = Duration::from_secs(180);
/// Minutes between two lines about how far groups are behind.
const MOMENTS_MINUTES: u64 = 5;

/// Runs until stopped.
pub(crate) async fn keep(broker: Arc<Broker>, stop: CancellationToken) {
    let [mut seconds, mut minutes, mut hours] = PERIODS.map(|period| quiet(interval(period)));
    let mut protection = quiet(interval_at(Instant::now() + PROTECTION, PROTECTION));
    let mut minute = Minutes::starting(&Zoned::now());
    loop {
        let sampled = tokio::select! {
            () = stop.cancelled() => return,
            _ = seconds.tick() => Some(Span::Minute),
            _ = minutes.tick() => Some(Span::Hour),
            _ = hours.tick() => Some(Span::Day),
            _ = protection.tick() => {
                protect(&broker);
                None
            }
            () = tokio::time::sleep(to_next_minute(now_ms())) => {
                if let Some(due) = minute.due(&Zoned::now()) {
                    write(&broker, due).await;
                }
                None
            }
        };
        if let Some(span) = sampled {
            broker.stats.sample(span, now_ms());
        }
    }
}

fn quiet(mut ticks: Interval) -> Interval {
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}

fn to_next_minute(now_ms: i64) -> Duration {
    let minute = i64::try_from(MINUTE.as_millis()).unwrap_or(i64::MAX);
    Duration::from_millis((minute - now_ms.rem_euclid(minute)).unsigned_abs())
}

/// What is to be written at the start of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Due {
    hour: bool,
    day: bool,
    moments: bool,
}

/// Watches minutes, hours and days begin, by the clock on the wall.
#[derive(Debug)]
struct Minutes {
    last: Zoned,
    count: u64,
}

impl Minutes {
    fn starting(now: &Zoned) -> Self {
        Self { last: now.clone(), count: 0 }
    }

    /// `None` while the minute is the same.
    fn due(&mut self, now: &Zoned) -> Option<Due> {
        let minute = |time: &Zoned| time.timestamp().as_second().div_euclid(60);
        if minute(now) == minute(&self.last) {
            return None;
        }
        let last = std::mem::replace(&mut self.last, now.clone());
        let moments = self.count.is_multiple_of(MOMENTS_MINUTES);
        self.count += 1;
        let day = now.date() != last.date();
        Some(Due { hour: day || now.hour() != last.hour(), day, moments })
    }
}

/// Writes lines on a thread that may take its time: there may be many.
async fn write(broker: &Arc<Broker>, due: Due) {
    let broker = Arc::clone(broker);
    let written = tokio::task::spawn_blocking(move || {
        let cluster = &broker.identity().cluster;
        let mut lines = broker.stats.lines(Span::Minute, cluster);
        if due.hour {
            lines.extend(broker.stats.lines(Span::Hour, cluster));
        }
        if due.day {
            lines.extend(broker.stats.lines(Span::Day, cluster));
        }
        if due.moments {
            lines.extend(broker.stats.moment_lines());
        }
        for line in lines {
            tracing::info!(target: LOG_STATS, "{line}");
        }
        if due.day {
            let store = broker.store.stats();
            let (put, got) = broker.stats.midnight(store.put_messages(), store.get_messages());
            tracing::info!(target: LOG, "yesterday put message total: {put}");
            tracing::info!(target: LOG, "yesterday get message total: {got}");
        }
    });
    if let Err(error) = written.await {
        tracing::error!(target: LOG, %error, "write statistics");
    }
}

/// Stops groups that are so far behind that reading for them pushes others out of memory.
fn protect(broker: &Broker) {
    let (enabled, limit) = {
        let config = broker.config.load();
        (config.disable_consume_if_consumer_read_slowly, config.consumer_fallbehind_threshold)
    };
    if !enabled {
        return;
    }
    for (group, bytes) in broker.stats.far_behind(limit) {
        tracing::info!(target: LOG_PROTECTION, "[PROTECT_BROKER] the consumer[{group}] consume slowly, {bytes} bytes, disable it");
        broker.groups.disable(&group, now_ms());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn minutes_begin_at_full_minutes() {
        assert_eq!(to_next_minute(0), MINUTE);
        assert_eq!(to_next_minute(60_001), Duration::from_millis(59_999));
        assert_eq!(to_next_minute(119_999), Duration::from_millis(1));
    }

    #[test]
    fn hours_and_days_begin_with_a_minute() {
        let at = |text: &str| -> Zoned { format!("2026-11-{text}[Europe/Paris]").parse().unwrap() };
        let mut minutes = Minutes::starting(&at("22T22:57:30"));
        assert_eq!(minutes.due(&at("22T22:57:59.999")), None);
        let due = |hour, day, moments| Some(Due { hour, day, moments });
        assert_eq!(minutes.due(&at("22T22:58:00")), due(false, false, true));
        assert_eq!(minutes.due(&at("22T22:58:00.001")), None);
        assert_eq!(minutes.due(&at("22T22:59:00")), due(false, false, false));
        assert_eq!(minutes.due(&at("22T23:00:00")), due(true, false, false));
        assert_eq!(minutes.due(&at("22T23:58:00")), due(false, false, false));
        assert_eq!(minutes.due(&at("22T23:59:00")), due(false, false, false));
        assert_eq!(minutes.due(&at("23T00:00:00")), due(true, true, true));
    }
}
