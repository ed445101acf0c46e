//! Messages to send and messages received.

use std::fmt;

use bytes::Bytes;
use flate2::read::ZlibDecoder;
use protocol::message::{self, Host};
use protocol::properties::{KEY_SEPARATOR, PropertiesBuf, name};
use protocol::sysflag;

use crate::ClientError;
use crate::java_order::hash_order;

/// A message to send.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Message {
    /// Where it goes.
    pub topic: String,
    /// A number for the application's use.
    pub flag: i32,
    /// Names and values; some names have a meaning, see [`name`].
    pub properties: PropertiesBuf,
    /// What it says.
    pub body: Bytes,
}

impl Message {
    /// A message with one tag; an empty tag is none.
    #[must_use]
    pub fn new(topic: impl Into<String>, tag: &str, body: impl Into<Bytes>) -> Self {
        let mut message = Self { topic: topic.into(), body: body.into(), ..Self::default() };
        if !tag.is_empty() {
            message.properties.put(name::TAGS, tag);
        }
        message.properties.put(name::WAIT, "true");
        message
    }

    /// The same with keys to find it by.
    #[must_use]
    pub fn keys(self, keys: &[&str]) -> Self {
        self.property(name::KEYS, keys.join(" "))
    }

    /// The same, delivered after the delay of a level (1-based; 0 is no delay).
    #[must_use]
    pub fn delay_level(self, level: u32) -> Self {
        self.property(name::DELAY, level.to_string())
    }

    /// The same, answered before or after it is on disk and on a slave, where the broker waits for
    /// that.
    #[must_use]
    pub fn wait_stored(self, wait: bool) -> Self {
        self.property(name::WAIT, wait.to_string())
    }

    /// The same with a number for the application's use.
    #[must_use]
    pub fn flag(mut self, flag: i32) -> Self {
        self.flag = flag;
        self
    }

    /// Its tag.
    #[must_use]
    pub fn tags(&self) -> Option<&str> {
        self.properties.get(name::TAGS)
    }

    /// The same with one more property.
    #[must_use]
    pub fn property(mut self, key: &str, value: impl Into<String>) -> Self {
        self.properties.put(key, value);
        self
    }
}

/// Largest body a compressed message may unfold to; what lies beyond is no RocketMQ message.
const UNFOLDED_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A message received.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// Topic, properties and body.
    pub message: Message,
    /// Broker it came from.
    pub broker_name: String,
    /// Its queue.
    pub queue_id: i32,
    /// Its place in the queue.
    pub queue_offset: i64,
    /// Its place in the broker's log.
    pub physical_offset: i64,
    /// Size of its record in bytes.
    pub store_size: i32,
    /// See [`sysflag::message`].
    pub sys_flag: i32,
    /// CRC of the stored body.
    pub body_crc: i32,
    /// When the producer made it, in ms.
    pub born_timestamp: i64,
    /// The producer.
    pub born_host: Host,
    /// When the broker stored it, in ms.
    pub store_timestamp: i64,
    /// The broker that stored it.
    pub store_host: Host,
    /// How often it was given back.
    pub reconsume_times: i32,
    /// Where its half message stands, for committed transactions.
    pub prepared_transaction_offset: i64,
}

impl Received {
    /// Decodes one record, unfolding a compressed body.
    ///
    /// # Errors
    /// When the body does not unfold.
    pub fn decode(record: &message::Message<'_>, broker_name: &str) -> Result<Self, ClientError> {
        let body = if sysflag::message::is_compressed(record.sys_flag) {
            unfold(record.body)?
        } else {
            Bytes::copy_from_slice(record.body)
        };
        let mut properties = PropertiesBuf::new();
        record.properties.iter().for_each(|(key, value)| properties.put(key, value));
        Ok(Self {
            message: Message {
                topic: record.topic.to_owned(),
                flag: record.flag,
                properties,
                body,
            },
            broker_name: broker_name.to_owned(),
            queue_id: record.queue_id,
            queue_offset: record.queue_offset,
            physical_offset: record.physical_offset,
            store_size: i32::try_from(record.encoded_len()).unwrap_or(i32::MAX),
            sys_flag: record.sys_flag,
            body_crc: record.body_crc,
            born_timestamp: record.born_timestamp,
            born_host: record.born_host,
            store_timestamp: record.store_timestamp,
            store_host: record.store_host,
            reconsume_times: record.reconsume_times,
            prepared_transaction_offset: record.prepared_transaction_offset,
        })
    }

