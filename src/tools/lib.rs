//! What users run besides the servers: `mqadmin` commands, the manual's demos, benchmarks.
//!
//! Everything talks to brokers through the `client` crate; nothing here opens a socket. Output
//! goes to a writer that is passed in.
//!
//! - [`mqadmin`]: finds and runs a command
//! - [`command`], [`args`], [`help`]: a command as data, its command line, its usage
//! - [`commands`]: all of them, a file each
//! - [`page`]: the documentation of all commands
//! - [`quickstart`]: the manual's demos
//! - [`benchmark`]: the load programs
//! - [`shell`]: completion and manual pages

pub mod args;
pub mod benchmark;
mod cluster;
pub mod command;
pub mod commands;
pub mod context;
pub mod help;
mod messages;
pub mod mqadmin;
pub mod page;
mod progress;
pub mod quickstart;
mod running;
pub mod shell;
mod text;
