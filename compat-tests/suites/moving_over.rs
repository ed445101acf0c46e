//! A whole cluster in service goes from product to product, server by server, as
//! `docs/moving-over.md` says, while producers and consumers of both clients run.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;
use tempfile::TempDir;

use super::flow::{Change, Figures, Flow};
use super::trial;
use crate::backend::{self, Backend, our_binary, pair, work_dir};
use crate::cluster::Node;
use crate::java::Client;
use crate::json::Json;
use crate::launch::{Launcher, attach, wait_until};
use crate::normal::now_ms;
use crate::reaper;
use crate::wire::Frame;

const TOPIC: &str = "Moved";
const QUEUES: i32 = 4;
const BROKERS: [&str; 2] = ["broker-a", "broker-b"];
const PATIENCE: Duration = Duration::from_secs(120);
/// Messages of each client between two changes, at least.
const SOME: usize = 100;
/// A queue is left alone when nothing came for so long; clients look for routes each second.
const QUIET: Duration = Duration::from_secs(3);
const PROPERTIES: &[(&str, &str)] = &[
    // The shortest that 4.4.0 takes.
    ("registerNameServerPeriod", "10000"),
    ("autoCreateTopicEnable", "false"),
    ("mapedFileSizeCommitLog", "1048576"),
    // A crowded machine is not what is tested.
    ("waitTimeMillsInSendQueue", "10000"),
];

pub(super) fn trials() -> Vec<Trial> {
    let one = |name: &'static str, back: bool, way: Way| {
        trial(format!("moving_over::{name}"), move || {
            let (left, right) = pair()?;
            let (from, to) = (left.broker, right.broker);
            let (from, to) = if back { (to, from) } else { (from, to) };
            let mut moving = Moving::new(from)?;
            let figures = attach(moving.everything(to, way), || moving.logs())?;
            let file = work_dir().join(format!("moving-over-{name}.txt"));
            Ok(fs::write(file, figures)?)
        })
    };
    vec![
        one("step_by_step", false, Way::StepByStep),
        one("back_step_by_step", true, Way::StepByStep),
        one("without_wiping", false, Way::Hurried),
    ]
}

/// How a broker is exchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Producers are sent away and consumers read to the end before it is stopped.
    StepByStep,
    /// It is just stopped and started.
    Hurried,
}

/// A name server, two masters, and two clients that go on all the time.
struct Moving {
    names: Node,
    brokers: Vec<Node>,
    flows: Vec<Flow>,
    changes: Vec<Change>,
    _root: TempDir,
}

impl Moving {
    fn new(product: Backend) -> Result<Self> {
        let root = tempfile::Builder::new().prefix("compat-").tempdir()?;
        reaper::folder(root.path());
        let launcher = Launcher::from_env()?;
        let mut names = Node::name_server(root.path().join("namesrv"), launcher)?;
        names.start(product)?;
        let mut brokers = Vec::new();
        for name in BROKERS {
            let all = [PROPERTIES, &[("brokerName", name)]].concat();
            let home = root.path().join(name);
            let mut broker = Node::broker(home, Some(names.address()), &all, launcher)?;
            broker.start(product)?;
            let create = Frame::request(17)
                .with("topic", TOPIC)
                .with("defaultTopic", "TBW102")
                .with("readQueueNums", QUEUES)
                .with("writeQueueNums", QUEUES)
                .with("perm", 6)
                .with("topicFilterType", "SINGLE_TAG")
                .with("topicSysFlag", 0)
                .with("order", false);
            broker.connect()?.ok(create)?;
            brokers.push(broker);
        }
        let address = names.address();
        let moving = Self { names, brokers, flows: Vec::new(), changes: Vec::new(), _root: root };
        moving.writable(&BROKERS)?;
        let flows = [(Client::Native, "native", "0"), (Client::Java, "java", "1000000")];
        let flows = flows.into_iter().map(|(client, group, first)| {
            let program = client.start("Flow", &[&address, group, TOPIC, first])?;
            Ok(Flow::new(group, program))
        });
        Ok(Self { flows: flows.collect::<Result<_>>()?, ..moving })
    }

    fn logs(&self) -> String {
        let brokers: Vec<_> = self.brokers.iter().map(Node::logs).collect();
        format!("{}{}", self.names.logs(), brokers.concat())
    }

    /// The whole procedure; what was measured, as text.
    fn everything(&mut self, to: Backend, way: Way) -> Result<String> {
        self.in_service().context("before the first change")?;
        self.name_server(to).context("the name server")?;
        self.in_service().context("after the name server")?;
        for (at, name) in BROKERS.iter().enumerate() {
            self.broker(at, to, way).with_context(|| *name)?;
            self.in_service().with_context(|| format!("after {name}"))?;
        }
        self.check(way)
    }

    /// Replaces the name server in its place, and waits until both brokers have told it of
    /// themselves.
    fn name_server(&mut self, to: Backend) -> Result<()> {
        let begin = now_ms();
        self.names.stop()?;
        self.names.start(to)?;
        self.writable(&BROKERS)?;
        self.changes.push(Change { begin, end: now_ms() });
        Ok(())
    }

