//! Connections of groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::java_enum::known;
use super::{ConsumeFromWhere, ConsumeType, MessageModel, SubscriptionData};
use crate::command::Language;

/// One connection of a client.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Connection {
    /// Where it comes from.
    pub client_addr: String,
    /// The client's id.
    pub client_id: String,
    /// What it is written in.
    #[serde(with = "language")]
    pub language: Language,
    /// Its version number, see [`crate::version`].
    pub version: i32,
}

/// Request 203: the connections of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerConnection {
    /// The connections.
    pub connection_set: Vec<Connection>,
    /// Where it begins without a stored offset.
    #[serde(deserialize_with = "known")]
    pub consume_from_where: Option<ConsumeFromWhere>,
    /// How it gets its messages.
    #[serde(deserialize_with = "known")]
    pub consume_type: Option<ConsumeType>,
    /// Who of the group gets a message.
    #[serde(deserialize_with = "known")]
    pub message_model: Option<MessageModel>,
    /// Subscriptions by topic.
    pub subscription_table: BTreeMap<String, SubscriptionData>,
}

/// Request 204: the connections of a producer group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ProducerConnection {
    /// The connections.
    pub connection_set: Vec<Connection>,
}

/// A language by its name.
mod language {
    use std::borrow::Cow;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::Language;

    pub(super) fn serialize<S: Serializer>(language: &Language, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(language.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Language, D::Error> {
        let name: Option<Cow<'de, str>> = Option::deserialize(from)?;
        Ok(name.map_or(Language::OTHER, |name| Language::from_name(&name)))
    }
}
