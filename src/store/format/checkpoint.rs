//! The checkpoint file: up to which store time the parts of the store are on the disk.
//!
//! ```text
//! 0 physicMsgTimestamp i64 │ 8 logicsMsgTimestamp i64 │ 16 indexMsgTimestamp i64 │ zeroes to 4096
//! ```

use super::i64_at;

/// Bytes of the file.
pub const FILE_LEN: usize = 4096;
/// Bytes that mean something.
pub const USED_LEN: usize = 24;
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

    /// The used bytes.
    #[must_use]
    pub fn encode(self) -> [u8; USED_LEN] {
        let mut bytes = [0; USED_LEN];
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

#[cfg(test)]
mod tests {
    use super::*;

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
