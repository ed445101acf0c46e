//! Consumers that are behind are sent to the slave, and so are all while the master is away;
//! their progress stays with the master.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;
use tempfile::TempDir;

use super::flow::{Acked, Change, Figures, Flow, Place};
use super::trial;
use crate::backend::{Backend, pair};
use crate::cluster::{BROKER_NAME, Node};
use crate::conn::Conn;
use crate::java::Client;
use crate::json::Json;
use crate::launch::{Launcher, attach, wait_until};
use crate::normal::now_ms;
use crate::reaper;
use crate::traffic::{pull_frame, send};
use crate::wire::Frame;

const TOPIC: &str = "Behind";
const QUEUES: i32 = 4;
/// Messages that are there before any consumer, and the first of their numbers.
const BACKLOG: u64 = 400;
const FIRST: u64 = 7_000_000;
const PATIENCE: Duration = Duration::from_secs(120);
const COMMON: &[(&str, &str)] = &[
    ("slaveReadEnable", "true"),
    ("haSendHeartbeatInterval", "1000"),
    ("registerNameServerPeriod", "10000"),
    ("waitTimeMillsInSendQueue", "10000"),
];

pub(super) fn trials() -> Vec<Trial> {
    let one = |name: &str, left_master: bool, left_slave: bool| {
        trial(format!("slave_reads::{name}"), move || {
            let (left, right) = pair()?;
            let side = |is_left| if is_left { left.broker } else { right.broker };
            let mut replicas = Replicas::new(side(left_master), side(left_slave))?;
            attach(replicas.everything(), || replicas.logs())
        })
    };
    vec![
        // Not two of the reference: that says nothing about ours, and did not end in time.
        one("ours", false, false),
        one("reference_master_our_slave", true, false),
        one("our_master_reference_slave", false, true),
    ]
}

struct Replicas {
    names: Node,
    master: Node,
    slave: Node,
    product: Backend,
    flows: Vec<Flow>,
    backlog: Vec<(Place, Acked)>,
    _root: TempDir,
}

impl Replicas {
    /// A master with messages, and its slave, which has them, too.
    fn new(product: Backend, slave_product: Backend) -> Result<Self> {
        let root = tempfile::Builder::new().prefix("compat-").tempdir()?;
        reaper::folder(root.path());
        let launcher = Launcher::from_env()?;
        let mut names = Node::name_server(root.path().join("namesrv"), launcher)?;
        names.start(product)?;
        let node = |folder: &str, more: &[(&str, &str)]| {
            let all = [COMMON, more].concat();
            Node::broker(root.path().join(folder), Some(names.address()), &all, launcher)
        };
        // Whatever is not the newest message counts as far behind.
        let mut master = node("master", &[("accessMessageInMemoryMaxRatio", "0")])?;
        let mut slave = node("slave", &[("brokerRole", "SLAVE"), ("brokerId", "1")])?;
        master.start(product)?;
        let mut conn = master.connect()?;
        let mut backlog = Vec::new();
        for number in FIRST..FIRST + BACKLOG {
            let queue = (number % QUEUES as u64) as i32;
            let acked = send(&mut conn, TOPIC, queue, number.to_string().as_bytes(), "")?;
            let place = (master.port, acked.queue, acked.offset);
            backlog.push((place, Acked { body: number, time: now_ms() }));
        }
        slave.start(slave_product)?;
        let flows = Vec::new();
        let replicas = Self { names, master, slave, product, flows, backlog, _root: root };
        replicas.in_step()?;
        Ok(replicas)
    }

    fn logs(&self) -> String {
        format!("{}{}{}", self.names.logs(), self.master.logs(), self.slave.logs())
    }

