//! An index file: a hash table on disk from `topic#key` to physical offsets.
//!
//! ```text
//! header  0 beginTimestamp i64 │ 8 endTimestamp i64 │ 16 beginPhyOffset i64 │ 24 endPhyOffset i64
//!         │ 32 hashSlotCount i32 │ 36 indexCount i32
//! slots   i32 each: number of the newest entry of the chain, 0 for none
//! entries 0 keyHash i32 │ 4 phyOffset i64 │ 12 secondsAfterBegin i32 │ 16 previous entry i32
//! ```
//! `indexCount` starts at 1: entry 0 is never used. `hashSlotCount` counts every key put.

use protocol::properties::{java_hash, java_hash_from};

use super::{i32_at, i64_at};

/// Bytes of the header.
pub const HEADER_LEN: usize = 40;
/// Bytes of a slot.
pub const SLOT_LEN: usize = 4;
/// Bytes of an entry.
pub const ENTRY_LEN: usize = 20;
/// Number of the first entry.
pub const FIRST_ENTRY: i32 = 1;
/// Between topic and key in what is hashed.
pub const KEY_MARK: &str = "#";
const _: () = assert!(HEADER_LEN == 4 * 8 + 2 * 4 && ENTRY_LEN == 4 + 8 + 4 + 4);

/// How many slots and entries a file has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// `maxHashSlotNum`.
    pub slots: u32,
    /// `maxIndexNum`.
    pub entries: u32,
}

impl Shape {
    /// Bytes of a file of this shape.
    #[must_use]
    pub const fn file_len(self) -> usize {
        self.entries_at() + self.entries as usize * ENTRY_LEN
    }

    /// Where the entries begin.
    #[must_use]
    pub const fn entries_at(self) -> usize {
        HEADER_LEN + self.slots as usize * SLOT_LEN
    }

    /// Where the slot of a key lies.
    #[must_use]
    pub const fn slot_at(self, key_hash: i32) -> usize {
        HEADER_LEN + (key_hash.unsigned_abs() % self.slots) as usize * SLOT_LEN
    }

    /// Where an entry lies; `None` if the file has no such entry.
    #[must_use]
    pub const fn entry_at(self, number: i32) -> Option<usize> {
        if number < FIRST_ENTRY || number.unsigned_abs() >= self.entries {
            return None;
        }
        Some(self.entries_at() + number.unsigned_abs() as usize * ENTRY_LEN)
    }
}

/// The first bytes of an index file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Store time of the first message, ms.
    pub begin_timestamp: i64,
    /// Store time of the last message, ms.
    pub end_timestamp: i64,
    /// Physical offset of the first message.
    pub begin_offset: i64,
    /// Physical offset of the last message.
    pub end_offset: i64,
    /// Keys put.
    pub slot_count: i32,
    /// Number the next entry will have.
    pub next_entry: i32,
}

impl Header {
    /// Reads a header; a count never written counts as the first.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            begin_timestamp: i64_at(bytes, 0)?,
            end_timestamp: i64_at(bytes, 8)?,
            begin_offset: i64_at(bytes, 16)?,
            end_offset: i64_at(bytes, 24)?,
            slot_count: i32_at(bytes, 32)?,
            next_entry: i32_at(bytes, 36)?.max(FIRST_ENTRY),
        })
    }

    /// The header's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; HEADER_LEN] {
        let mut bytes = [0; HEADER_LEN];
        bytes[..8].copy_from_slice(&self.begin_timestamp.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.end_timestamp.to_be_bytes());
        bytes[16..24].copy_from_slice(&self.begin_offset.to_be_bytes());
        bytes[24..32].copy_from_slice(&self.end_offset.to_be_bytes());
        bytes[32..36].copy_from_slice(&self.slot_count.to_be_bytes());
        bytes[36..].copy_from_slice(&self.next_entry.to_be_bytes());
        bytes
    }

    /// The seconds an entry keeps of a store time.
    #[must_use]
    pub fn seconds_after_begin(self, store_timestamp: i64) -> i32 {
        if self.begin_timestamp <= 0 {
            return 0;
        }
        let seconds = store_timestamp.saturating_sub(self.begin_timestamp) / 1000;
        i32::try_from(seconds.max(0)).unwrap_or(i32::MAX)
    }

    /// Whether the file may know messages stored within `begin..=end`.
    #[must_use]
    pub fn touches(self, begin: i64, end: i64) -> bool {
        let mine = self.begin_timestamp..=self.end_timestamp;
        (begin < self.begin_timestamp && end > self.end_timestamp)
            || mine.contains(&begin)
            || mine.contains(&end)
    }
}

