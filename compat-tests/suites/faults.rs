//! The broker is killed again and again, at points that a seed decides: under load, while it
//! starts, right after an answer. Each time every acknowledged message must be there, by queue
//! offset, by body and by key.
//!
//! `ROCKETMQ_FAULT_SEED` repeats a schedule (the seed is in each failure), `ROCKETMQ_FAULT_ROUNDS`
//! makes it longer. What a seed fixes is the schedule; how far the broker got when the signal came
//! is the machine's.

use std::env;
use std::fs;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use fastrand::Rng;
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Backend, pair};
use crate::cluster::{Cluster, Spec};
use crate::launch::attach;
use crate::normal::now_ms;
use crate::record::properties;
use crate::traffic::{Acked, Pipeline, verify, verify_by_id, verify_by_key, verify_newest};

const SEED: &str = "ROCKETMQ_FAULT_SEED";
const ROUNDS: &str = "ROCKETMQ_FAULT_ROUNDS";
/// Rounds of each of the two tests unless told otherwise.
const ROUNDS_USUAL: usize = 110;
/// A JVM takes seconds where ours takes milliseconds.
const ROUNDS_JAVA: usize = 4;
/// Rounds over one folder; the next ones get another, with other settings.
const ERA: usize = 22;
const TOPIC: &str = "FaultTopic";
/// Longest wait for the acknowledgements that a round asks for.
const LONGEST: Duration = Duration::from_secs(5);

pub(super) fn trials() -> Vec<Trial> {
    let one = |name: &str, flush: &'static str| {
        trial(format!("faults::{name}"), move || {
            let backend = pair()?.1.broker;
            let seed = number_of(SEED)?.unwrap_or_else(|| fastrand::u64(..));
            let usual = if backend == Backend::Java { ROUNDS_JAVA } else { ROUNDS_USUAL };
            let rounds = number_of(ROUNDS)?.map_or(usual, |rounds| rounds as usize);
            let done = schedule(backend, flush, &mut Rng::with_seed(seed), rounds);
            done.with_context(|| format!("{SEED}={seed} {ROUNDS}={rounds}"))
        })
    };
    vec![one("async_flush", "ASYNC_FLUSH"), one("sync_flush", "SYNC_FLUSH")]
}

fn number_of(var: &str) -> Result<Option<u64>> {
    let Ok(text) = env::var(var) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{var}={text}: a number wanted"))
}

fn schedule(backend: Backend, flush: &str, rng: &mut Rng, rounds: usize) -> Result<()> {
    let mut left = rounds;
    while left > 0 {
        let era = left.min(ERA);
        run_era(backend, flush, rng, era)?;
        left -= era;
    }
    Ok(())
}

/// Some rounds over one folder. All sizes are small, so that every kind of file rolls.
fn run_era(backend: Backend, flush: &str, rng: &mut Rng, rounds: usize) -> Result<()> {
    let log_file = (4096 * rng.i32(8..=64)).to_string();
    let queue_file = (20 * rng.i32(10..=300)).to_string();
    let index_entries = rng.i32(20..=900).to_string();
    let with_ext = rng.bool().to_string();
    let settings = [
        ("flushDiskType", flush),
        ("mapedFileSizeCommitLog", &log_file),
        ("mapedFileSizeConsumeQueue", &queue_file),
        ("mappedFileSizeConsumeQueueExt", "8192"),
        ("enableConsumeQueueExt", &with_ext),
        ("maxHashSlotNum", "50"),
        ("maxIndexNum", &index_entries),
        ("flushIntervalConsumeQueue", "20"),
        ("flushConsumeQueueThoroughInterval", "100"),
    ];
    let mut cluster =
        Cluster::start(&Spec { properties: &settings, ..Spec::broker_alone(backend)? })?;
    let mut all = Vec::new();
    for number in 0..rounds {
        let plan = Plan::draw(rng);
        let done = run_round(&mut cluster, &plan, rng, &mut all);
        let about = || format!("round {number} of {rounds}, {settings:?}, {plan:?}");
        attach(done.with_context(about), || cluster.broker.logs())?;
    }
    let mut conn = cluster.broker.connect()?;
    let done = verify(&mut conn, &all).and_then(|stored| {
        ensure!(stored >= all.len(), "{stored} messages stored, {} acknowledged", all.len());
        all.iter().try_for_each(|message| verify_by_key(&mut conn, message, &key_of(message)))
    });
    attach(done.with_context(|| format!("at the end, {settings:?}")), || cluster.broker.logs())?;
    cluster.broker.stop()
}

/// What happens in a round.
#[derive(Debug)]
struct Plan {
    senders: i32,
    window: usize,
    body_max: usize,
    ending: Ending,
    /// Kills of the starts that follow, after so many microseconds each.
    starts: Vec<u64>,
    lost: Option<Lost>,
}

#[derive(Debug)]
enum Ending {
    /// Killed as soon as so many messages are acknowledged, while more are on their way.
    KilledAfter(usize),
    /// Killed after so many microseconds of load.
    KilledAt(u64),
    /// Killed after the last answer, with nothing on its way.
    KilledIdle(usize),
    Clean(usize),
}

/// Derived data that is gone at the next start.
#[derive(Debug, Clone, Copy)]
enum Lost {
    ConsumeQueues,
    Checkpoint,
}

