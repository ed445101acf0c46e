//! namesrv (see docs/architecture.md).

pub mod config;

pub use config::{NamesrvConfig, NamesrvConfigs};
