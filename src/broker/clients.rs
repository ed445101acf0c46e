//! Who is connected: producers and consumers by group.
//!
//! A member of a group is a connection, not a client id: a client that sends heartbeats over two
//! connections is two members, as in 4.4.0. A member not heard of for two minutes is gone.
//!
//! The tables know connections by number and hold a handle `C` for the caller to use; they send
//! nothing themselves, but say who is to be told.

pub(crate) mod consumers;
pub(crate) mod producers;

use std::sync::Arc;

use protocol::Language;

pub(crate) use consumers::{Consumers, Departure};
pub(crate) use producers::Producers;

/// A member not heard of for longer than this is gone.
pub(crate) const EXPIRY_MS: i64 = 120_000;

/// One connection in one group.
#[derive(Debug, Clone)]
pub(crate) struct Member<C> {
    /// The connection's number.
    pub(crate) id: u64,
    /// The connection.
    pub(crate) connection: C,
    /// What the client calls itself.
    pub(crate) client_id: Arc<str>,
    /// What it is written in.
    pub(crate) language: Language,
    /// Its version number.
    pub(crate) version: i32,
    /// When it was last heard of.
    pub(crate) seen_ms: i64,
}

impl<C> Member<C> {
    fn expired(&self, now_ms: i64) -> bool {
        now_ms - self.seen_ms > EXPIRY_MS
    }
}
