//! Runs ahead of the log's writer, so that it never waits for the disk: blocks reserved, pages
//! present, the next file made.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use crate::commit_log::{CommitLog, RESERVE_STEP, reserve_ahead};
use crate::mapped::{MappedFile, PAGE};

/// Pages are made present up to this far ahead of the writer...
const POPULATE_HIGH: usize = 8 * 1024 * 1024;
/// ...once fewer than this are left.
const POPULATE_LOW: usize = 4 * 1024 * 1024;
/// Rest after a failure; the writer makes its own try meanwhile.
const RETRY: Duration = Duration::from_secs(1);

/// Keeps ahead until `stop` is set.
pub(crate) fn run(log: &CommitLog, stop: &AtomicBool) {
    let mut ahead = Ahead { base: -1, populated: 0 };
    let mut failing = false;
    while !stop.load(Ordering::Acquire) {
        let (next, until) = match ahead.keep(log) {
            Ok(next) => {
                failing = false;
                (next, None)
            }
            Err(error) => {
                if !std::mem::replace(&mut failing, true) {
                    tracing::warn!(%error, "cannot reserve space for the commit log ahead");
                }
                (i64::MAX, Some(Instant::now() + RETRY))
            }
        };
        log.appended.wait_blocking(next, until, Some(stop));
    }
}

struct Ahead {
    /// The file `populated` is about.
    base: i64,
    populated: usize,
}

impl Ahead {
    /// Does what is to be done now. The result is the offset at which there is more to do.
    fn keep(&mut self, log: &CommitLog) -> io::Result<i64> {
        let Some(file) = log.tail_file() else {
            log.prepare(0)?;
            return Ok(1);
        };
        let base = file.base();
        let position = usize::try_from(log.appended.get() - base).unwrap_or(0).min(file.len());
        let blocks_low = reserve(&file, position)?;
        let pages_low = self.populate(&file, position);
        let next_low = prepare_next(log, &file, position)?;
        let next = [blocks_low, pages_low, next_low].into_iter().flatten().min();
        Ok(next.map_or_else(|| file.end(), |at| base + at as i64).max(base + position as i64) + 1)
    }

    /// Makes pages present. The result is the position at which there is more to do.
    fn populate(&mut self, file: &MappedFile, position: usize) -> Option<usize> {
        if self.base != file.base() {
            (self.base, self.populated) = (file.base(), 0);
        }
        let from = self.populated.max(position / PAGE * PAGE);
        let limit = file.reserved();
        if from < position + POPULATE_LOW && from < limit {
            let to = (position + POPULATE_HIGH).min(limit);
            file.populate(from, to);
            self.populated = to;
        }
        let reached = self.populated;
        (reached < file.len()).then(|| reached.saturating_sub(POPULATE_LOW))
    }
}

fn reserve(file: &MappedFile, position: usize) -> io::Result<Option<usize>> {
    if file.reserved() < (position + RESERVE_STEP).min(file.len()) {
        reserve_ahead(file, position + RESERVE_STEP)?;
    }
    let reached = file.reserved();
    Ok((reached < file.len()).then(|| reached.saturating_sub(RESERVE_STEP)))
}

/// In its second half a file wants a successor, near its end one whose first pages are present.
fn prepare_next(log: &CommitLog, file: &MappedFile, position: usize) -> io::Result<Option<usize>> {
    let half = file.len() / 2;
    if position < half {
        return Ok(Some(half));
    }
    log.prepare(file.end())?;
    let near = file.len().saturating_sub(POPULATE_LOW);
    if position < near {
        return Ok(Some(near));
    }
    if let Some(next) = log.prepared(file.end()) {
        next.populate(0, POPULATE_LOW);
    }
    Ok(None)
}
