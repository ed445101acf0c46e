//! Retention: which files go, and when.
//!
//! The decisions are pure functions; [`Cleaner`] carries them out on the housekeeping thread.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, UNIX_EPOCH};

use config::Env;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use parking_lot::Mutex;

use crate::config::StoreConfig;
use crate::inner::Inner;
use crate::mapped::sync_dir;

/// Commit log files deleted in one round at most.
const FILES_A_ROUND: usize = 10;
/// Rounds a request to delete by hand stays in force.
const MANUAL_ROUNDS: u32 = 20;
const WARNING_KEY: &str = "rocketmq.broker.diskSpaceWarningLevelRatio";
const WARNING_RATIO: f64 = 0.90;
const FORCIBLY_KEY: &str = "rocketmq.broker.diskSpaceCleanForciblyRatio";
const FORCIBLY_RATIO: f64 = 0.85;

/// How full the disks are, 0 to 1; negative where it cannot be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Usage {
    pub(crate) log: f64,
    pub(crate) queues: f64,
}

/// The ratios at which something happens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Thresholds {
    /// Expired files go at any hour.
    pub(crate) clean: f64,
    /// Files go although they are not expired.
    pub(crate) forcibly: f64,
    /// No message is taken.
    pub(crate) refuse: f64,
}

impl Thresholds {
    fn of(config: &StoreConfig, env: &Env) -> Self {
        let property = |key, default: f64| {
            env.property(key).and_then(|text| text.parse().ok()).unwrap_or(default)
        };
        Self {
            clean: f64::from(config.disk_max_used_space_ratio.clamp(10, 95)) / 100.0,
            forcibly: property(FORCIBLY_KEY, FORCIBLY_RATIO),
            refuse: property(WARNING_KEY, WARNING_RATIO),
        }
    }
}

/// What the fullness of the disks asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pressure {
    /// Expired files should go now.
    pub(crate) clean: bool,
    /// Files should go although they are not expired.
    pub(crate) at_once: bool,
    /// No message should be taken.
    pub(crate) refuse: bool,
}

/// Judges the log's disk first; the queues' only if the log's has nothing to say, as 4.4.0 does.
pub(crate) fn judge(usage: Usage, thresholds: Thresholds) -> Pressure {
    let one = |ratio: f64| Pressure {
        clean: ratio < 0.0 || ratio > thresholds.clean,
        at_once: ratio > thresholds.refuse || ratio > thresholds.forcibly,
        refuse: ratio > thresholds.refuse,
    };
    let log = one(usage.log);
    if log.clean {
        return log;
    }
    let queues = one(usage.queues);
    Pressure { at_once: log.at_once || queues.at_once, ..queues }
}

/// How many of the oldest files go, given when each was last changed; the last one is never among
/// them.
pub(crate) fn expired(changed_ms: &[i64], now_ms: i64, reserved_ms: i64, at_once: bool) -> usize {
    let candidates = changed_ms.len().saturating_sub(1).min(FILES_A_ROUND);
    let old = |changed: &&i64| at_once || now_ms >= changed.saturating_add(reserved_ms);
    changed_ms.iter().take(candidates).take_while(old).count()
}

/// Whether `hour` is one of the `;`-separated hours.
pub(crate) fn is_hour_of(when: &str, hour: i8) -> bool {
    when.split(';').any(|each| each.trim().parse() == Ok(hour))
}

/// The retention rounds of one store.
#[derive(Debug, Default)]
pub(crate) struct Cleaner {
    manual_rounds: AtomicU32,
    /// Where the log began when derived files were last looked at.
    log_min: Mutex<i64>,
}

impl Cleaner {
    /// Asks the next rounds to delete expired files whatever the hour.
    pub(crate) fn request(&self) {
        self.manual_rounds.store(MANUAL_ROUNDS, Ordering::Relaxed);
    }

