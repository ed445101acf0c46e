//! Black-box cases run against Java 4.4.0 and ours through one interface.
//!
//! Nothing here knows a crate of the product: frames, JSON and records are read by code of this
//! crate's own, so that a mistake on both ends of the product's code cannot hide itself.
//!
//! * [`backend`], [`launch`], [`container`], [`cluster`]: what is started, and how;
//! * [`wire`], [`json`], [`record`], [`conn`]: a raw client;
//! * [`case`], [`normal`], [`fixture`], [`cases`]: conversations as data, replayed to both sides
//!   and compared line by line;
//! * [`suites`]: everything that is more than a conversation;
//! * [`report`]: what a run showed, as a table.
//!
//! `tests/compat.rs` runs them all in one process, so that clusters start once.

pub mod backend;
pub mod case;
pub mod cases;
pub mod cluster;
pub mod conn;
pub mod container;
pub mod fixture;
pub mod java;
pub mod json;
pub mod launch;
pub mod normal;
pub mod ports;
mod reaper;
pub mod record;
pub mod report;
pub mod suites;
pub mod traffic;
pub mod wire;
