//! Settings, figures and upkeep of a process.

use serde::{Deserialize, Serialize};

/// Answer to [`GetBrokerConfig`]; the settings are in the body.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetBrokerConfigReply {
    /// The version of the settings, a `DataVersion` as JSON.
    pub version: String,
}

/// Code 301: a filter server registers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterFilterServer {
    /// Where it listens.
    pub filter_server_addr: String,
}

/// Answer to [`RegisterFilterServer`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterFilterServerReply {
    /// Name of the broker.
    pub broker_name: String,
    /// 0 for the master.
    pub broker_id: i64,
}

/// Code 315: one item of the broker's statistics.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ViewBrokerStatsData {
    /// The item set, such as `TOPIC_PUT_NUMS`.
    pub stats_name: String,
    /// The item, such as a topic.
    pub stats_key: String,
}

/// Code 317: the consumption of all groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GetBrokerConsumeStats {
    /// Ordered topics instead of the others.
    #[serde(default)]
    pub is_order: bool,
}

headerless! {
    /// Code 25: changes settings of a broker.
    UpdateBrokerConfig;
    /// Code 26: all settings of a broker.
    GetBrokerConfig;
    /// Code 28: the broker's figures.
    GetBrokerRuntimeInfo;
    /// Code 306: deletes consume queue files that no message belongs to any more.
    CleanExpiredConsumeQueue;
    /// Code 318: changes settings of a name server.
    UpdateNamesrvConfig;
    /// Code 319: all settings of a name server.
    GetNamesrvConfig;
}
