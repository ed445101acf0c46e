//! Which brokers to leave alone for a while, by how long their answers took (Java:
//! `MQFaultStrategy`, `LatencyFaultToleranceImpl`).

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// From which answer time on a broker is left alone, and for how long, both in ms.
const PENALTIES: [(u64, u64); 5] =
    [(15_000, 600_000), (3_000, 180_000), (2_000, 120_000), (1_000, 60_000), (550, 30_000)];
/// What a failed send counts as.
const FAILURE: Duration = Duration::from_secs(30);

/// What is known of the brokers' answer times.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    by_broker: Mutex<HashMap<String, Fault>>,
}

#[derive(Debug, Clone, Copy)]
struct Fault {
    took: Duration,
    usable_from: Instant,
}

impl Faults {
    /// An answer of `broker` took so long; or there was none.
    pub(crate) fn note(&self, broker: &str, took: Duration, failed: bool, now: Instant) {
        let usable_from = now + penalty(if failed { FAILURE } else { took });
        let mut all = self.by_broker.lock();
        match all.get_mut(broker) {
            Some(fault) => *fault = Fault { took, usable_from },
            None => {
                all.insert(broker.to_owned(), Fault { took, usable_from });
            }
        }
    }

    /// Whether `broker` may be used.
    pub(crate) fn is_usable(&self, broker: &str, now: Instant) -> bool {
        self.by_broker.lock().get(broker).is_none_or(|fault| fault.usable_from <= now)
    }

    /// The one of `brokers` to use when none may be: that which was fastest.
    pub(crate) fn least_bad<'b>(
        &self,
        brokers: impl Iterator<Item = &'b str>,
        now: Instant,
    ) -> Option<&'b str> {
        let all = self.by_broker.lock();
        brokers.min_by_key(|broker| {
            let fault = all.get(*broker).copied();
            let fault = fault.unwrap_or(Fault { took: Duration::ZERO, usable_from: now });
            (Reverse(fault.usable_from <= now), fault.took, fault.usable_from)
        })
    }
}

fn penalty(took: Duration) -> Duration {
    let found = PENALTIES.iter().find(|(from, _)| took >= Duration::from_millis(*from));
    Duration::from_millis(found.map_or(0, |(_, penalty)| *penalty))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_brokers_are_left_alone_for_as_long_as_java_does() {
        let check = |took: u64, expected: u64| {
            assert_eq!(penalty(Duration::from_millis(took)).as_millis(), u128::from(expected));
        };
        check(0, 0);
        check(549, 0);
        check(550, 30_000);
        check(1_000, 60_000);
        check(2_999, 120_000);
        check(3_000, 180_000);
        check(30_000, 600_000);
    }

    #[test]
    fn a_failed_broker_is_avoided_until_its_time_is_over() {
        let (faults, now) = (Faults::default(), Instant::now());
        assert!(faults.is_usable("a", now));
        faults.note("a", Duration::from_millis(3), true, now);
        faults.note("b", Duration::from_secs(1), false, now);
        assert!(!faults.is_usable("a", now) && !faults.is_usable("b", now));
        assert!(faults.is_usable("b", now + Duration::from_secs(60)));
        assert!(!faults.is_usable("a", now + Duration::from_secs(599)));
        assert_eq!(faults.least_bad(["b", "a"].into_iter(), now), Some("a"));
        assert_eq!(faults.least_bad(["b", "a", "c"].into_iter(), now), Some("c"));
        faults.note("a", Duration::from_millis(3), false, now);
        assert!(faults.is_usable("a", now));
    }
}
