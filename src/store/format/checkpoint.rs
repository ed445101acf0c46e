//! The checkpoint file: up to which store time the parts of the store are on the disk.
//!
//! ```text
//! 0 physicMsgTimestamp i64 │ 8 logicsMsgTimestamp i64 │ 16 indexMsgTimestamp i64 │ zeroes to 4096
//! ```
//! That is all 4.4.0 knows; it leaves the rest of the file as it is. Ours keeps a [`Mark`] there:
//! ```text
//! 64 magic i64 │ 72 offset i64 │ 80 the three times again │ 104 checksum i32
//! ```

use protocol::message::body_crc;

use super::{i32_at, i64_at};

/// Bytes of the file.
pub const FILE_LEN: usize = 4096;
/// Bytes that mean something.
pub const USED_LEN: usize = 108;
/// Of these, the ones that 4.4.0 knows.
const TIMES_LEN: usize = 24;
const MARK: usize = 64;
const MARK_OFFSET: usize = 72;
const MARK_TIMES: usize = 80;
const MARK_CHECKSUM: usize = MARK_TIMES + TIMES_LEN;
const _: () = assert!(MARK_CHECKSUM + 4 == USED_LEN);
/// First word of a mark.
const MAGIC: i64 = i64::from_be_bytes(*b"rmqmark1");
/// How far recovery goes behind the checkpoint, ms.
const MARGIN_MS: i64 = 3000;

/// The three store times, ms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Times {
    /// Of the commit log.
    pub physic: i64,
    /// Of the consume queues.
    pub logics: i64,
    /// Of the index, moved only when one of its files is full.
    pub index: i64,
}

impl Times {
    /// Reads the file. What is missing of it is 0, the time at which recovery starts furthest back.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        let at = |at| i64_at(bytes, at).unwrap_or(0);
        Self { physic: at(0), logics: at(8), index: at(16) }
    }

    /// Its bytes in the file.
    #[must_use]
    pub fn encode(self) -> [u8; TIMES_LEN] {
        let mut bytes = [0; TIMES_LEN];
        bytes[..8].copy_from_slice(&self.physic.to_be_bytes());
        bytes[8..16].copy_from_slice(&self.logics.to_be_bytes());
        bytes[16..].copy_from_slice(&self.index.to_be_bytes());
        bytes
    }

    /// A store time before which log and queues are surely on the disk.
    #[must_use]
    pub fn safe(self) -> i64 {
        self.physic.min(self.logics).saturating_sub(MARGIN_MS).max(0)
    }

    /// As [`Times::safe`], for the index as well.
    #[must_use]
    pub fn safe_with_index(self) -> i64 {
        self.safe().min(self.index)
    }
}

/// An offset of the log before which log and queues are surely on the disk. It counts only as long
/// as the times are those that were written with it: a Java broker changes those, and may have
/// cut the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark(pub i64);

impl Mark {
    /// The mark of a file, if it has a valid one.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let sealed = bytes.get(MARK..MARK_CHECKSUM)?;
        let known = i64_at(bytes, MARK)? == MAGIC
            && bytes.get(MARK_TIMES..MARK_CHECKSUM)? == bytes.get(..TIMES_LEN)?
            && i32_at(bytes, MARK_CHECKSUM)? == body_crc(sealed);
        if known { i64_at(bytes, MARK_OFFSET).map(Self) } else { None }
    }

    /// The used bytes of the file.
    #[must_use]
    pub fn encode_with(self, times: Times) -> [u8; USED_LEN] {
        let mut bytes = [0; USED_LEN];
        bytes[..TIMES_LEN].copy_from_slice(&times.encode());
        bytes[MARK..MARK_OFFSET].copy_from_slice(&MAGIC.to_be_bytes());
        bytes[MARK_OFFSET..MARK_TIMES].copy_from_slice(&self.0.to_be_bytes());
        bytes[MARK_TIMES..MARK_CHECKSUM].copy_from_slice(&times.encode());
        let checksum = body_crc(&bytes[MARK..MARK_CHECKSUM]);
        bytes[MARK_CHECKSUM..].copy_from_slice(&checksum.to_be_bytes());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_counts_with_its_times_only() {
        let times = Times { physic: 5, logics: 6, index: 7 };
        let bytes = Mark(4711).encode_with(times);
        assert_eq!((Mark::decode(&bytes), Times::decode(&bytes)), (Some(Mark(4711)), times));
        for at in (0..TIMES_LEN).chain(MARK..USED_LEN) {
            let mut other = bytes;
            other[at] ^= 1;
            assert_eq!(Mark::decode(&other), None, "changed at {at}");
            assert_eq!(Mark::decode(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn javas_checkpoint_reads_and_writes_back() {
        let raw =
            b"\0\0\x01\xa2\x03\xbd\x81\x0d\0\0\x01\xa2\x03\xbd\x94\x73\0\0\x01\xa2\x03\xbd\x81\x04";
        let times = Times::decode(raw);
        assert_eq!(times.physic, 1_795_359_080_717);
        assert_eq!(&times.encode(), raw);
        assert_eq!(times.safe(), times.physic - 3000);
        assert_eq!(times.safe_with_index(), times.index.min(times.safe()));
    }

    #[test]
    fn a_short_or_odd_file_starts_furthest_back() {
        assert_eq!(Times::decode(&[1; 5]), Times::default());
        assert_eq!(Times::default().safe(), 0);
        let odd = Times { physic: i64::MIN, ..Times::default() };
        assert_eq!(odd.safe(), 0);
    }
}
