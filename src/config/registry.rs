//! All settings of one server: what `getBrokerConfig` shows and `updateBrokerConfig` changes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Assigned, Live, Properties, Report, Row, Table};

/// A table behind a [`Live`], without its type.
pub trait LiveTable: Send + Sync {
    /// All keys with their present values.
    fn rows(&self) -> Vec<Row>;

    /// Sets what it knows of these properties, in one swap.
    fn assign(&self, properties: &Properties) -> Vec<Assigned>;
}

impl<T: Table + Clone + Send + Sync> LiveTable for Live<T> {
    fn rows(&self) -> Vec<Row> {
        self.load().rows()
    }

    fn assign(&self, properties: &Properties) -> Vec<Assigned> {
        self.update(|table| properties.iter().map(|(k, v)| table.assign(k, v)).collect())
    }
}

/// The tables of a server and the keys of its `-c` file that no table has: those are kept, may be
/// updated, and go back into the file.
pub struct Registry {
    tables: Vec<Arc<dyn LiveTable>>,
    extras: Mutex<Properties>,
}

impl Registry {
    /// Joins tables, in the order in which they print; `file` is the `-c` file, maybe empty.
    pub fn new(tables: Vec<Arc<dyn LiveTable>>, file: &Properties) -> Self {
        let names: Vec<_> = tables.iter().flat_map(|t| t.rows()).map(|row| row.name).collect();
        let extras = file.iter().filter(|(key, _)| !names.contains(key)).collect();
        Self { tables, extras: Mutex::new(extras) }
    }

    /// Every key and value: the tables' in their order, then the others. Null is left out.
    pub fn properties(&self) -> Properties {
        let mut all: Properties = self
            .tables
            .iter()
            .flat_map(|table| table.rows())
            .filter(|row| !row.is_null())
            .map(|row| (row.name, row.value))
            .collect();
        for (key, value) in self.extras().iter() {
            all.set(key, value);
        }
        all
    }

    /// The text of `getBrokerConfig` and of the file that an update rewrites.
    pub fn text(&self) -> String {
        self.properties().render()
    }

    /// Takes the keys that exist; others are reported and otherwise ignored.
    pub fn update(&self, changes: &Properties) -> Report {
        let mut outcomes = vec![Assigned::Unknown; changes.len()];
        for table in &self.tables {
            for (outcome, assigned) in outcomes.iter_mut().zip(table.assign(changes)) {
                if assigned != Assigned::Unknown {
                    *outcome = assigned;
                }
            }
        }
        let mut report = Report::default();
        let mut extras = self.extras();
        for ((key, value), outcome) in changes.iter().zip(&mut outcomes) {
            if *outcome == Assigned::Unknown && extras.get(key).is_some() {
                extras.set(key, value);
                *outcome = Assigned::Done;
            }
            report.note(*outcome, key, value);
        }
        report
    }

    fn extras(&self) -> MutexGuard<'_, Properties> {
        self.extras.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("tables", &self.tables.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[allow(unreachable_pub, reason = "the macros declare public items")]
mod tests {
    use super::*;
    use crate::{Env, config_table};

    config_table! {
        /// Test.
        pub struct Sample(env) {
            /// Null until set.
            @nullable "namesrvAddr" namesrv_addr: String = String::new(),
            /// Empty is a value here.
            "messageStorePlugIn" message_store_plug_in: String = String::new(),
            /// A number.
            "brokerId" broker_id: i64 = 0,
        }
    }

    #[test]
    fn known_keys_and_keys_of_the_file_can_change() {
        let live = Arc::new(Live::new(Sample::from_env(&Env::empty())));
        let file = Properties::parse(b"mine=1\nbrokerId=9").unwrap();
        let registry = Registry::new(vec![live.clone()], &file);
        assert_eq!(registry.text(), "messageStorePlugIn=\nbrokerId=0\nmine=1\n");

        let changes = Properties::parse(b"mine=2\nbrokerId=x\nnamesrvAddr=a:1\nnew=1").unwrap();
        let report = registry.update(&changes);
        assert_eq!(report.applied, ["mine", "namesrvAddr"]);
        assert_eq!(report.refused, [("brokerId".to_owned(), "x".to_owned())]);
        assert_eq!(report.unknown, ["new"]);
        assert_eq!(live.load().namesrv_addr, "a:1");
        assert_eq!(registry.text(), "namesrvAddr=a:1\nmessageStorePlugIn=\nbrokerId=0\nmine=2\n");
    }
}