    /// Waits until the slave has the messages, and clients can learn of it.
    fn in_step(&self) -> Result<()> {
        let mut slave = self.slave.connect()?;
        wait_until("the slave to have it all", PATIENCE, || {
            let per_queue = (BACKLOG / QUEUES as u64) as i64;
            let topics = slave.ok(Frame::request(21))?.body;
            let mut all = String::from_utf8(topics)?.contains(TOPIC);
            for queue in 0..QUEUES {
                all &= number_of(&mut slave, 30, TOPIC, queue)?.is_some_and(|n| n >= per_queue);
            }
            Ok(all)
        })?;
        wait_until("the route with the slave", PATIENCE, || {
            let answer = self.names.connect()?.call(Frame::request(105).with("topic", TOPIC))?;
            Ok(answer.code == 0 && String::from_utf8(answer.body)?.contains(&self.slave.address()))
        })
    }

    fn everything(&mut self) -> Result<()> {
        self.suggestions().context("suggestions")?;
        self.commits().context("commits")?;
        let address = self.names.address();
        for (client, group, first) in
            [(Client::Native, "native", "0"), (Client::Java, "java", "1000000")]
        {
            let program = client.start("Flow", &[&address, group, TOPIC, first])?;
            self.flows.push(Flow::new(group, program));
        }
        let got_before = read_from(&self.slave)?;
        self.backlog_is_read()?;
        let by_slave = read_from(&self.slave)? - got_before;
        ensure!(by_slave > 0, "the slave was never asked");
        let change = self.master_goes_and_comes()?;
        self.check(change)
    }

    /// Who is behind is told the group's slow broker, by the slave again the usual one.
    fn suggestions(&self) -> Result<()> {
        let mut master = self.master.connect()?;
        let mut slave = self.slave.connect()?;
        let behind = master.ok(pull_frame(TOPIC, 1, 0))?;
        ensure!(behind.number("suggestWhichBrokerId")? == 1, "{behind:?}");
        let there = slave.ok(pull_frame(TOPIC, 1, 0))?;
        ensure!(there.number("suggestWhichBrokerId")? == 0, "{there:?}");
        // Of what counts as far behind, the master gives fewer at a time.
        let common = there.body.get(..behind.body.len());
        ensure!(common == Some(&behind.body), "the slave gives other messages");
        let at_end = master.call(pull_frame(TOPIC, 1, behind.number("maxOffset")?))?;
        ensure!(at_end.code == 19 && at_end.number("suggestWhichBrokerId")? == 0, "{at_end:?}");
        let group = r#"{"groupName":"traffic-check","consumeEnable":true,
            "consumeFromMinEnable":true,"consumeBroadcastEnable":true,"retryQueueNums":1,
            "retryMaxTimes":16,"brokerId":3,"whichBrokerWhenConsumeSlowly":2,
            "notifyConsumerIdsChangedEnable":true}"#;
        master.ok(Frame::request(200).body(group))?;
        let behind = master.ok(pull_frame(TOPIC, 1, 0))?;
        ensure!(behind.number("suggestWhichBrokerId")? == 2, "{behind:?}");
        let at_end = master.call(pull_frame(TOPIC, 1, behind.number("maxOffset")?))?;
        ensure!(at_end.number("suggestWhichBrokerId")? == 3, "{at_end:?}");
        Ok(())
    }

    /// Progress that comes along with a pull counts at the master; the slave copies it.
    fn commits(&self) -> Result<()> {
        let pull = |offset: i64| {
            let mut frame = pull_frame(TOPIC, 2, offset);
            for (name, value) in frame.ext.iter_mut().flatten() {
                match name.as_str() {
                    // The subscription comes along, and so does progress.
                    "sysFlag" => *value = "5".to_owned(),
                    "commitOffset" => *value = offset.to_string(),
                    _ => {}
                }
            }
            frame
        };
        let mut slave = self.slave.connect()?;
        slave.ok(pull(9))?;
        let kept = committed(&mut slave, "traffic-check", 2)?;
        ensure!(kept.unwrap_or(0) == 0, "the slave kept {kept:?}");
        self.master.connect()?.ok(pull(7))?;
        wait_until("the slave's copy of the progress", PATIENCE, || {
            Ok(committed(&mut slave, "traffic-check", 2)? == Some(7))
        })
    }

    /// Waits until each client has what there was before it came, and goes on.
    fn backlog_is_read(&mut self) -> Result<()> {
        let backlog = self.backlog.iter().copied().collect();
        for flow in &mut self.flows {
            let read = wait_until("the backlog", PATIENCE, || {
                flow.pump()?;
                Ok(flow.has_all(&backlog))
            });
            read.with_context(|| flow.missing(&backlog))?;
        }
        self.in_service(0)
    }

    fn in_service(&mut self, since: i64) -> Result<()> {
        let port = self.master.port;
        for flow in &mut self.flows {
            wait_until(&format!("the {} client", flow.name()), PATIENCE, || {
                flow.pump()?;
                Ok(flow.sent_since(since) >= 50 && flow.uses(BROKER_NAME, port, since))
            })?;
        }
        Ok(())
    }

    /// While the master is away a group that begins then is served by the slave.
    fn master_goes_and_comes(&mut self) -> Result<Change> {
        let begin = now_ms();
        self.master.stop()?;
        let address = self.names.address();
        for (client, group) in [(Client::Native, "native_late"), (Client::Java, "java_late")] {
            let program = client.start("Flow", &[&address, group, TOPIC, "2000000"])?;
            let mut late = Flow::new(group, program);
            let backlog = self.backlog.iter().copied().collect();
            let read = wait_until("the backlog without the master", PATIENCE, || {
                late.pump()?;
                Ok(late.has_all(&backlog))
            });
            read.with_context(|| late.missing(&backlog))?;
        }
        self.master.start(self.product)?;
        let end = now_ms();
        self.in_service(end).context("with the master back")?;
        Ok(Change { begin, end })
    }

    /// Everything came, again only around the change, and the master knows all progress.
    fn check(&mut self, change: Change) -> Result<()> {
        for flow in &mut self.flows {
            flow.halt()?;
        }
        let ports = HashMap::from([(BROKER_NAME.to_owned(), self.master.port)]);
        let mut acked = Figures::acknowledged(&self.flows, &ports)?;
        acked.extend(self.backlog.iter().copied());
        let mut conn = self.master.connect()?;
        for flow in &mut self.flows {
            let came = wait_until("the last messages", PATIENCE, || {
                flow.pump()?;
                Ok(flow.has_all(&acked))
            });
            came.with_context(|| flow.missing(&acked))?;
            flow.figures(&acked, &[change])?;
            for queue in 0..QUEUES {
                wait_until("the progress at the master", PATIENCE, || {
                    let end = number_of(&mut conn, 30, TOPIC, queue)?;
                    Ok(end.is_some() && committed(&mut conn, &flow.consumers(), queue)? == end)
                })?;
            }
        }
        self.master.stop()?;
        self.slave.stop()
    }
}

