//! Who may do what: the accounts of `plain_acl.yml`, address patterns, signed requests.
//!
//! A server asks [`Acl::check`] about each request before anything else happens to it; a client
//! has [`Credentials`] sign what it sends. The rules, their order and the texts of refusals are
//! those of 4.4.0. Where 4.4.0 leaves a door open (batches, reading by offset, most admin
//! requests) it is closed here; see `docs/differences.md`.
//!
//! This crate opens no socket, and of files only the one of the rules ([`RulesFile`]): others come in
//! as bytes, peers as addresses.
//! What it keeps of a secret is never printed.

#![deny(clippy::indexing_slicing)]

mod address;
mod check;
mod file;
mod permission;
mod resource;
mod rules;
mod sign;
mod yaml;

pub use address::{AddressError, AddressPattern};
pub use check::{Acl, AclError, Reload, Server};
pub use file::{FILE_PROPERTY, LOOK_PERIOD, Look, OpenError, RulesFile};
pub use permission::Perm;
pub use resource::Resource;
pub use rules::{LoadError, Rules};
pub use sign::{ACCESS_KEY, Credentials, SECURITY_TOKEN, SIGNATURE, ToolsFile};
