//! What an operator watches: the endpoint with metrics and health, and the settings of it and of
//! the logs.
//!
//! [`Metric`] is the one table of metrics: name, kind, labels, help. A server hands its figures to
//! a [`Scrape`] when somebody asks for them; only requests are counted as they happen, in
//! [`Requests`]. [`Endpoint`] serves `/metrics`, `/healthz` and `/readyz` over HTTP.
//!
//! Invariants:
//! - nothing listens and nothing is measured unless a port is configured;
//! - one observation is a look at the clock and a few relaxed additions: no lock, no allocation;
//! - what a scraper can make us do is bounded: connections, time, bytes of a request, series of an
//!   answer, and one scrape at a time.
//!
//! It knows the names of requests, but not what they mean. What servers keep it knows by the names
//! and help texts of that table only: the figures and what they are of come from the servers.

mod config;
mod endpoint;
mod latency;
mod page;
mod process;
mod requests;
mod scrape;
mod table;

pub use config::{LogFormat, LogLevels, ObserveConfig, OnChange, Port};
pub use endpoint::{Endpoint, Source};
pub(crate) use latency::Latencies;
pub use page::page;
pub use requests::Requests;
pub use scrape::Scrape;
pub use table::{Kind, Metric, Row, Server};

/// Log target of this crate: the file of everything that has no file of its own.
pub(crate) const LOG: &str = "RocketmqObserve";
