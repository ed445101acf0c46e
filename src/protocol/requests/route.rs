//! The name server's own matters: brokers, routes, configuration values.

use serde::{Deserialize, Serialize};

/// Code 100: stores a configuration value.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct PutKvConfig {
    /// The namespace.
    pub namespace: String,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
}

macro_rules! of_key {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        pub struct $name {
            /// The namespace.
            pub namespace: String,
            /// The key.
            pub key: String,
        }
    )* };
}

of_key! {
    /// Code 101: reads a configuration value.
    GetKvConfig;
    /// Code 102: removes a configuration value.
    DeleteKvConfig;
}

/// Answer to [`GetKvConfig`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetKvConfigReply {
    /// The value.
    pub value: Option<String>,
}

/// Code 219: all configuration values of a namespace.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetKvListByNamespace {
    /// The namespace.
    pub namespace: String,
}

/// Code 103: a broker registers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterBroker {
    /// Name of the broker.
    pub broker_name: String,
    /// Address it listens on.
    pub broker_addr: String,
    /// Its cluster.
    pub cluster_name: String,
    /// Address for its slaves.
    pub ha_server_addr: Option<String>,
    /// 0 for the master.
    pub broker_id: i64,
    /// Whether the body has the compressed form.
    #[serde(default)]
    pub compressed: bool,
    /// Check sum over the body as sent; 0 means none.
    #[serde(default)]
    pub body_crc32: i32,
}

/// Answer to [`RegisterBroker`]: filled for slaves whose master is alive.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterBrokerReply {
    /// Where the master serves its slaves.
    pub ha_server_addr: Option<String>,
    /// Where the master listens.
    pub master_addr: Option<String>,
}

macro_rules! of_broker {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {
            /// Name of the broker.
            pub broker_name: String,
            /// Address it listens on.
            pub broker_addr: String,
            /// Its cluster.
            pub cluster_name: String,
            /// 0 for the master.
            pub broker_id: i64,
        }
    )* };
}

of_broker! {
    /// Code 104: a broker leaves.
    UnregisterBroker;
    /// Code 322: is the topic table still the one the name server knows?
    QueryDataVersion;
}

/// Answer to [`QueryDataVersion`]; the version the name server knows is in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct QueryDataVersionReply {
    /// Whether the broker should register again.
    pub changed: bool,
}

/// Code 105: the brokers and queues of a topic.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct GetRouteInfoByTopic {
    /// The topic.
    pub topic: String,
}

/// Code 205: takes the write permission of a broker out of all routes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WipeWritePermOfBroker {
    /// Name of the broker.
    pub broker_name: String,
}

/// Answer to [`WipeWritePermOfBroker`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WipeWritePermOfBrokerReply {
    /// How many routes lost the permission.
    pub wipe_topic_count: i32,
}

headerless! {
    /// Code 106: all clusters and brokers.
    GetBrokerClusterInfo;
}
