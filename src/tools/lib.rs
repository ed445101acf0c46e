//! What users run besides the servers: `mqadmin` commands, the manual's demos, benchmarks.
//!
//! Everything talks to brokers through the `client` crate; nothing here opens a socket. Output
//! goes to a writer that is passed in.

pub mod quickstart;
