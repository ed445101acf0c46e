//! The name server over a real socket: raw frames in, raw frames out.

// The helpers stand outside of test functions, where clippy's exception does not reach.
#![allow(clippy::unwrap_used)]

mod access;
mod admin;
mod brokers;
mod golden;
mod harness;
