//! The broker over real sockets: each test has its own broker on a free port and its own store.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod account;
mod admin;
mod consume;
mod delay;
mod filter;
mod flow;
mod harness;
mod probes;
mod register;
mod replicate;
mod replicate_faults;
mod restart;
mod send;
mod transaction;
