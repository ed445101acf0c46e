//! The message record: how the commit log keeps a message and a pull reply carries it.
//!
//! ```text
//!   0 totalSize i32        28 physicalOffset i64    64 storeHost: IPv4 (4), port i32
//!   4 magic i32            36 sysFlag i32           72 reconsumeTimes i32
//!   8 bodyCRC i32          40 bornTimestamp i64     76 preparedTransactionOffset i64
//!  12 queueId i32          48 bornHost: IPv4, port  84 bodyLength i32, body
//!  16 flag i32             56 storeTimestamp i64       topicLength i8, topic
//!  20 queueOffset i64                                  propertiesLength i16, properties
//! ```
//! All numbers are big-endian. A file of the log that cannot take the next record ends with a
//! blank one: `i32` bytes left in the file, `i32` [`BLANK_MAGIC`], then anything.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::message_id::MessageId;
use crate::properties::Properties;

/// Second word of a message record.
pub const MESSAGE_MAGIC: i32 = -626_843_481;
/// Second word of the blank record at the end of a file.
pub const BLANK_MAGIC: i32 = -875_286_124;
/// Bytes of the blank record that mean something; every file keeps room for them.
pub const BLANK_LEN: usize = 8;
/// Bytes before the body.
pub const HEAD_LEN: usize = 88;
/// Bytes of a record without body, topic and properties.
pub const FIXED_LEN: usize = HEAD_LEN + 1 + 2;
/// Longest topic a record can name.
pub const TOPIC_LEN_MAX: usize = 127;
/// Longest properties string a record can hold.
pub const PROPERTIES_LEN_MAX: usize = 32_767;

/// Where the fields of a record lie, for readers that need only one.
pub mod at {
    /// Whole length of the record.
    pub const TOTAL_SIZE: usize = 0;
    /// The magic word.
    pub const MAGIC: usize = 4;
    /// Checksum of the body.
    pub const BODY_CRC: usize = 8;
    /// Queue of the topic.
    pub const QUEUE_ID: usize = 12;
    /// The user's flag.
    pub const FLAG: usize = 16;
    /// Index within the queue.
    pub const QUEUE_OFFSET: usize = 20;
    /// Position in the log.
    pub const PHYSICAL_OFFSET: usize = 28;
    /// System flags.
    pub const SYS_FLAG: usize = 36;
    /// When the client made it.
    pub const BORN_TIMESTAMP: usize = 40;
    /// Where the client is.
    pub const BORN_HOST: usize = 48;
    /// When it was stored.
    pub const STORE_TIMESTAMP: usize = 56;
    /// The broker that stored it.
    pub const STORE_HOST: usize = 64;
    /// How often it was sent back.
    pub const RECONSUME_TIMES: usize = 72;
    /// The half message it came from.
    pub const PREPARED_OFFSET: usize = 76;
    /// Length of the body.
    pub const BODY_LEN: usize = 84;
}

const _: () = assert!(at::BODY_LEN + 4 == HEAD_LEN);
const _: () = assert!(FIXED_LEN == 91);

/// An address as records keep it: four bytes of IPv4 and a four byte port.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Host(pub [u8; 8]);

impl Host {
    /// The address part.
    #[must_use]
    pub const fn ip(self) -> Ipv4Addr {
        let [a, b, c, d, ..] = self.0;
        Ipv4Addr::new(a, b, c, d)
    }

    /// The port as stored; outside 0..=65535 only in foreign or damaged records.
    #[must_use]
    pub const fn port(self) -> i32 {
        let [.., e, f, g, h] = self.0;
        i32::from_be_bytes([e, f, g, h])
    }

    /// As a socket address; of a port that is none, the low half.
    #[must_use]
    pub const fn to_addr(self) -> SocketAddrV4 {
        let [.., g, h] = self.0;
        SocketAddrV4::new(self.ip(), u16::from_be_bytes([g, h]))
    }
}

impl From<SocketAddrV4> for Host {
    fn from(addr: SocketAddrV4) -> Self {
        let [a, b, c, d] = addr.ip().octets();
        let [g, h] = addr.port().to_be_bytes();
        Self([a, b, c, d, 0, 0, g, h])
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.ip(), self.port())
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why bytes are not a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The bytes end before the record does.
    #[error("record cut short")]
    Truncated,
    /// The second word is neither a message's nor a blank's.
    #[error("illegal magic {0:#010x}")]
    Magic(i32),
    /// A length is negative, or the lengths do not add up to the total.
    #[error("total size {total} does not fit its parts")]
    Size {
        /// The total the record claims.
        total: i32,
    },
    /// The body does not match its checksum.
    #[error("body checksum {stored:#010x}, computed {computed:#010x}")]
    Crc {
        /// What the record says.
        stored: i32,
        /// What the body gives.
        computed: i32,
    },
    /// The topic is not UTF-8.
    #[error("topic is not text")]
    Topic,
}

/// What lies at a position of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry<'a> {
    /// A message.
    Message(Message<'a>),
    /// The rest of the file is unused; how many bytes the record claims that is.
    Blank(i32),
}

