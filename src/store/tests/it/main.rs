//! The store from outside: through its API and its files.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod append;
mod concurrency;
mod disk_full;
mod golden;
mod house;
mod recovery;
mod replicate;
mod scale;
mod support;
mod torn;
