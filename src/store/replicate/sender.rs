//! The master's side of one connection.

use super::Rules;
use super::format::{HEAD_LEN, Head, Pieces, REPORT_LEN};

/// What the master's log holds at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Offset of its oldest byte.
    pub first: i64,
    /// Offset behind its newest byte.
    pub end: i64,
}

/// Bytes of the log to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first one.
    pub offset: i64,
    /// How many; all of them in one file.
    pub len: usize,
}

impl Span {
    /// What goes before them.
    #[must_use]
    pub fn head(&self) -> Head {
        Head { offset: self.offset, len: i32::try_from(self.len).unwrap_or(i32::MAX) }
    }
}

/// What a slave's reports came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Progress {
    /// The first report came: what the slave asked for, and where sending begins.
    pub started: Option<(i64, i64)>,
    /// The slave's last word on where its log ends.
    pub reported: Option<i64>,
    /// Up to here the slave has what this session sent it.
    pub acknowledged: Option<i64>,
}

/// Why a slave is not served any longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No offset at all.
    #[error("reported the negative offset {0}")]
    Negative(i64),
    /// The slave has what this master does not: another master's log, or this master lost its
    /// tail.
    #[error(
        "its log ends at {reported}, behind this master's end {end}: it is not a slave of this \
         log, or the log lost its tail; empty the slave's store, or make it the master"
    )]
    Beyond {
        /// What it reported.
        reported: i64,
        /// The master's end.
        end: i64,
    },
    /// What the slave needs next is deleted.
    #[error("asks for {asked}, which is deleted; the log begins at {first}: empty its store")]
    Deleted {
        /// Where it wants to go on.
        asked: i64,
        /// The oldest byte.
        first: i64,
    },
    /// A log does not get shorter within a session.
    #[error("reported {reported} after {before}")]
    Backwards {
        /// What it reported.
        reported: i64,
        /// What it had reported before.
        before: i64,
    },
    /// More than it was sent.
    #[error("reported {reported}, but was sent {sent} at most")]
    NotSent {
        /// What it reported.
        reported: i64,
        /// Up to where bytes were sent.
        sent: i64,
    },
    /// Nothing came for longer than `haHousekeepingInterval`.
    #[error("was silent for {0} ms")]
    Silent(u64),
}

/// What the master knows about a slave. Times are milliseconds of any clock that only goes
/// forward.
#[derive(Debug)]
pub struct Sender {
    rules: Rules,
    pieces: Pieces<REPORT_LEN>,
    session: Option<Session>,
    read_at: u64,
    wrote_at: u64,
}

#[derive(Debug, Clone, Copy)]
struct Session {
    from: i64,
    next: i64,
    reported: i64,
}

impl Sender {
    /// A slave connected.
    #[must_use]
    pub fn new(rules: Rules, now: u64) -> Self {
        Self { rules, pieces: Pieces::default(), session: None, read_at: now, wrote_at: now }
    }

    /// Takes what came from the slave.
    ///
    /// # Errors
    /// It must not be served any longer; nothing of this piece counts.
    pub fn received(
        &mut self,
        mut bytes: &[u8],
        view: View,
        now: u64,
    ) -> Result<Progress, Refusal> {
        let mut progress = Progress::default();
        while !bytes.is_empty() {
            let Some(frame) = self.pieces.take(&mut bytes) else { break };
            self.report(i64::from_be_bytes(frame), view, &mut progress)?;
        }
        self.read_at = now;
        Ok(progress)
    }

    fn report(&mut self, offset: i64, view: View, progress: &mut Progress) -> Result<(), Refusal> {
        if offset < 0 {
            return Err(Refusal::Negative(offset));
        }
        if offset > view.end {
            return Err(Refusal::Beyond { reported: offset, end: view.end });
        }
        let Some(session) = self.session.as_mut() else {
            let from = if offset == 0 { view.end - view.end % self.rules.file_len } else { offset };
            if from < view.first {
                return Err(Refusal::Deleted { asked: from, first: view.first });
            }
            self.session = Some(Session { from, next: from, reported: offset });
            progress.started = Some((offset, from));
            progress.reported = Some(offset);
            return Ok(());
        };
        let before = session.reported;
        if offset < before {
            return Err(Refusal::Backwards { reported: offset, before });
        }
        if offset > session.next || (offset != before && offset < session.from) {
            return Err(Refusal::NotSent { reported: offset, sent: session.next });
        }
        session.reported = offset;
        progress.reported = Some(offset);
        if offset > session.from {
            progress.acknowledged = Some(offset);
        }
        Ok(())
    }

    /// The offset of the next byte to send; `None` before the slave asked.
    #[must_use]
    pub fn next(&self) -> Option<i64> {
        self.session.map(|session| session.next)
    }

    /// What to send next; `None` when there is nothing. The caller says with
    /// [`wrote`](Self::wrote) that it went out.
    ///
    /// # Errors
    /// What the slave needs was deleted meanwhile.
    pub fn span(&self, view: View) -> Result<Option<Span>, Refusal> {
        let Some(Session { next, .. }) = self.session else { return Ok(None) };
        if next >= view.end {
            return Ok(None);
        }
        if next < view.first {
            return Err(Refusal::Deleted { asked: next, first: view.first });
        }
        let file_end = next - next % self.rules.file_len + self.rules.file_len;
        let until = view.end.min(file_end);
        let len = usize::try_from(until - next).unwrap_or(usize::MAX).min(self.rules.batch);
        Ok(Some(Span { offset: next, len }))
    }

    /// A span goes out; reports of it are believed from now on.
    pub fn sending(&mut self, span: Span) {
        if let Some(session) = self.session.as_mut() {
            debug_assert_eq!(session.next, span.offset, "spans follow each other");
            session.next = span.offset + span.len as i64;
        }
    }

    /// Something went out.
    pub fn wrote(&mut self, now: u64) {
        self.wrote_at = now;
    }

    /// The heartbeat, if it is time for one.
    pub fn heartbeat(&mut self, now: u64) -> Option<[u8; HEAD_LEN]> {
        let offset = self.session?.next;
        if now.saturating_sub(self.wrote_at) < self.rules.heartbeat_ms {
            return None;
        }
        self.wrote_at = now;
        Some(Head { offset, len: 0 }.encode())
    }

    /// Looks at the clock.
    ///
    /// # Errors
    /// The slave was silent for too long.
    pub fn check_alive(&self, now: u64) -> Result<(), Refusal> {
        let silent = now.saturating_sub(self.read_at);
        if silent > self.rules.silence_ms { Err(Refusal::Silent(silent)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
