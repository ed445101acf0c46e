//! Whether an entry of a queue is of the message it points at.
//!
//! Recovery keeps the entries that point before the part of the log that may not have reached the
//! disk; those are on the disk as a whole. Behind them may stand half an entry: where it crosses the
//! end of a sector, the power may have gone between its parts, and half an offset can look like one
//! of an old message. Its queue offset would then be taken, and its message never be found.

use protocol::message::{Entry, Message, read};

use crate::format::queue_entry::{ENTRY_LEN, QueueEntry};
use crate::log_end::Extent;
use crate::mapped::Run;

/// The least that a disk writes as a whole.
const SECTOR: usize = 512;

/// The log as recovery left it.
#[derive(Clone, Copy)]
pub(crate) struct Truth<'a> {
    pub(crate) run: &'a Run,
    /// What was taken out of it.
    pub(crate) damaged: &'a [Extent],
}

impl Truth<'_> {
    /// Whether the log has the message that the entry `queue_offset` of a queue points at, or cannot
    /// tell any more.
    pub(crate) fn bears_out(
        &self,
        topic: &str,
        queue_id: i32,
        queue_offset: i64,
        entry: QueueEntry,
    ) -> bool {
        let offset = entry.physical_offset;
        let Some((file, at)) = self.run.find(offset) else {
            return self.run.files().first().is_some_and(|first| offset < first.base());
        };
        if self.damaged.iter().any(|extent| extent.holds(offset)) {
            return true;
        }
        let is_of = |message: &Message<'_>| {
            (message.topic, message.queue_id, message.queue_offset)
                == (topic, queue_id, queue_offset)
                && i32::try_from(message.encoded_len()) == Ok(entry.size)
        };
        let Ok(written) = file.written() else { return false };
        matches!(read(written.get(at..).unwrap_or_default()), Ok(Entry::Message(m)) if is_of(&m))
    }
}

/// Whether the power can go between the parts of an entry, the `number`th of its file.
pub(crate) fn can_be_half(number: usize) -> bool {
    let at = number * ENTRY_LEN;
    at / SECTOR != (at + ENTRY_LEN - 1) / SECTOR
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_across_the_end_of_a_sector_can_be_half() {
        let first: Vec<_> = (0..80).filter(|number| can_be_half(*number)).collect();
        assert_eq!(first, [25, 51, 76]);
    }
}