    /// One round: the log, then what hangs on it. The result is how many files of the log went.
    pub(crate) fn round(&self, inner: &Inner) -> io::Result<usize> {
        let mut known_min = self.log_min.lock();
        let result = self.clean_log(inner);
        let log_min = inner.log.min_offset();
        if log_min > *known_min {
            *known_min = log_min;
            clean_derived(inner, log_min);
        }
        result
    }

    fn clean_log(&self, inner: &Inner) -> io::Result<usize> {
        let config = inner.config.snapshot();
        let now_ms = inner.clock.now_ms();
        let usage = usage(inner);
        let pressure = judge(usage, Thresholds::of(&config, Env::current()));
        note_pressure(inner, usage, pressure);
        let timeup = is_hour_of(&config.delete_when, hour_of(now_ms));
        let rounds = self.manual_rounds.load(Ordering::Relaxed);
        if !(timeup || pressure.clean || rounds > 0) {
            return Ok(0);
        }
        self.manual_rounds.store(rounds.saturating_sub(1), Ordering::Relaxed);
        let at_once = pressure.at_once && config.clean_file_forcibly_enable;
        let hours = i64::from(config.file_reserved_time);
        tracing::info!(
            "begin to delete before {hours} hours file. timeup: {timeup} spacefull: {} \
             manualDeleteFileSeveralTimes: {rounds} cleanAtOnce: {at_once}",
            pressure.clean
        );
        let reserved_ms = hours.saturating_mul(60 * 60 * 1000);
        let pause = config.delete_commit_log_files_interval;
        let deleted = delete_log_files(inner, now_ms, reserved_ms, at_once, pause)?;
        if deleted == 0 && pressure.clean {
            tracing::warn!("disk space will be full soon, but delete file failed.");
        }
        Ok(deleted)
    }
}

/// Deletes the oldest files; whoever reads one of them finishes.
fn delete_log_files(
    inner: &Inner,
    now_ms: i64,
    reserved_ms: i64,
    at_once: bool,
    pause_ms: i32,
) -> io::Result<usize> {
    let segments = inner.log.segments();
    // What is not on the disk or not in its queue yet is not old, whatever the clock says.
    let done = inner.log.flushed.get().min(inner.dispatched.get());
    let mut files = segments.all();
    files.truncate(files.iter().take_while(|file| file.end() <= done).count() + 1);
    let mut changed = Vec::with_capacity(files.len());
    for file in &files {
        let since = file.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        changed.push(i64::try_from(since.as_millis()).unwrap_or(i64::MAX));
    }
    let count = expired(&changed, now_ms, reserved_ms, at_once);
    for (number, file) in files.iter().take(count).enumerate() {
        if number > 0 {
            pause(pause_ms);
        }
        if !segments.remove_first(file)? {
            return Ok(number);
        }
        tracing::info!(file = %file.path().display(), "commit log file deleted");
    }
    if count > 0 {
        sync_dir(segments.dir())?;
    }
    Ok(count)
}

/// Deletes what points only at messages that are gone.
fn clean_derived(inner: &Inner, log_min: i64) {
    for queue in inner.queues.all() {
        match queue.remove_expired(log_min) {
            Ok(0) => {}
            Ok(_) => pause(inner.config.load().delete_consume_queue_files_interval),
            Err(error) => {
                tracing::warn!(%error, topic = %queue.topic(), queue_id = queue.queue_id(),
                    "deleting consume queue files");
            }
        }
    }
    if let Err(error) = inner.index.remove_expired(log_min) {
        tracing::warn!(%error, "deleting index files");
    }
}

fn pause(ms: i32) {
    thread::sleep(Duration::from_millis(u64::try_from(ms).unwrap_or(0)));
}

fn note_pressure(inner: &Inner, usage: Usage, pressure: Pressure) {
    let was = inner.flags.disk_full.swap(pressure.refuse, Ordering::AcqRel);
    let Usage { log, queues } = usage;
    match (was, pressure.refuse) {
        (false, true) => {
            tracing::error!(log, queues, "disk maybe full soon, so mark disk full");
        }
        (true, false) => tracing::info!(log, queues, "disk space OK, so mark disk ok"),
        _ => {}
    }
    if pressure.clean {
        tracing::info!(log, queues, "disk maybe full soon, so reclaim space");
    }
}

