//! Input that no client sends: the server stays up, answers others, keeps its memory bounded and
//! its files where they belong.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Backend, pair};
use crate::cluster::{Cluster, Node, Spec};
use crate::conn::Conn;
use crate::launch::{attach, wait_until};
use crate::traffic::{pull_frame, send, send_frame, verify};
use crate::wire::{Encoding, Frame, frame_bytes};

/// Memory (not of mapped files) that ours may take on top of what it had before. Java's heap is
/// bounded by its own flag.
const MEMORY_BOUND: u64 = 192 << 20;
const HANDLED: &str = include_str!("../data/handled-codes.tsv");

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("hostile::input", || {
        let mut cluster = Cluster::start(&Spec::of(pair()?.1)?)?;
        let done = everything(&mut cluster);
        attach(done, || cluster.logs())
    })]
}

type Attack = fn(&Cluster) -> Result<()>;

fn everything(cluster: &mut Cluster) -> Result<()> {
    let before = outside_the_store(cluster.folder())?;
    let memory = Memory::of(cluster)?;
    let steps: [(&str, Attack); 6] = [
        ("random bytes", random_bytes),
        ("promised frames", promised_frames),
        ("rubbish for every code", rubbish_for_every_code),
        ("names that climb", climbing_names),
        ("answers not read", answers_not_read),
        ("large messages", large_messages),
    ];
    for (what, step) in steps {
        step(cluster).with_context(|| what.to_owned())?;
        still_serves(cluster).with_context(|| format!("after {what}"))?;
        memory.check(cluster).with_context(|| format!("after {what}"))?;
    }
    let after = outside_the_store(cluster.folder())?;
    if cluster.backend == Backend::Ours {
        // The name server keeps key-values where it always does.
        let own = cluster.name_server()?.home.join("namesrv").display().to_string();
        let new: Vec<_> = after.difference(&before).filter(|p| !p.starts_with(&own)).collect();
        ensure!(new.is_empty(), "files outside of the store: {new:?}");
    }
    cluster.broker.check_alive()?;
    cluster.name_server.as_mut().context("no name server")?.check_alive()?;
    cluster.stop()
}

struct Memory {
    broker: u64,
    names: u64,
}

impl Memory {
    fn of(cluster: &Cluster) -> Result<Self> {
        let (broker, names) = (&cluster.broker, cluster.name_server()?);
        Ok(Memory { broker: broker.anonymous_memory()?, names: names.anonymous_memory()? })
    }

    fn check(&self, cluster: &Cluster) -> Result<()> {
        let now = Memory::of(cluster)?;
        let mib = |bytes: u64| bytes >> 20;
        for (what, backend, old, new) in [
            ("broker", cluster.backend, self.broker, now.broker),
            ("name server", cluster.name_server_backend, self.names, now.names),
        ] {
            let bounded = backend == Backend::Java || new < old + MEMORY_BOUND;
            ensure!(bounded, "{what}: {} MiB of memory, {} before", mib(new), mib(old));
        }
        Ok(())
    }
}

/// A send, its message read back, and a route.
fn still_serves(cluster: &Cluster) -> Result<()> {
    let mut conn = cluster.broker.connect()?;
    let sent = send(&mut conn, "StillServes", 0, b"hello", "")?;
    verify(&mut conn, &[sent])?;
    let mut names = cluster.name_server()?.connect()?;
    names.ok(Frame::request(106)).map(drop)
}

/// Reproducible numbers.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next() as u8).collect()
    }
}

fn servers(cluster: &Cluster) -> Result<[&Node; 2]> {
    Ok([&cluster.broker, cluster.name_server()?])
}

fn raw(node: &Node) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", node.port))?;
    stream.set_write_timeout(Some(Duration::from_secs(2)))?;
    Ok(stream)
}

fn random_bytes(cluster: &Cluster) -> Result<()> {
    let mut random = Random(0x5EED_2026);
    for node in servers(cluster)? {
        for round in 0..150 {
            let length = 1 + (random.next() % 20_000) as usize;
            let mut bytes = random.bytes(length);
            match round % 3 {
                // As it comes; a frame with a believable length; with a believable header, too.
                0 => {}
                1 => bytes = [&(length as u32).to_be_bytes()[..], &bytes].concat(),
                _ => {
                    let mut frame = Frame::request((random.next() % 400) as i32).encode();
                    let at = 8 + (random.next() as usize) % (frame.len() - 8);
                    frame[at] = random.next() as u8;
                    bytes = frame;
                }
            }
            // The server may close at any time.
            let _ = raw(node)?.write_all(&bytes);
        }
    }
    Ok(())
}

