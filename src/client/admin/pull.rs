//! Reading a queue from an offset.

use std::time::Duration;

use protocol::bodies::{EXPRESSION_TAG, MessageQueue, SubscriptionData};
use protocol::codes::response;
use protocol::message::records;
use protocol::properties::name;
use protocol::requests::{PullMessage, PullMessageReply};
use protocol::{Command, ext, sysflag};

use super::Admin;
use super::offsets::no_broker;
use crate::route::MASTER_ID;
use crate::{ClientError, Received};

/// Time limit of a pull (Java: `consumerPullTimeoutMillis`).
const PULL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the broker might wait for messages; it is not asked to.
const SUSPEND: Duration = Duration::from_secs(20);

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
    /// The messages that match.
    pub messages: Vec<Received>,
}

impl Admin {
    /// Reads at most `max` messages of a queue that match a tag expression, for `group`; does
    /// not wait for messages to come.
    ///
    /// # Errors
    /// Failed calls and refusals; and when no broker of that name serves the topic.
    pub async fn pull(
        &self,
        group: &str,
        queue: &MessageQueue,
        expression: &str,
        offset: i64,
        max: i32,
    ) -> Result<Pulled, ClientError> {
        if offset < 0 || max <= 0 {
            let text = format!("no pull of {max} messages at offset {offset}");
            return Err(ClientError::Invalid(text));
        }
        let route = match self.instance.route(&queue.topic).await {
            Err(ClientError::NoRoute(_)) => return Err(no_broker(&queue.broker_name)),
            route => route?,
        };
        let addr = route.broker(&queue.broker_name, MASTER_ID);
        let addr = addr.ok_or_else(|| no_broker(&queue.broker_name))?;
        let wanted = SubscriptionData::of_tags(&queue.topic, expression, 0);
        let request = PullMessage {
            consumer_group: group,
            topic: &queue.topic,
            queue_id: queue.queue_id,
            queue_offset: offset,
            max_msg_nums: max,
            sys_flag: sysflag::pull::SUBSCRIPTION,
            commit_offset: 0,
            suspend_timeout_millis: SUSPEND.as_millis() as i64,
            subscription: Some(&wanted.sub_string),
            sub_version: 0,
            expression_type: Some(EXPRESSION_TAG),
        };
        let remoting = self.instance.remoting();
        let answer = remoting.call(addr, Command::of(&request)?, PULL_TIMEOUT).await?;
        pulled(&answer, queue, &wanted)
    }
}

fn pulled(
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
            // The broker filters by the tags' hash codes: different tags may share one.
            let tag = record.properties.get(name::TAGS).unwrap_or_default();
            if !wanted.tags_set.is_empty() && !wanted.tags_set.contains(tag) {
                continue;
            }
            let mut message = Received::decode(&record, &queue.broker_name)?;
            let properties = &mut message.message.properties;
            properties.put(name::MIN_OFFSET, reply.min_offset.to_string());
            properties.put(name::MAX_OFFSET, reply.max_offset.to_string());
            messages.push(message);
        }
    }
    Ok(Pulled { status, next_offset: reply.next_begin_offset, messages })
}