/// How full the disks are now.
pub(crate) fn usage(inner: &Inner) -> Usage {
    Usage {
        log: used_ratio(inner.paths.commit_log()),
        queues: used_ratio(&inner.paths.consume_queue()),
    }
}

/// Used parts of the disks of a store, 0 to 1; -1 where they cannot be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DiskUsage {
    /// Where the commit log is.
    pub commit_log: f64,
    /// Where the consume queues are.
    pub consume_queue: f64,
    /// Where the index is.
    pub index: f64,
}

/// The used part of the disk a path is on; -1 where it cannot be told, as in 4.4.0.
pub(crate) fn used_ratio(path: &Path) -> f64 {
    match rustix::fs::statvfs(path) {
        Ok(stat) if stat.f_blocks > 0 => {
            let total = stat.f_blocks as f64;
            (total - stat.f_bfree as f64) / total
        }
        _ => -1.0,
    }
}

fn hour_of(now_ms: i64) -> i8 {
    let time = Timestamp::from_millisecond(now_ms).unwrap_or_default();
    time.to_zoned(TimeZone::system()).hour()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULT: Thresholds = Thresholds { clean: 0.75, forcibly: 0.85, refuse: 0.90 };

    fn check(log: f64, queues: f64, (clean, at_once, refuse): (bool, bool, bool)) {
        let judged = judge(Usage { log, queues }, DEFAULT);
        assert_eq!(judged, Pressure { clean, at_once, refuse }, "{log} {queues}");
    }

    #[test]
    fn pressure_grows_with_the_disk() {
        check(0.5, 0.5, (false, false, false));
        check(0.76, 0.5, (true, false, false));
        check(0.86, 0.5, (true, true, false));
        check(0.91, 0.5, (true, true, true));
        check(-1.0, 0.5, (true, false, false));
        check(0.5, 0.91, (true, true, true));
        check(0.5, -1.0, (true, false, false));
        // A full log disk speaks for both.
        check(0.76, 0.95, (true, false, false));
    }

    #[test]
    fn settings_are_clamped() {
        let config = StoreConfig { disk_max_used_space_ratio: 3, ..StoreConfig::default() };
        assert_eq!(Thresholds::of(&config, &Env::empty()).clean, 0.10);
        let env = Env::empty().with_property(WARNING_KEY, "0.5");
        assert_eq!(Thresholds::of(&config, &env).refuse, 0.5);
        let env = Env::empty().with_property(FORCIBLY_KEY, "x");
        assert_eq!(Thresholds::of(&config, &env).forcibly, FORCIBLY_RATIO);
    }

    #[test]
    fn only_the_oldest_go_and_never_the_last() {
        assert_eq!(expired(&[], 100, 10, true), 0);
        assert_eq!(expired(&[1], 100, 10, true), 0);
        assert_eq!(expired(&[1, 2, 95, 3, 4], 100, 10, false), 2);
        assert_eq!(expired(&[1, 2, 95, 3, 4], 100, 10, true), 4);
        assert_eq!(expired(&[0; 30], 100, 10, false), FILES_A_ROUND);
        assert_eq!(expired(&[i64::MAX, 0], 100, 10, false), 0);
    }

    #[test]
    fn hours_are_listed() {
        assert!(is_hour_of("04", 4));
        assert!(is_hour_of("01;23", 23));
        assert!(!is_hour_of("04;x", 5));
        assert!(!is_hour_of("", 0));
    }

    #[test]
    fn a_path_that_is_not_there_has_no_ratio() {
        assert_eq!(used_ratio(Path::new("/nonexistent/x")), -1.0);
        assert!((0.0..=1.0).contains(&used_ratio(Path::new("/"))));
    }
}
