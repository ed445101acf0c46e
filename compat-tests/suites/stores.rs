//! A store that one product wrote is opened by the other, again and again.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Backend, pair};
use crate::cluster::{Cluster, Spec};
use crate::conn::Conn;
use crate::json::Json;
use crate::launch::attach;
use crate::record::{batch, properties};
use crate::traffic::{
    Acked, acknowledged, send, send_frame, verify, verify_by_id, verify_by_key, verify_newest,
};
use crate::wire::Frame;

const FILE: &str = "262144";
/// Small files, so that all of them roll over.
const SMALL: &[(&str, &str)] = &[
    ("mapedFileSizeCommitLog", FILE),
    ("mapedFileSizeConsumeQueue", "2000"),
    ("maxHashSlotNum", "100"),
    ("maxIndexNum", "300"),
];
const ROUNDS: usize = 4;
const QUEUES: i32 = 3;

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Clean,
    Killed,
}

pub(super) fn trials() -> Vec<Trial> {
    let one = |name: &str, reference_first: bool, ending: Ending| {
        trial(format!("store::{name}"), move || {
            let (left, right) = pair()?;
            let (first, second) = if reference_first { (left, right) } else { (right, left) };
            alternate([first.broker, second.broker], ending)
        })
    };
    vec![
        one("reference_then_ours_clean", true, Ending::Clean),
        one("reference_then_ours_killed", true, Ending::Killed),
        one("ours_then_reference_clean", false, Ending::Clean),
        one("ours_then_reference_killed", false, Ending::Killed),
        trial("store::mended", || {
            let (reference, ours) = pair()?;
            mended(ours.broker, reference.broker)
        }),
    ]
}

/// The other product comes past what stands where damage of the log was.
fn mended(ours: Backend, other: Backend) -> Result<()> {
    let spec = Spec { properties: SMALL, ..Spec::broker_alone(ours)? };
    let mut cluster = Cluster::start(&spec)?;
    let broker = &mut cluster.broker;
    let mut conn = broker.connect()?;
    let body = |i: usize| format!("{i} {}", "d".repeat(9000)).into_bytes();
    let write = |conn: &mut Conn, i: usize| send(conn, "StorePlain", 0, &body(i), "");
    let mut left = (0..100).map(|i| write(&mut conn, i)).collect::<Result<Vec<_>>>()?;
    verify(&mut conn, &left)?;
    broker.kill()?;

    // One record in the first file, and all from one on to the end of the second file.
    let file: i64 = FILE.parse()?;
    let half = left.iter().find(|each| each.physical > file * 3 / 2).context("too few")?.physical;
    let log = broker.store().join("commitlog");
    spoil(&log, 0, left[5].physical, left[6].physical)?;
    spoil(&log, file, half, 2 * file)?;
    let lost = left[5].physical;
    left.retain(|each| each.physical != lost && !(half..2 * file).contains(&each.physical));
    ensure!((60..99).contains(&left.len()), "{} messages are left", left.len());

    for (round, product) in [ours, other, ours].into_iter().enumerate() {
        broker.start(product)?;
        let mut conn = broker.connect()?;
        let looked = left.iter().try_for_each(|each| verify_by_id(&mut conn, each));
        let behind: Vec<_> = left.iter().filter(|m| m.physical >= 2 * file).cloned().collect();
        let looked = looked.and_then(|()| verify_newest(&mut conn, &behind));
        let looked = looked.with_context(|| format!("round {round}, {product:?}"));
        attach(looked, || broker.logs())?;
        left.push(write(&mut conn, 100 + round)?);
        let next = left.last().map(|last| last.offset);
        ensure!(next == Some(100 + round as i64), "round {round}: offset {next:?}");
        verify_newest(&mut conn, &left[left.len() - 1..])?;
        broker.kill()?;
        // Whoever is next looks at all of the log.
        fs::remove_file(broker.store().join("checkpoint"))?;
    }
    Ok(())
}

/// Overwrites `from..to` of the log, which lies in the file that begins at `base`.
fn spoil(log: &Path, base: i64, from: i64, to: i64) -> Result<()> {
    let path = log.join(format!("{base:020}"));
    let mut bytes = fs::read(&path)?;
    let position = |offset: i64| usize::try_from(offset - base);
    bytes.get_mut(position(from)?..position(to)?).context("not in this file")?.fill(0xA7);
    fs::write(&path, bytes).map_err(Into::into)
}

/// What must be found again.
#[derive(Default)]
struct Memory {
    messages: Vec<Acked>,
    keyed: Vec<(Acked, String)>,
    progress: i64,
}

fn alternate(products: [Backend; 2], ending: Ending) -> Result<()> {
    let spec = Spec { properties: SMALL, ..Spec::broker_alone(products[0])? };
    let mut cluster = Cluster::start(&spec)?;
    let mut memory = Memory::default();
    for round in 0..ROUNDS {
        let product = products[round % 2];
        if round > 0 {
            cluster.broker.start(product)?;
        }
        let done = one_round(&cluster, &mut memory, round, ending);
        let done = done.with_context(|| format!("round {round}, {product:?}"));
        attach(done, || cluster.broker.logs())?;
        match ending {
            Ending::Clean => cluster.broker.stop()?,
            Ending::Killed => cluster.broker.kill()?,
        }
    }
    cluster.broker.start(products[0])?;
    let mut conn = cluster.broker.connect()?;
    attach(check(&mut conn, &memory, ending), || cluster.broker.logs())?;
    cluster.broker.stop()
}

