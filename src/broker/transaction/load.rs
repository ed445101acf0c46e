//! Finding the open transactions of a store, whoever wrote it and however it was left.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io;

use protocol::message::Message;
use protocol::{sysflag, topic};

use super::half::{Half, named_by_op};
use super::ledger::{Ledger, Loader, Origin};
use super::{LOG_TRANSACTION, Transactions};

/// How many messages of a queue are looked at for committed ones: more than were stored between a
/// committed message and its op message.
const NEWEST: i64 = 256;

/// The newest messages of a queue that were committed: where their half messages were, by the
/// fingerprint of these.
type Committed = HashMap<u64, i64>;

impl Transactions {
    /// Reads a queue of half messages and its op messages.
    pub(super) fn load_queue(&self, queue_id: i32) -> io::Result<Ledger> {
        let [half, op] = [topic::TRANS_HALF, topic::TRANS_OP_HALF].map(|topic| {
            let known = self.offsets.get(topic::group::TRANS, topic, queue_id).unwrap_or(-1);
            start(
                known,
                self.store.min_offset(topic, queue_id),
                self.store.max_offset(topic, queue_id),
            )
        });
        // An offset that is out of one queue says nothing of the other.
        let op = match (half, op) {
            (Start::Known(_), Start::Known(op)) => op,
            _ => self.store.min_offset(topic::TRANS_OP_HALF, queue_id),
        };
        let (Start::Known(half) | Start::Min(half)) = half;
        let ledger = self.read_queue(queue_id, half, op)?;
        tracing::info!(target: LOG_TRANSACTION, queue_id, half = ledger.base(), op = ledger.op_base(), "open transactions are known");
        Ok(ledger)
    }

    fn read_queue(&self, queue_id: i32, base: i64, op_base: i64) -> io::Result<Ledger> {
        let mut loader = Loader::new(base, op_base);
        let min = self.store.min_offset(topic::TRANS_HALF, queue_id);
        // What was stored before all half messages is about a queue that is not there any more.
        let first = self.store.physical_offset(topic::TRANS_HALF, queue_id, min);
        self.each(topic::TRANS_OP_HALF, queue_id, op_base, |op| {
            let record = if op.physical_offset > first { op.read()? } else { None };
            loader.found_op(op.offset, record.and_then(|record| named_by_op(&record)));
            Ok(true)
        })?;
        let mut newest = HashMap::new();
        self.each(topic::TRANS_HALF, queue_id, loader.first_open(), |found| {
            if let Some(record) = found.read()?
                && let Some(half) = Half::decode(&record)
            {
                let origin = half.origin(&self.hasher);
                loader.found_half(found.offset, origin);
                if loader.is_open(found.offset) && self.is_delivered(&half, origin, &mut newest)? {
                    loader.found_delivered(found.offset);
                }
            }
            Ok(true)
        })?;
        Ok(loader.finish())
    }

    /// Whether the message of a half message is among the newest where it is for: the broker died
    /// after it had stored the message and before it could store the op message.
    fn is_delivered(
        &self,
        half: &Half<'_>,
        origin: Origin,
        newest: &mut HashMap<(String, i32), Committed>,
    ) -> io::Result<bool> {
        let Some((topic, queue_id)) = half.target() else { return Ok(false) };
        let committed = match newest.entry((topic.to_owned(), queue_id)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => place.insert(self.committed(topic, queue_id)?),
        };
        let prepared = committed.get(&origin.fingerprint);
        // One that was stored anew may have been ended under an offset it had before.
        Ok(prepared.is_some_and(|at| origin.renewed || *at == half.message.physical_offset))
    }

    fn committed(&self, topic: &str, queue_id: i32) -> io::Result<Committed> {
        let (min, max) =
            (self.store.min_offset(topic, queue_id), self.store.max_offset(topic, queue_id));
        let mut committed = HashMap::new();
        self.each(topic, queue_id, min.max(max - NEWEST), |found| {
            let record = found.read()?;
            let message = record.as_ref().and_then(|record| Message::decode(record).ok());
            if let Some(message) = message.filter(is_committed) {
                let fingerprint = Half { message }.fingerprint(&self.hasher);
                committed.insert(fingerprint, message.prepared_transaction_offset);
            }
            Ok(true)
        })?;
        Ok(committed)
    }
}

fn is_committed(message: &Message<'_>) -> bool {
    let kind = sysflag::message::transaction(message.sys_flag);
    kind == sysflag::message::TRANSACTION_COMMIT
}

/// Where to begin with a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// Where the group is.
    Known(i64),
    /// At its first message.
    Min(i64),
}

/// An offset before the queue means that what lay there is deleted. One behind it belongs to
/// another queue of that name, or its end got lost: then everything is looked at.
fn start(known: i64, min: i64, max: i64) -> Start {
    if (0..=max).contains(&known) { Start::Known(known.max(min)) } else { Start::Min(min) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_is_read_from_the_offset_of_the_group_if_there_is_one() {
        assert_eq!(start(5, 0, 9), Start::Known(5));
        assert_eq!(start(9, 0, 9), Start::Known(9));
        assert_eq!(start(0, 4, 9), Start::Known(4));
        assert_eq!(start(-1, 4, 9), Start::Min(4));
        assert_eq!(start(10, 4, 9), Start::Min(4));
        assert_eq!(start(0, 0, 0), Start::Known(0));
    }
}
