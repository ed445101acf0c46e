//! Where the log of a store that was just loaded begins to need care, and where it ends. The rules
//! for single bytes are in [`crate::recover`].

use std::io;

use protocol::message::{MESSAGE_MAGIC, at};

use crate::error::StoreError;
use crate::format::{i32_at, i64_at};
use crate::mapped::{MappedFile, Run};
use crate::recover::{FileEnd, Step, is_record_at, step, survivor, walk, zeroes};

/// Files that 4.4.0 checks after a clean shutdown.
const CHECK_FILES: usize = 3;

/// The end of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// Offset behind the last valid record.
    pub(crate) offset: i64,
    /// Nothing was ever written behind it in its file.
    pub(crate) zeroes_follow: bool,
    /// A valid record behind the end: what ends the log is damage, not a torn tail.
    pub(crate) survivor: Option<i64>,
}

/// The first message that consume queues and index do not know, given the newest one that a queue
/// knows. After a clean shutdown this is the end of the log, or close to it.
pub(crate) fn first_to_derive(run: &Run, max_physical: i64) -> Result<i64, StoreError> {
    let log_min = run.files().first().map_or(0, MappedFile::base);
    let holds = |file: &&MappedFile| file.base() <= max_physical && max_physical < file.end();
    let Some(file) = run.files().iter().find(holds) else {
        // No queue knows anything of this log: all of it is to be derived, or the queues are ahead.
        let behind = run.files().last().is_some_and(|last| max_physical >= last.end());
        return Ok(if behind { last_checked(run) } else { log_min });
    };
    let from = usize::try_from(max_physical - file.base()).unwrap_or(0);
    let slice = file.written().map_err(|e| io_error(file, e))?;
    match step(slice.get(from..).unwrap_or_default(), true) {
        Step::Message(message, len) if message.physical_offset == max_physical => {
            Ok(max_physical + len as i64)
        }
        _ => Ok(last_checked(run)),
    }
}

/// Where checking begins when nothing better is known.
fn last_checked(run: &Run) -> i64 {
    let files = run.files();
    let first = files.len().saturating_sub(CHECK_FILES);
    files.get(first).map_or(0, MappedFile::base)
}

/// After a crash: the beginning of the newest file that begins before the time up to which
/// everything is on the disk; else of the first one.
pub(crate) fn start_of_unsafe(run: &Run, safe_time: i64) -> Result<i64, StoreError> {
    for file in run.files().iter().rev() {
        let slice = file.written().map_err(|e| io_error(file, e))?;
        let magic = i32_at(&slice, at::MAGIC) == Some(MESSAGE_MAGIC);
        let time = i64_at(&slice, at::STORE_TIMESTAMP).unwrap_or(0);
        if magic && time != 0 && time <= safe_time {
            return Ok(file.base());
        }
    }
    Ok(run.files().first().map_or(0, MappedFile::base))
}

/// Walks from `from` on, over the files, to the end of the log.
pub(crate) fn find_end(run: &Run, from: i64, check_body: bool) -> Result<LogEnd, StoreError> {
    let mut offset = from;
    let mut files = run.files().iter().skip_while(|file| file.end() <= from).peekable();
    while let Some(file) = files.next() {
        if offset < file.base() {
            offset = file.base();
        }
        let slice = file.written().map_err(|e| io_error(file, e))?;
        let start = usize::try_from(offset - file.base()).unwrap_or(0);
        let (end, why) = walk(&slice, start, file.len(), check_body);
        offset = file.base() + end as i64;
        match why {
            FileEnd::Blank if files.peek().is_some() => {}
            FileEnd::Blank => break,
            FileEnd::Damage(damage) => {
                tracing::info!(offset, %damage, file = %file.path().display(), "end of the log");
                let zeroes_follow = is_unwritten_from(file, &slice, end)?;
                let inside = if zeroes_follow { None } else { survivor_in(file, &slice, end)? };
                let behind = files.find_map(|file| first_record(file).transpose());
                let survivor = match inside {
                    Some(found) => Some(found),
                    None => behind.transpose()?,
                };
                return Ok(LogEnd { offset, zeroes_follow, survivor });
            }
        }
    }
    Ok(LogEnd { offset, zeroes_follow: false, survivor: None })
}

/// A valid record behind the end within the file. Only the parts of the file that were ever
/// written are looked at.
fn survivor_in(file: &MappedFile, slice: &[u8], end: usize) -> Result<Option<i64>, StoreError> {
    let mut at = end + 1;
    while let Some((from, to)) = file.next_data(at).map_err(|e| io_error(file, e))? {
        if let Some(found) = survivor(slice, from.max(at), to, file.base()) {
            return Ok(Some(file.base() + found as i64));
        }
        at = to;
    }
    Ok(None)
}

/// Whether a file was made and never used.
pub(crate) fn is_unwritten(file: &MappedFile) -> Result<bool, StoreError> {
    let slice = file.written().map_err(|e| io_error(file, e))?;
    is_unwritten_from(file, &slice, 0)
}

/// Whether nothing was ever written from `end` on.
fn is_unwritten_from(file: &MappedFile, slice: &[u8], end: usize) -> Result<bool, StoreError> {
    let mut at = end;
    while let Some((from, to)) = file.next_data(at).map_err(|e| io_error(file, e))? {
        let part = slice.get(from.max(at)..to.min(slice.len())).unwrap_or_default();
        if zeroes(part) < part.len() {
            return Ok(false);
        }
        at = to;
    }
    Ok(true)
}

/// The offset of a file, if it begins with a valid record.
fn first_record(file: &MappedFile) -> Result<Option<i64>, StoreError> {
    let slice = file.written().map_err(|e| io_error(file, e))?;
    Ok(is_record_at(&slice, file.base()).then_some(file.base()))
}

fn io_error(file: &MappedFile, error: io::Error) -> StoreError {
    StoreError::io("read", file.path(), error)
}
