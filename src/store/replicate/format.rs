//! The two frames of the HA port.
//!
//! ```text
//! report   0 offset i64
//! transfer 0 offset i64   8 length i32   12 bytes of the log; none in a heartbeat
//! ```
//! All numbers are big-endian.

/// Bytes of a report.
pub const REPORT_LEN: usize = 8;
/// Bytes before the log's bytes in a transfer.
pub const HEAD_LEN: usize = 12;

/// A slave's report.
#[must_use]
pub const fn report(offset: i64) -> [u8; REPORT_LEN] {
    offset.to_be_bytes()
}

/// What a transfer begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Offset of the first byte in the log.
    pub offset: i64,
    /// Bytes of the log that follow.
    pub len: i32,
}

impl Head {
    /// As it travels.
    #[must_use]
    pub fn encode(self) -> [u8; HEAD_LEN] {
        let mut bytes = [0; HEAD_LEN];
        let (offset, len) = bytes.split_at_mut(REPORT_LEN);
        offset.copy_from_slice(&self.offset.to_be_bytes());
        len.copy_from_slice(&self.len.to_be_bytes());
        bytes
    }

    /// From what came.
    #[must_use]
    pub fn decode(bytes: [u8; HEAD_LEN]) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = bytes;
        Self {
            offset: i64::from_be_bytes([a, b, c, d, e, f, g, h]),
            len: i32::from_be_bytes([i, j, k, l]),
        }
    }
}

/// Collects the `N` bytes of a frame that may come in pieces.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pieces<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for Pieces<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> Pieces<N> {
    /// Takes what it needs from the front of `input`; the whole frame once it is there.
    pub(super) fn take(&mut self, input: &mut &[u8]) -> Option<[u8; N]> {
        let wanted = input.len().min(N - self.len);
        let (mine, rest) = input.split_at(wanted);
        *input = rest;
        self.bytes[self.len..self.len + wanted].copy_from_slice(mine);
        self.len += wanted;
        if self.len < N {
            return None;
        }
        self.len = 0;
        Some(self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As a 4.4.0 pair was seen to speak.
    #[test]
    fn frames_are_those_of_4_4_0() {
        assert_eq!(report(0x1a6b), [0, 0, 0, 0, 0, 0, 0x1a, 0x6b]);
        let head = Head { offset: 0, len: 0x1a6b };
        assert_eq!(head.encode(), [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x1a, 0x6b]);
        let head = Head { offset: 0x1a6b, len: 0 };
        assert_eq!(head.encode(), [0, 0, 0, 0, 0, 0, 0x1a, 0x6b, 0, 0, 0, 0]);
        assert_eq!(Head::decode(head.encode()), head);
        let odd = Head { offset: -2, len: -3 };
        assert_eq!(Head::decode(odd.encode()), odd);
    }

    #[test]
    fn a_frame_may_come_in_pieces() {
        let mut pieces = Pieces::<3>::default();
        let mut frames = Vec::new();
        for part in [&b"a"[..], b"", b"bcd", b"efgh", b"i"] {
            let mut input = part;
            while !input.is_empty() {
                frames.extend(pieces.take(&mut input));
            }
        }
        assert_eq!(frames, [*b"abc", *b"def", *b"ghi"]);
    }
}
