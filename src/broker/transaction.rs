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
mod round;

use std::collections::{BTreeMap, HashMap};
use std::hash::RandomState;
use std::net::SocketAddrV4;
use std::sync::Arc;

use bytes::Bytes;
use parking_lot::Mutex;
use protocol::message::Message;
use protocol::{sysflag, topic};
use store::{AppendError, Appended, NewMessage, Store};

pub(crate) use self::half::Half;
use self::half::{half_of, half_properties, named_by_op, op};
use self::ledger::{Claim, Ledger, Loader, Origin};
pub(crate) use self::round::run;
use crate::now_ms;
use crate::offsets::Offsets;
use crate::put::PutError;

/// Log target of transactions.
pub(crate) const LOG_TRANSACTION: &str = "RocketmqTransaction";

/// How many messages of a queue are looked at for committed ones: more than were stored between a
/// committed message and its op message.
const NEWEST: i64 = 256;
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

    /// Finds the open transactions. Others would be found at the first need; this is to be ready
    /// before clients come.
    pub(crate) fn load(&self) {
        let mut ledgers = self.ledgers.lock();
        for queue_id in self.store.queue_ids(topic::TRANS_HALF) {
            ledgers.entry(queue_id).or_insert_with(|| self.load_queue(queue_id));
        }
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

    /// The ledger of a queue.
    fn with<R>(&self, queue_id: i32, use_it: impl FnOnce(&mut Ledger) -> R) -> R {
        let mut ledgers = self.ledgers.lock();
        use_it(ledgers.entry(queue_id).or_insert_with(|| self.load_queue(queue_id)))
    }

    /// Reads the two queues from the group's offsets on; from offsets outside of a queue, from the
    /// nearer end of it.
    fn load_queue(&self, queue_id: i32) -> Ledger {
        let start = |topic| {
            let known = self.offsets.get(topic::group::TRANS, topic, queue_id);
            let (min, max) =
                (self.store.min_offset(topic, queue_id), self.store.max_offset(topic, queue_id));
            known.filter(|offset| *offset >= 0).unwrap_or(min).clamp(min, max.max(min))
        };
        let (half, op) = (start(topic::TRANS_HALF), start(topic::TRANS_OP_HALF));
        let ledger = self.read_queue(queue_id, half, op);
        tracing::info!(target: LOG_TRANSACTION, queue_id, half = ledger.base(), op = ledger.op_base(), "open transactions are known");
        ledger
    }

    fn read_queue(&self, queue_id: i32, base: i64, op_base: i64) -> Ledger {
        let mut loader = Loader::new(base, op_base);
        self.each(topic::TRANS_OP_HALF, queue_id, op_base, |op, read| {
            loader.found_op(op, read().and_then(|record| named_by_op(&record)));
            true
        });
        let mut newest = HashMap::new();
        self.each(topic::TRANS_HALF, queue_id, loader.first_open(), |half, read| {
            if let Some(record) = read()
                && let Some(found) = Half::decode(&record)
            {
                let origin = found.origin(&self.hasher);
                loader.found_half(half, origin);
                if loader.is_open(half) && self.is_delivered(&found, origin, &mut newest) {
                    loader.found_delivered(half);
                }
            }
            true
        });
        loader.finish()
    }

    /// Whether the message of a half message is among the newest where it is for: the broker died
    /// after it had stored the message and before it could store the op message.
    fn is_delivered(
        &self,
        half: &Half<'_>,
        origin: Origin,
        newest: &mut HashMap<(String, i32), HashMap<u64, i64>>,
    ) -> bool {
        let Some((topic, queue_id)) = half.target() else { return false };
        let committed = newest
            .entry((topic.to_owned(), queue_id))
            .or_insert_with(|| self.committed(topic, queue_id));
        let prepared = committed.get(&origin.fingerprint);
        // One that was stored anew may have been ended under an offset it had before.
        prepared.is_some_and(|offset| origin.renewed || *offset == half.message.physical_offset)
    }

    /// The newest messages of a queue that were committed: the fingerprint of their half messages,
    /// and where these were.
    fn committed(&self, topic: &str, queue_id: i32) -> HashMap<u64, i64> {
        let (min, max) =
            (self.store.min_offset(topic, queue_id), self.store.max_offset(topic, queue_id));
        let mut committed = HashMap::new();
        self.each(topic, queue_id, min.max(max - NEWEST), |_, read| {
            let record = read();
            let message = record.as_ref().and_then(|record| Message::decode(record).ok());
            if let Some(message) = message.filter(|message| {
                sysflag::message::transaction(message.sys_flag)
                    == sysflag::message::TRANSACTION_COMMIT
            }) {
                let fingerprint = Half { message }.fingerprint(&self.hasher);
                committed.insert(fingerprint, message.prepared_transaction_offset);
            }
            true
        });
        committed
    }

    /// Goes through a queue from an offset on, as long as `visit` says so. Records are read only
    /// if it asks for them.
    fn each(
        &self,
        topic: &str,
        queue_id: i32,
        from: i64,
        mut visit: impl FnMut(i64, &dyn Fn() -> Option<Bytes>) -> bool,
    ) {
        let mut offset = from;
        loop {
            let entries = self.store.entries(topic, queue_id, offset, BATCH);
            if entries.is_empty() {
                return;
            }
            for entry in entries {
                // What cannot be read now is looked at in the next round, and so is all behind it.
                let Ok(record) = self.store.record_at(entry.physical_offset) else { return };
                if !visit(offset, &|| record.clone()) {
                    return;
                }
                offset += 1;
            }
        }
    }
}