impl Plan {
    fn draw(rng: &mut Rng) -> Self {
        let ending = match rng.u32(0..20) {
            0 => Ending::Clean(rng.usize(0..200)),
            1..=3 => Ending::KilledIdle(rng.usize(1..100)),
            4..=11 => Ending::KilledAfter(rng.usize(1..400)),
            _ => Ending::KilledAt(rng.u64(0..40_000)),
        };
        let lost = match rng.u32(0..20) {
            0 => Some(Lost::ConsumeQueues),
            1 => Some(Lost::Checkpoint),
            _ => None,
        };
        let starts = if rng.u32(0..5) == 0 { rng.usize(1..=2) } else { 0 };
        Self {
            senders: rng.i32(1..=4),
            window: *rng.choice(&[1, 4, 16, 64]).unwrap_or(&1),
            body_max: *rng.choice(&[8, 300, 3000, 12_000]).unwrap_or(&8),
            ending,
            starts: (0..starts).map(|_| rng.u64(0..20_000)).collect(),
            lost,
        }
    }
}

fn run_round(
    cluster: &mut Cluster,
    plan: &Plan,
    rng: &mut Rng,
    all: &mut Vec<Acked>,
) -> Result<()> {
    let new = load_and_end(cluster, plan, rng)?;
    if let Some(lost) = plan.lost {
        let store = cluster.broker.store();
        match lost {
            Lost::ConsumeQueues => {
                // Neither is there before the first message.
                for folder in ["consumequeue", "consumequeue_ext"].map(|name| store.join(name)) {
                    if folder.exists() {
                        fs::remove_dir_all(folder)?;
                    }
                }
            }
            Lost::Checkpoint => fs::remove_file(store.join("checkpoint"))?,
        }
    }
    for after in &plan.starts {
        cluster.broker.spawn(cluster.backend)?;
        thread::park_timeout(Duration::from_micros(*after));
        cluster.broker.kill()?;
    }
    cluster.broker.start(cluster.backend)?;
    let mut conn = cluster.broker.connect()?;
    verify_newest(&mut conn, &new).context("by queue")?;
    for message in new.iter().step_by(5) {
        verify_by_id(&mut conn, message).context("by id")?;
    }
    for message in new.iter().step_by(3) {
        verify_by_key(&mut conn, message, &key_of(message)).context("by key")?;
    }
    all.extend(new);
    Ok(())
}

/// The key of a message is the beginning of its body.
fn key_of(message: &Acked) -> String {
    let end = message.body.iter().position(|byte| *byte == b' ').unwrap_or(message.body.len());
    String::from_utf8_lossy(&message.body[..end]).into_owned()
}

/// What the senders of a round and the one who ends it tell each other.
#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    acked: AtomicUsize,
}

/// Sends as the plan says and ends the broker at its point; what was acknowledged.
fn load_and_end(cluster: &mut Cluster, plan: &Plan, rng: &mut Rng) -> Result<Vec<Acked>> {
    let shared = Shared::default();
    let begun = now_ms();
    thread::scope(|scope| {
        let mut senders = Vec::new();
        for queue in 0..plan.senders {
            let conn = cluster.broker.connect()?;
            let (rng, shared) = (rng.fork(), &shared);
            let pipeline = Pipeline { conn, topic: TOPIC, queue, window: plan.window };
            senders.push(scope.spawn(move || send(pipeline, plan, begun, rng, shared)));
        }
        let mut killed = Ok(());
        match plan.ending {
            Ending::KilledAt(after) => {
                thread::park_timeout(Duration::from_micros(after));
                killed = cluster.broker.kill();
            }
            Ending::KilledAfter(count) => {
                wait_for(&shared, count);
                killed = cluster.broker.kill();
            }
            Ending::KilledIdle(count) | Ending::Clean(count) => wait_for(&shared, count),
        }
        shared.stop.store(true, Ordering::Relaxed);
        let mut acked = Vec::new();
        for sender in senders {
            acked.extend(sender.join().map_err(|_| anyhow!("a sender panicked"))??);
        }
        match plan.ending {
            Ending::KilledIdle(_) => killed = cluster.broker.kill(),
            Ending::Clean(_) => killed = cluster.broker.stop(),
            _ => {}
        }
        killed.map(|()| acked)
    })
}

fn wait_for(shared: &Shared, count: usize) {
    let start = Instant::now();
    while shared.acked.load(Ordering::Relaxed) < count && start.elapsed() < LONGEST {
        thread::sleep(Duration::from_micros(200));
    }
}

fn send(
    pipeline: Pipeline<'_>,
    plan: &Plan,
    begun: i64,
    mut rng: Rng,
    shared: &Shared,
) -> Result<Vec<Acked>> {
    let queue = pipeline.queue;
    let message = |number| {
        let key = format!("{begun}-{queue}-{number}");
        let body = format!("{key} {}", "x".repeat(rng.usize(0..=plan.body_max)));
        let list = [("KEYS", key.as_str()), ("TAGS", "Tag"), ("note", "é")];
        let list = properties(if rng.bool() { &list[..2] } else { &list });
        (body.into_bytes(), list)
    };
    let mut known = 0;
    pipeline.run_with(message, |acked| {
        shared.acked.fetch_add(acked - known, Ordering::Relaxed);
        known = acked;
        !shared.stop.load(Ordering::Relaxed)
    })
}
