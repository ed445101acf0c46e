//! store (see docs/architecture.md).

pub mod config;

pub use config::{BrokerRole, FlushDiskType, StoreConfig};
