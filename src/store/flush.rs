//! The two flushing threads: one for the log, which others wait for, one for what is derived.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::config::FlushDiskType;
use crate::error::StoreError;
use crate::inner::Inner;
use crate::mapped::{Changes, PAGE};

/// Bytes appended that start a flush before its time, so that one flush never has too much to do.
const BURST: i64 = 32 * 1024 * 1024;

/// Bytes of log behind the last checkpoint that bring the next one before its time: after a crash
/// recovery reads them.
const UNMARKED_MAX: i64 = 256 * 1024 * 1024;

/// Flushes the log: with SYNC_FLUSH at once, each flush serving everybody who came before it
/// began; with ASYNC_FLUSH by time and amount.
pub(crate) fn run_log(inner: &Inner, stop: &AtomicBool) {
    let mut thorough = Instant::now();
    while !stop.load(Ordering::Acquire) {
        let config = inner.config.snapshot();
        let log = &inner.log;
        let flushed = log.flushed.get();
        let least_pages = if config.flush_disk_type == FlushDiskType::SyncFlush {
            log.appended.wait_blocking(flushed + 1, None, Some(stop));
            0
        } else {
            let interval = millis(config.flush_interval_commit_log.into());
            let until = Instant::now() + interval;
            log.appended.wait_blocking(flushed + BURST, Some(until), Some(stop));
            let every = millis(config.flush_commit_log_thorough_interval.into());
            if thorough.elapsed() >= every { 0 } else { config.flush_commit_log_least_pages }
        };
        if stop.load(Ordering::Acquire) {
            break;
        }
        let page = PAGE as i64;
        let dirty_pages = log.appended.get() / page - flushed / page;
        if dirty_pages < i64::from(least_pages) {
            continue;
        }
        if least_pages == 0 {
            thorough = Instant::now();
        }
        if let Err(error) = flush_log(inner) {
            log.poison(&error);
            return;
        }
    }
    if inner.log.poisoned().is_none()
        && let Err(error) = flush_log(inner)
    {
        inner.log.poison(&error);
    }
}

/// One flush of everything appended, noted for the checkpoint.
pub(crate) fn flush_log(inner: &Inner) -> Result<(), StoreError> {
    // Read before the flush looks at `appended`: this time is not ahead of what gets flushed.
    let physic = inner.log.last_store_timestamp();
    inner.log.flush()?;
    inner.checkpoint.note(physic, 0, 0);
    Ok(())
}

/// Flushes consume queues and full index files, and now and then the checkpoint.
pub(crate) fn run_derived(inner: &Inner, stop: &AtomicBool) {
    let mut thorough = Instant::now();
    let mut marked = inner.dispatched.get();
    while !stop.load(Ordering::Acquire) {
        let config = inner.config.snapshot();
        thread::park_timeout(millis(config.flush_interval_consume_queue.into()));
        if stop.load(Ordering::Acquire) {
            break;
        }
        let every = millis(config.flush_consume_queue_thorough_interval.into());
        // What is not marked as flushed is what recovery has to look at.
        let unmarked = inner.dispatched.get() - marked;
        let all = thorough.elapsed() >= every || unmarked >= UNMARKED_MAX;
        let least_pages = if all { 0 } else { config.flush_consume_queue_least_pages };
        if all {
            thorough = Instant::now();
            marked = inner.dispatched.get();
        }
        if let Err(error) = flush_derived(inner, least_pages.into()) {
            inner.log.poison(&error);
            return;
        }
    }
    if inner.log.poisoned().is_none()
        && let Err(error) = flush_derived(inner, 0)
    {
        inner.log.poison(&error);
    }
}

/// One round. With `least_pages` 0 everything goes to the disk, then the checkpoint.
pub(crate) fn flush_derived(inner: &Inner, least_pages: i64) -> Result<(), StoreError> {
    // Read before the queues are flushed: they hold every message up to this time then.
    let logics = inner.logics_timestamp.load(Ordering::Acquire);
    let derived = inner.dispatched.get().min(inner.log.flushed.get());
    let mut changes = Changes::default();
    for queue in inner.queues.take_dirty() {
        if !queue.take_unflushed(least_pages, &mut changes) {
            inner.queues.mark_dirty(&queue);
        }
    }
    inner.disk.sync(&changes)?;
    let full = std::mem::take(&mut *inner.full_index_files.lock());
    for file in &full {
        let index = inner.index.sync_full(file);
        let index = index.map_err(|e| StoreError::io("flush index", file.read().path(), e))?;
        inner.checkpoint.note(0, 0, index);
    }
    if least_pages == 0 {
        inner.checkpoint.note(0, logics, 0);
        inner.checkpoint.note_mark(derived);
    }
    if least_pages == 0 || !full.is_empty() {
        let path = inner.paths.checkpoint();
        inner.checkpoint.write().map_err(|e| StoreError::io("write", &path, e))?;
    }
    Ok(())
}

fn millis(ms: i64) -> Duration {
    // A nonsensical setting must not make the thread spin.
    Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1))
}