/// Finds everything that was written before, and writes more.
fn one_round(cluster: &Cluster, memory: &mut Memory, round: usize, ending: Ending) -> Result<()> {
    let mut conn = cluster.broker.connect()?;
    check(&mut conn, memory, ending).context("read")?;
    write(&mut conn, memory, round).context("write")?;
    check(&mut conn, memory, ending).context("read again")
}

fn write(conn: &mut Conn, memory: &mut Memory, round: usize) -> Result<()> {
    for i in 0..150 {
        let body = format!("round {round} message {i} {}", "x".repeat(i * 11 % 900));
        let key = format!("key-{round}-{i}");
        let unique = format!("unique-{round}-{i}");
        let list = [("KEYS", key.as_str()), ("TAGS", "TagA"), ("UNIQ_KEY", &unique)];
        let queue = i as i32 % QUEUES;
        let sent = send(conn, "StoreKeyed", queue, body.as_bytes(), &properties(&list))?;
        memory.messages.push(sent.clone());
        if i % 25 == 0 {
            memory.keyed.push((sent.clone(), key));
            memory.keyed.push((sent, unique));
        }
    }
    for i in 0..20 {
        let body = format!("наши сообщения {round} {i}");
        memory.messages.push(send(conn, "StorePlain", 0, body.as_bytes(), "")?);
    }
    memory.messages.push(send(conn, "StorePlain", 1, &vec![b'l'; 100_000], "")?);
    write_batch(conn, memory, round)?;
    memory.progress = 10 * (round as i64 + 1);
    let commit = Frame::request(15)
        .with("consumerGroup", "StoreGroup")
        .with("topic", "StoreKeyed")
        .with("queueId", 1)
        .with("commitOffset", memory.progress);
    conn.ok(commit).map(drop)
}

fn write_batch(conn: &mut Conn, memory: &mut Memory, round: usize) -> Result<()> {
    let bodies: Vec<_> = (0..3).map(|i| format!("batch {round} {i}")).collect();
    let list = properties(&[("TAGS", "TagB")]);
    let parts: Vec<_> = bodies.iter().map(|b| (b.as_str(), list.clone())).collect();
    let mut frame = send_frame("StoreBatch", 0, &batch(&parts), "").with("m", true);
    frame.code = 320;
    let ext = frame.ext.get_or_insert_default();
    ext.retain(|(name, value)| name != "m" || value == "true");
    let answer = conn.call(frame)?;
    let ids: Vec<_> =
        answer.field("msgId").unwrap_or_default().split(',').map(str::to_owned).collect();
    ensure!(ids.len() == bodies.len(), "batch answered {answer:?}");
    for (i, (body, id)) in bodies.iter().zip(ids).enumerate() {
        let mut one = answer.clone();
        one.ext = Some(Vec::new());
        let one = one
            .with("msgId", id)
            .with("queueId", answer.number("queueId")?)
            .with("queueOffset", answer.number("queueOffset")? + i as i64);
        let (queue, offset, physical) = acknowledged(&one)?;
        let (topic, properties) = ("StoreBatch".to_owned(), list.clone());
        let body = body.clone().into_bytes();
        memory.messages.push(Acked { topic, queue, offset, physical, body, properties });
    }
    Ok(())
}

fn check(conn: &mut Conn, memory: &Memory, ending: Ending) -> Result<()> {
    verify(conn, &memory.messages)?;
    for message in memory.messages.iter().step_by(7) {
        verify_by_id(conn, message)?;
    }
    for (message, key) in &memory.keyed {
        verify_by_key(conn, message, key)?;
    }
    if memory.messages.is_empty() {
        return Ok(());
    }
    topics_known(conn)?;
    // Progress is written every few seconds, so a killed broker may have an older one.
    if ending == Ending::Clean {
        let asked = Frame::request(14)
            .with("consumerGroup", "StoreGroup")
            .with("topic", "StoreKeyed")
            .with("queueId", 1);
        let progress = conn.ok(asked)?.number("offset")?;
        ensure!(progress == memory.progress, "progress {progress}, not {}", memory.progress);
    }
    Ok(())
}

fn topics_known(conn: &mut Conn) -> Result<()> {
    let answer = conn.ok(Frame::request(21))?;
    let table = Json::parse(&String::from_utf8(answer.body)?)?;
    let table = table.get("topicConfigTable").context("no topicConfigTable")?;
    for topic in ["StoreKeyed", "StorePlain", "StoreBatch"] {
        let config = table.get(topic).with_context(|| format!("{topic} is forgotten"))?;
        ensure!(config.get("writeQueueNums").and_then(Json::int) == Some(4), "{config}");
    }
    Ok(())
}
