//! The settings as operators see and change them at run time (25, 26): one owner of the
//! tables and of the further keys of the `-c` file.
//!
//! A change is taken whole or not at all. Values are checked as a start would check them, since
//! they are written to the file that the next start reads. What names a path, a command or a class
//! cannot be changed from afar: whoever could would decide which files the broker writes and what
//! it runs (CVE-2023-33246).

mod check;
#[cfg(test)]
mod tests;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use config::{Live, LiveTable, Properties, Registry, Table};
use observe::{ObserveConfig, OnChange};
use parking_lot::Mutex;
use protocol::bodies::DataVersion;
use protocol::codes::response;
use protocol::{Refusal, json};
use remoting::{ClientConfig, ServerConfig};
use store::StoreConfig;

use crate::LOG;
use crate::config::{BrokerConfig, BrokerConfigs};
use crate::persist::ConfigFile;

/// Most bytes of one change; a whole file has about five thousand.
const CHANGE_BYTES_MAX: usize = 64 * 1024;
/// Longest value.
const VALUE_BYTES_MAX: usize = 4096;

/// Keys that name paths, commands or classes, wherever they come from.
const LOCKED: [&str; 7] = [
    "accountFile",
    "rocketmqHome",
    "messageStorePlugIn",
    "filterServerNums",
    "kvConfigPath",
    "configStorePath",
    "brokerConfigPath",
];
/// And these families of keys.
const LOCKED_PREFIX: &str = "storePath";

/// The settings of a running broker.
pub(crate) struct Configuration {
    broker: Arc<Live<BrokerConfig>>,
    server: Arc<Live<ServerConfig>>,
    client: Arc<Live<ClientConfig>>,
    store: Arc<Live<StoreConfig>>,
    observe: Arc<Live<ObserveConfig>>,
    on_observe_change: OnChange,
    registry: Registry,
    /// Counts the changes.
    version: Mutex<DataVersion>,
    /// Held while one is made; nobody who only reads waits for the disk.
    writer: Mutex<()>,
    file: ConfigFile,
}

/// The tables of a broker.
pub(crate) struct Tables {
    pub(crate) broker: Arc<Live<BrokerConfig>>,
    pub(crate) server: Arc<Live<ServerConfig>>,
    pub(crate) client: Arc<Live<ClientConfig>>,
    pub(crate) store: Arc<Live<StoreConfig>>,
    pub(crate) observe: Arc<Live<ObserveConfig>>,
    pub(crate) on_observe_change: OnChange,
}

/// A change was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Changed {
    /// What the broker allows was among it, even if it is the same: it is to be registered.
    pub(crate) permission: bool,
}

impl Configuration {
    /// Joins the tables; `extras` are the keys of the `-c` file that none of them has, `file` is
    /// what a change rewrites.
    pub(crate) fn new(tables: Tables, extras: &Properties, file: PathBuf, now_ms: i64) -> Self {
        let Tables { broker, server, client, store, observe, on_observe_change } = tables;
        let joined: Vec<Arc<dyn LiveTable>> =
            vec![broker.clone(), server.clone(), client.clone(), store.clone(), observe.clone()];
        Self {
            broker,
            server,
            client,
            store,
            observe,
            on_observe_change,
            registry: Registry::new(joined, extras),
            version: Mutex::new(DataVersion::new(now_ms)),
            writer: Mutex::new(()),
            file: ConfigFile::new(std::path::absolute(&file).unwrap_or(file)),
        }
    }

    /// All settings, one a line, and their version as JSON.
    pub(crate) fn text(&self) -> (String, String) {
        let version = *self.version.lock();
        (self.registry.text(), json::to_string(&version))
    }

    /// Takes a change over and writes the file. Keys that do not exist are passed over, as in
    /// 4.4.0. Blocks.
    ///
    /// # Errors
    /// When some value is not to be taken: then nothing changed. Or when the file cannot be
    /// written: then the change lasts until the next start, and the text says so.
    pub(crate) fn change(&self, body: &[u8], now_ms: i64) -> Result<Changed, Refusal> {
        let _one_at_a_time = self.writer.lock();
        let changes = self.accept(body)?;
        let before = self.registry.properties();
        let watched = self.observe.snapshot();
        let report = self.registry.update(&changes);
        let observe = self.observe.snapshot();
        if watched != observe {
            self.on_observe_change.changed(&observe);
        }
        let after = self.registry.properties();
        for key in &report.applied {
            let (old, new) = (before.get(key).unwrap_or(""), after.get(key).unwrap_or(""));
            if old != new {
                tracing::info!(target: LOG, "Replace, key: {key}, value: {old} -> {new}");
            }
        }
        if !report.unknown.is_empty() {
            let unknown = report.unknown.join(", ");
            tracing::warn!(target: LOG, "updateBrokerConfig, unknown keys passed over: {unknown}");
        }
        self.version.lock().advance(now_ms);
        self.write().map_err(|error| {
            let path = self.file.path().display();
            tracing::error!(target: LOG, %path, %error, "persist configuration");
            Refusal::system_error(format!("changed until the next start, but {path}: {error}"))
        })?;
        Ok(Changed { permission: changes.get("brokerPermission").is_some() })
    }

    fn write(&self) -> io::Result<()> {
        self.file.save(&self.registry.text())
    }

    /// The changes, if each of them is to be taken.
    fn accept(&self, body: &[u8]) -> Result<Properties, Refusal> {
        let bad = |why: String| Err(Refusal::system_error(why));
        if body.len() > CHANGE_BYTES_MAX {
            return bad(format!("more than {CHANGE_BYTES_MAX} bytes of settings"));
        }
        let changes = match Properties::parse(body) {
            Ok(changes) => changes,
            Err(error) => return bad(format!("string2Properties error: {error}")),
        };
        let present = self.registry.properties();
        let is_locked = |key: &str| LOCKED.contains(&key) || key.starts_with(LOCKED_PREFIX);
        for (key, value) in changes.iter().filter(|(key, _)| is_locked(key)) {
            if present.get(key) != Some(value) {
                let remark = format!(
                    "{key} names a path, a command or a class and cannot be changed over the \
                     wire; change it in the configuration file and restart the broker"
                );
                return Err(Refusal::new(response::NO_PERMISSION, remark));
            }
        }
        for (key, value) in changes.iter() {
            if value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
                return bad(format!("{key} is too long or has control characters"));
            }
        }
        let mut next = self.snapshot();
        let report = next.apply(&changes);
        if let Some((key, value)) = report.refused.first() {
            return bad(format!("`{value}` is no value of {key}"));
        }
        for row in next.tables().into_iter().flat_map(Table::rows) {
            if let Some(value) = changes.get(row.name)
                && let Err(why) = check::value(&row, value)
            {
                return bad(format!("`{value}` is no value of {}: {why}", row.name));
            }
        }
        check::together(&next).map_err(Refusal::system_error)?;
        Ok(changes)
    }

    fn snapshot(&self) -> BrokerConfigs {
        BrokerConfigs {
            broker: BrokerConfig::clone(&self.broker.load()),
            server: ServerConfig::clone(&self.server.load()),
            client: ClientConfig::clone(&self.client.load()),
            store: StoreConfig::clone(&self.store.load()),
            observe: ObserveConfig::clone(&self.observe.load()),
        }
    }
}
