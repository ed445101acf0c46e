//! An entry of a consume queue.
//!
//! ```text
//! 0 physicalOffset i64 │ 8 size i32 │ 12 tagsCode i64
//! ```

use super::{i32_at, i64_at};

/// Bytes of an entry.
pub const ENTRY_LEN: usize = 20;
const PHYSICAL_OFFSET: usize = 0;
const SIZE: usize = 8;
const TAGS_CODE: usize = 12;
const _: () = assert!(TAGS_CODE + 8 == ENTRY_LEN);

/// Where a message of the queue lies, and what to filter it by without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueEntry {
    /// Offset of the record in the commit log.
    pub physical_offset: i64,
    /// Bytes of the record.
    pub size: i32,
    /// Hash of the tags, a deliver time, or the address of an extension unit.
    pub tags_code: i64,
}

impl QueueEntry {
    /// Stands in for the entries before the first one of a queue that does not start at 0, and for
    /// those of messages that were damaged.
    pub const FILLER: Self = Self { physical_offset: 0, size: i32::MAX, tags_code: 0 };

    /// The entry `bytes` start with.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            physical_offset: i64_at(bytes, PHYSICAL_OFFSET)?,
            size: i32_at(bytes, SIZE)?,
            tags_code: i64_at(bytes, TAGS_CODE)?,
        })
    }

    /// The entry's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[..SIZE].copy_from_slice(&self.physical_offset.to_be_bytes());
        bytes[SIZE..TAGS_CODE].copy_from_slice(&self.size.to_be_bytes());
        bytes[TAGS_CODE..].copy_from_slice(&self.tags_code.to_be_bytes());
        bytes
    }

    /// Whether the entry stands in for a message that is not there.
    #[must_use]
    pub fn is_filler(self) -> bool {
        self == Self::FILLER
    }

    /// Whether the entry was ever written: the rule by which recovery finds the end of a queue.
    #[must_use]
    pub const fn is_written(self) -> bool {
        self.physical_offset >= 0 && self.size > 0
    }
}

/// The entries of a run of bytes; a part of an entry at the end is left out.
pub fn entries(bytes: &[u8]) -> impl DoubleEndedIterator<Item = QueueEntry> + ExactSizeIterator {
    let whole = bytes.chunks_exact(ENTRY_LEN);
    whole.map(|raw| QueueEntry::decode(raw).unwrap_or(QueueEntry::FILLER))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn layout_is_javas() {
        let raw = b"\0\0\0\0\0\0\x11\x0e\0\0\x01\x38\0\0\0\0\0\x27\xa8\x08";
        let entry = QueueEntry { physical_offset: 4366, size: 312, tags_code: 2_598_920 };
        assert_eq!(QueueEntry::decode(raw), Some(entry));
        assert_eq!(&entry.encode(), raw);
    }

    #[test]
    fn the_end_of_a_queue_is_what_was_never_written() {
        assert!(QueueEntry::FILLER.is_written());
        assert!(!QueueEntry::decode(&[0; ENTRY_LEN]).unwrap().is_written());
        let negative = QueueEntry { physical_offset: -1, size: 5, tags_code: 0 };
        assert!(!negative.is_written());
    }

    proptest! {
        #[test]
        fn entries_round_trip(physical_offset: i64, size: i32, tags_code: i64, cut in 0..ENTRY_LEN) {
            let entry = QueueEntry { physical_offset, size, tags_code };
            let bytes = entry.encode();
            prop_assert_eq!(QueueEntry::decode(&bytes), Some(entry));
            prop_assert_eq!(QueueEntry::decode(&bytes[..cut]), None);
            prop_assert_eq!(entries(&bytes).collect::<Vec<_>>(), vec![entry]);
        }
    }
}
