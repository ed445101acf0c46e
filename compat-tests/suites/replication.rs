//! A master of one product with a slave of the other: everything arrives, byte for byte, and a
//! sender is told the truth.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use tempfile::TempDir;

use super::trial;
use crate::backend::{self, Backend, our_binary, pair, repository};
use crate::cluster::Node;
use crate::conn::Conn;
use crate::json::Json;
use crate::launch::{Launcher, attach, wait_until};
use crate::record::properties;
use crate::traffic::{Acked, Pipeline, send, send_frame, verify};
use crate::wire::Frame;

/// Small files, so that they roll over, and short intervals.
const COMMON: &[(&str, &str)] = &[
    ("mapedFileSizeCommitLog", "262144"),
    ("mapedFileSizeConsumeQueue", "20000"),
    ("haSendHeartbeatInterval", "1000"),
    ("syncFlushTimeout", "2000"),
];
const TOPIC: &str = "Replicated";
const QUEUES: i32 = 4;
/// A slave of 4.4.0 looks for its master every 5 s and copies tables after 10.
const PATIENCE: Duration = Duration::from_secs(90);
const SLAVE_TIMEOUT: i32 = 12;
const NO_SLAVE: i32 = 11;

pub(super) fn trials() -> Vec<Trial> {
    let follow = |name: &str, reference_is_master: bool, role: &'static str| {
        trial(format!("replication::{name}"), move || {
            let (left, right) = pair()?;
            let (master, slave) = if reference_is_master {
                (left.broker, right.broker)
            } else {
                (right.broker, left.broker)
            };
            let mut pair = Pair::new(master, slave, role)?;
            let done = pair.follow();
            attach(done, || pair.logs())
        })
    };
    let kill = |name: &str, reference_is_slave: bool| {
        trial(format!("replication::{name}"), move || {
            let (left, right) = pair()?;
            let slave = if reference_is_slave { left.broker } else { right.broker };
            let mut pair = Pair::new(right.broker, slave, "SYNC_MASTER")?;
            let done = pair.kill_under_load();
            attach(done, || pair.logs())
        })
    };
    vec![
        follow("reference_master_our_slave_async", true, "ASYNC_MASTER"),
        follow("reference_master_our_slave_sync", true, "SYNC_MASTER"),
        follow("our_master_reference_slave_async", false, "ASYNC_MASTER"),
        follow("our_master_reference_slave_sync", false, "SYNC_MASTER"),
        kill("killed_master_our_slave", false),
        kill("killed_master_reference_slave", true),
        trial("replication::cluster_forms", cluster_forms),
    ]
}

/// The script for trials starts each form with its brokers, and stops it.
fn cluster_forms() -> Result<()> {
    let root = tempfile::Builder::new().prefix("compat-").tempdir()?;
    let run = |word: &str| {
        let mut command = Command::new("sh");
        command.arg(repository().join("scripts/cluster.sh")).arg(word).arg(root.path());
        backend::run(command.env("ROCKETMQ_BIN", our_binary()?))
    };
    for (form, brokers) in [("single", 1), ("2m-noslave", 2), ("2m-2s-async", 4), ("2m-2s-sync", 4)]
    {
        let started = run(form);
        let stopped = run("stop");
        let text = started.with_context(|| form.to_owned())?;
        let listed = text.lines().filter(|line| line.starts_with("DefaultCluster ")).count();
        ensure!(listed == brokers, "{form}: {listed} brokers listed:\n{text}");
        stopped.with_context(|| format!("stop {form}"))?;
    }
    Ok(())
}

/// A name server, a master and its slave.
struct Pair {
    names: Node,
    master: Node,
    slave: Node,
    products: (Backend, Backend),
    sync: bool,
    acked: Vec<Acked>,
    _root: TempDir,
}

impl Pair {
    /// Name server and master run, the slave does not yet.
    fn new(master: Backend, slave: Backend, role: &str) -> Result<Self> {
        let root = tempfile::Builder::new().prefix("compat-").tempdir()?;
        let launcher = Launcher::from_env()?;
        let mut names = Node::name_server(root.path().join("namesrv"), launcher)?;
        names.start(master)?;
        let node = |folder: &str, more: &[(&str, &str)]| {
            let all = [COMMON, more].concat();
            Node::broker(root.path().join(folder), Some(names.address()), &all, launcher)
        };
        let mut first = node("master", &[("brokerRole", role)])?;
        let second = node("slave", &[("brokerRole", "SLAVE"), ("brokerId", "1")])?;
        first.start(master)?;
        Ok(Self {
            names,
            master: first,
            slave: second,
            products: (master, slave),
            sync: role == "SYNC_MASTER",
            acked: Vec::new(),
            _root: root,
        })
    }

    fn logs(&self) -> String {
        format!("{}{}{}", self.names.logs(), self.master.logs(), self.slave.logs())
    }