    /// The topic it was sent to.
    #[must_use]
    pub fn topic(&self) -> &str {
        &self.message.topic
    }

    /// What it says.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        &self.message.body
    }

    /// Its tag.
    #[must_use]
    pub fn tags(&self) -> Option<&str> {
        self.message.tags()
    }

    /// Its keys.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let keys = self.property(name::KEYS).unwrap_or_default();
        keys.split(KEY_SEPARATOR).filter(|key| !key.is_empty())
    }

    /// A property.
    #[must_use]
    pub fn property(&self, name: &str) -> Option<&str> {
        self.message.properties.get(name)
    }

    /// Id by the place in the broker's log, see [`message::Message::id`].
    #[must_use]
    pub fn offset_message_id(&self) -> String {
        let id =
            protocol::message_id::MessageId { host: self.store_host, offset: self.physical_offset };
        id.to_text().as_str().to_owned()
    }

    /// The id its producer gave it, else the one by place (Java: `getMsgId`).
    #[must_use]
    pub fn message_id(&self) -> String {
        match self.message.properties.get(name::UNIQUE_KEY) {
            Some(id) => id.to_owned(),
            None => self.offset_message_id(),
        }
    }
}

fn unfold(body: &[u8]) -> Result<Bytes, ClientError> {
    use std::io::Read as _;
    let mut unfolded = Vec::new();
    let read = ZlibDecoder::new(body).take(UNFOLDED_BYTES_MAX + 1).read_to_end(&mut unfolded);
    match read {
        Ok(length) if length as u64 <= UNFOLDED_BYTES_MAX => Ok(unfolded.into()),
        Ok(_) => Err(ClientError::Malformed("compressed body unfolds to too much".to_owned())),
        Err(error) => Err(ClientError::Malformed(format!("compressed body: {error}"))),
    }
}

impl fmt::Display for Message {
    /// As Java's `Message.toString` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let properties = properties_text(&self.properties);
        let body: Vec<String> = self.body.iter().map(|byte| (*byte as i8).to_string()).collect();
        let prepared = self.properties.get(name::TRANSACTION_PREPARED);
        let transaction = prepared.filter(|text| text.eq_ignore_ascii_case("true"));
        let transaction = transaction.and_then(|_| self.properties.get(name::UNIQUE_KEY));
        write!(
            f,
            "Message{{topic='{}', flag={}, properties={}, body=[{}], transactionId='{}'}}",
            self.topic,
            self.flag,
            properties,
            body.join(", "),
            transaction.unwrap_or("null")
        )
    }
}

/// Properties as Java prints a map of them.
#[must_use]
pub fn properties_text(properties: &PropertiesBuf) -> String {
    let names = hash_order(properties.iter().map(|(name, _)| name));
    let items = names.iter().map(|name| {
        let value = properties.get(name).unwrap_or_default();
        format!("{name}={value}")
    });
    format!("{{{}}}", items.collect::<Vec<_>>().join(", "))
}

impl fmt::Display for Received {
    /// As Java's `MessageExt.toString` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MessageExt [queueId={}, storeSize={}, queueOffset={}, sysFlag={}, bornTimestamp={}, \
             bornHost=/{}, storeTimestamp={}, storeHost=/{}, msgId={}, commitLogOffset={}, \
             bodyCRC={}, reconsumeTimes={}, preparedTransactionOffset={}, toString()={}]",
            self.queue_id,
            self.store_size,
            self.queue_offset,
            self.sys_flag,
            self.born_timestamp,
            self.born_host.to_addr(),
            self.store_timestamp,
            self.store_host.to_addr(),
            self.offset_message_id(),
            self.physical_offset,
            self.body_crc,
            self.reconsume_times,
            self.prepared_transaction_offset,
            self.message
        )
    }
}
