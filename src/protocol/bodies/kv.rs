//! Plain tables of text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Requests 28 and 219, and the answer to 103: text by text.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KvTable {
    /// The table.
    pub table: BTreeMap<String, String>,
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for KvTable {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        Self { table: entries.into_iter().map(|(k, v)| (k.into(), v.into())).collect() }
    }
}

/// `kvConfig.json` of a name server.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KvConfigSerializeWrapper {
    /// Values by key, by namespace.
    pub config_table: BTreeMap<String, BTreeMap<String, String>>,
}
