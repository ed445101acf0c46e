//! Messages of the log, picked by what a reader asks for.

use protocol::message::Message;
use protocol::properties::{KEY_SEPARATOR, name};

use super::log::{Piece, Progress, StorePlace, files, walk};
use crate::error::StoreError;

/// Which messages. What is not said lets all pass.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Physical offset to begin at; it must be that of a record.
    pub from: Option<i64>,
    /// Topic.
    pub topic: Option<String>,
    /// Queue.
    pub queue_id: Option<i32>,
    /// Smallest queue offset.
    pub queue_offset: Option<i64>,
    /// One of the message's keys, or its unique key.
    pub key: Option<String>,
    /// Earliest store time, ms.
    pub begin: Option<i64>,
    /// Latest store time, ms.
    pub end: Option<i64>,
    /// Most messages.
    pub max: Option<u64>,
}

impl Wanted {
    fn wants(&self, message: &Message<'_>) -> bool {
        let key = |key: &String| {
            let known = |name: &str| message.properties.get(name).unwrap_or_default();
            known(name::UNIQUE_KEY) == key
                || known(name::KEYS).split(KEY_SEPARATOR).any(|each| each == key)
        };
        self.topic.as_ref().is_none_or(|topic| topic == message.topic)
            && self.queue_id.is_none_or(|queue_id| queue_id == message.queue_id)
            && self.queue_offset.is_none_or(|offset| offset <= message.queue_offset)
            && self.begin.is_none_or(|begin| begin <= message.store_timestamp)
            && self.end.is_none_or(|end| message.store_timestamp <= end)
            && self.key.as_ref().is_none_or(key)
    }
}

/// Hands the wanted messages to `each`, in the order of the log, until that says `false`.
///
/// # Errors
/// A file cannot be read.
pub fn dump(
    place: &StorePlace,
    wanted: &Wanted,
    progress: Progress<'_>,
    mut each: impl FnMut(&Message<'_>) -> bool,
) -> Result<(), StoreError> {
    let first = files(place.paths.commit_log())?.first().map_or(0, |file| file.base);
    let from = wanted.from.unwrap_or(first).max(first);
    let mut left = wanted.max.unwrap_or(u64::MAX);
    walk(place, from, progress, |piece| {
        let Piece::Message(message) = piece else { return left > 0 };
        if left > 0 && wanted.wants(&message) {
            left -= 1;
            if !each(&message) {
                left = 0;
            }
        }
        left > 0
    })?;
    Ok(())
}
