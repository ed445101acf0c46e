//! Free ports for servers that cannot be told to take any.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

// Below the range from which the kernel takes the ports of outgoing connections.
const FIRST: u16 = 14_000;
const SPAN: u16 = 18_000;
const STEP: u16 = 8;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// Finds a port `p` so that `p - 2` (the fast port), `p` and `p + 1` (replication) are all free.
pub fn free_port() -> Result<u16> {
    let slots = SPAN / STEP;
    // Two test runs on one machine start at different places.
    let start = (std::process::id() as u16).wrapping_mul(37) % slots;
    for _ in 0..slots {
        let slot = (start + NEXT.fetch_add(1, Ordering::Relaxed)) % slots;
        let port = FIRST + slot * STEP + 4;
        if [port - 2, port, port + 1].into_iter().all(is_free) {
            return Ok(port);
        }
    }
    bail!("no free ports between {FIRST} and {}", FIRST + SPAN)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("0.0.0.0", port)).is_ok()
}
