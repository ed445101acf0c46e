//! Half messages and op messages: what their records say, and how they are written.
//!
//! A half message is the message its producer sent, on [`topic::TRANS_HALF`], with the topic and
//! queue it is for in two more properties. An op message on [`topic::TRANS_OP_HALF`] says by its
//! body that the half message of that queue offset is settled.

use std::hash::{BuildHasher, Hasher};
use std::net::SocketAddrV4;

use bytes::Bytes;
use protocol::message::Message;
use protocol::properties::{Properties, PropertiesBuf, name};
use protocol::requests::CheckTransactionState;
use protocol::{sysflag, topic};
use store::NewMessage;

use super::judge::Facts;
use super::ledger::Origin;

/// The properties of every op message.
const OP_PROPERTIES: &str = "WAIT\u{1}true\u{2}TAGS\u{1}d\u{2}";
/// The tag of an op message that settles.
const OP_TAG: &str = "d";

/// What became of a transaction? To one producer of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question<'a> {
    /// The group.
    pub(crate) group: &'a str,
    /// The request.
    pub(crate) header: CheckTransactionState,
    /// The message, as it will be delivered.
    pub(crate) body: Bytes,
}

/// The record of a half message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Half<'a> {
    /// The record.
    pub(crate) message: Message<'a>,
}

impl<'a> Half<'a> {
    /// Reads a record; `None` if it is no half message.
    pub(crate) fn decode(record: &'a [u8]) -> Option<Self> {
        let message = Message::decode(record).ok()?;
        (message.topic == topic::TRANS_HALF).then_some(Self { message })
    }

