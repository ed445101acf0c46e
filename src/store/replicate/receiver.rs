//! The slave's side of its connection.

use bytes::{Buf, BytesMut};
use protocol::message::{BLANK_LEN, BLANK_MAGIC, Damage, FIXED_LEN, at};

use super::format::{HEAD_LEN, Head, Pieces, REPORT_LEN, report};
use crate::format::i32_at;
use crate::recover;

/// Heartbeats in a row after which a master that sent nothing has nothing more: the first one may
/// be older than our request.
const IDLE_BEATS: u32 = 2;

/// What both sides go by.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// `mapedFileSizeCommitLog`.
    pub file_len: i64,
    /// `haTransferBatchSize`.
    pub batch: usize,
    /// `haSendHeartbeatInterval`.
    pub heartbeat_ms: u64,
    /// `haHousekeepingInterval`.
    pub silence_ms: u64,
}

/// What to do with bytes that came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    /// They are in the slave's log already, or should be.
    Compare {
        /// Where.
        offset: i64,
        /// The master's bytes.
        bytes: &'a [u8],
    },
    /// Whole valid records of one file, to be appended.
    Append {
        /// Where: the end of the slave's log.
        offset: i64,
        /// The records.
        bytes: &'a [u8],
    },
}

/// Why a slave leaves its master.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Distrust {
    /// Something was lost, or it is not for us.
    #[error(
        "master pushed offset not equal the max phy offset in slave, SLAVE: {expected} MASTER: {got}"
    )]
    OutOfStep {
        /// What should have come.
        expected: i64,
        /// What came.
        got: i64,
    },
    /// A first file that begins where none of ours can.
    #[error(
        "the master's file begins at {0}, which is no multiple of mapedFileSizeCommitLog; set it \
         to the master's"
    )]
    Unaligned(i64),
    /// A transfer of a length that cannot be.
    #[error("transfer of {0} bytes")]
    Length(i32),
    /// Bytes that are no record.
    #[error("no record at {offset}: {damage}")]
    Record {
        /// Where.
        offset: i64,
        /// What is wrong.
        damage: Damage,
    },
    /// A record of another place.
    #[error("the record at {offset} says it is at {says}")]
    Elsewhere {
        /// Where it came.
        offset: i64,
        /// Where it was stored.
        says: i64,
    },
    /// A record that ends behind its file.
    #[error(
        "the record at {0} does not fit into its file; is mapedFileSizeCommitLog the master's?"
    )]
    TooLong(i64),
    /// The master does not have the slave's newest record.
    #[error(
        "the master's log ends at {master}, this slave's at {slave}: the master lost its tail or \
         is another one; empty this slave's store, or make it the master"
    )]
    MasterBehind {
        /// As far as the master sends.
        master: i64,
        /// As far as the slave's log goes.
        slave: i64,
    },
    /// Nothing came for longer than `haHousekeepingInterval`.
    #[error("the master was silent for {0} ms")]
    Silent(u64),
}

/// What the slave knows about its master. Times are milliseconds of any clock that only goes
/// forward.
#[derive(Debug)]
pub struct Receiver {
    rules: Rules,
    /// End of our log.
    end: i64,
    /// Offset of the next byte from the master; `None` while our log is empty, which may begin
    /// with any file.
    wire: Option<i64>,
    pieces: Pieces<HEAD_LEN>,
    /// Bytes left of the present transfer.
    body_left: usize,
    held: BytesMut,
    /// Offset of the first held byte.
    held_at: i64,
    /// What we vouch for: compared or appended in this session.
    sure: i64,
    reported: i64,
    idle_beats: u32,
    read_at: u64,
    wrote_at: u64,
}

impl Receiver {
    /// For a log that ends at `end`. `ask` is where the session begins: the start of the newest
    /// record, so that it is compared, or `end` where there is none.
    #[must_use]
    pub fn new(rules: Rules, end: i64, ask: i64, now: u64) -> Self {
        debug_assert!(ask <= end, "asks for what it has, not for what it skips");
        Self {
            rules,
            end,
            wire: (end > 0).then_some(ask),
            pieces: Pieces::default(),
            body_left: 0,
            held: BytesMut::new(),
            held_at: ask,
            sure: ask,
            reported: ask,
            idle_beats: 0,
            read_at: now,
            wrote_at: now,
        }
    }

    /// What to say first.
    #[must_use]
    pub fn hello(&self) -> [u8; REPORT_LEN] {
        report(self.reported)
    }

    /// Takes what came. [`step`](Self::step) says what to do with it.
    ///
    /// # Errors
    /// The session must end; what was not stored yet never is.
    pub fn received(&mut self, mut bytes: &[u8], now: u64) -> Result<(), Distrust> {
        self.read_at = now;
        while !bytes.is_empty() {
            if self.body_left > 0 {
                let (mine, rest) = bytes.split_at(bytes.len().min(self.body_left));
                bytes = rest;
                self.held.extend_from_slice(mine);
                self.body_left -= mine.len();
                continue;
            }
            let Some(frame) = self.pieces.take(&mut bytes) else { break };
            self.begin(Head::decode(frame))?;
        }
        Ok(())
    }

