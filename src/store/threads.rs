//! The store's threads: named, started and stopped in order.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::clean::Cleaner;
use crate::error::StoreError;
use crate::inner::Inner;
use crate::{ahead, dispatch, flush};

/// Between two samples of the counters.
const SAMPLE: Duration = Duration::from_secs(1);
/// From the start to the first retention round.
const FIRST_CLEAN: Duration = Duration::from_secs(60);
/// Consume queues that nobody used for that long are unmapped.
const RELEASE: Duration = Duration::from_secs(30);
/// Between two lines of rates in the log.
const REPORT: Duration = Duration::from_secs(60);

/// A running thread and its stop flag.
struct Worker {
    name: &'static str,
    stop: Arc<AtomicBool>,
    handle: JoinHandle<()>,
}

impl Worker {
    fn start(
        name: &'static str,
        inner: &Arc<Inner>,
        run: impl FnOnce(&Inner, &AtomicBool) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (inner, flag) = (Arc::clone(inner), Arc::clone(&stop));
        let handle = thread::Builder::new().name(name.to_owned()).spawn(move || {
            tracing::info!("{name} service started");
            let ended = catch_unwind(AssertUnwindSafe(|| run(&inner, &flag)));
            if ended.is_err() {
                // Nobody does its work any more: better no messages than messages that are not
                // delivered or not flushed.
                inner.log.poison(&StoreError::Poisoned(format!("thread {name} panicked")));
            }
            tracing::info!("{name} service end");
        })?;
        Ok(Self { name, stop, handle })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Release);
        self.handle.thread().unpark();
        if self.handle.join().is_err() {
            tracing::error!(thread = self.name, "a store thread panicked");
        }
    }
}

/// All threads of a store, in the order in which they stop: the way data flows. The dispatcher
/// comes to the end of the log first, the flushers flush what is left.
pub(crate) struct Threads(Vec<Worker>);

impl Threads {
    /// Starts them all, or none.
    pub(crate) fn start(inner: &Arc<Inner>, cleaner: Arc<Cleaner>) -> io::Result<Self> {
        let mut threads = Self(Vec::new());
        match threads.start_all(inner, cleaner) {
            Ok(()) => Ok(threads),
            Err(error) => {
                threads.stop();
                Err(error)
            }
        }
    }

    fn start_all(&mut self, inner: &Arc<Inner>, cleaner: Arc<Cleaner>) -> io::Result<()> {
        let keep = move |inner: &Inner, stop: &AtomicBool| housekeep(inner, &cleaner, stop);
        self.0.push(Worker::start("store-keeper", inner, keep)?);
        self.0.push(Worker::start("store-ahead", inner, ahead::run)?);
        self.0.push(Worker::start("store-dispatch", inner, dispatch::run)?);
        self.0.push(Worker::start("store-flush", inner, flush::run_log)?);
        self.0.push(Worker::start("store-flush-cq", inner, flush::run_derived)?);
        Ok(())
    }

    /// Stops them, one after the other.
    pub(crate) fn stop(self) {
        self.0.into_iter().for_each(Worker::stop);
    }
}

/// Samples counters, writes the minute's rates, unmaps idle queues, deletes what is expired.
fn housekeep(inner: &Inner, cleaner: &Cleaner, stop: &AtomicBool) {
    let start = Instant::now();
    let interval = inner.config.load().clean_resource_interval;
    let interval = Duration::from_millis(u64::try_from(interval).unwrap_or(0)).max(SAMPLE);
    let (mut next_clean, mut next_report) = (start + FIRST_CLEAN, start + REPORT);
    let mut next_release = start + RELEASE;
    while !stop.load(Ordering::Acquire) {
        inner.stats.sample(inner.clock.now_ms());
        let now = Instant::now();
        if now >= next_report {
            next_report = now + REPORT;
            inner.stats.log_minute();
        }
        if now >= next_release {
            next_release = now + RELEASE;
            inner.queues.release_idle();
        }
        if now >= next_clean {
            next_clean = now + interval;
            if let Err(error) = cleaner.round(inner) {
                tracing::warn!(%error, "deleting commit log files");
            }
        }
        thread::park_timeout(SAMPLE);
    }
}
