//! The answer to a pull.

use protocol::bodies::{MessageQueue, SubscriptionData};
use protocol::codes::response;
use protocol::message::records;
use protocol::properties::name;
use protocol::requests::PullMessageReply;
use protocol::{Command, ext};

use crate::filter::fits;
use crate::{ClientError, Received};

/// What a pull came to (Java: `PullStatus`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullStatus {
    /// There are messages.
    Found,
    /// The end of the queue was reached.
    NoNewMessage,
    /// What was looked at does not match the expression.
    NoMatchedMessage,
    /// The offset lies outside of the queue.
    OffsetIllegal,
}

impl PullStatus {
    fn of(code: i32) -> Option<Self> {
        match code {
            response::SUCCESS => Some(Self::Found),
            response::PULL_NOT_FOUND => Some(Self::NoNewMessage),
            response::PULL_RETRY_IMMEDIATELY => Some(Self::NoMatchedMessage),
            response::PULL_OFFSET_MOVED => Some(Self::OffsetIllegal),
            _ => None,
        }
    }

    /// Java's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Found => "FOUND",
            Self::NoNewMessage => "NO_NEW_MSG",
            Self::NoMatchedMessage => "NO_MATCHED_MSG",
            Self::OffsetIllegal => "OFFSET_ILLEGAL",
        }
    }
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq)]
pub struct Pulled {
    /// What it came to.
    pub status: PullStatus,
    /// The offset to ask for next.
    pub next_offset: i64,
    /// The start of the queue.
    pub min_offset: i64,
    /// The end of the queue.
    pub max_offset: i64,
    /// The messages that match.
    pub messages: Vec<Received>,
    /// Id of the broker to ask next.
    pub(crate) next_broker: i64,
}

/// Reads the answer; messages that only seemed to match are left out.
pub(crate) fn pulled(
    answer: &Command,
    queue: &MessageQueue,
    wanted: &SubscriptionData,
) -> Result<Pulled, ClientError> {
    let status = PullStatus::of(answer.code).ok_or_else(|| ClientError::refused(answer))?;
    let reply: PullMessageReply = ext::from_ext(&answer.ext)?;
    let mut messages = Vec::new();
    if status == PullStatus::Found {
        for record in records(&answer.body) {
            let record = record.map_err(|damage| ClientError::Malformed(damage.to_string()))?;
            if !fits(wanted, record.properties.get(name::TAGS)) {
                continue;
            }
            let mut message = Received::decode(&record, &queue.broker_name)?;
            let properties = &mut message.message.properties;
            properties.put(name::MIN_OFFSET, reply.min_offset.to_string());
            properties.put(name::MAX_OFFSET, reply.max_offset.to_string());
            messages.push(message);
        }
    }
    Ok(Pulled {
        status,
        next_offset: reply.next_begin_offset,
        min_offset: reply.min_offset,
        max_offset: reply.max_offset,
        messages,
        next_broker: reply.suggest_which_broker_id,
    })
}
