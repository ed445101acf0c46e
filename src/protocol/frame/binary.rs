//! The ROCKETMQ header (Java: `RocketMQSerializable`).
//!
//! ```text
//! i16 code | u8 language | i16 version | i32 opaque | i32 flag
//! | i32 remark length, remark | i32 fields length, { i16 length, key, i32 length, value }*
//! ```
//! A null remark and an absent or empty map have length 0.

use bytes::{Buf, BufMut, BytesMut};

use super::{FrameError, Header};
use crate::command::{Command, Encoding, Language};
use crate::ext::MAX_FIELDS;

pub(super) fn encode(header: &Header<'_>, out: &mut BytesMut) {
    // Codes and versions are 16 bits in this form; Java truncates in the same way.
    out.put_i16(header.code as i16);
    out.put_u8(header.language.0);
    out.put_i16(header.version as i16);
    out.put_i32(header.opaque);
    out.put_i32(header.flag);
    let remark = header.remark.unwrap_or_default();
    out.put_u32(remark.len() as u32);
    out.put_slice(remark.as_bytes());
    let fits = |key: &str| i16::try_from(key.len()).is_ok();
    let fields = || header.ext.iter().filter(|(key, _)| fits(key));
    let length: usize = fields().map(|(key, value)| 2 + key.len() + 4 + value.len()).sum();
    out.put_u32(length as u32);
    for (key, value) in fields() {
        out.put_i16(key.len() as i16);
        out.put_slice(key.as_bytes());
        out.put_u32(value.len() as u32);
        out.put_slice(value.as_bytes());
    }
}

pub(super) fn decode(header: &[u8], into: &mut Command) -> Result<(), FrameError> {
    let mut rest = header;
    into.encoding = Encoding::Rocketmq;
    match command(&mut rest, into) {
        Some(()) => Ok(()),
        None => Err(FrameError::Header { encoding: "ROCKETMQ", at: header.len() - rest.len() }),
    }
}

fn command(rest: &mut &[u8], into: &mut Command) -> Option<()> {
    into.code = i32::from(rest.try_get_i16().ok()?);
    into.language = Language(rest.try_get_u8().ok()?);
    into.version = i32::from(rest.try_get_i16().ok()?);
    into.opaque = rest.try_get_i32().ok()?;
    into.flag = rest.try_get_i32().ok()?;
    let remark_length = length(rest.try_get_i32().ok()?);
    if remark_length > 0 {
        into.remark = Some(String::from_utf8_lossy(take(rest, remark_length)?).into_owned());
    }
    let fields_length = length(rest.try_get_i32().ok()?);
    let mut fields = take(rest, fields_length)?;
    while !fields.is_empty() {
        let key_length = length(i32::from(fields.try_get_i16().ok()?));
        let key = into.ext.append(&String::from_utf8_lossy(take(&mut fields, key_length)?));
        let value_length = length(fields.try_get_i32().ok()?);
        let value = into.ext.append(&String::from_utf8_lossy(take(&mut fields, value_length)?));
        into.ext.add(key, value);
        if into.ext.len() > MAX_FIELDS {
            return None;
        }
    }
    Some(())
}

/// Java takes a length below 1 as "nothing there".
fn length(raw: i32) -> usize {
    usize::try_from(raw).unwrap_or(0)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}
