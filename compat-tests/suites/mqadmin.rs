//! The stock mqadmin against both sides, outputs compared after everything was replaced that
//! differs from run to run.

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::cluster::Cluster;
use crate::fixture::{Fixture, Pair, clusters};
use crate::java::mqadmin;
use crate::launch::wait_until;
use crate::normal::{Normal, now_ms};
use crate::record::properties;
use crate::wire::Frame;

const TOPIC: &str = "AdmTopic";
const GROUP: &str = "AdmGroup";
const TOKEN: &str = "Zq-mqadmin";

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("mqadmin::outputs", || {
        let pair = clusters(Fixture::Alone)?;
        pair.alone(|| outputs(&pair))
    })]
}

/// A command and how its output is compared.
struct Command {
    words: Vec<String>,
    columns: Option<usize>,
}

fn command(text: &str) -> Command {
    Command { words: text.split(' ').map(str::to_owned).collect(), columns: None }
}

impl Command {
    /// Compares this many columns of each line only.
    fn columns(mut self, columns: usize) -> Self {
        self.columns = Some(columns);
        self
    }
}

fn outputs(pair: &Pair) -> Result<()> {
    let (left, right) = std::thread::scope(|scope| {
        let left = scope.spawn(|| session(&pair.left));
        (left.join(), session(&pair.right))
    });
    let left = left.map_err(|_| anyhow::anyhow!("the reference's session panicked"))?;
    let (left, right) = (left.context("reference")?, right.context("under test")?);
    let mut differences = Vec::new();
    for (l, r) in left.iter().zip(&right) {
        if l.comparable != r.comparable {
            let (name, l, r) = (&l.name, &l.printed, &r.printed);
            differences.push(format!("== {name}\n-- reference\n{l}\n-- under test\n{r}"));
        }
    }
    ensure!(differences.is_empty(), "{}", differences.join("\n"));
    Ok(())
}

/// A command that was run.
struct Output {
    name: String,
    printed: String,
    comparable: String,
}

/// All commands on one side.
fn session(cluster: &Cluster) -> Result<Vec<Output>> {
    let name_server = cluster.name_server()?.address();
    let broker = cluster.broker.address();
    let addresses = vec![(broker.clone(), "<broker>"), (name_server.clone(), "<namesrv>")];
    let mut normal = Normal::new(TOKEN, &broker, addresses);
    let mut out = Vec::new();
    let mut run = |commands: Vec<Command>| -> Result<()> {
        let words: Vec<_> = commands.iter().map(|c| c.words.clone()).collect();
        let printed = mqadmin(&name_server, &words)?;
        for (command, printed) in commands.iter().zip(printed) {
            let name = normal.text(&command.words.join(" "));
            let comparable = comparable(&mut normal, command, &printed);
            out.push(Output { name, printed, comparable });
        }
        Ok(())
    };
    run(vec![
        command(&format!("updateTopic -b {broker} -t {TOPIC} -r 3 -w 3")),
        command("updateTopic -c DefaultCluster -t AdmCluster"),
        command("updateTopic -c NoSuchCluster -t AdmCluster"),
        command("updateTopic -t AdmNothing"),
    ])?;
    let id = fill(cluster)?;
    run(vec![
        command("clusterList").columns(5),
        command("clusterList -m"),
        command("topicList"),
        command("topicList -c"),
        command(&format!("topicStatus -t {TOPIC}")),
        command("topicStatus -t AdmNone"),
        command(&format!("topicRoute -t {TOPIC}")),
        command("topicRoute -t AdmNone"),
        command("consumerProgress"),
        command(&format!("consumerProgress -g {GROUP}")),
        command("consumerProgress -g AdmNoGroup"),
        command(&format!("queryMsgById -i {id}")),
        command("queryMsgById -i 7F00000100000000000000000000FFFF"),
        command(&format!("queryMsgByKey -t {TOPIC} -k key1")),
        command(&format!("queryMsgByKey -t {TOPIC} -k nokey")),
        command(&format!(
            "queryMsgByUniqueKey -t {TOPIC} -i AC11000100002A139A6300000000{:04X}",
            1
        )),
        command(&format!("queryMsgByUniqueKey -t {TOPIC} -i AC11000100002A139A63000000000099")),
        command(&format!("brokerStatus -b {broker}")).columns(1),
        command(&format!("getBrokerConfig -b {broker}")).columns(1),
        command("getNamesrvConfig").columns(1),
    ])?;
    Ok(out)
}

