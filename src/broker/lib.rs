//! broker (see docs/architecture.md).

pub mod config;

pub use config::{BrokerConfig, BrokerConfigs};
