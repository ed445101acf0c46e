//! Replication: what master and slave say to each other, and what they believe.
//!
//! ```text
//! slave ── report: i64 end of its log ─────────────────▶ master
//! slave ◀─ i64 offset, i32 length, that many log bytes ─ master
//! ```
//! The first report asks where to begin. [`Sender`] and [`Receiver`] are the two sides, fed with
//! bytes and times; sockets are the broker's. Neither trusts the other: a master counts a report
//! only for what it sent in the same session, a slave stores whole valid records only and compares
//! its newest one with the master's before it goes on behind it.

mod format;
mod receiver;
mod seats;
mod sender;
mod store;

pub use format::{HEAD_LEN, Head, REPORT_LEN, report};
pub use receiver::{Distrust, Receiver, Rules, Step};
pub use seats::Seat;
pub(crate) use seats::Seats;
pub use sender::{Progress, Refusal, Sender, Span, View};
pub use store::ReplicaError;
