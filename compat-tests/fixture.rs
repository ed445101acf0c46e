//! Clusters that many cases share; each starts when the first case asks for it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread;

use anyhow::{Error, Result, anyhow};

use crate::backend::{Products, pair};
use crate::cluster::{Cluster, Spec};
use crate::normal::now_ms;
use crate::wire::Frame;

/// The kinds of shared clusters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fixture {
    /// Settings as they are by default.
    Shared,
    /// Topics and groups are not made on first use.
    NoCreate,
    /// The broker forbids everything, or its groups do.
    Closed,
    /// SQL filters are allowed, and every message counts as far behind.
    Filtering,
    /// The master waits for a slave, and there is none.
    Lonely,
    /// Who sends is told at once that the disk is late.
    LateDisk,
    /// A slave that has no master.
    Slave,
    /// Cases that change what all others see, one after another.
    Alone,
}

const ALL: [Fixture; 8] = [
    Fixture::Shared,
    Fixture::NoCreate,
    Fixture::Closed,
    Fixture::Filtering,
    Fixture::Lonely,
    Fixture::LateDisk,
    Fixture::Slave,
    Fixture::Alone,
];

impl Fixture {
    /// Broker properties besides the usual ones.
    pub fn properties(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Fixture::Shared | Fixture::Alone => &[],
            Fixture::NoCreate => {
                &[("autoCreateTopicEnable", "false"), ("autoCreateSubscriptionGroup", "false")]
            }
            Fixture::Filtering => {
                &[("enablePropertyFilter", "true"), ("accessMessageInMemoryMaxRatio", "0")]
            }
            Fixture::Lonely => &[("brokerRole", "SYNC_MASTER")],
            Fixture::LateDisk => &[("flushDiskType", "SYNC_FLUSH"), ("syncFlushTimeout", "0")],
            Fixture::Slave => &[("brokerRole", "SLAVE"), ("brokerId", "1")],
            Fixture::Closed => &[("brokerPermission", "1"), ("rejectTransactionMessage", "true")],
        }
    }
}

type Started = Result<Arc<Pair>, String>;
static PAIRS: [RwLock<Option<Started>>; ALL.len()] = [const { RwLock::new(None) }; ALL.len()];

/// The reference's cluster and the one under test.
pub struct Pair {
    /// Reference.
    pub left: Cluster,
    /// Under test.
    pub right: Cluster,
    alone: Mutex<()>,
}

impl Pair {
    fn start(fixture: Fixture) -> Result<Self> {
        let (left, right) = pair()?;
        let start = |products: Products| {
            let spec = Spec { properties: fixture.properties(), ..Spec::of(products)? };
            let cluster = Cluster::start(&spec)?;
            if fixture != Fixture::Slave {
                take_position_zero(&cluster)?;
            }
            Ok(cluster)
        };
        let (left, right) = thread::scope(|scope| {
            let left = scope.spawn(|| start(left));
            let right = start(right);
            (left.join().unwrap_or_else(|_| Err(anyhow!("starting the reference panicked"))), right)
        });
        Ok(Pair { left: left?, right: right?, alone: Mutex::new(()) })
    }

    /// Runs one at a time.
    pub fn alone<T>(&self, run: impl FnOnce() -> T) -> T {
        let _guard = self.alone.lock().unwrap_or_else(PoisonError::into_inner);
        run()
    }
}

/// Stores one message, so that no conversation's message lies at position 0 by chance.
fn take_position_zero(cluster: &Cluster) -> Result<()> {
    let first = Frame::request(310)
        .with("a", "first")
        .with("b", "BenchmarkTest")
        .with("c", "TBW102")
        .with("d", 4)
        .with("e", 0)
        .with("f", 0)
        .with("g", now_ms())
        .with("h", 0)
        .with("i", "WAIT\u{1}false\u{2}")
        .with("j", 0)
        .with("k", false)
        .with("m", false)
        .body(b"first".as_slice());
    cluster.broker.connect()?.ok(first).map(drop)
}

/// The clusters of a kind.
pub fn clusters(fixture: Fixture) -> Result<Arc<Pair>> {
    let slot = &PAIRS[fixture as usize];
    let found = slot.read().unwrap_or_else(PoisonError::into_inner).clone();
    let started = found.unwrap_or_else(|| {
        let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
        let start =
            || Pair::start(fixture).map(Arc::new).map_err(|e| format!("start {fixture:?}: {e:#}"));
        slot.get_or_insert_with(start).clone()
    });
    started.map_err(Error::msg)
}

/// Stops every shared cluster in order; returns what went wrong.
pub fn stop_all() -> Vec<String> {
    let mut errors = Vec::new();
    for slot in &PAIRS {
        let taken = slot.write().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Pair { left, right, .. }) = taken.and_then(Result::ok).and_then(Arc::into_inner)
        else {
            continue;
        };
        for mut cluster in [left, right] {
            if let Err(e) = cluster.stop() {
                errors.push(format!("{e:#}"));
            }
        }
    }
    errors
}