/// One record, borrowed from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Message<'a> {
    /// Checksum of the body as stored, see [`body_crc`].
    pub body_crc: i32,
    /// Queue of the topic.
    pub queue_id: i32,
    /// The user's flag.
    pub flag: i32,
    /// Index within the queue.
    pub queue_offset: i64,
    /// Position of the record in the log.
    pub physical_offset: i64,
    /// System flags, see [`crate::sysflag::message`].
    pub sys_flag: i32,
    /// When the client made it, ms.
    pub born_timestamp: i64,
    /// Where the client is.
    pub born_host: Host,
    /// When the broker stored it, ms.
    pub store_timestamp: i64,
    /// The broker that stored it.
    pub store_host: Host,
    /// How often it was sent back.
    pub reconsume_times: i32,
    /// Physical offset of the half message a committed one came from.
    pub prepared_transaction_offset: i64,
    /// The body, compressed if `sys_flag` says so.
    pub body: &'a [u8],
    /// The topic.
    pub topic: &'a str,
    /// The properties.
    pub properties: Properties<'a>,
}

impl<'a> Message<'a> {
    /// Bytes of this record.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        encoded_len(self.body.len(), self.topic.len(), self.properties.as_bytes().len())
    }

    /// The offset message id.
    #[must_use]
    pub const fn id(&self) -> MessageId {
        MessageId { host: self.store_host, offset: self.physical_offset }
    }

    /// Reads the record `bytes` starts with; a blank one is damage here. The body is not checked.
    pub fn decode(bytes: &'a [u8]) -> Result<Self, Damage> {
        match read(bytes)? {
            Entry::Message(message) => Ok(message),
            Entry::Blank(_) => Err(Damage::Magic(BLANK_MAGIC)),
        }
    }

    /// Whether the body matches its checksum. An empty body always does, as in 4.4.0.
    pub fn check_body(&self) -> Result<(), Damage> {
        let computed = body_crc(self.body);
        if self.body.is_empty() || computed == self.body_crc {
            return Ok(());
        }
        Err(Damage::Crc { stored: self.body_crc, computed })
    }

    /// Appends the record's bytes. Topic and properties must not be longer than
    /// [`TOPIC_LEN_MAX`] and [`PROPERTIES_LEN_MAX`].
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(Head::of(self).as_bytes());
        out.extend_from_slice(self.body);
        out.extend_from_slice(&topic_prefix(self.topic));
        out.extend_from_slice(self.topic.as_bytes());
        let properties = self.properties.as_bytes();
        out.extend_from_slice(&properties_prefix(properties));
        out.extend_from_slice(properties);
    }
}

/// Reads what `bytes` start with, by the rules 4.4.0 accepts records by (without the checksum, see
/// [`Message::check_body`]).
pub fn read(bytes: &[u8]) -> Result<Entry<'_>, Damage> {
    let total = i32_at(bytes, at::TOTAL_SIZE)?;
    match i32_at(bytes, at::MAGIC)? {
        MESSAGE_MAGIC => {}
        BLANK_MAGIC => return Ok(Entry::Blank(total)),
        other => return Err(Damage::Magic(other)),
    }
    let size = usize::try_from(total).map_err(|_| Damage::Size { total })?;
    let head: &[u8; HEAD_LEN] = bytes.first_chunk().ok_or(Damage::Truncated)?;
    let mut rest = Rest { bytes: &bytes[HEAD_LEN..], total };
    let body = rest.take(i32_at(head, at::BODY_LEN)?)?;
    let topic_len = rest.take(1)?;
    let topic = rest.take(topic_len.first().map_or(0, |&len| i32::from(len.cast_signed())))?;
    let properties_len = rest.take(2)?;
    let properties_len = properties_len.first_chunk().map_or(0, |len| i16::from_be_bytes(*len));
    let properties = rest.take(i32::from(properties_len))?;
    if encoded_len(body.len(), topic.len(), properties.len()) != size {
        return Err(Damage::Size { total });
    }
    Ok(Entry::Message(Message {
        body_crc: i32_at(head, at::BODY_CRC)?,
        queue_id: i32_at(head, at::QUEUE_ID)?,
        flag: i32_at(head, at::FLAG)?,
        queue_offset: i64_at(head, at::QUEUE_OFFSET)?,
        physical_offset: i64_at(head, at::PHYSICAL_OFFSET)?,
        sys_flag: i32_at(head, at::SYS_FLAG)?,
        born_timestamp: i64_at(head, at::BORN_TIMESTAMP)?,
        born_host: Host(*array_at(head, at::BORN_HOST)?),
        store_timestamp: i64_at(head, at::STORE_TIMESTAMP)?,
        store_host: Host(*array_at(head, at::STORE_HOST)?),
        reconsume_times: i32_at(head, at::RECONSUME_TIMES)?,
        prepared_transaction_offset: i64_at(head, at::PREPARED_OFFSET)?,
        body,
        topic: std::str::from_utf8(topic).map_err(|_| Damage::Topic)?,
        properties: Properties::new(properties),
    }))
}

