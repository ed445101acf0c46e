//! Ids that clients give their messages (Java: `MessageClientIDSetter`).

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU16, Ordering};

use jiff::{Span, Zoned};
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

/// When the message of this id was made, in ms, as far as the id tells: it counts from the start
/// of a month, which can only be this one or the last.
#[must_use]
pub fn made_at(id: &str) -> Option<i64> {
    let since_month_ms = id.parse::<UniqueId>().ok()?.since_month_ms;
    made_at_of(i64::from(since_month_ms as u32), &Zoned::now())
}

fn made_at_of(since_month_ms: i64, now: &Zoned) -> Option<i64> {
    let month = now.first_of_month().ok()?.start_of_day().ok()?;
    let made = month.timestamp().as_millisecond() + since_month_ms;
    if made < now.timestamp().as_millisecond() {
        return Some(made);
    }
    let last_month = month.checked_sub(Span::new().months(1)).ok()?;
    Some(last_month.timestamp().as_millisecond() + since_month_ms)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Zoned {
        text.parse().unwrap()
    }

    #[test]
    fn ids_tell_their_time() {
        let now = at("2026-11-22T14:00:00+08:00[Asia/Shanghai]");
        let check = |since: i64, expected: &str| {
            let made = made_at_of(since, &now).unwrap();
            assert_eq!(made, at(expected).timestamp().as_millisecond(), "{since}");
        };
        check(1, "2026-11-01T00:00:00.001+08:00[Asia/Shanghai]");
        check(22 * 86_400_000, "2026-10-23T00:00:00+08:00[Asia/Shanghai]");
        let made = made_at("C00002023D865FFD2B27000000010002").unwrap();
        assert!(made <= Zoned::now().timestamp().as_millisecond());
        assert_eq!(made_at("C0"), None);
    }
}