    /// The group of its producer.
    pub(crate) fn producer_group(&self) -> Option<&'a str> {
        self.property(name::PRODUCER_GROUP)
    }

    /// The topic and the queue it is for.
    pub(crate) fn target(&self) -> Option<(&'a str, i32)> {
        let queue_id = self.property(name::REAL_QUEUE_ID)?.parse().ok()?;
        Some((self.property(name::REAL_TOPIC)?, queue_id))
    }

    /// What the next check round wants to know.
    pub(crate) fn facts(&self) -> Facts {
        Facts {
            born_ms: self.message.born_timestamp,
            stored_ms: self.message.store_timestamp,
            asked: self.asked(),
            immune_s: self
                .property(name::CHECK_IMMUNITY_TIME)
                .map(|text| text.parse().unwrap_or(-1)),
        }
    }

    /// How often its producer was asked. What is no number counts as -1, as in 4.4.0.
    fn asked(&self) -> Option<i32> {
        let text = self.property(name::TRANSACTION_CHECK_TIMES)?;
        Some(text.parse().unwrap_or(-1))
    }

    /// How often it was stored, as far as it says.
    pub(crate) fn origin(&self, hasher: &impl BuildHasher) -> Origin {
        let first = self.property(name::TRANSACTION_PREPARED_QUEUE_OFFSET);
        Origin {
            fingerprint: self.fingerprint(hasher),
            renewed: first.is_some() || self.asked().is_some(),
            first: first.and_then(|text| text.parse().ok()),
        }
    }

    /// A number made of what stays the same when it is stored anew. Messages of stock clients
    /// have a unique key, so that no two of them share it.
    pub(crate) fn fingerprint(&self, hasher: &impl BuildHasher) -> u64 {
        let message = &self.message;
        let mut state = hasher.build_hasher();
        state.write_i64(message.born_timestamp);
        state.write(&message.born_host.0);
        state.write_i32(message.body_crc);
        for name in [name::UNIQUE_KEY, name::PRODUCER_GROUP, name::REAL_TOPIC, name::REAL_QUEUE_ID]
        {
            state.write(self.property(name).unwrap_or_default().as_bytes());
            state.write_u8(0);
        }
        state.finish()
    }

    /// The message to store when the transaction is committed. `properties` is the record's text
    /// of them.
    pub(crate) fn committed<'b>(
        &self,
        target: (&'b str, i32),
        properties: &'b str,
    ) -> NewMessage<'b>
    where
        'a: 'b,
    {
        let kind = sysflag::message::TRANSACTION_COMMIT;
        NewMessage {
            topic: target.0,
            queue_id: target.1,
            sys_flag: sysflag::message::with_transaction(self.message.sys_flag, kind),
            prepared_transaction_offset: self.message.physical_offset,
            ..self.copy(properties)
        }
    }

    /// The message to store it anew, with what its properties are then.
    pub(crate) fn renewed<'b>(&self, properties: &'b str) -> NewMessage<'b>
    where
        'a: 'b,
    {
        NewMessage { topic: topic::TRANS_HALF, ..self.copy(properties) }
    }

    fn copy<'b>(&self, properties: &'b str) -> NewMessage<'b>
    where
        'a: 'b,
    {
        let message = &self.message;
        NewMessage {
            topic: message.topic,
            queue_id: message.queue_id,
            flag: message.flag,
            sys_flag: message.sys_flag,
            born_timestamp: message.born_timestamp,
            born_host: message.born_host.to_addr(),
            store_host: message.store_host.to_addr(),
            reconsume_times: message.reconsume_times,
            prepared_transaction_offset: 0,
            body: message.body,
            properties,
        }
    }

    /// Its properties when it is stored anew to be asked about.
    pub(crate) fn properties_asked(&self, asked: i32) -> String {
        let mut properties = PropertiesBuf::from(self.message.properties);
        properties.put(name::TRANSACTION_CHECK_TIMES, asked.to_string());
        properties.to_text()
    }

    /// Its properties when it is stored anew to stand aside: it says where it was first.
    pub(crate) fn properties_put_back(&self) -> String {
        let mut properties = PropertiesBuf::from(self.message.properties);
        if properties.get(name::TRANSACTION_PREPARED_QUEUE_OFFSET).is_none() {
            let first = self.message.queue_offset.to_string();
            properties.put(name::TRANSACTION_PREPARED_QUEUE_OFFSET, first);
        }
        properties.to_text()
    }

    /// The question to its producer, about the record that was stored anew at these offsets.
    /// `None` if it does not say whom to ask, or where it is for.
    pub(crate) fn question(
        &self,
        properties: &str,
        (queue_offset, physical_offset): (i64, i64),
    ) -> Option<Question<'a>> {
        let group = self.producer_group()?;
        let (topic, queue_id) = self.target()?;
        let message = Message {
            topic,
            queue_id,
            queue_offset,
            physical_offset,
            properties: Properties::from(properties),
            ..self.message
        };
        let unique_key = self.property(name::UNIQUE_KEY).map(str::to_owned);
        let header = CheckTransactionState {
            tran_state_table_offset: queue_offset,
            commit_log_offset: physical_offset,
            msg_id: unique_key.clone(),
            transaction_id: unique_key,
            offset_msg_id: Some(message.id().to_text().as_str().to_owned()),
        };
        let mut body = Vec::with_capacity(message.encoded_len());
        message.encode(&mut body);
        Some(Question { group, header, body: body.into() })
    }

    fn property(&self, name: &str) -> Option<&'a str> {
        self.message.properties.get(name)
    }
}

/// The properties of a half message: those of the message, and where it is for.
pub(crate) fn half_properties(message: &NewMessage<'_>) -> String {
    let mut properties = PropertiesBuf::from(Properties::from(message.properties));
    properties.put(name::REAL_TOPIC, message.topic);
    properties.put(name::REAL_QUEUE_ID, message.queue_id.to_string());
    properties.to_text()
}

/// The half message of a message, given [`half_properties`].
pub(crate) fn half_of<'a>(message: &NewMessage<'a>, properties: &'a str) -> NewMessage<'a> {
    let kind = sysflag::message::TRANSACTION_NONE;
    NewMessage {
        topic: topic::TRANS_HALF,
        queue_id: 0,
        sys_flag: sysflag::message::with_transaction(message.sys_flag, kind),
        properties,
        ..*message
    }
}

