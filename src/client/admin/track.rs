//! What consumer groups did with a message.

use std::fmt;

use protocol::bodies::{ConsumeType, ConsumerConnection};
use protocol::codes::response;
use protocol::properties::name;

use super::Admin;
use crate::route::MASTER_ID;
use crate::{ClientError, Received};

/// How far a group is with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrackType {
    /// Consumed.
    Consumed,
    /// Passed over, as its tag is not subscribed to.
    ConsumedButFiltered,
    /// The group pulls; nobody knows.
    Pull,
    /// To be consumed.
    NotConsumeYet,
    /// The group has no member now.
    NotOnline,
    /// Could not be found out.
    Unknown,
}

impl TrackType {
    /// Java's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Consumed => "CONSUMED",
            Self::ConsumedButFiltered => "CONSUMED_BUT_FILTERED",
            Self::Pull => "PULL",
            Self::NotConsumeYet => "NOT_CONSUME_YET",
            Self::NotOnline => "NOT_ONLINE",
            Self::Unknown => "UNKNOWN",
        }
    }
}

/// What one group did with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageTrack {
    /// The group.
    pub consumer_group: String,
    /// How far it is.
    pub track_type: TrackType,
    /// Why that could not be found out.
    pub exception_desc: Option<String>,
}

impl fmt::Display for MessageTrack {
    /// As Java's `MessageTrack.toString` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "MessageTrack [consumerGroup={}, trackType={}, exceptionDesc={}]",
            self.consumer_group,
            self.track_type.name(),
            self.exception_desc.as_deref().unwrap_or("null")
        )
    }
}

impl Admin {
    /// What a group did with a message.
    pub async fn track(&self, message: &Received, group: String) -> MessageTrack {
        let (track_type, exception_desc) = match self.track_type(message, &group).await {
            Ok(track_type) => (track_type, None),
            Err(ClientError::Refused { code, remark }) => {
                let offline = code == response::CONSUMER_NOT_ONLINE;
                let kind = if offline { TrackType::NotOnline } else { TrackType::Unknown };
                (kind, Some(format!("CODE:{code} DESC:{remark}")))
            }
            Err(error) => (TrackType::Unknown, Some(error.to_string())),
        };
        MessageTrack { consumer_group: group, track_type, exception_desc }
    }

    async fn track_type(&self, message: &Received, group: &str) -> Result<TrackType, ClientError> {
        let members = self.consumers(group).await?;
        match members.consume_type {
            Some(ConsumeType::Actively) => Ok(TrackType::Pull),
            Some(ConsumeType::Passively) if !self.consumed(message, group).await? => {
                Ok(TrackType::NotConsumeYet)
            }
            Some(ConsumeType::Passively) if wants(&members, message) => Ok(TrackType::Consumed),
            Some(ConsumeType::Passively) => Ok(TrackType::ConsumedButFiltered),
            None => Ok(TrackType::Unknown),
        }
    }

    /// Whether the group's offset lies behind the message.
    async fn consumed(&self, message: &Received, group: &str) -> Result<bool, ClientError> {
        let stats = self.consume_stats(group, None).await?;
        let clusters = self.clusters().await?;
        let stored_at = message.store_host.to_string();
        Ok(stats.offset_table.iter().any(|(queue, offsets)| {
            let broker = clusters.broker_addr_table.get(&queue.broker_name);
            queue.topic == message.message.topic
                && queue.queue_id == message.queue_id
                && broker.and_then(|broker| broker.broker_addrs.get(&MASTER_ID)) == Some(&stored_at)
                && offsets.consumer_offset > message.queue_offset
        }))
    }
}

/// Whether the group's subscription takes the message's tag.
fn wants(members: &ConsumerConnection, message: &Received) -> bool {
    let tag = message.message.properties.get(name::TAGS).unwrap_or_default();
    members.subscription_table.get(&message.message.topic).is_none_or(|subscription| {
        let tags = &subscription.tags_set;
        tags.is_empty() || tags.contains(tag) || tags.contains("*")
    })
}
