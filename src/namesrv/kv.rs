//! Key-value configuration: namespaces of keys, kept in one JSON file.
//!
//! [`KvTable`] is the value, [`KvStore`] the value with its file. A change is answered after it
//! is on disk; changes that meet while the file is being written share the next write.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use parking_lot::{Mutex, RwLock};
use protocol::bodies::{KvConfigSerializeWrapper, KvTable as Body};
use protocol::json;

use crate::{LOG, files, one_line};

/// The namespace of the queue lists of ordered topics.
pub const ORDER_TOPIC_CONFIG: &str = "ORDER_TOPIC_CONFIG";
/// Bytes of all namespaces, keys and values together: a list of them fits into one frame.
pub const MAX_BYTES: usize = 8 << 20;

type Namespace = BTreeMap<String, String>;

/// Namespaces of keys. As in 4.4.0 a namespace stays when its last key goes.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct KvTable {
    namespaces: BTreeMap<String, Namespace>,
    bytes: usize,
}

/// The table holds as much as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the key-value configuration is full ({MAX_BYTES} bytes)")]
pub struct Full;

impl KvTable {
    /// Reads the file's text; an empty one is an empty table.
    pub fn parse(text: &[u8]) -> Result<Self, json::Error> {
        if text.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let namespaces = json::from_slice::<KvConfigSerializeWrapper>(text)?.config_table;
        let items = namespaces.values().flatten().map(|(key, value)| key.len() + value.len());
        let bytes = namespaces.keys().map(String::len).chain(items).sum();
        Ok(Self { namespaces, bytes })
    }

    /// The file's text.
    pub fn to_json(&self) -> Vec<u8> {
        json::to_vec(&KvConfigSerializeWrapper { config_table: self.namespaces.clone() })
    }

    /// Sets a value and returns the old one.
    pub fn put(&mut self, namespace: &str, key: &str, value: &str) -> Result<Option<String>, Full> {
        let items = self.namespaces.get(namespace);
        let new_space = if items.is_none() { namespace.len() } else { 0 };
        let old = items.and_then(|items| items.get(key)).map_or(0, |old| key.len() + old.len());
        let bytes = self.bytes - old + new_space + key.len() + value.len();
        if bytes > MAX_BYTES {
            return Err(Full);
        }
        self.bytes = bytes;
        let items = self.namespaces.entry(namespace.to_owned()).or_default();
        Ok(items.insert(key.to_owned(), value.to_owned()))
    }

    /// Removes a value and returns it.
    pub fn delete(&mut self, namespace: &str, key: &str) -> Option<String> {
        let old = self.namespaces.get_mut(namespace)?.remove(key)?;
        self.bytes -= key.len() + old.len();
        Some(old)
    }

    /// One value.
    pub fn get(&self, namespace: &str, key: &str) -> Option<&str> {
        Some(self.namespaces.get(namespace)?.get(key)?.as_str())
    }

    /// All values of a namespace.
    pub fn list(&self, namespace: &str) -> Option<&Namespace> {
        self.namespaces.get(namespace)
    }

    /// Whether the namespace exists, be it empty.
    pub fn has(&self, namespace: &str) -> bool {
        self.namespaces.contains_key(namespace)
    }
}

/// Why the configuration could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The file is there but cannot be read.
    #[error("read {path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not what it should be.
    #[error("{path} is damaged ({source}); put {path}.bak in its place, or remove it")]
    Parse {
        /// The file.
        path: String,
        /// Where it is not JSON.
        source: json::Error,
    },
}

/// The table with its file.
#[derive(Debug)]
pub struct KvStore {
    path: PathBuf,
    current: RwLock<Current>,
    /// The revision in the file; held while writing.
    written: Mutex<u64>,
}

#[derive(Debug, Default)]
struct Current {
    table: KvTable,
    revision: u64,
}

impl KvStore {
    /// Reads the file, if there is one.
    pub fn load(path: PathBuf) -> Result<Self, LoadError> {
        let table = match fs::read(&path) {
            Ok(text) => {
                let parsed = KvTable::parse(&text).map_err(|source| LoadError::Parse {
                    path: path.display().to_string(),
                    source,
                })?;
                tracing::info!(target: LOG, "load KV config table OK");
                parsed
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => KvTable::default(),
            Err(source) => return Err(LoadError::Read { path, source }),
        };
        let current = RwLock::new(Current { table, revision: 0 });
        Ok(Self { path, current, written: Mutex::new(0) })
    }

    /// Sets a value; [`persist`](Self::persist) the revision it returns.
    pub fn put(&self, namespace: &str, key: &str, value: &str) -> Result<u64, Full> {
        let (new_space, old, revision) = {
            let mut current = self.current.write();
            let new_space = !current.table.has(namespace);
            let old = current.table.put(namespace, key, value)?;
            (new_space, old, current.advance())
        };
        let (namespace, key, value) = (one_line(namespace), one_line(key), one_line(value));
        if new_space {
            tracing::info!(target: LOG, "putKVConfig create new Namespace {namespace}");
        }
        let what = if old.is_some() { "update" } else { "create new" };
        tracing::info!(
            target: LOG,
            "putKVConfig {what} config item, Namespace: {namespace} Key: {key} Value: {value}"
        );
        Ok(revision)
    }

    /// Removes a value; [`persist`](Self::persist) the revision it returns.
    pub fn delete(&self, namespace: &str, key: &str) -> u64 {
        let (old, known, revision) = {
            let mut current = self.current.write();
            let known = current.table.has(namespace);
            let old = current.table.delete(namespace, key);
            (old, known, current.advance())
        };
        if known {
            let value = old.as_deref().unwrap_or("null");
            tracing::info!(
                target: LOG,
                "deleteKVConfig delete a config item, Namespace: {} Key: {} Value: {}",
                one_line(namespace),
                one_line(key),
                one_line(value)
            );
        }
        revision
    }

    /// Writes the file, unless a later revision is in it already. Blocks.
    pub fn persist(&self, revision: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        if *written >= revision {
            return Ok(());
        }
        let (text, now) = {
            let current = self.current.read();
            (current.table.to_json(), current.revision)
        };
        files::replace(&self.path, &text)?;
        *written = now;
        Ok(())
    }

    /// Where the file is.
    pub fn path(&self) -> &std::path::Path {
        &self.path
    }

    /// One value.
    pub fn get(&self, namespace: &str, key: &str) -> Option<String> {
        self.current.read().table.get(namespace, key).map(str::to_owned)
    }

    /// All values of a namespace, as a body.
    pub fn list(&self, namespace: &str) -> Option<Vec<u8>> {
        let table = self.current.read().table.list(namespace)?.clone();
        Some(json::to_vec(&Body { table }))
    }

    /// Writes the whole table to the log.
    pub fn print(&self) {
        let table = self.current.read().table.clone();
        tracing::info!(target: LOG, "--------------------------------------------------------");
        tracing::info!(target: LOG, "configTable SIZE: {}", table.namespaces.len());
        for (namespace, items) in &table.namespaces {
            let namespace = one_line(namespace);
            for (key, value) in items {
                let (key, value) = (one_line(key), one_line(value));
                tracing::info!(
                    target: LOG,
                    "configTable NS: {namespace} Key: {key} Value: {value}"
                );
            }
        }
    }
}

impl Current {
    fn advance(&mut self) -> u64 {
        self.revision += 1;
        self.revision
    }
}

#[cfg(test)]
mod tests;
