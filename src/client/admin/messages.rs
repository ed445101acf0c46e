//! Finding messages, and having one consumed.

use protocol::Command;
use protocol::bodies::ConsumeMessageDirectlyResult;
use protocol::codes::response;
use protocol::message::records;
use protocol::message_id::MessageId;
use protocol::properties::{KEY_SEPARATOR, name};
use protocol::requests::{ConsumeMessageDirectly, QueryMessage, UNIQUE_KEY_QUERY, ViewMessageById};

use super::{Admin, LONG};
use crate::names::typed;
use crate::unique_id::made_at;
use crate::{ClientError, LOG, Received};

/// How many messages to ask for that may have a unique id: hash codes may be shared.
const UNIQUE_MAX: i32 = 32;
/// Clocks of clients may be this much behind those of brokers.
const CLOCK_SKEW_MS: i64 = 1000;

impl Admin {
    /// The message at the place that an offset message id names.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them when there is no message.
    pub async fn message(&self, id: &str) -> Result<Received, ClientError> {
        let place =
            parse_offset_id(id).ok_or_else(|| no_message("this is no offset message id"))?;
        let request = ViewMessageById { offset: place.offset };
        let (_, answer) = self.ask(&place.host.to_string(), &request, Vec::new()).await?;
        let mut found = decode_all(&answer)?;
        if found.is_empty() {
            return Err(no_message("the broker answered without a message"));
        }
        Ok(found.swap_remove(0))
    }

    /// The message of either kind of id.
    ///
    /// # Errors
    /// As [`Admin::message_by_unique_id`].
    pub async fn message_of(&self, topic: &str, id: &str) -> Result<Received, ClientError> {
        if parse_offset_id(id).is_some() {
            match self.message(id).await {
                Ok(found) => return Ok(found),
                Err(error) => tracing::debug!(target: LOG, id, %error, "not an offset message id"),
            }
        }
        self.message_by_unique_id(topic, id).await
    }

    /// The first message stored under the id its producer gave it.
    ///
    /// # Errors
    /// Failed calls and refusals; and when there is none.
    pub async fn message_by_unique_id(
        &self,
        topic: &str,
        id: &str,
    ) -> Result<Received, ClientError> {
        let made = made_at(id).ok_or_else(|| no_message("this is no unique message id"))?;
        let query = QueryMessage {
            topic: topic.to_owned(),
            key: id.to_owned(),
            max_num: UNIQUE_MAX,
            begin_timestamp: made - CLOCK_SKEW_MS,
            end_timestamp: i64::MAX,
        };
        let mut found = self.query(&query, true).await?;
        found.retain(|message| message.message_id() == id);
        let first = found.into_iter().min_by_key(|message| message.store_timestamp);
        first.ok_or_else(|| no_message("no broker has a message with this id"))
    }

    /// Messages of a topic with a key, at most `max` a broker, of all times.
    ///
    /// # Errors
    /// Failed calls and refusals; and when there is none.
    pub async fn messages_by_key(
        &self,
        topic: &str,
        key: &str,
        max: i32,
    ) -> Result<Vec<Received>, ClientError> {
        let query = QueryMessage {
            topic: topic.to_owned(),
            key: key.to_owned(),
            max_num: max,
            begin_timestamp: 0,
            end_timestamp: i64::MAX,
        };
        let mut found = self.query(&query, false).await?;
        found.retain(|message| {
            let keys = message.message.properties.get(name::KEYS).unwrap_or_default();
            keys.split(KEY_SEPARATOR).any(|each| each == key)
        });
        if found.is_empty() {
            return Err(no_message("no broker has a message with this key"));
        }
        Ok(found)
    }

    /// Asks all brokers of the topic; those that fail are passed over.
    async fn query(
        &self,
        query: &QueryMessage,
        unique: bool,
    ) -> Result<Vec<Received>, ClientError> {
        let mut command = Command::of(query)?;
        command.ext.set(UNIQUE_KEY_QUERY, if unique { "true" } else { "false" });
        let addrs = self.addresses(&query.topic).await?;
        let calls = addrs.iter().map(|addr| self.call(addr, command.clone(), self.limit() * LONG));
        let mut found = Vec::new();
        for (addr, answer) in addrs.iter().zip(futures_util::future::join_all(calls).await) {
            match answer.and_then(typed::<QueryMessage>).and_then(|(_, it)| decode_all(&it)) {
                Ok(messages) => found.extend(messages),
                Err(error) => tracing::warn!(target: LOG, addr, %error, "query failed"),
            }
        }
        Ok(found)
    }

    /// Has a consumer consume a message now and tells what became of it.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them for clients that are not connected.
    pub async fn consume_now(
        &self,
        group: &str,
        client_id: &str,
        message: &Received,
    ) -> Result<ConsumeMessageDirectlyResult, ClientError> {
        let request = ConsumeMessageDirectly {
            consumer_group: group.to_owned(),
            client_id: Some(client_id.to_owned()),
            msg_id: Some(message.offset_message_id()),
            broker_name: None,
        };
        self.read_slowly(&message.store_host.to_string(), &request).await
    }
}

/// Where a message lies, if the id says so; ports out of range are those of unique ids.
fn parse_offset_id(id: &str) -> Option<MessageId> {
    let place: MessageId = id.parse().ok()?;
    u16::try_from(place.host.port()).is_ok().then_some(place)
}

fn no_message(what: &str) -> ClientError {
    ClientError::Absent { code: Some(response::NO_MESSAGE), what: what.to_owned() }
}

/// The messages in the body of an answer.
fn decode_all(answer: &Command) -> Result<Vec<Received>, ClientError> {
    let damaged = |damage| ClientError::Malformed(format!("{damage}"));
    records(&answer.body).map(|record| Received::decode(&record.map_err(damaged)?, "")).collect()
}
