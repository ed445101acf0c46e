//! The broker is killed under full load; what it acknowledged is there afterwards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Backend, pair};
use crate::cluster::{Cluster, Spec};
use crate::launch::attach;
use crate::traffic::{Acked, Pipeline, verify};

const TOPIC: &str = "CrashTopic";
const SENDERS: i32 = 4;
const KILLS: usize = 3;
/// Acknowledged messages before each kill, and how long to wait for them.
const ENOUGH: usize = 6000;
const LONGEST: Duration = Duration::from_secs(6);

pub(super) fn trials() -> Vec<Trial> {
    let one = |name: &str, flush: &'static str| {
        trial(format!("crash::{name}"), move || {
            let properties = [("flushDiskType", flush), ("mapedFileSizeCommitLog", "1048576")];
            let spec = Spec { properties: &properties, ..Spec::broker_alone(pair()?.1.broker)? };
            let mut cluster = Cluster::start(&spec)?;
            let done = kill_repeatedly(&mut cluster);
            attach(done, || cluster.broker.logs())
        })
    };
    vec![one("async_flush", "ASYNC_FLUSH"), one("sync_flush", "SYNC_FLUSH")]
}

fn kill_repeatedly(cluster: &mut Cluster) -> Result<()> {
    let mut acked = Vec::new();
    for round in 0..KILLS {
        let new = load_and_kill(cluster, round)?;
        // Java's flush of each message may lag so far behind that it acknowledges next to none.
        let least = if cluster.backend == Backend::Java { 1 } else { 100 };
        ensure!(new.len() >= least, "only {} messages were acknowledged", new.len());
        acked.extend(new);
        cluster.broker.start(cluster.backend)?;
        let mut conn = cluster.broker.connect()?;
        let stored = verify(&mut conn, &acked).with_context(|| format!("after kill {round}"))?;
        ensure!(stored >= acked.len(), "{stored} messages stored, {} acknowledged", acked.len());
    }
    cluster.broker.stop()
}

/// Sends on several connections until enough is acknowledged, then kills while they go on.
fn load_and_kill(cluster: &mut Cluster, round: usize) -> Result<Vec<Acked>> {
    let stop = AtomicBool::new(false);
    let count = AtomicUsize::new(0);
    let connections: Vec<_> =
        (0..SENDERS).map(|_| cluster.broker.connect()).collect::<Result<_>>()?;
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for (queue, conn) in connections.into_iter().enumerate() {
            let (stop, count) = (&stop, &count);
            senders.push(scope.spawn(move || {
                let queue = queue as i32;
                let pipeline = Pipeline { conn, topic: TOPIC, queue, window: 64 };
                let mut known = 0;
                let body = |i| format!("{round}/{queue}/{i} {}", "z".repeat(i % 300)).into_bytes();
                pipeline.run(body, |acked| {
                    count.fetch_add(acked - known, Ordering::Relaxed);
                    known = acked;
                    !stop.load(Ordering::Relaxed)
                })
            }));
        }
        let start = Instant::now();
        while count.load(Ordering::Relaxed) < ENOUGH && start.elapsed() < LONGEST {
            thread::sleep(Duration::from_millis(2));
        }
        let killed = cluster.broker.kill();
        stop.store(true, Ordering::Relaxed);
        let mut acked = Vec::new();
        for sender in senders {
            acked.extend(sender.join().map_err(|_| anyhow!("a sender panicked"))??);
        }
        killed.map(|()| acked)
    })
}
