//! The message record of the commit log, as pull, view and query bodies carry it.

use anyhow::{Result, ensure};

use crate::wire::Parts;

/// Magic number of a message.
pub const MESSAGE_MAGIC: u32 = 0xDAA3_20A7;

/// One stored message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Bytes of the whole record.
    pub size: u32,
    /// Queue number.
    pub queue_id: i32,
    /// The user's flag.
    pub flag: i32,
    /// Position in its queue.
    pub queue_offset: i64,
    /// Position in the commit log.
    pub physical_offset: i64,
    /// System flag.
    pub sys_flag: i32,
    /// Time given by the client, ms.
    pub born_timestamp: i64,
    /// `address:port` of the client.
    pub born_host: String,
    /// Time given by the broker, ms.
    pub store_timestamp: i64,
    /// `address:port` of the broker.
    pub store_host: String,
    /// How often it was consumed again.
    pub reconsume_times: i32,
    /// Where the half message lies.
    pub prepared_offset: i64,
    /// Body as stored.
    pub body: Vec<u8>,
    /// Topic.
    pub topic: String,
    /// Properties as stored.
    pub properties: String,
}

impl Record {
    /// Reads records that follow each other.
    pub fn parse_all(bytes: &[u8]) -> Result<Vec<Self>> {
        let mut parts = Parts { bytes, at: 0 };
        let mut records = Vec::new();
        while parts.at < bytes.len() {
            records.push(Self::parse(&mut parts)?);
        }
        Ok(records)
    }

    fn parse(parts: &mut Parts<'_>) -> Result<Self> {
        let start = parts.at;
        let size = parts.u32()?;
        let magic = parts.u32()?;
        ensure!(magic == MESSAGE_MAGIC, "magic {magic:#x} at {start}");
        let crc = parts.u32()?;
        let queue_id = parts.u32()? as i32;
        let flag = parts.u32()? as i32;
        let queue_offset = parts.i64()?;
        let physical_offset = parts.i64()?;
        let sys_flag = parts.u32()? as i32;
        let born_timestamp = parts.i64()?;
        let born_host = host(parts)?;
        let store_timestamp = parts.i64()?;
        let store_host = host(parts)?;
        let reconsume_times = parts.u32()? as i32;
        let prepared_offset = parts.i64()?;
        let length = parts.u32()? as usize;
        let body = parts.slice(length)?.to_vec();
        ensure!(crc == crc32fast::hash(&body) & 0x7FFF_FFFF, "wrong CRC in the record at {start}");
        let length = parts.slice(1)?[0];
        let topic = parts.text(usize::from(length))?;
        let length = parts.i16()?;
        let properties = parts.text(length as usize)?;
        ensure!(parts.at - start == size as usize, "size {size}, read {}", parts.at - start);
        Ok(Record {
            size,
            queue_id,
            flag,
            queue_offset,
            physical_offset,
            sys_flag,
            born_timestamp,
            born_host,
            store_timestamp,
            store_host,
            reconsume_times,
            prepared_offset,
            body,
            topic,
            properties,
        })
    }

    /// Name and value of every property, sorted by name.
    pub fn property_list(&self) -> Vec<(String, String)> {
        let mut list: Vec<_> = self
            .properties
            .split('\u{2}')
            .filter(|item| !item.is_empty())
            .map(|item| item.split_once('\u{1}').unwrap_or((item, "(no value)")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        list.sort();
        list
    }

    /// One property.
    pub fn property(&self, name: &str) -> Option<String> {
        self.property_list().into_iter().find(|(n, _)| n == name).map(|(_, v)| v)
    }
}

fn host(parts: &mut Parts<'_>) -> Result<String> {
    let ip = parts.slice(4)?;
    let port = parts.u32()?;
    Ok(format!("{}.{}.{}.{}:{port}", ip[0], ip[1], ip[2], ip[3]))
}

/// The properties string of these names and values.
pub fn properties(list: &[(&str, &str)]) -> String {
    list.iter().map(|(name, value)| format!("{name}\u{1}{value}\u{2}")).collect()
}

/// The body of a batch send: message bodies with their properties strings.
pub fn batch(messages: &[(&str, String)]) -> Vec<u8> {
    let mut out = Vec::new();
    for (body, properties) in messages {
        out.extend((22 + body.len() as u32 + properties.len() as u32).to_be_bytes());
        out.extend([0; 12]); // magic, checksum, flag
        out.extend((body.len() as u32).to_be_bytes());
        out.extend(body.as_bytes());
        out.extend((properties.len() as u16).to_be_bytes());
        out.extend(properties.as_bytes());
    }
    out
}

/// An offset message id taken apart: `address:port` and physical offset.
pub fn message_id(text: &str) -> Option<(String, i64)> {
    if text.len() != 32 || !text.bytes().all(|b| b.is_ascii_digit() || (b'A'..=b'F').contains(&b)) {
        return None;
    }
    let ip = u32::from_str_radix(&text[..8], 16).ok()?.to_be_bytes();
    let port = u32::from_str_radix(&text[8..16], 16).ok()?;
    let offset = i64::from_str_radix(&text[16..], 16).ok()?;
    Some((format!("{}.{}.{}.{}:{port}", ip[0], ip[1], ip[2], ip[3]), offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_an_id_apart() {
        assert_eq!(
            message_id("7F000001000062700000000000001B88"),
            Some(("127.0.0.1:25200".to_owned(), 0x1B88))
        );
        assert_eq!(message_id("7f000001000062700000000000001B88"), None);
    }
}
