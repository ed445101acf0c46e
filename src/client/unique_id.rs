//! Ids that clients give their messages (Java: `MessageClientIDSetter`).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU16, Ordering};

use jiff::Zoned;
use protocol::message_id::{IdText, UniqueId};

/// Makes ids that differ within this process and, by address and pid, from others.
pub(crate) struct UniqueIds {
    ip: Ipv4Addr,
    pid: u16,
    seed: i32,
    counter: AtomicU16,
}

impl UniqueIds {
    pub(crate) fn new(ip: IpAddr) -> Self {
        let ip = match ip {
            IpAddr::V4(ip) => ip,
            IpAddr::V6(_) => Ipv4Addr::LOCALHOST,
        };
        // Java puts the hash of its class loader here; anything that tells two runs with a
        // recycled pid apart will do.
        let now = Zoned::now().timestamp().as_nanosecond();
        Self {
            ip,
            pid: (std::process::id() & 0xFFFF) as u16,
            seed: (now ^ (now >> 32)) as i32,
            counter: AtomicU16::new(0),
        }
    }

    pub(crate) fn next(&self) -> IdText {
        let now = Zoned::now();
        let first = now.first_of_month().and_then(|day| day.start_of_day());
        let since = first.map_or(0, |first| now.duration_since(&first).as_millis());
        let id = UniqueId {
            ip: self.ip,
            pid: self.pid,
            loader_hash: self.seed,
            since_month_ms: since as i32,
            counter: self.counter.fetch_add(1, Ordering::Relaxed),
        };
        id.to_text()
    }
}