/// Frames of 16 MiB that never come: nothing is set aside for a promise.
fn promised_frames(cluster: &Cluster) -> Result<()> {
    let memory = Memory::of(cluster)?;
    for node in servers(cluster)? {
        let mut open = Vec::new();
        for _ in 0..100 {
            let mut stream = raw(node)?;
            stream.write_all(&16_000_000u32.to_be_bytes())?;
            stream.write_all(&15_000_000u32.to_be_bytes())?;
            stream.write_all(&[b'{'; 1000])?;
            open.push(stream);
        }
        still_serves(cluster)?;
        memory.check(cluster)?;
    }
    for length in [16_777_213u32, 16_777_217, 0x7FFF_FFFF, 0x8000_0000, u32::MAX, 0, 1, 3] {
        for node in servers(cluster)? {
            let mut stream = raw(node)?;
            let _ = stream.write_all(&length.to_be_bytes());
            let _ = stream.write_all(&[0; 64]);
        }
    }
    Ok(())
}

/// No fields, fields of the wrong type, bodies that are no JSON.
fn rubbish_for_every_code(cluster: &Cluster) -> Result<()> {
    let fields = [
        "topic",
        "queueId",
        "offset",
        "consumerGroup",
        "producerGroup",
        "timestamp",
        "key",
        "namespace",
        "brokerName",
        "brokerId",
        "group",
        "clientID",
        "maxNum",
        "queueOffset",
        "sysFlag",
        "commitOffset",
        "a",
        "b",
        "d",
        "e",
        "f",
        "g",
    ];
    let bodies: [&[u8]; 6] =
        [b"", b"{", b"[1,2", b"{\"a\":{\"b\":[[[[[[1]]]]]]}}", &[0xFF; 100], b"null"];
    for row in HANDLED.lines().filter(|l| !l.starts_with('#')) {
        let code: i32 = row.split('\t').next().unwrap_or_default().parse()?;
        // Waiting clients or rewriting the settings file is not what is tried here.
        if matches!(code, 25 | 318) {
            continue;
        }
        let on_names = row.ends_with("namesrv");
        let node = if on_names { cluster.name_server()? } else { &cluster.broker };
        let mut conn = node.connect()?;
        for body in bodies {
            for value in [None, Some("x"), Some("-1"), Some("99999999999999999999"), Some("")] {
                let mut frame = Frame::request(code).body(body);
                if let Some(value) = value {
                    frame = fields.iter().fold(frame, |f, name| f.with(name, value));
                }
                conn.send(frame.clone())?;
                frame.encoding = Encoding::Rocketmq;
                conn.send(frame)?;
            }
        }
        // All were read when a later request is answered.
        let probe = if on_names { Frame::request(106) } else { max_offset("StillServes") };
        conn.ok(probe).with_context(|| format!("after rubbish for code {code}"))?;
    }
    deep_json(cluster)?;
    many_subscriptions(cluster)
}

