//! Message ids: the broker's offset id and the client's unique id, both 32 hex digits.
//!
//! ```text
//! offset id   IPv4 (4) │ port i32 (4) │ physical offset i64 (8)
//! unique id   IPv4 (4) │ pid low 16 bits (2) │ loader hash i32 (4) │ time i32 (4) │ counter i16 (2)
//! ```
//! Both are written in upper case. The offset id says where a record lies; the unique id only has
//! to differ from every other one, its time counts from the start of the month in local time.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use crate::message::Host;

/// Hex digits of either kind of id.
pub const TEXT_LEN: usize = 32;

/// The text is not 32 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a message id has {TEXT_LEN} hex digits")]
pub struct BadMessageId;

/// Where a message lies: the broker that stored it and its offset in that broker's log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct MessageId {
    /// Address of the broker, as written into the record.
    pub host: Host,
    /// Offset of the record in the commit log.
    pub offset: i64,
}

impl MessageId {
    /// The id as text on the stack, for hot paths.
    #[must_use]
    pub fn to_text(self) -> IdText {
        let mut raw = [0; TEXT_LEN / 2];
        raw[..8].copy_from_slice(&self.host.0);
        raw[8..].copy_from_slice(&self.offset.to_be_bytes());
        IdText::of(&raw)
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_str())
    }
}

impl FromStr for MessageId {
    type Err = BadMessageId;

    /// Reads an offset id; lower case digits are taken too, as 4.4.0 does.
    fn from_str(text: &str) -> Result<Self, BadMessageId> {
        let raw = parse_hex(text)?;
        let (host, offset) = raw.split_first_chunk::<8>().ok_or(BadMessageId)?;
        let offset = offset.first_chunk::<8>().ok_or(BadMessageId)?;
        Ok(Self { host: Host(*host), offset: i64::from_be_bytes(*offset) })
    }
}

/// The parts of a client-made unique id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct UniqueId {
    /// Address of the client's machine.
    pub ip: Ipv4Addr,
    /// Low 16 bits of its process id.
    pub pid: u16,
    /// Anything that tells two clients of one process apart.
    pub loader_hash: i32,
    /// Milliseconds since the start of the current month, local time of the client.
    pub since_month_ms: i32,
    /// Counts the messages of the client.
    pub counter: u16,
}

impl UniqueId {
    /// The id as text on the stack.
    #[must_use]
    pub fn to_text(self) -> IdText {
        let mut raw = [0; TEXT_LEN / 2];
        raw[..4].copy_from_slice(&self.ip.octets());
        raw[4..6].copy_from_slice(&self.pid.to_be_bytes());
        raw[6..10].copy_from_slice(&self.loader_hash.to_be_bytes());
        raw[10..14].copy_from_slice(&self.since_month_ms.to_be_bytes());
        raw[14..].copy_from_slice(&self.counter.to_be_bytes());
        IdText::of(&raw)
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_str())
    }
}

impl FromStr for UniqueId {
    type Err = BadMessageId;

    fn from_str(text: &str) -> Result<Self, BadMessageId> {
        let [a, b, c, d, p, q, h0, h1, h2, h3, t0, t1, t2, t3, n0, n1] = parse_hex(text)?;
        Ok(Self {
            ip: Ipv4Addr::new(a, b, c, d),
            pid: u16::from_be_bytes([p, q]),
            loader_hash: i32::from_be_bytes([h0, h1, h2, h3]),
            since_month_ms: i32::from_be_bytes([t0, t1, t2, t3]),
            counter: u16::from_be_bytes([n0, n1]),
        })
    }
}

/// 32 hex digits without a heap allocation.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct IdText([u8; TEXT_LEN]);

impl IdText {
    fn of(raw: &[u8; TEXT_LEN / 2]) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
        let mut text = [0; TEXT_LEN];
        for (pair, byte) in text.chunks_exact_mut(2).zip(raw) {
            pair[0] = DIGITS[usize::from(byte >> 4)];
            pair[1] = DIGITS[usize::from(byte & 0xF)];
        }
        Self(text)
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for IdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn parse_hex(text: &str) -> Result<[u8; TEXT_LEN / 2], BadMessageId> {
    let digits = text.as_bytes();
    if digits.len() != TEXT_LEN {
        return Err(BadMessageId);
    }
    let mut raw = [0; TEXT_LEN / 2];
    for (byte, pair) in raw.iter_mut().zip(digits.chunks_exact(2)) {
        let [high, low] = *pair else { return Err(BadMessageId) };
        *byte = hex_value(high)? << 4 | hex_value(low)?;
    }
    Ok(raw)
}

fn hex_value(digit: u8) -> Result<u8, BadMessageId> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(BadMessageId),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_id_names_broker_and_offset() {
        let id: MessageId = "7F000001000062700000000000000149".parse().unwrap();
        assert_eq!(id.host.to_string(), "127.0.0.1:25200");
        assert_eq!(id.offset, 0x149);
        assert_eq!(id.to_string(), "7F000001000062700000000000000149");
    }

    #[test]
    fn lower_case_is_read_and_written_upper() {
        let id: MessageId = "7f0000010000627000000000000001af".parse().unwrap();
        assert_eq!(id.to_string(), "7F0000010000627000000000000001AF");
    }

    #[test]
    fn a_unique_id_of_a_java_client_round_trips() {
        let text = "C00002023D865FFD2B276F4DA0E10000";
        let id: UniqueId = text.parse().unwrap();
        assert_eq!(id.ip, Ipv4Addr::new(192, 0, 2, 2));
        assert_eq!(id.pid, 0x3D86);
        assert_eq!(id.counter, 0);
        assert_eq!(id.to_string(), text);
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "7F",
            "7F00000100006270000000000000014",
            "ZF000001000062700000000000000149",
            "7F0000010000627000000000000001490",
            "７F00000100006270000000000000149",
        ] {
            assert_eq!(text.parse::<MessageId>(), Err(BadMessageId), "{text}");
            assert_eq!(text.parse::<UniqueId>(), Err(BadMessageId), "{text}");
        }
    }
}