    /// The slave comes late, leaves, comes back: at the end it has everything.
    fn follow(&mut self) -> Result<()> {
        let mut conn = self.master.connect()?;
        self.send_some(&mut conn, 0..100, true)?;
        let commit = Frame::request(15)
            .with("consumerGroup", "ReplicaGroup")
            .with("topic", TOPIC)
            .with("queueId", 1)
            .with("commitOffset", 7);
        conn.ok(commit)?;
        if self.sync {
            let alone = conn.call(send_frame(TOPIC, 0, b"alone", ""))?;
            ensure!(alone.code == NO_SLAVE, "without a slave: {}", alone.code);
        }
        self.slave.start(self.products.1)?;
        self.in_step().context("catch up")?;
        self.send_some(&mut conn, 100..500, false)?;
        self.in_step().context("follow")?;
        self.slave.stop()?;
        if self.sync {
            wait_until("the slave's absence", PATIENCE, || {
                let answer = conn.call(send_frame(TOPIC, 0, b"alone again", ""))?;
                ensure!([NO_SLAVE, SLAVE_TIMEOUT].contains(&answer.code), "{}", answer.code);
                Ok(answer.code == NO_SLAVE)
            })?;
        }
        self.send_some(&mut conn, 500..700, true)?;
        self.slave.start(self.products.1)?;
        self.in_step().context("come back")?;
        self.send_some(&mut conn, 700..800, false)?;
        self.in_step()?;
        self.tables()?;
        let mut reader = self.slave.connect()?;
        verify(&mut reader, &self.acked).context("read from the slave")?;
        same_bytes(&self.master.store(), &self.slave.store(), end_of(&mut conn)?)?;
        self.slave.stop()?;
        self.master.stop()
    }

    fn send_some(
        &mut self,
        conn: &mut Conn,
        range: std::ops::Range<usize>,
        hurry: bool,
    ) -> Result<()> {
        for i in range {
            let body = format!("{i} {}", "r".repeat(i * 13 % 3000));
            let list = if hurry { vec![("WAIT", "false")] } else { vec![("TAGS", "TagR")] };
            let queue = i as i32 % QUEUES;
            // Any code but success is an error here.
            self.acked.push(send(conn, TOPIC, queue, body.as_bytes(), &properties(&list))?);
        }
        Ok(())
    }

    /// Waits until the slave's log is as long as the master's.
    fn in_step(&mut self) -> Result<()> {
        let mut master = self.master.connect()?;
        let mut slave = self.slave.connect()?;
        let end = end_of(&mut master)?;
        wait_until("the slave to be in step", PATIENCE, || Ok(end_of(&mut slave)? == end))
    }

    /// Waits until the slave has the master's topics and offsets.
    fn tables(&mut self) -> Result<()> {
        let mut conn = self.slave.connect()?;
        let asked = Frame::request(14)
            .with("consumerGroup", "ReplicaGroup")
            .with("topic", TOPIC)
            .with("queueId", 1);
        wait_until("the slave's tables", PATIENCE, || {
            let topics = String::from_utf8(conn.ok(Frame::request(21))?.body)?;
            let offset = conn.call(asked.clone())?;
            Ok(topics.contains(TOPIC) && offset.number("offset").is_ok_and(|offset| offset == 7))
        })
    }

    /// The master is killed while it acknowledges; the slave has what it acknowledged.
    fn kill_under_load(&mut self) -> Result<()> {
        self.slave.start(self.products.1)?;
        let mut conn = self.master.connect()?;
        wait_until("a first success", PATIENCE, || {
            Ok(conn.call(send_frame(TOPIC, 0, b"first", ""))?.code == 0)
        })?;
        self.tables_of_topics()?;
        let pipeline =
            Pipeline { conn: self.master.connect()?, topic: TOPIC, queue: 1, window: 64 };
        let body = |i: usize| format!("{i} {}", "k".repeat(i % 500)).into_bytes();
        let mut killed = None;
        let master = &mut self.master;
        let acked = pipeline.run(body, |acked| {
            if acked >= 2000 && killed.is_none() {
                killed = Some(master.kill());
            }
            true
        })?;
        killed.context("never killed")??;
        ensure!(acked.len() >= 2000, "only {} acknowledged", acked.len());
        let mut reader = self.slave.connect()?;
        verify(&mut reader, &acked).context("acknowledged, and not on the slave")?;
        self.slave.stop()
    }

    fn tables_of_topics(&mut self) -> Result<()> {
        let mut conn = self.slave.connect()?;
        wait_until("the slave's topics", PATIENCE, || {
            Ok(String::from_utf8(conn.ok(Frame::request(21))?.body)?.contains(TOPIC))
        })
    }
}

/// Where a broker's log ends, as it says itself; in its first second one of 4.4.0 cannot.
fn end_of(conn: &mut Conn) -> Result<i64> {
    let mut end = None;
    wait_until("the end of a log", PATIENCE, || {
        let answer = conn.call(Frame::request(28))?;
        if answer.code == 0 {
            let info = Json::parse(&String::from_utf8(answer.body)?)?;
            let value = info.get("table").and_then(|table| table.get("commitLogMaxOffset"));
            end = value.and_then(Json::int);
        }
        Ok(end.is_some())
    })?;
    end.context("no commitLogMaxOffset")
}

/// The slave's files hold what the master's hold, up to the end.
fn same_bytes(master: &Path, slave: &Path, end: i64) -> Result<()> {
    let mut compared = 0;
    for entry in fs::read_dir(slave.join("commitlog"))? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).context("file name")?;
        let base: i64 = name.parse()?;
        if base >= end {
            continue;
        }
        let theirs = fs::read(&path)?;
        let ours = fs::read(master.join("commitlog").join(name))?;
        let used = usize::try_from(end - base)?.min(ours.len());
        ensure!(ours.get(..used) == theirs.get(..used), "{name} differs below {end}");
        compared += used;
    }
    ensure!(compared as i64 == end, "{compared} bytes compared of {end}");
    Ok(())
}
