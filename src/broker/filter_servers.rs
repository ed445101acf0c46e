//! Filter servers: who registered, by connection. Their addresses go into the routes of our
//! topics.

use std::collections::BTreeMap;

use parking_lot::Mutex;

use crate::LOG;

/// One that did not register for this long is gone.
const EXPIRY_MS: i64 = 30_000;
/// Most of them; each is named in every registration.
const SERVERS_MAX: usize = 1024;
/// The longest address.
const ADDR_BYTES_MAX: usize = 255;

/// The filter servers of a broker.
#[derive(Debug)]
pub(crate) struct FilterServers<C> {
    servers: Mutex<BTreeMap<u64, Server<C>>>,
}

#[derive(Debug)]
struct Server<C> {
    addr: String,
    connection: C,
    seen_ms: i64,
}

/// Why one was not registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Rejected {
    /// The address is none.
    #[error("the filter server's address is not usable")]
    Address,
    /// There are enough.
    #[error("more than {SERVERS_MAX} filter servers")]
    TooMany,
}

impl<C> Default for FilterServers<C> {
    fn default() -> Self {
        Self { servers: Mutex::default() }
    }
}

impl<C> FilterServers<C> {
    /// A server says that it is there; a connection keeps the address it said first. Returns all
    /// addresses if that changed them.
    ///
    /// # Errors
    /// See [`Rejected`].
    pub(crate) fn register(
        &self,
        id: u64,
        connection: C,
        addr: &str,
        now_ms: i64,
    ) -> Result<Option<Vec<String>>, Rejected> {
        let mut servers = self.servers.lock();
        if let Some(known) = servers.get_mut(&id) {
            known.seen_ms = now_ms;
            return Ok(None);
        }
        let printable = |c: char| !c.is_whitespace() && !c.is_control();
        if addr.is_empty() || addr.len() > ADDR_BYTES_MAX || !addr.chars().all(printable) {
            return Err(Rejected::Address);
        }
        if servers.len() >= SERVERS_MAX {
            return Err(Rejected::TooMany);
        }
        tracing::info!(target: LOG, "Receive a New Filter Server<{addr}>");
        servers.insert(id, Server { addr: addr.to_owned(), connection, seen_ms: now_ms });
        Ok(Some(addrs(&servers)))
    }

    /// A connection is gone. Returns the addresses that are left if it was a filter server's.
    pub(crate) fn closed(&self, id: u64) -> Option<Vec<String>> {
        let mut servers = self.servers.lock();
        let gone = servers.remove(&id)?;
        tracing::warn!(target: LOG, "The Filter Server<{}> connection<{id}> closed, remove it", gone.addr);
        Some(addrs(&servers))
    }

    /// Takes out those not heard of; returns their connections and the addresses that are left.
    pub(crate) fn sweep(&self, now_ms: i64) -> Option<(Vec<C>, Vec<String>)> {
        let mut servers = self.servers.lock();
        let expired = |server: &Server<C>| now_ms - server.seen_ms > EXPIRY_MS;
        let gone: Vec<_> = servers.extract_if(.., |_, server| expired(server)).collect();
        if gone.is_empty() {
            return None;
        }
        for (_, server) in &gone {
            tracing::info!(target: LOG, "The Filter Server<{}> expired, remove it", server.addr);
        }
        let connections = gone.into_iter().map(|(_, server)| server.connection).collect();
        Some((connections, addrs(&servers)))
    }
}

fn addrs<C>(servers: &BTreeMap<u64, Server<C>>) -> Vec<String> {
    servers.values().map(|server| server.addr.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_come_and_go() {
        let servers = FilterServers::default();
        assert_eq!(servers.register(1, 'a', "h:1", 0), Ok(Some(vec!["h:1".to_owned()])));
        assert_eq!(servers.register(1, 'a', "other:1", 10_000), Ok(None));
        let both = vec!["h:1".to_owned(), "h:2".to_owned()];
        assert_eq!(servers.register(2, 'b', "h:2", 5_000), Ok(Some(both)));
        assert_eq!(servers.sweep(35_000), None);
        assert_eq!(servers.sweep(35_001), Some((vec!['b'], vec!["h:1".to_owned()])));
        assert_eq!(servers.closed(2), None);
        assert_eq!(servers.closed(1), Some(vec![]));
    }

    #[test]
    fn odd_addresses_and_too_many_are_turned_away() {
        let servers = FilterServers::default();
        for addr in ["", "a b", "a\n", &"x".repeat(256)] {
            assert_eq!(servers.register(1, (), addr, 0), Err(Rejected::Address), "{addr:?}");
        }
        for id in 0..1024 {
            assert!(servers.register(id, (), "h:1", 0).is_ok());
        }
        assert_eq!(servers.register(1024, (), "h:1", 0), Err(Rejected::TooMany));
    }
}
