//! Frames: the length words around a command, and its header in both serialisations.
//!
//! ```text
//! +---------------+----------------------------------+--------+------+
//! | i32 length of | u8 encoding | u24 header length   | header | body |
//! | what follows  | 0 JSON      |                     |        |      |
//! |               | 1 ROCKETMQ  |                     |        |      |
//! +---------------+----------------------------------+--------+------+
//! ```
//! Java: `RemotingCommand.encode/decode`, `NettyDecoder`, `RocketMQSerializable`.

use bytes::{Buf, BufMut, Bytes, BytesMut};

use crate::command::{Command, Encoding, FLAG_RESPONSE, Language, Reply};
use crate::{Ext, version};

mod binary;
mod json_header;
mod marks;

/// Longest frame, its length word included, unless configured otherwise.
pub const MAX_FRAME: usize = 16_777_216;

const LENGTH_BYTES: usize = 4;
const PREFIX_BYTES: usize = 8;
const HEADER_LENGTH_MASK: u32 = 0x00FF_FFFF;

/// Why a connection cannot go on: what follows on it has no known beginning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The length word is beyond the limit (or negative).
    #[error("frame of {length} bytes is longer than the limit of {max}")]
    TooLong {
        /// Announced length with the length word.
        length: u64,
        /// The limit.
        max: usize,
    },
    /// The frame is too short to hold its header.
    #[error("frame of {length} bytes cannot hold a header of {header} bytes")]
    HeaderLength {
        /// Bytes behind the length word.
        length: usize,
        /// Announced header length.
        header: usize,
    },
    /// The type byte is neither 0 nor 1.
    #[error("unknown header encoding {0}")]
    Encoding(u8),
    /// The header does not parse.
    #[error("malformed {encoding} header at byte {at}")]
    Header {
        /// Which of the two.
        encoding: &'static str,
        /// Where reading stopped.
        at: usize,
    },
}

/// Takes one frame from the front of `buf` into `into`, whose old content is dropped.
///
/// `Ok(false)`: the frame is not complete yet. A length word beyond `max` is refused before
/// anything is reserved for it.
///
/// # Errors
/// A [`FrameError`] is final for the connection.
pub fn decode_frame(
    buf: &mut BytesMut,
    max: usize,
    into: &mut Command,
) -> Result<bool, FrameError> {
    let Some(length) = frame_length(buf, max)? else {
        return Ok(false);
    };
    if buf.len() < LENGTH_BYTES + length {
        return Ok(false);
    }
    let word = read_u32(buf, LENGTH_BYTES);
    let header_length = (word & HEADER_LENGTH_MASK) as usize;
    if length < LENGTH_BYTES + header_length {
        return Err(FrameError::HeaderLength { length, header: header_length });
    }
    let kind = word.to_be_bytes()[0];
    into.reset();
    let header = buf.get(PREFIX_BYTES..PREFIX_BYTES + header_length).unwrap_or_default();
    match kind {
        0 => json_header::decode(header, into)?,
        1 => binary::decode(header, into)?,
        other => return Err(FrameError::Encoding(other)),
    }
    let body_length = length - LENGTH_BYTES - header_length;
    if body_length == 0 {
        buf.advance(LENGTH_BYTES + length);
    } else {
        let mut frame = buf.split_to(LENGTH_BYTES + length);
        frame.advance(PREFIX_BYTES + header_length);
        into.body = frame.freeze();
    }
    Ok(true)
}

/// How many bytes the frame at the front of `buf` still lacks; `None` without a length word.
#[must_use]
pub fn missing_bytes(buf: &[u8]) -> Option<usize> {
    let length = read_u32_checked(buf, 0)? as usize;
    Some((LENGTH_BYTES + length).saturating_sub(buf.len()))
}

fn frame_length(buf: &[u8], max: usize) -> Result<Option<usize>, FrameError> {
    let Some(word) = read_u32_checked(buf, 0) else {
        return Ok(None);
    };
    let length = u64::from(word) + LENGTH_BYTES as u64;
    if length > max as u64 {
        return Err(FrameError::TooLong { length, max });
    }
    let word = word as usize;
    if word < LENGTH_BYTES {
        return Err(FrameError::HeaderLength { length: word, header: 0 });
    }
    Ok(if buf.len() < PREFIX_BYTES { None } else { Some(word) })
}

fn read_u32_checked(buf: &[u8], at: usize) -> Option<u32> {
    buf.get(at..at + 4)?.first_chunk().map(|b| u32::from_be_bytes(*b))
}

fn read_u32(buf: &[u8], at: usize) -> u32 {
    read_u32_checked(buf, at).unwrap_or_default()
}

/// The parts of a header, borrowed from a [`Command`] or a [`Reply`].
struct Header<'a> {
    code: i32,
    language: Language,
    version: i32,
    opaque: i32,
    flag: i32,
    remark: Option<&'a str>,
    ext: &'a Ext,
}

/// Appends a whole command.
pub fn encode_command(command: &Command, out: &mut BytesMut) {
    let header = Header {
        code: command.code,
        language: command.language,
        version: command.version,
        opaque: command.opaque,
        flag: command.flag,
        remark: command.remark.as_deref(),
        ext: &command.ext,
    };
    encode_header(&header, command.encoding, command.body.len(), out);
    out.put_slice(&command.body);
}

/// Appends everything of a reply but its body, which the caller writes right behind.
pub fn encode_reply_head(reply: &Reply, opaque: i32, encoding: Encoding, out: &mut BytesMut) {
    let header = Header {
        code: reply.code,
        language: Language::JAVA,
        version: version::CURRENT,
        opaque,
        flag: FLAG_RESPONSE,
        remark: reply.remark.as_deref(),
        ext: &reply.ext,
    };
    encode_header(&header, encoding, reply.body.len(), out);
}

fn encode_header(header: &Header<'_>, encoding: Encoding, body: usize, out: &mut BytesMut) {
    let start = out.len();
    out.put_u64(0);
    let kind: u32 = match encoding {
        Encoding::Json => {
            json_header::encode(header, out);
            0
        }
        Encoding::Rocketmq => {
            binary::encode(header, out);
            1
        }
    };
    let header_length = out.len() - start - PREFIX_BYTES;
    // Lengths fit: peers refuse frames beyond 16 MiB, and replies are bounded far below.
    let length = u32::try_from(LENGTH_BYTES + header_length + body).unwrap_or(u32::MAX);
    let word = kind << 24 | (header_length as u32 & HEADER_LENGTH_MASK);
    if let Some(prefix) = out.get_mut(start..start + PREFIX_BYTES) {
        let (first, second) = prefix.split_at_mut(LENGTH_BYTES);
        first.copy_from_slice(&length.to_be_bytes());
        second.copy_from_slice(&word.to_be_bytes());
    }
}

/// A command as one buffer; for tests and rare senders.
#[must_use]
pub fn to_bytes(command: &Command) -> Bytes {
    let mut out = BytesMut::with_capacity(256 + command.body.len());
    encode_command(command, &mut out);
    out.freeze()
}

#[cfg(test)]
mod tests;