    fn broker(&mut self, at: usize, to: Backend, way: Way) -> Result<()> {
        if way == Way::StepByStep {
            let words = ["wipeWritePerm", "-b", BROKERS[at], "-n", &self.names.address()];
            let printed = mqadmin(&words)?;
            ensure!(printed.contains(&format!("wipe write perm of broker[{}]", BROKERS[at])));
            self.no_more_comes(at)?;
            self.everything_is_read(at)?;
        }
        let begin = now_ms();
        self.brokers[at].stop()?;
        self.brokers[at].start(to)?;
        // The broker that starts has its write permission back.
        self.writable(&BROKERS)?;
        self.changes.push(Change { begin, end: now_ms() });
        Ok(())
    }

    /// Waits until the name server tells producers of exactly these brokers.
    fn writable(&self, wanted: &[&str]) -> Result<()> {
        wait_until(&format!("the routes to {wanted:?}"), PATIENCE, || {
            let answer = self.names.connect()?.call(Frame::request(105).with("topic", TOPIC))?;
            Ok(answer.code == 0 && writable_in(&String::from_utf8(answer.body)?)? == wanted)
        })
    }

    /// Waits until producers have turned away from this broker.
    fn no_more_comes(&mut self, at: usize) -> Result<()> {
        let mut conn = self.brokers[at].connect()?;
        let (mut last, mut since) = (-1, Instant::now());
        wait_until("producers to turn away", PATIENCE, || {
            self.flows.iter_mut().try_for_each(Flow::pump)?;
            let mut sum = 0;
            for queue in 0..QUEUES {
                let asked = Frame::request(30).with("topic", TOPIC).with("queueId", queue);
                sum += conn.ok(asked)?.number("offset")?;
            }
            if sum != last {
                (last, since) = (sum, Instant::now());
            }
            Ok(since.elapsed() > QUIET)
        })
    }

    /// Waits until every group has committed the end of each queue of this broker.
    fn everything_is_read(&self, at: usize) -> Result<()> {
        let mut conn = self.brokers[at].connect()?;
        wait_until("consumers to reach the end", PATIENCE, || {
            for queue in 0..QUEUES {
                let asked = Frame::request(30).with("topic", TOPIC).with("queueId", queue);
                let end = conn.ok(asked)?.number("offset")?;
                for flow in &self.flows {
                    let asked = Frame::request(14)
                        .with("consumerGroup", flow.consumers())
                        .with("topic", TOPIC)
                        .with("queueId", queue);
                    let answer = conn.call(asked)?;
                    if answer.code != 0 || answer.number("offset")? != end {
                        return Ok(false);
                    }
                }
            }
            Ok(true)
        })
    }

    /// Waits until each client sends to each broker and receives from it again.
    fn in_service(&mut self) -> Result<()> {
        let ports: Vec<_> = self.brokers.iter().map(|broker| broker.port).collect();
        let begin = now_ms();
        for flow in &mut self.flows {
            wait_until(&format!("the {} client", flow.name()), PATIENCE, || {
                flow.pump()?;
                let everywhere = BROKERS.iter().zip(&ports);
                Ok(flow.sent_since(begin) >= SOME
                    && everywhere.into_iter().all(|(name, port)| flow.uses(name, *port, begin)))
            })?;
        }
        Ok(())
    }

    /// Ends the sending, waits for the last messages, and looks at all that came.
    fn check(&mut self, way: Way) -> Result<String> {
        for flow in &mut self.flows {
            flow.halt()?;
        }
        let names = BROKERS.map(str::to_owned).into_iter();
        let ports = names.zip(self.brokers.iter().map(|broker| broker.port)).collect();
        let acked = Figures::acknowledged(&self.flows, &ports)?;
        let mut told = format!("{} acknowledged\n", acked.len());
        // A name server that has just started knows some brokers before others, so that consumers
        // leave queues and take them up again. Of the brokers' changes they notice nothing.
        let excuses = match way {
            Way::StepByStep => self.changes.get(..1).unwrap_or_default(),
            Way::Hurried => &self.changes,
        };
        for flow in &mut self.flows {
            let missing = wait_until("the last messages", PATIENCE, || {
                flow.pump()?;
                Ok(flow.has_all(&acked))
            });
            missing.with_context(|| flow.missing(&acked))?;
            let figures = flow.figures(&acked, excuses)?;
            if way == Way::StepByStep {
                figures.no_send_failed()?;
            }
            told += &format!("{figures}\n");
        }
        // In order, so that a broker that cannot end any more is seen.
        self.brokers.iter_mut().try_for_each(Node::stop)?;
        self.names.stop()?;
        Ok(told)
    }
}

/// Names of the brokers that a route lets producers write to, in order.
fn writable_in(route: &str) -> Result<Vec<String>> {
    const WRITE: i64 = 2;
    let route = Json::parse(route)?;
    let Some(Json::Array(queues)) = route.get("queueDatas") else { bail!("no queueDatas") };
    let writable = queues.iter().filter(|queue| {
        queue.get("perm").and_then(Json::int).is_some_and(|perm| perm & WRITE != 0)
    });
    let names = writable.map(|queue| queue.get("brokerName").and_then(Json::text));
    let mut names: Vec<_> = names.collect::<Option<_>>().context("a queue without its broker")?;
    names.sort_unstable();
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// Runs our mqadmin.
fn mqadmin(words: &[&str]) -> Result<String> {
    let home = tempfile::Builder::new().prefix("compat-").tempdir()?;
    let mut command = Command::new(our_binary()?);
    command.arg(format!("-Duser.home={}", home.path().display()));
    command.arg("org.apache.rocketmq.tools.command.MQAdminStartup").args(words);
    backend::run(&mut command)
}