/// Tens of thousands of subscriptions in one heartbeat are answered, too.
fn many_subscriptions(cluster: &Cluster) -> Result<()> {
    if cluster.backend == Backend::Java {
        return Ok(());
    }
    let one = |i| format!(r#"{{"topic":"Many{i}","subString":"*","subVersion":1}}"#);
    let all: Vec<_> = (0..30_000).map(one).collect();
    let body = heartbeat("ManyGroup", &all.join(","));
    cluster.broker.connect()?.call(Frame::request(34).body(body)).map(drop)
}

fn heartbeat(group: &str, subscriptions: &str) -> Vec<u8> {
    let group = crate::json::quote(group);
    format!(
        r#"{{"clientID":"x","producerDataSet":[],"consumerDataSet":[{{"groupName":{group},"consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","subscriptionDataSet":[{subscriptions}]}}]}}"#
    )
    .into_bytes()
}

/// A hundred thousand brackets must not use up a stack.
fn deep_json(cluster: &Cluster) -> Result<()> {
    let deep = "[".repeat(100_000);
    for code in [34, 41, 200] {
        let nested = format!("{{\"a\":{deep}").into_bytes();
        let _ = cluster.broker.connect()?.call(Frame::request(code).body(nested));
    }
    let header = format!("{{\"code\":30,\"opaque\":1,\"x\":{deep}");
    for node in servers(cluster)? {
        let mut stream = raw(node)?;
        let _ = stream.write_all(&frame_bytes(0, header.as_bytes(), b""));
    }
    Ok(())
}

fn max_offset(topic: &str) -> Frame {
    Frame::request(30).with("topic", topic).with("queueId", 0)
}

const NAMES: [&str; 9] = [
    "../../climbed",
    "..",
    ".",
    "../climbed",
    "/tmp/compat-climbed",
    "a/b",
    "a\\b",
    "a\0b",
    "%RETRY%../../../climbed",
];

/// Java makes such folders; ours must not.
fn climbing_names(cluster: &Cluster) -> Result<()> {
    if cluster.backend == Backend::Java {
        return Ok(());
    }
    let mut conn = cluster.broker.connect()?;
    for name in NAMES {
        let answer = conn.call(send_frame(name, 0, b"x", ""))?;
        ensure!(answer.code != 0, "a message to {name:?} was taken");
        ensure!(answer.remark.is_some(), "a message to {name:?}: no remark");
        let topic = Frame::request(17)
            .with("topic", name)
            .with("defaultTopic", "TBW102")
            .with("readQueueNums", 1)
            .with("writeQueueNums", 1)
            .with("perm", 6)
            .with("topicFilterType", "SINGLE_TAG")
            .with("topicSysFlag", 0)
            .with("order", false);
        conn.call(topic)?;
        for code in [29, 30, 31, 32, 202] {
            conn.call(max_offset_of(code, name))?;
        }
        conn.call(pull_frame(name, 0, 0))?;
        let group = name.trim_start_matches("%RETRY%");
        conn.call(Frame::request(34).body(heartbeat(group, "")))?;
    }
    for name in NAMES.into_iter().chain([""]) {
        conn.call(Frame::request(215).with("topic", name))?;
    }
    let properties = crate::record::properties(&[("DELAY", "1"), ("REAL_TOPIC", "../../climbed")]);
    conn.call(send_frame("StillServes", 0, b"x", &properties))?;
    no_stray_folders(cluster)
}

fn max_offset_of(code: i32, topic: &str) -> Frame {
    Frame::request(code).with("topic", topic).with("queueId", 0).with("timestamp", 1)
}

fn no_stray_folders(cluster: &Cluster) -> Result<()> {
    ensure!(!Path::new("/tmp/compat-climbed").exists(), "a folder was made in /tmp");
    let store = cluster.broker.store();
    let known = [
        "commitlog",
        "consumequeue",
        "index",
        "config",
        "checkpoint",
        "abort",
        "lock",
        "consumequeue_ext",
    ];
    for entry in fs::read_dir(&store)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        ensure!(known.contains(&name.as_str()), "{name} in the store");
    }
    for entry in fs::read_dir(store.join("consumequeue"))? {
        let entry = entry?;
        for queue in fs::read_dir(entry.path())? {
            let queue = queue?.file_name().to_string_lossy().into_owned();
            let number = queue.parse::<u32>().is_ok();
            ensure!(number, "consumequeue/{:?}/{queue}", entry.file_name());
        }
    }
    Ok(())
}

/// A client that asks for much and reads nothing. Java keeps all answers in memory until it has
/// none left.
fn answers_not_read(cluster: &Cluster) -> Result<()> {
    if cluster.backend == Backend::Java {
        return Ok(());
    }
    let mut conn = cluster.broker.connect()?;
    for _ in 0..8 {
        send(&mut conn, "Unread", 0, &vec![b'u'; 30_000], "")?;
    }
    wait_until("the queue", Duration::from_secs(10), || {
        Ok(conn.ok(max_offset("Unread"))?.number("offset")? == 8)
    })?;
    let memory = Memory::of(cluster)?;
    let ask = pull_frame("Unread", 0, 0).encode();
    let mut open = Vec::new();
    for _ in 0..8 {
        let mut stream = raw(&cluster.broker)?;
        stream.set_write_timeout(Some(Duration::from_millis(300)))?;
        // 2000 answers of 240 KB, unless the server stops reading, which is right.
        for _ in 0..2000 {
            if stream.write_all(&ask).is_err() {
                break;
            }
        }
        open.push(stream);
    }
    still_serves(cluster)?;
    memory.check(cluster)
}

/// Many messages of the largest size at once, then one too large.
fn large_messages(cluster: &Cluster) -> Result<()> {
    let body = vec![b'L'; 4 * 1024 * 1024 - 1000];
    let mut connections: Vec<Conn> =
        (0..6).map(|_| cluster.broker.connect()).collect::<Result<_>>()?;
    for conn in &mut connections {
        conn.send(send_frame("Large", 0, &body, ""))?;
    }
    for conn in &mut connections {
        match conn.wait_for(Duration::from_secs(20), Frame::is_answer)? {
            crate::conn::Outcome::Answer(answer) if matches!(answer.code, 0 | 2) => {}
            other => bail!("a large message: {other:?}"),
        }
    }
    let answer = connections[0].call(send_frame("Large", 0, &vec![b'L'; 15_000_000], ""))?;
    ensure!(answer.code == 13, "a message of 15 MB was answered {}", answer.code);
    Ok(())
}

/// All paths in the folder of a cluster that are neither store nor logs.
fn outside_the_store(folder: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    let mut left = vec![folder.to_owned()];
    while let Some(folder) = left.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !matches!(name.as_str(), "store" | "logs") {
                left.push(path.clone());
            }
            found.insert(path.display().to_string());
        }
    }
    Ok(found)
}
