//! What others are told, and asked, about messages on their way.

use protocol::properties::Properties;

use crate::format::ext::ExtUnit;

/// A message that can be pulled now.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// Its topic.
    pub topic: &'a str,
    /// Its queue.
    pub queue_id: i32,
    /// The queue offset behind it.
    pub next_offset: i64,
    /// Hash of its tags; a deliver time in the queues of the schedule topic.
    pub tags_code: i64,
    /// When it was stored, ms.
    pub store_timestamp: i64,
    /// Its properties.
    pub properties: Properties<'a>,
    /// What [`ArrivalListener::bit_map`] made of it; empty for nothing.
    pub bit_map: &'a [u8],
}

/// Follows the dispatcher. Called on its thread, in the order of the log: whatever blocks here
/// holds up every queue.
pub trait ArrivalListener: Send + Sync {
    /// A message can be pulled.
    fn arrived(&self, arrival: &Arrival<'_>);

    /// Computes the filter bit map of a message into the empty buffer `into`; leaving it empty
    /// means there is none. Asked before [`arrived`](Self::arrived), and during recovery.
    fn bit_map(&self, topic: &str, properties: Properties<'_>, into: &mut Vec<u8>) {
        let _ = (topic, properties, into);
    }
}

/// Nobody listens.
impl ArrivalListener for () {
    fn arrived(&self, _: &Arrival<'_>) {}
}

/// Decides which messages of a queue a reader gets.
pub trait MessageFilter {
    /// First look, by the queue entry alone. `tags_code` is `None` where it cannot be told; `ext`
    /// is there if the queue keeps extension units.
    fn matches_queue(&self, tags_code: Option<i64>, ext: Option<&ExtUnit<'_>>) -> bool {
        let _ = (tags_code, ext);
        true
    }

    /// Second look, at the whole record.
    fn matches_record(&self, record: &[u8]) -> bool {
        let _ = record;
        true
    }
}

/// Everything.
impl MessageFilter for () {}
