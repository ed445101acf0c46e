//! The JSON bodies of requests and answers, and of the configuration files that share them.
//!
//! Fields stand in the alphabetical order of their Java names, because fastjson writes them so
//! and [`crate::json`] writes them as they stand. Defaults are those of the Java classes; a
//! member Java leaves out when null is an `Option`.

#[macro_use]
mod java_enum;

mod connection;
mod filter;
mod group;
mod heartbeat;
mod kv;
mod offset;
mod queue;
mod queue_query;
mod register;
mod route;
mod running;
mod stats;
mod topic;

pub use connection::*;
pub use filter::*;
pub use group::*;
pub use heartbeat::*;
pub use java_enum::JavaEnum;
pub use kv::*;
pub use offset::*;
pub use queue::*;
pub use queue_query::*;
pub use register::*;
pub use route::*;
pub use running::*;
pub use stats::*;
pub use topic::*;

#[cfg(test)]
mod tests;
