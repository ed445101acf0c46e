//! Settings: the `config_table!` macro, Java's value types, `.properties` files and live snapshots.
//!
//! One line of a table declares a key once: Java name, field, type, default, doc and marks. From
//! it come reading a file, printing (`-p`, `-m`), `getBrokerConfig`, `updateBrokerConfig` and the
//! reference page. Tables live in the crates that use them.
//!
//! This crate knows no key. It does know [`Env`]: the environment defaults are taken from, as a
//! Java process sees it (system properties, variables, home, host name, address, CPUs).

mod env;
mod live;
pub mod page;
pub mod properties;
mod registry;
mod table;
mod value;

pub use env::Env;
pub use live::Live;
pub use properties::Properties;
pub use registry::{LiveTable, Registry};
pub use table::{Assigned, Key, Marks, Report, Row, Table, apply, lines};
pub use value::JavaValue;
