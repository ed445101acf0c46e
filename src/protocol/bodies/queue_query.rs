//! Entries of a consume queue as an admin sees them.

use serde::{Deserialize, Serialize};

use super::SubscriptionData;

/// Request 321. A broker of 4.4.0 always answers with the two zeros alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct QueryConsumeQueueResponseBody {
    /// The filter kept for the group, as text.
    pub filter_data: Option<String>,
    /// The end of the queue.
    pub max_queue_index: i64,
    /// The start of the queue.
    pub min_queue_index: i64,
    /// The entries.
    pub queue_data: Option<Vec<ConsumeQueueData>>,
    /// The group's subscription.
    pub subscription_data: Option<SubscriptionData>,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumeQueueData {
    /// Bits of the filters that match.
    pub bit_map: Option<String>,
    /// Whether the message passes the filter.
    pub eval: bool,
    /// The extension unit, as text.
    pub extend_data_json: Option<String>,
    /// What is odd about the entry.
    pub msg: Option<String>,
    /// Physical offset of the message.
    pub physic_offset: i64,
    /// Its size.
    pub physic_size: i32,
    /// Hash code of its tags.
    pub tags_code: i64,
}