/// The records of a pull or query body, one after the other. Ends at the first damaged one.
pub fn records(body: &[u8]) -> impl Iterator<Item = Result<Message<'_>, Damage>> {
    let mut rest = Some(body);
    std::iter::from_fn(move || {
        let bytes = rest.take_if(|bytes| !bytes.is_empty())?;
        let message = Message::decode(bytes);
        rest = message.as_ref().ok().and_then(|message| bytes.get(message.encoded_len()..));
        Some(message)
    })
}

/// Bytes a record takes.
#[must_use]
pub const fn encoded_len(body: usize, topic: usize, properties: usize) -> usize {
    FIXED_LEN + body + topic + properties
}

/// The checksum records keep of their body: CRC-32 without the top bit.
#[must_use]
pub fn body_crc(body: &[u8]) -> i32 {
    (crc32fast::hash(body) & 0x7FFF_FFFF).cast_signed()
}

/// The blank record of a file with `left` bytes to its end.
#[must_use]
pub fn blank(left: i32) -> [u8; BLANK_LEN] {
    let mut bytes = [0; BLANK_LEN];
    bytes[..4].copy_from_slice(&left.to_be_bytes());
    bytes[4..].copy_from_slice(&BLANK_MAGIC.to_be_bytes());
    bytes
}

/// The byte before the topic.
#[must_use]
pub fn topic_prefix(topic: &str) -> [u8; 1] {
    debug_assert!(topic.len() <= TOPIC_LEN_MAX, "callers refuse longer topics");
    [u8::try_from(topic.len()).unwrap_or(u8::MAX)]
}

/// The bytes before the properties.
#[must_use]
pub fn properties_prefix(properties: &[u8]) -> [u8; 2] {
    debug_assert!(properties.len() <= PROPERTIES_LEN_MAX, "callers refuse longer properties");
    u16::try_from(properties.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// The bytes before the body, made ahead of the three values that only the log's writer knows.
#[derive(Clone, Copy)]
pub struct Head([u8; HEAD_LEN]);

impl Head {
    /// All fields of `message`, its offsets and store time included.
    #[must_use]
    pub fn of(message: &Message<'_>) -> Self {
        let mut head = Self([0; HEAD_LEN]);
        let total = i32::try_from(message.encoded_len()).unwrap_or(i32::MAX);
        let body_len = i32::try_from(message.body.len()).unwrap_or(i32::MAX);
        head.put(at::TOTAL_SIZE, total.to_be_bytes());
        head.put(at::MAGIC, MESSAGE_MAGIC.to_be_bytes());
        head.put(at::BODY_CRC, message.body_crc.to_be_bytes());
        head.put(at::QUEUE_ID, message.queue_id.to_be_bytes());
        head.put(at::FLAG, message.flag.to_be_bytes());
        head.put(at::SYS_FLAG, message.sys_flag.to_be_bytes());
        head.put(at::BORN_TIMESTAMP, message.born_timestamp.to_be_bytes());
        head.put(at::BORN_HOST, message.born_host.0);
        head.put(at::STORE_HOST, message.store_host.0);
        head.put(at::RECONSUME_TIMES, message.reconsume_times.to_be_bytes());
        head.put(at::PREPARED_OFFSET, message.prepared_transaction_offset.to_be_bytes());
        head.put(at::BODY_LEN, body_len.to_be_bytes());
        head.place(message.queue_offset, message.physical_offset, message.store_timestamp);
        head
    }

    /// Fills the three holes.
    pub fn place(&mut self, queue_offset: i64, physical_offset: i64, store_timestamp: i64) {
        self.put(at::QUEUE_OFFSET, queue_offset.to_be_bytes());
        self.put(at::PHYSICAL_OFFSET, physical_offset.to_be_bytes());
        self.put(at::STORE_TIMESTAMP, store_timestamp.to_be_bytes());
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; HEAD_LEN] {
        &self.0
    }

    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) {
        self.0[at..at + N].copy_from_slice(&bytes);
    }
}

/// What is left of a record; a part that is not there is the record's fault only if its own
/// total says it should be.
struct Rest<'a> {
    bytes: &'a [u8],
    total: i32,
}

impl<'a> Rest<'a> {
    fn take(&mut self, len: i32) -> Result<&'a [u8], Damage> {
        let len = usize::try_from(len).map_err(|_| Damage::Size { total: self.total })?;
        let (part, rest) = self.bytes.split_at_checked(len).ok_or(Damage::Truncated)?;
        self.bytes = rest;
        Ok(part)
    }
}

fn array_at<const N: usize>(bytes: &[u8], at: usize) -> Result<&[u8; N], Damage> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).ok_or(Damage::Truncated)
}

fn i32_at(bytes: &[u8], at: usize) -> Result<i32, Damage> {
    array_at(bytes, at).map(|raw| i32::from_be_bytes(*raw))
}

fn i64_at(bytes: &[u8], at: usize) -> Result<i64, Damage> {
    array_at(bytes, at).map(|raw| i64::from_be_bytes(*raw))
}

#[cfg(test)]
mod tests;