/// The op message with this body, the half message's queue offset as text.
pub(crate) fn op<'a>(
    queue_id: i32,
    body: &'a str,
    host: SocketAddrV4,
    now_ms: i64,
) -> NewMessage<'a> {
    NewMessage {
        topic: topic::TRANS_OP_HALF,
        queue_id,
        flag: 0,
        sys_flag: 0,
        born_timestamp: now_ms,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: body.as_bytes(),
        properties: OP_PROPERTIES,
    }
}

/// The half message that an op message names; `None` if it names none.
pub(crate) fn named_by_op(record: &[u8]) -> Option<i64> {
    let message = Message::decode(record).ok()?;
    if message.properties.get(name::TAGS) != Some(OP_TAG) {
        return None;
    }
    std::str::from_utf8(message.body).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;
    use std::net::Ipv4Addr;

    use protocol::message::body_crc;

    use super::*;

    const HOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10911);

    fn sent(properties: &str) -> NewMessage<'_> {
        NewMessage {
            topic: "T",
            queue_id: 3,
            flag: 9,
            sys_flag: sysflag::message::TRANSACTION_PREPARED | sysflag::message::COMPRESSED,
            born_timestamp: 77,
            born_host: HOST,
            store_host: HOST,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: b"body",
            properties,
        }
    }

    /// The record a store makes of it, at offsets 5 and 1000.
    fn record(new: &NewMessage<'_>) -> Vec<u8> {
        let mut bytes = Vec::new();
        Message {
            body_crc: body_crc(new.body),
            queue_id: new.queue_id,
            flag: new.flag,
            queue_offset: 5,
            physical_offset: 1000,
            sys_flag: new.sys_flag,
            born_timestamp: new.born_timestamp,
            born_host: new.born_host.into(),
            store_timestamp: 80,
            store_host: new.store_host.into(),
            reconsume_times: new.reconsume_times,
            prepared_transaction_offset: new.prepared_transaction_offset,
            body: new.body,
            topic: new.topic,
            properties: new.properties.into(),
        }
        .encode(&mut bytes);
        bytes
    }

    fn half_record(properties: &str) -> Vec<u8> {
        let message = sent(properties);
        let properties = half_properties(&message);
        record(&half_of(&message, &properties))
    }

    #[test]
    fn a_half_message_becomes_the_message_it_was() {
        let bytes = half_record("TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}");
        let half = Half::decode(&bytes).unwrap();
        assert_eq!((half.message.topic, half.message.queue_id), (topic::TRANS_HALF, 0));
        assert_eq!(half.message.sys_flag, sysflag::message::COMPRESSED);
        assert_eq!((half.producer_group(), half.target()), (Some("p"), Some(("T", 3))));
        let text = String::from_utf8(half.message.properties.as_bytes().to_vec()).unwrap();
        assert_eq!(
            text,
            "TRAN_MSG\u{1}true\u{2}PGROUP\u{1}p\u{2}REAL_TOPIC\u{1}T\u{2}REAL_QID\u{1}3\u{2}"
        );
        let committed = half.committed(("T", 3), &text);
        assert_eq!((committed.topic, committed.queue_id, committed.flag), ("T", 3, 9));
        assert_eq!(committed.sys_flag, 0x8 | sysflag::message::COMPRESSED);
        assert_eq!(committed.prepared_transaction_offset, 1000);
        assert_eq!((committed.born_timestamp, committed.body), (77, &b"body"[..]));
    }

    #[test]
    fn other_messages_are_none() {
        assert!(Half::decode(&record(&sent(""))).is_none());
        assert!(Half::decode(b"no record").is_none());
    }

    #[test]
    fn stored_anew_it_is_known_again() {
        let hasher = RandomState::new();
        let bytes = half_record("UNIQ_KEY\u{1}u\u{2}PGROUP\u{1}p\u{2}");
        let half = Half::decode(&bytes).unwrap();
        let origin = half.origin(&hasher);
        assert!(!origin.renewed && origin.first.is_none());
        for properties in [half.properties_asked(1), half.properties_put_back()] {
            let again = record(&half.renewed(&properties));
            let again = Half::decode(&again).unwrap();
            assert_eq!(again.fingerprint(&hasher), origin.fingerprint);
            assert!(again.origin(&hasher).renewed);
            assert_eq!(again.message.flag, 9);
        }
        let other = half_record("UNIQ_KEY\u{1}v\u{2}PGROUP\u{1}p\u{2}");
        let other = Half::decode(&other).unwrap();
        assert_ne!(other.fingerprint(&hasher), origin.fingerprint);
    }

    #[test]
    fn its_properties_say_how_often_and_from_where() {
        let bytes = half_record("a\u{1}b\u{2}CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}30\u{2}");
        let half = Half::decode(&bytes).unwrap();
        let facts = |asked| Facts { born_ms: 77, stored_ms: 80, asked, immune_s: Some(30) };
        assert_eq!(half.facts(), facts(None));
        let text = half.properties_asked(1);
        assert!(text.starts_with("a\u{1}b\u{2}"));
        let asked = record(&half.renewed(&text));
        let asked = Half::decode(&asked).unwrap();
        assert_eq!(asked.facts(), facts(Some(1)));
        assert!(asked.properties_asked(2).contains("TRANSACTION_CHECK_TIMES\u{1}2\u{2}"));
        let aside = asked.properties_put_back();
        assert!(aside.contains("TRAN_PREPARED_QUEUE_OFFSET\u{1}5\u{2}"), "{aside:?}");
        let aside = record(&half.renewed(&aside));
        let aside = Half::decode(&aside).unwrap();
        assert_eq!(aside.origin(&RandomState::new()).first, Some(5));
        assert_eq!(aside.properties_put_back().matches("TRAN_PREPARED").count(), 1);
    }

    #[test]
    fn numbers_that_are_none_count_as_minus_one() {
        let bytes = half_record(
            "CHECK_IMMUNITY_TIME_IN_SECONDS\u{1}x\u{2}TRANSACTION_CHECK_TIMES\u{1}y\u{2}",
        );
        let facts = Half::decode(&bytes).unwrap().facts();
        assert_eq!((facts.asked, facts.immune_s), (Some(-1), Some(-1)));
    }

    #[test]
    fn a_question_shows_the_message_as_it_will_be() {
        let bytes = half_record("UNIQ_KEY\u{1}u\u{2}PGROUP\u{1}p\u{2}");
        let half = Half::decode(&bytes).unwrap();
        let question = half.question(&half.properties_asked(1), (6, 2000)).unwrap();
        let header = CheckTransactionState {
            tran_state_table_offset: 6,
            commit_log_offset: 2000,
            msg_id: Some("u".to_owned()),
            transaction_id: Some("u".to_owned()),
            offset_msg_id: Some("7F00000100002A9F00000000000007D0".to_owned()),
        };
        assert_eq!((question.group, &question.header), ("p", &header));
        let shown = Message::decode(&question.body).unwrap();
        assert_eq!((shown.topic, shown.queue_id, shown.flag), ("T", 3, 9));
        assert_eq!((shown.queue_offset, shown.physical_offset), (6, 2000));
        assert_eq!(shown.properties.get("TRANSACTION_CHECK_TIMES"), Some("1"));
        let lost = record(&NewMessage { topic: topic::TRANS_HALF, ..sent("") });
        assert!(Half::decode(&lost).unwrap().question("", (6, 2000)).is_none());
    }

    #[test]
    fn an_op_message_names_a_half_message() {
        let bytes = record(&op(0, "42", HOST, 5));
        assert_eq!(named_by_op(&bytes), Some(42));
        let message = Message::decode(&bytes).unwrap();
        assert_eq!((message.topic, message.body), (topic::TRANS_OP_HALF, &b"42"[..]));
        let other = NewMessage { properties: "TAGS\u{1}e\u{2}", ..op(0, "42", HOST, 5) };
        assert_eq!(named_by_op(&record(&other)), None);
        assert_eq!(named_by_op(&record(&op(0, "x", HOST, 5))), None);
    }
}
