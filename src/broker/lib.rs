//! What a broker decides: topics, groups, offsets, held pulls, delay, flow control, registration.
//!
//! [`Broker`] is the sum of the owners of its state, wired in `start.rs` and nowhere else. A
//! request comes in through [`dispatch`](mod@dispatch), which hands its typed header to one
//! function of `handlers`; those ask the owners and the store, and answer with a reply or a
//! refusal. What waits (durability, arrival, another process) answers with a future.
//!
//! This crate parses no bytes of the wire and lays out none of the disk: that is `protocol`'s and
//! `store`'s. It knows connections only as [`remoting::Peer`].
//!
//! Invariants:
//! - no lock and no configuration snapshot is held across an await;
//! - a topic gets into the table only with a name that is safe as a folder's;
//! - a reply to a send leaves only when the message is as durable as the settings and its `WAIT`
//!   property ask for, and the topic it created is on disk.

mod access;
mod address_server;
mod arrivals;
mod clients;
pub mod config;
mod configuration;
mod delay;
mod dispatch;
mod figures;
mod filter_servers;
pub mod filters;
mod flow;
mod groups;
mod handlers;
mod hold;
mod java_text;
mod limits;
mod locks;
mod offsets;
mod persist;
mod put;
mod register;
mod remarks;
mod replicate_net;
mod settings;
mod slave;
mod start;
mod stats;
mod stop;
mod tasks;
mod topics;
mod transaction;
mod wants;

pub use config::BrokerConfig;
pub use persist::LoadError;
pub use settings::{Settings, StartError};
pub use start::Broker;

/// Log target of this crate, as RocketMQ names the logger.
pub(crate) const LOG: &str = "RocketmqBroker";
/// Log target of queue locks.
pub(crate) const LOG_LOCK: &str = "RocketmqRebalanceLock";

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