/// Stores messages with keys and some progress; the id of one message.
fn fill(cluster: &Cluster) -> Result<String> {
    let mut conn = cluster.broker.connect()?;
    let stats = || Frame::request(202).with("topic", TOPIC);
    wait_until("the topic", std::time::Duration::from_secs(10), || {
        Ok(conn.call(stats())?.code == 0)
    })?;
    let mut id = String::new();
    for i in 0..6 {
        let unique = format!("AC11000100002A139A6300000000{i:04X}");
        let list =
            [("KEYS", "key1 key2"), ("UNIQ_KEY", unique.as_str()), ("WAIT", "true"), ("TAGS", "T")];
        let send = Frame::request(310)
            .with("a", "AdmProducers")
            .with("b", TOPIC)
            .with("c", "TBW102")
            .with("d", 4)
            .with("e", i % 3)
            .with("f", 0)
            .with("g", now_ms())
            .with("h", 0)
            .with("i", properties(&list))
            .with("j", 0)
            .with("k", false)
            .with("m", false)
            .body(format!("body {i}").into_bytes());
        id = conn.ok(send)?.field("msgId").context("no msgId")?.to_owned();
    }
    for queue in 0..3 {
        let commit = Frame::request(15)
            .with("consumerGroup", GROUP)
            .with("topic", TOPIC)
            .with("queueId", queue)
            .with("commitOffset", 1);
        conn.ok(commit)?;
    }
    make_group_known(&mut conn)?;
    wait_until("the index", std::time::Duration::from_secs(10), || {
        let query = Frame::request(12)
            .with("topic", TOPIC)
            .with("key", "AC11000100002A139A63000000000005")
            .with("maxNum", 1)
            .with("beginTimestamp", 0)
            .with("endTimestamp", i64::MAX);
        Ok(conn.call(query)?.code == 0)
    })?;
    wait_routes(cluster)?;
    Ok(id)
}

/// A heartbeat makes the group's retry topic, by which mqadmin finds the group.
fn make_group_known(conn: &mut crate::conn::Conn) -> Result<()> {
    let body = format!(
        r#"{{"clientID":"adm","producerDataSet":[],"consumerDataSet":[{{"groupName":"{GROUP}","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","unitMode":false,"subscriptionDataSet":[{{"topic":"{TOPIC}","subString":"*","subVersion":1,"tagsSet":[],"codeSet":[],"classFilterMode":false,"expressionType":"TAG"}}]}}]}}"#
    );
    conn.ok(Frame::request(34).body(body.into_bytes()))?;
    let leave = Frame::request(35).with("clientID", "adm").with("consumerGroup", GROUP);
    conn.ok(leave).map(drop)
}

fn wait_routes(cluster: &Cluster) -> Result<()> {
    let mut conn = cluster.name_server()?.connect()?;
    for topic in [TOPIC, "AdmCluster", "%RETRY%AdmGroup"] {
        wait_until(&format!("the route of {topic}"), std::time::Duration::from_secs(10), || {
            Ok(conn.call(Frame::request(105).with("topic", topic))?.code == 0)
        })?;
    }
    Ok(())
}

fn comparable(normal: &mut Normal, command: &Command, printed: &str) -> String {
    let mut lines = Vec::new();
    for line in printed.lines() {
        let line = times_replaced(&normal.text(line));
        lines.push(match command.columns {
            Some(columns) => line.split_whitespace().take(columns).collect::<Vec<_>>().join(" "),
            None => line,
        });
    }
    // Lists come out of hash tables.
    let pretty = lines.first().is_some_and(|l| l == "{");
    if !pretty {
        lines.sort();
    }
    lines.join("\n")
}

/// `2026-11-22 14:45:28,630`, with and without milliseconds, becomes `<time>`.
fn times_replaced(line: &str) -> String {
    const SHAPES: [&str; 2] = ["dddd-dd-dd dd:dd:dd,ddd", "dddd-dd-dd dd:dd:dd"];
    let fits = |text: &str, shape: &str| {
        let mut chars = text.chars();
        shape.chars().all(|s| {
            chars.next().is_some_and(|c| if s == 'd' { c.is_ascii_digit() } else { c == s })
        })
    };
    let mut out = String::new();
    let mut rest = line;
    while let Some(first) = rest.chars().next() {
        match SHAPES.iter().find(|shape| fits(rest, shape)) {
            Some(shape) => {
                out += "<time>";
                rest = &rest[shape.len()..];
            }
            None => {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            }
        }
    }
    out
}
