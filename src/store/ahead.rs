//! Runs ahead of the log's writer, so that it never waits for the disk: blocks reserved, pages
//! writable, the next file made.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::commit_log::{CommitLog, RESERVE_STEP, reserve_ahead};
use crate::inner::Inner;
use crate::mapped::MappedFile;

/// Bytes are made ready up to this far ahead of the writer...
const READY_HIGH: usize = 8 * 1024 * 1024;
/// ...once fewer than this are left.
const READY_LOW: usize = 4 * 1024 * 1024;
/// Rest after a failure; the writer makes its own try meanwhile.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps ahead until `stop` is set.
pub(crate) fn run(inner: &Inner, stop: &AtomicBool) {
    let log = &inner.log;
    let mut failing = false;
    while !stop.load(Ordering::Acquire) {
        // What little space there may be is for the queues of messages that are in the log.
        if inner.flags.derived_failed.load(Ordering::Relaxed) {
            thread::park_timeout(RETRY);
            continue;
        }
        let (next, until) = match keep(log) {
            Ok(next) => {
                failing = false;
                (next, None)
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot make space for the commit log ahead");
                }
                (i64::MAX, Some(Instant::now() + RETRY))
            }
        };
        log.appended.wait_blocking(next, until, Some(stop));
    }
}

/// Does what is to be done now. The result is the offset at which there is more to do.
fn keep(log: &CommitLog) -> io::Result<i64> {
    let Some(file) = log.tail_file() else {
        log.prepare(0)?;
        return Ok(1);
    };
    let base = file.base();
    let position = usize::try_from(log.appended.get() - base).unwrap_or(0).min(file.len());
    let blocks_low = reserve(&file, position)?;
    let ready_low = make_ready(&file, position)?;
    let next_low = prepare_next(log, &file, position)?;
    let next = [blocks_low, ready_low, next_low].into_iter().flatten().min();
    let next = next.map_or_else(|| file.end(), |at| base + at as i64);
    Ok(next.max(base + position as i64) + 1)
}

/// The position at which there is more to do, for this and the next two: `None` for this file.
fn reserve(file: &MappedFile, position: usize) -> io::Result<Option<usize>> {
    if file.reserved() < (position + RESERVE_STEP).min(file.len()) {
        reserve_ahead(file, position + RESERVE_STEP)?;
    }
    let reached = file.reserved();
    Ok((reached < file.len()).then(|| reached.saturating_sub(RESERVE_STEP)))
}

fn make_ready(file: &MappedFile, position: usize) -> io::Result<Option<usize>> {
    if file.ready() < position + READY_LOW {
        file.make_ready(position + READY_HIGH)?;
    }
    let reached = file.ready();
    Ok((reached < file.len()).then(|| reached.saturating_sub(READY_LOW)))
}

/// In its second half a file wants a successor, near its end one that is ready to be written.
fn prepare_next(log: &CommitLog, file: &MappedFile, position: usize) -> io::Result<Option<usize>> {
    let half = file.len() / 2;
    if position < half {
        return Ok(Some(half));
    }
    log.prepare(file.end())?;
    let near = file.len().saturating_sub(READY_LOW);
    if position < near {
        return Ok(Some(near));
    }
    match log.prepared(file.end()) {
        Some(next) => next.make_ready(READY_LOW).map(|()| None),
        None => Ok(None),
    }
}
