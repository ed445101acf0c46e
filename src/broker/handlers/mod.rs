//! What the broker does for each request: one function a code, by area.

pub(crate) mod admin;
pub(crate) mod admin_config;
pub(crate) mod admin_group;
pub(crate) mod admin_offset;
pub(crate) mod admin_queue;
pub(crate) mod admin_relay;
pub(crate) mod admin_runtime;
pub(crate) mod admin_topic;
pub(crate) mod client;
pub(crate) mod cold;
pub(crate) mod group;
pub(crate) mod lock;
pub(crate) mod offset;
pub(crate) mod pull;
pub(crate) mod query;
pub(crate) mod send;
pub(crate) mod send_back;
pub(crate) mod topic;
pub(crate) mod transaction;

use std::sync::Arc;

use acl::Perm;
use bytes::Bytes;
use protocol::message::Message;
use protocol::properties::name;
use protocol::topic::{SCHEDULE, TRANS_HALF};
use protocol::{Ext, Language, Refusal, Reply, json};
use remoting::Peer;
use serde::de::DeserializeOwned;

use crate::Broker;

/// What a handler gets besides the typed header.
pub(crate) struct Call<'a> {
    /// The owners of all state.
    pub(crate) broker: &'a Arc<Broker>,
    /// Who asks.
    pub(crate) peer: &'a Arc<Peer>,
    /// What the asking client is written in.
    pub(crate) language: Language,
    /// Its version number.
    pub(crate) version: i32,
    /// The fields as they came, for those that no header has.
    pub(crate) ext: &'a Ext,
    /// The body.
    pub(crate) body: Bytes,
}

/// What most handlers return.
pub(crate) type Outcome = Result<Reply, Refusal>;

impl Call<'_> {
    /// Whether the caller may do this with the topic of a message that it named by its offset.
    fn check_topic(&self, message: &Message<'_>, needed: Perm) -> Result<(), Refusal> {
        let Some(access) = &self.broker.access else { return Ok(()) };
        let real = match message.topic {
            // Messages on their way somewhere else.
            SCHEDULE | TRANS_HALF => message.properties.get(name::REAL_TOPIC),
            _ => None,
        };
        access.check_topic(self.peer, self.ext, real.unwrap_or(message.topic), needed)
    }

    /// The body as JSON; `None` without one.
    fn json<T: DeserializeOwned>(&self) -> Result<Option<T>, Refusal> {
        if self.body.is_empty() {
            return Ok(None);
        }
        json::from_slice(&self.body)
            .map(Some)
            .map_err(|error| Refusal::system_error(error.to_string()))
    }

    /// The body as JSON, which must be there.
    fn json_required<T: DeserializeOwned>(&self) -> Result<T, Refusal> {
        self.json()?.ok_or_else(|| Refusal::system_error("the request has no body"))
    }
}

/// The answer where a file of the store cannot be opened just now.
pub(crate) fn unreadable(error: std::io::Error) -> Refusal {
    tracing::error!(target: crate::LOG, %error, "read the store");
    Refusal::system_error(format!("the message cannot be read now: {error}"))
}