/// One entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// Hash of `topic#key`, see [`key_hash`].
    pub key_hash: i32,
    /// Where the message lies.
    pub physical_offset: i64,
    /// Seconds from the header's begin to the message's store time.
    pub seconds: i32,
    /// The next older entry of the slot, 0 for none.
    pub previous: i32,
}

impl IndexEntry {
    /// Reads an entry.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Some(Self {
            key_hash: i32_at(bytes, 0)?,
            physical_offset: i64_at(bytes, 4)?,
            seconds: i32_at(bytes, 12)?,
            previous: i32_at(bytes, 16)?,
        })
    }

    /// The entry's bytes.
    #[must_use]
    pub fn encode(self) -> [u8; ENTRY_LEN] {
        let mut bytes = [0; ENTRY_LEN];
        bytes[..4].copy_from_slice(&self.key_hash.to_be_bytes());
        bytes[4..12].copy_from_slice(&self.physical_offset.to_be_bytes());
        bytes[12..16].copy_from_slice(&self.seconds.to_be_bytes());
        bytes[16..].copy_from_slice(&self.previous.to_be_bytes());
        bytes
    }
}

/// The hash of `topic#`, to which keys are added with [`key_hash`].
#[must_use]
pub fn topic_hash(topic: &str) -> i32 {
    java_hash_from(java_hash(topic), KEY_MARK)
}

/// The hash an entry keeps of a key: Java's `Math.abs`, with the one number that has none as 0.
#[must_use]
pub fn key_hash(topic_hash: i32, key: &str) -> i32 {
    java_hash_from(topic_hash, key).checked_abs().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: Shape = Shape { slots: 5_000_000, entries: 20_000_000 };

    #[test]
    fn sizes_are_javas() {
        assert_eq!(SHAPE.file_len(), 420_000_040);
        assert_eq!(SHAPE.entry_at(0), None);
        assert_eq!(SHAPE.entry_at(20_000_000), None);
        assert_eq!(SHAPE.entry_at(1), Some(40 + 20_000_000 + 20));
    }

    #[test]
    fn javas_first_entries_hash_to_their_slots() {
        let topic = topic_hash("GoldenTopic");
        let hash = key_hash(topic, "C00002023D865FFD2B276F4DA0E10000");
        assert_eq!(hash, 1_743_348_964);
        assert_eq!(SHAPE.slot_at(hash), 40 + 3_348_964 * 4);
        assert_eq!(key_hash(i32::MIN, ""), 0);
    }

    #[test]
    fn headers_and_entries_round_trip() {
        let header = Header {
            begin_timestamp: 1_795_358_558_577,
            end_timestamp: 1_795_359_012_856,
            begin_offset: 0,
            end_offset: 6763,
            slot_count: 53,
            next_entry: 54,
        };
        let bytes = header.encode();
        assert_eq!(&bytes[36..], &[0, 0, 0, 0x36]);
        assert_eq!(Header::decode(&bytes), Some(header));
        assert_eq!(Header::decode(&bytes[..39]), None);
        assert_eq!(Header::decode(&[0; 40]).unwrap().next_entry, FIRST_ENTRY);
        let entry = IndexEntry { key_hash: 1, physical_offset: 2, seconds: 3, previous: 4 };
        assert_eq!(IndexEntry::decode(&entry.encode()), Some(entry));
    }

    #[test]
    fn seconds_are_clamped() {
        let header = Header::decode(&[0; 40]).unwrap();
        assert_eq!(header.seconds_after_begin(i64::MAX), 0);
        let header = Header { begin_timestamp: 10_000, ..header };
        assert_eq!(header.seconds_after_begin(9_000), 0);
        assert_eq!(header.seconds_after_begin(12_999), 2);
        assert_eq!(header.seconds_after_begin(i64::MAX), i32::MAX);
    }

    #[test]
    fn a_file_is_asked_only_for_times_it_touches() {
        let header =
            Header { begin_timestamp: 10, end_timestamp: 20, ..Header::decode(&[0; 40]).unwrap() };
        for (begin, end, expected) in
            [(0, 9, false), (0, 10, true), (20, 30, true), (21, 30, false), (0, 30, true)]
        {
            assert_eq!(header.touches(begin, end), expected, "{begin}..={end}");
        }
    }
}
