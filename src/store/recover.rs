//! Where the log ends: pure functions from bytes to the valid end.
//!
//! The rules are 4.4.0's: a record counts if its magic is right, its lengths add up and, when
//! asked for, its body matches its checksum. The first thing that is none of that ends the log,
//! unless it is the blank record that sends the reader to the next file.
//!
//! What 4.4.0 does not ask is whether something valid lies behind the end. A torn tail has
//! nothing there; damage in the middle has. [`survivor`] tells the two apart: a torn tail is cut,
//! damage in the middle is taken out by [`crate::mend`].

use protocol::message::{self, BLANK_LEN, Damage, Entry, HEAD_LEN, MESSAGE_MAGIC, Message, at};

/// Bytes searched for a magic word before zeroes are skipped again.
const SEARCH_BLOCK: usize = 4096;
/// The least that a disk writes as a whole.
const SECTOR: usize = 512;

/// What lies at a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A message and the bytes it takes.
    Message(Message<'a>, usize),
    /// The file holds nothing more; go on with the next one.
    NextFile,
    /// Nothing valid.
    End(Damage),
}

/// Reads what is at the start of `bytes`, which reach to the end of their file. What no length
/// tells is checked if asked for, given where in its file the record lies.
pub(crate) fn step(bytes: &[u8], check_at: Option<usize>) -> Step<'_> {
    if bytes.len() < BLANK_LEN {
        return Step::NextFile;
    }
    match message::read(bytes) {
        Ok(Entry::Blank(_)) => Step::NextFile,
        Ok(Entry::Message(message)) => match check_at.map_or(Ok(()), |at| check(&message, at)) {
            Ok(()) => Step::Message(message, message.encoded_len()),
            Err(damage) => Step::End(damage),
        },
        Err(damage) => Step::End(damage),
    }
}

/// The checksum covers the body only. Of the text behind it 4.4.0 checks nothing, but what did not
/// reach the disk leaves zeroes there, to the record's end or over a whole sector. No client writes
/// those.
fn check(message: &Message<'_>, at: usize) -> Result<(), Damage> {
    message.check_body()?;
    let mut at = at + HEAD_LEN + message.body.len() + 1;
    for text in [message.topic.as_bytes(), message.properties.as_bytes()] {
        if text.last() == Some(&0) || lacks_a_sector(text, at) {
            return Err(Damage::Truncated);
        }
        at += text.len() + 2;
    }
    Ok(())
}

/// Whether all of `text` that lies in one sector is zero. `at` is the position of its first byte.
fn lacks_a_sector(mut text: &[u8], mut at: usize) -> bool {
    while !text.is_empty() {
        let (here, rest) = text.split_at(text.len().min(SECTOR - at % SECTOR));
        if zeroes(here) == here.len() {
            return true;
        }
        at += here.len();
        text = rest;
    }
    false
}

/// How a file ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileEnd {
    /// With a blank record, or with not even room for one.
    Blank,
    /// At something that is no record.
    Damage(Damage),
}

/// Walks the records of one file from `from` on. The result is where the last valid one ends, and
/// why. `written` may be shorter than the file: what is behind was never written.
pub(crate) fn walk(
    written: &[u8],
    from: usize,
    file_len: usize,
    check_body: bool,
) -> (usize, FileEnd) {
    let mut at = from;
    while at + BLANK_LEN <= file_len {
        let rest = written.get(at..).unwrap_or_default();
        if rest.len() < BLANK_LEN {
            return (at, FileEnd::Damage(Damage::Truncated));
        }
        match step(rest, check_body.then_some(at)) {
            Step::Message(_, len) => at += len,
            Step::NextFile => break,
            Step::End(damage) => return (at, FileEnd::Damage(damage)),
        }
    }
    (at, FileEnd::Blank)
}

/// Whether a valid record that knows it belongs at `base + at` starts `bytes`.
pub(crate) fn is_record_at(bytes: &[u8], base: i64, at: usize) -> bool {
    match message::read(bytes) {
        Ok(Entry::Message(message)) => {
            message.physical_offset == base + at as i64 && check(&message, at).is_ok()
        }
        _ => false,
    }
}

/// The first position within `from..to` where a valid record of this file lies. A torn tail has
/// none. `base` is the offset of the file's first byte.
pub(crate) fn survivor(file: &[u8], from: usize, to: usize, base: i64) -> Option<usize> {
    let magic = MESSAGE_MAGIC.to_be_bytes();
    let to = to.min(file.len());
    let mut at = from;
    while at < to {
        // A record's first bytes may be zero.
        at = at.max((at + zeroes(file.get(at..to)?)).saturating_sub(at::MAGIC));
        let block = at..to.min(at + SEARCH_BLOCK);
        let end = (block.end + at::MAGIC + magic.len() - 1).min(file.len());
        let bytes = file.get(block.start + at::MAGIC..end)?;
        let Some(found) = bytes.windows(magic.len()).position(|window| window == magic) else {
            at = block.end;
            continue;
        };
        at += found;
        if is_record_at(file.get(at..)?, base, at) {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// How many zero bytes `bytes` begin with. Files are mostly that behind their end.
pub(crate) fn zeroes(bytes: &[u8]) -> usize {
    const BLOCK: usize = 256;
    let blocks = bytes.chunks_exact(BLOCK);
    // Folded instead of searched: this way a block is a few vector instructions.
    let clear = blocks.take_while(|block| block.iter().fold(0, |all, byte| all | byte) == 0);
    let skipped = clear.count() * BLOCK;
    let rest = bytes.get(skipped..).unwrap_or_default();
    skipped + rest.iter().take_while(|byte| **byte == 0).count()
}

#[cfg(test)]
mod tests;
