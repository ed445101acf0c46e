//! Where the log of a store that was just loaded begins to need care, and where it ends. The rules
//! for single bytes are in [`crate::recover`].

use std::io;

use protocol::message::{FIXED_LEN, MESSAGE_MAGIC, Message, at};

use crate::error::StoreError;
use crate::format::{i32_at, i64_at};
use crate::mapped::{MappedFile, Run};
use crate::recover::{FileEnd, Step, is_record_at, step, survivor, walk, zeroes};

/// Bytes before the unsafe part that are checked, too.
const LOOK_BACK: i64 = 64 * 1024 * 1024;

/// Files that 4.4.0 checks after a clean shutdown.
const CHECK_FILES: usize = 3;

/// The end of the log, and what is damaged before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogEnd {
    /// Offset behind the last valid record.
    pub(crate) offset: i64,
    /// Nothing was ever written behind it in its file.
    pub(crate) zeroes_follow: bool,
    /// What is no record and has records behind it.
    pub(crate) damaged: Vec<Extent>,
}

/// A part of one file of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) from: i64,
    /// Where the next record begins, or the file's end.
    pub(crate) to: i64,
}

impl Extent {
    pub(crate) fn holds(&self, offset: i64) -> bool {
        self.from <= offset && offset < self.to
    }

    /// Messages that can have been there at most.
    pub(crate) fn messages_max(&self) -> i64 {
        (self.to - self.from) / FIXED_LEN as i64 + 1
    }
}

/// The first message that consume queues and index do not know, given the newest one that a queue
/// knows. After a clean shutdown this is the end of the log, or close to it.
pub(crate) fn first_to_derive(run: &Run, max_physical: i64) -> Result<i64, StoreError> {
    let log_min = run.files().first().map_or(0, MappedFile::base);
    let Some((file, from)) = run.find(max_physical) else {
        // No queue knows anything of this log: all of it is to be derived, or the queues are ahead.
        let behind = run.files().last().is_some_and(|last| max_physical >= last.end());
        return Ok(if behind { last_checked(run) } else { log_min });
    };
    let slice = file.written().map_err(|e| io_error(file, e))?;
    match step(slice.get(from..).unwrap_or_default(), Some(from)) {
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

/// Whether a record begins at an offset, or the unwritten rest of a file.
pub(crate) fn begins_here(run: &Run, offset: i64) -> Result<bool, StoreError> {
    let Some((file, at)) = run.find(offset) else { return Ok(false) };
    let slice = file.written().map_err(|e| io_error(file, e))?;
    let here = slice.get(at..).unwrap_or_default();
    let blank = matches!(step(here, None), Step::NextFile);
    Ok(is_record_at(here, file.base(), at) || blank || is_unwritten_from(file, &slice, at)?)
}

/// Hands the messages from `from` on up to `end` to `each`; damage is passed over.
pub(crate) fn each_message(
    run: &Run,
    from: i64,
    end: i64,
    mut each: impl FnMut(&Message<'_>),
) -> Result<(), StoreError> {
    let mut offset = from;
    for file in run.files().iter().skip_while(|file| file.end() <= from) {
        offset = offset.max(file.base());
        let slice = file.written().map_err(|e| io_error(file, e))?;
        while offset < end.min(file.end()) {
            let at = usize::try_from(offset - file.base()).unwrap_or(usize::MAX);
            match step(slice.get(at..).unwrap_or_default(), None) {
                Step::Message(message, len) => {
                    each(&message);
                    offset += len as i64;
                }
                Step::NextFile => break,
                Step::End(_) => match survivor(&slice, at + 1, slice.len(), file.base()) {
                    Some(next) => offset = file.base() + next as i64,
                    None => break,
                },
            }
        }
    }
    Ok(())
}

/// A record some way before `offset` to begin the search for the end at: what was on the disk should
/// be there still, but a look at it costs little.
pub(crate) fn look_back(run: &Run, offset: i64) -> Result<i64, StoreError> {
    let from = offset.saturating_sub(LOOK_BACK);
    let Some(file) = run.files().iter().find(|file| file.end() > from) else { return Ok(offset) };
    if from <= file.base() {
        return Ok(offset.min(file.base()));
    }
    let slice = file.written().map_err(|e| io_error(file, e))?;
    let at = usize::try_from(from - file.base()).unwrap_or(0);
    let found = survivor(&slice, at, slice.len(), file.base());
    Ok(found.map_or_else(|| file.end(), |found| file.base() + found as i64).min(offset))
}

/// Walks from `from` on, over the files, to the end of the log. What is no record ends the log
/// where no record lies behind it: a torn tail. Else it is damage in the middle.
pub(crate) fn find_end(run: &Run, from: i64, check_body: bool) -> Result<LogEnd, StoreError> {
    let files = run.files();
    let mut offset = from;
    let mut damaged = Vec::new();
    let first = files.iter().position(|file| file.end() > from).unwrap_or(files.len());
    for (number, file) in files.iter().enumerate().skip(first) {
        let slice = file.written().map_err(|e| io_error(file, e))?;
        let behind = files.get(number + 1..).unwrap_or_default();
        let mut at = usize::try_from(offset - file.base()).unwrap_or(0);
        loop {
            let (end, why) = walk(&slice, at, file.len(), check_body);
            offset = file.base() + end as i64;
            let FileEnd::Damage(damage) = why else { break };
            let zeroes_follow = is_unwritten_from(file, &slice, end)?;
            let inside = if zeroes_follow { None } else { survivor_in(file, &slice, end)? };
            if let Some(next) = inside {
                damaged.push(Extent { from: offset, to: file.base() + next as i64 });
                at = next;
            } else if any_holds_record(behind)? {
                damaged.push(Extent { from: offset, to: file.end() });
                break;
            } else {
                tracing::info!(offset, %damage, file = %file.path().display(), "end of the log");
                return Ok(LogEnd { offset, zeroes_follow, damaged });
            }
        }
        if behind.is_empty() {
            break;
        }
        offset = file.end();
    }
    Ok(LogEnd { offset, zeroes_follow: false, damaged })
}

/// The position of a valid record behind the end within the file. Only the parts of the file that
/// were ever written are looked at.
fn survivor_in(file: &MappedFile, slice: &[u8], end: usize) -> Result<Option<usize>, StoreError> {
    let mut at = end + 1;
    while let Some((from, to)) = file.next_data(at).map_err(|e| io_error(file, e))? {
        if let Some(found) = survivor(slice, from.max(at), to, file.base()) {
            return Ok(Some(found));
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

/// Whether a valid record lies anywhere in these files.
fn any_holds_record(files: &[MappedFile]) -> Result<bool, StoreError> {
    for file in files {
        let slice = file.written().map_err(|e| io_error(file, e))?;
        if is_record_at(&slice, file.base(), 0) || survivor_in(file, &slice, 0)?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn io_error(file: &MappedFile, error: io::Error) -> StoreError {
    StoreError::io("read", file.path(), error)
}