/// The offset that a broker answers to this request, if any.
fn number_of(conn: &mut Conn, code: i32, topic: &str, queue: i32) -> Result<Option<i64>> {
    let answer = conn.call(Frame::request(code).with("topic", topic).with("queueId", queue))?;
    if answer.code == 0 { answer.number("offset").map(Some) } else { Ok(None) }
}

fn committed(conn: &mut Conn, group: &str, queue: i32) -> Result<Option<i64>> {
    let asked =
        Frame::request(14).with("consumerGroup", group).with("topic", TOPIC).with("queueId", queue);
    let answer = conn.call(asked)?;
    if answer.code == 0 { answer.number("offset").map(Some) } else { Ok(None) }
}

/// How many messages a broker has given out, by its own account.
fn read_from(broker: &Node) -> Result<i64> {
    let mut conn = broker.connect()?;
    let mut count = None;
    wait_until("the figures of a broker", PATIENCE, || {
        let answer = conn.call(Frame::request(28))?;
        if answer.code == 0 {
            let info = Json::parse(&String::from_utf8(answer.body)?)?;
            let value = info.get("table").and_then(|table| table.get("msgGetTotalTodayNow"));
            count = value.and_then(Json::int);
        }
        Ok(count.is_some())
    })?;
    count.context("no msgGetTotalTodayNow")
}
