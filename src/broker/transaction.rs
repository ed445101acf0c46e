//! Transactions: half messages, how they are settled, and the questions to producers that do not
//! say how.
//!
//! A half message is out of every consumer's reach until its producer ends the transaction. A
//! commit stores the message where it is for; either end stores an op message that names the half
//! message. From time to time a round looks at half messages that nobody settled: it stores them
//! anew at the end of their queue and asks a producer of their group.
//!
//! What is on disk is laid out and means the same as in 4.4.0. In memory a [`Ledger`] a queue
//! knows every half message that is not settled, so that
//! - a transaction is settled once, however often and under whichever of its offsets its producer
//!   says so (4.4.0 stores a message again with each commit);
//! - a round never asks about what was settled a moment ago.
//!
//! The ledgers are made at start from the two queues behind the offsets of group
//! `CID_RMQ_SYS_TRANS`. These offsets are moved only when everything they stand for is on disk.

mod half;
mod judge;
mod ledger;
mod load;
mod round;

use std::collections::BTreeMap;
use std::hash::RandomState;
use std::io;
use std::net::SocketAddrV4;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::topic;
use store::{AppendError, Appended, NewMessage, Store};

pub(crate) use self::half::Half;
use self::half::{half_of, half_properties, op};
use self::ledger::{Claim, Ledger};
pub(crate) use self::round::run;
use crate::now_ms;
use crate::offsets::Offsets;
use crate::put::PutError;

/// Log target of transactions.
pub(crate) const LOG_TRANSACTION: &str = "RocketmqTransaction";

/// Queue entries looked up at once.
const BATCH: usize = 64;

/// The transactions of a broker.
#[derive(Debug)]
pub(crate) struct Transactions {
    store: Arc<Store>,
    offsets: Arc<Offsets>,
    /// Who op messages say they are from.
    host: SocketAddrV4,
    ledgers: Mutex<BTreeMap<i32, Ledger>>,
    hasher: RandomState,
}

/// A message of a queue.
struct Found<'a> {
    offset: i64,
    physical_offset: i64,
    store: &'a Store,
}

impl Found<'_> {
    /// Its record; `None` if it is gone.
    fn read(&self) -> io::Result<Option<Bytes>> {
        self.store.record_at(self.physical_offset)
    }
}

/// What a producer decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// The message is to be delivered.
    Commit,
    /// The message is to be forgotten.
    Rollback,
}

/// How the end of a transaction went.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    /// It is settled now; where the message was stored if it was committed.
    Now(Option<Appended>),
    /// It was settled before, in whatever way.
    Before,
}

impl Transactions {
    /// The transactions of a store; `host` is our address as records hold it.
    pub(crate) fn new(store: Arc<Store>, offsets: Arc<Offsets>, host: SocketAddrV4) -> Self {
        let (ledgers, hasher) = (Mutex::default(), RandomState::new());
        Self { store, offsets, host, ledgers, hasher }
    }

    /// Finds the open transactions, before clients come.
    ///
    /// # Errors
    /// They cannot be read: whoever went on would have messages committed twice.
    pub(crate) fn load(&self) -> io::Result<()> {
        for queue_id in self.store.queue_ids(topic::TRANS_HALF) {
            let ledger = self.load_queue(queue_id)?;
            self.ledgers.lock().insert(queue_id, ledger);
        }
        Ok(())
    }

    /// Stores a message that nobody may see yet.
    pub(crate) fn prepare(&self, message: &NewMessage<'_>) -> Result<Appended, AppendError> {
        let properties = half_properties(message);
        self.store.append(&half_of(message, &properties))
    }

    /// Ends a transaction, unless it has ended. `deliver` stores its message where it is for.
    ///
    /// # Errors
    /// What could not be stored; the transaction is open as before.
    pub(crate) fn end(
        &self,
        half: &Half<'_>,
        end: End,
        deliver: impl FnOnce() -> Result<Appended, PutError>,
    ) -> Result<Ended, PutError> {
        let queue_id = half.message.queue_id;
        let fingerprint = half.fingerprint(&self.hasher);
        let offset = half.message.queue_offset;
        let claim = self.with(queue_id, |ledger| ledger.claim(offset, fingerprint));
        let Claim::Granted(grant) = claim else { return Ok(Ended::Before) };
        let delivered = match end {
            End::Commit => deliver().map(Some),
            End::Rollback => Ok(None),
        };
        let delivered = match delivered {
            Ok(delivered) => delivered,
            Err(error) => {
                self.with(queue_id, |ledger| ledger.release(grant));
                return Err(error);
            }
        };
        let body = grant.half.to_string();
        match self.store.append(&op(queue_id, &body, self.host, now_ms())) {
            Ok(op) => self.with(queue_id, |ledger| ledger.settle(grant, Some(op.queue_offset))),
            Err(error) if delivered.is_none() => {
                self.with(queue_id, |ledger| ledger.release(grant));
                return Err(error.into());
            }
            Err(error) => {
                // The message is out: until the next start at least nobody is asked about it.
                tracing::error!(target: LOG_TRANSACTION, half = grant.half, %error, "Transaction op message write failed");
                self.with(queue_id, |ledger| ledger.settle(grant, None));
            }
        }
        Ok(Ended::Now(delivered))
    }

    /// Writes everything down and then how far the queues are done with, to be read at the next
    /// start.
    pub(crate) fn keep_progress(&self) {
        let group = topic::group::TRANS;
        let progress: Vec<_> = {
            let ledgers = self.ledgers.lock();
            ledgers.iter().map(|(id, ledger)| (*id, ledger.base(), ledger.op_base())).collect()
        };
        let moved = |topic: &str, queue_id: i32, offset: i64| match self
            .offsets
            .get(group, topic, queue_id)
        {
            Some(before) => before != offset,
            None => offset > self.store.min_offset(topic, queue_id),
        };
        let moves: Vec<_> = progress
            .into_iter()
            .flat_map(|(queue_id, base, op_base)| {
                [(topic::TRANS_HALF, queue_id, base), (topic::TRANS_OP_HALF, queue_id, op_base)]
            })
            .filter(|(topic, queue_id, offset)| moved(topic, *queue_id, *offset))
            .collect();
        if moves.is_empty() {
            return;
        }
        if let Err(error) = self.store.flush() {
            tracing::error!(target: LOG_TRANSACTION, %error, "the progress of transactions is not kept");
            return;
        }
        for (topic, queue_id, offset) in moves {
            self.offsets.commit(group, topic, queue_id, offset);
        }
    }

    /// The ledger of a queue. That of one that was not there at the start begins with it: no op
    /// message there is about it.
    fn with<R>(&self, queue_id: i32, use_it: impl FnOnce(&mut Ledger) -> R) -> R {
        let mut ledgers = self.ledgers.lock();
        let new = || Ledger::new(0, self.store.max_offset(topic::TRANS_OP_HALF, queue_id));
        use_it(ledgers.entry(queue_id).or_insert_with(new))
    }

    /// Goes through a queue from an offset on, as long as `visit` says so. Records are read only
    /// if it asks for them.
    fn each(
        &self,
        topic: &str,
        queue_id: i32,
        from: i64,
        mut visit: impl FnMut(Found<'_>) -> io::Result<bool>,
    ) -> io::Result<()> {
        let mut offset = from;
        loop {
            let entries = self.store.entries(topic, queue_id, offset, BATCH);
            if entries.is_empty() {
                return Ok(());
            }
            for entry in entries {
                let physical_offset = entry.physical_offset;
                if !visit(Found { offset, physical_offset, store: &self.store })? {
                    return Ok(());
                }
                offset += 1;
            }
        }
    }
}