    fn begin(&mut self, head: Head) -> Result<(), Distrust> {
        let Head { offset, len } = head;
        let size = usize::try_from(len).map_err(|_| Distrust::Length(len))?;
        if i64::from(len) > self.rules.file_len {
            return Err(Distrust::Length(len));
        }
        match self.wire {
            Some(expected) if expected != offset => {
                return Err(Distrust::OutOfStep { expected, got: offset });
            }
            None if size > 0 => {
                if offset < 0 || offset % self.rules.file_len != 0 {
                    return Err(Distrust::Unaligned(offset));
                }
                self.held_at = offset;
                self.end = offset;
            }
            _ => {}
        }
        if size == 0 {
            return self.beat();
        }
        self.idle_beats = 0;
        let next = offset.checked_add(i64::from(len)).ok_or(Distrust::Length(len))?;
        self.wire = Some(next);
        self.body_left = size;
        Ok(())
    }

    fn beat(&mut self) -> Result<(), Distrust> {
        self.idle_beats += 1;
        match self.wire {
            Some(master) if master < self.end && self.idle_beats >= IDLE_BEATS => {
                Err(Distrust::MasterBehind { master, slave: self.end })
            }
            _ => Ok(()),
        }
    }

    /// What to do next; the caller does it and says [`done`](Self::done), or ends the session.
    ///
    /// # Errors
    /// What came is not what a log holds.
    pub fn step(&mut self) -> Result<Option<Step<'_>>, Distrust> {
        if self.held.is_empty() {
            return Ok(None);
        }
        if self.held_at < self.end {
            let known = usize::try_from(self.end - self.held_at).unwrap_or(usize::MAX);
            let bytes = self.held.get(..known).unwrap_or(&self.held);
            return Ok(Some(Step::Compare { offset: self.held_at, bytes }));
        }
        let valid = self.valid()?;
        let bytes = self.held.get(..valid).filter(|bytes| !bytes.is_empty());
        Ok(bytes.map(|bytes| Step::Append { offset: self.held_at, bytes }))
    }

    /// The first `len` held bytes are compared, or in the log.
    pub fn done(&mut self, len: usize) {
        self.held.advance(len);
        self.held_at += len as i64;
        self.end = self.end.max(self.held_at);
        self.sure = self.held_at;
    }

    /// Length of the whole records at the front of what is held, up to the end of their file.
    fn valid(&self) -> Result<usize, Distrust> {
        let mut valid = 0;
        let mut left = self.rules.file_len - self.held_at % self.rules.file_len;
        while left > 0 {
            let rest = self.held.get(valid..).unwrap_or_default();
            match piece(rest, self.held_at + valid as i64, left) {
                Ok(Some(len)) => {
                    valid += len;
                    left -= len as i64;
                }
                Ok(None) => break,
                // What came before it is good.
                Err(_) if valid > 0 => break,
                Err(distrust) => return Err(distrust),
            }
        }
        Ok(valid)
    }

    /// The report, if there is something new or it is time for one.
    pub fn report(&mut self, now: u64) -> Option<[u8; REPORT_LEN]> {
        let beat = now.saturating_sub(self.wrote_at) >= self.rules.heartbeat_ms;
        if self.sure <= self.reported && !beat {
            return None;
        }
        self.reported = self.sure;
        self.wrote_at = now;
        Some(report(self.sure))
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// The master was silent for too long.
    pub fn check_alive(&self, now: u64) -> Result<(), Distrust> {
        let silent = now.saturating_sub(self.read_at);
        if silent > self.rules.silence_ms { Err(Distrust::Silent(silent)) } else { Ok(()) }
    }
}

/// The record that begins `bytes`, which belong at `offset`, with `left` bytes to the end of its
/// file: its length, or `None` where it is not all there yet.
fn piece(bytes: &[u8], offset: i64, left: i64) -> Result<Option<usize>, Distrust> {
    let to_end = usize::try_from(left).unwrap_or(usize::MAX);
    if to_end < BLANK_LEN {
        return Ok((bytes.len() >= to_end).then_some(to_end));
    }
    let (Some(total), Some(magic)) = (i32_at(bytes, at::TOTAL_SIZE), i32_at(bytes, at::MAGIC))
    else {
        return Ok(None);
    };
    if magic == BLANK_MAGIC {
        return Ok((bytes.len() >= to_end).then_some(to_end));
    }
    if magic != protocol::message::MESSAGE_MAGIC {
        return Err(Distrust::Record { offset, damage: Damage::Magic(magic) });
    }
    let size = usize::try_from(total).unwrap_or(0);
    if size < FIXED_LEN {
        return Err(Distrust::Record { offset, damage: Damage::Size { total } });
    }
    if size > to_end {
        return Err(Distrust::TooLong(offset));
    }
    let Some(record) = bytes.get(..size) else { return Ok(None) };
    match recover::step(record, Some(0)) {
        recover::Step::Message(message, len) if len == size => {
            let says = message.physical_offset;
            if says == offset { Ok(Some(size)) } else { Err(Distrust::Elsewhere { offset, says }) }
        }
        recover::Step::End(damage) => Err(Distrust::Record { offset, damage }),
        _ => Err(Distrust::Record { offset, damage: Damage::Size { total } }),
    }
}

#[cfg(test)]
mod tests;
