//! The two tools and the cluster between them.

use std::fs;
use std::io::Read as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::backend::our_binary;
use crate::cluster::Cluster;
use crate::java::Program;
use crate::launch::{prepare_home, wait_until};
use crate::normal::now_ms;
use crate::reaper;
use crate::record::properties;
use crate::wire::Frame;

/// A topic with three queues, messages, keys and tags.
pub(super) const TOPIC: &str = "AdmTopic";
/// A group that has offsets in it and no member.
pub(super) const GROUP: &str = "AdmGroup";
/// A group with a member.
pub(super) const ONLINE: &str = "AdmOnline";
/// A producer group with a member.
pub(super) const PRODUCERS: &str = "AdmProducers";

/// What 4.4.0 says when it lost a connection.
const LOST: [&str; 2] = ["RemotingSendRequestException", "RemotingTimeoutException"];
/// How long a change may take to arrive at the name server.
const SETTLING: Duration = Duration::from_millis(1500);
/// What is the same for so long stays so.
const SETTLED: Duration = Duration::from_millis(150);
const PATIENCE: Duration = Duration::from_secs(20);

/// What a command printed.
#[derive(Debug, Clone, Default)]
pub(super) struct Printed {
    pub(super) out: String,
    pub(super) err: String,
}

/// The stock tool as a process, ours a process a command.
pub(super) struct Session {
    java: Program,
    home: TempDir,
    name_server: String,
    broker: String,
    offset_id: String,
    unique_id: String,
    begin: i64,
}

impl Session {
    pub(super) fn start(name_server: String, broker: String) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("compat-admin-").tempdir()?;
        prepare_home(home.path())?;
        Ok(Self {
            java: Program::start("AdminSession", &[&name_server], &name_server)?,
            home,
            name_server,
            broker,
            offset_id: String::new(),
            unique_id: String::new(),
            begin: now_ms(),
        })
    }

    /// Words with the names of this cluster in place of those in braces; `\_` is a blank in a
    /// word.
    pub(super) fn words(&self, text: &str) -> Vec<String> {
        let begin = self.begin.to_string();
        let names = [
            ("{broker}", self.broker.as_str()),
            ("{names}", &self.name_server),
            ("{id}", &self.offset_id),
            ("{unique}", &self.unique_id),
            ("{begin}", &begin),
            ("{topic}", TOPIC),
            ("{group}", GROUP),
            ("{online}", ONLINE),
            ("{producers}", PRODUCERS),
            ("{member}", "127.0.0.1@member-AdmOnline"),
            ("\\_", " "),
        ];
        let fill = |word: &str| names.iter().fold(word.to_owned(), |w, (n, v)| w.replace(n, v));
        text.split(' ').filter(|word| !word.is_empty()).map(fill).collect()
    }

    /// Gives both tools this `tools.yml`; `|` ends a line.
    pub(super) fn set_tools_file(&mut self, content: &str) -> Result<()> {
        fs::write(self.home.path().join("conf/tools.yml"), content.replace('|', "\n"))?;
        self.order(&["tools", content]).map(drop)
    }

    fn order(&mut self, words: &[&str]) -> Result<Vec<String>> {
        self.java.tell(&words.join("\t"))?;
        self.java.lines_until(Duration::from_secs(90), |line| line == "DONE")
    }

    /// Runs the stock tool.
    pub(super) fn java(&mut self, words: &[String], limit: Duration) -> Result<Printed> {
        let limit = limit.as_millis().to_string();
        let mut order = vec!["run", &limit];
        order.extend(words.iter().map(String::as_str));
        // The client of 4.4.0 now and then loses a fresh connection, or the answer on it.
        let mut last = Printed::default();
        wait_until("4.4.0 to keep a connection", PATIENCE, || {
            last = printed(&self.order(&order)?)?;
            Ok(!LOST.iter().any(|sign| last.err.contains(sign)))
        })?;
        Ok(last)
    }

    /// Runs the stock tool until it prints the same for a while, and while it fails.
    pub(super) fn java_settled(&mut self, words: &[String]) -> Result<Printed> {
        let deadline = Instant::now() + SETTLING;
        let mut last = self.java(words, PATIENCE)?;
        let mut since = Instant::now();
        loop {
            let settled = last.err.is_empty() && since.elapsed() > SETTLED;
            if settled || Instant::now() > deadline {
                return Ok(last);
            }
            let printed = self.java(words, PATIENCE)?;
            if printed.out != last.out {
                since = Instant::now();
            }
            last = printed;
        }
    }

    /// Runs ours.
    pub(super) fn ours(&self, words: &[String], limit: Duration) -> Result<Printed> {
        let home = self.home.path().display();
        let mut child = Command::new(our_binary()?)
            .args([format!("-Duser.home={home}"), format!("-Drocketmq.home.dir={home}")])
            .arg("org.apache.rocketmq.tools.command.MQAdminStartup")
            .args(words)
            .current_dir(self.home.path())
            .env("NAMESRV_ADDR", &self.name_server)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        reaper::add(child.id());
        let mut out = child.stdout.take().context("no output")?;
        let mut err = child.stderr.take().context("no errors")?;
        let reader = thread::spawn(move || {
            let mut text = Vec::new();
            out.read_to_end(&mut text).map(|_| text)
        });
        let errors = thread::spawn(move || {
            let mut text = Vec::new();
            err.read_to_end(&mut text).map(|_| text)
        });
        let deadline = Instant::now() + limit;
        let status = loop {
            match child.try_wait()? {
                Some(status) => break Some(status),
                None if Instant::now() > deadline => break None,
                None => thread::sleep(Duration::from_millis(2)),
            }
        };
        if status.is_none() {
            child.kill()?;
            child.wait()?;
        }
        reaper::remove(child.id());
        ensure!(status.is_none_or(|status| status.success()), "exit code {status:?}");
        let text = |read: thread::Result<std::io::Result<Vec<u8>>>| -> Result<String> {
            let bytes = read.ok().context("the reader panicked")??;
            Ok(String::from_utf8(bytes)?)
        };
        Ok(Printed { out: text(reader.join())?, err: text(errors.join())? })
    }

    /// Fills the cluster: topics, messages, offsets, members.
    pub(super) fn fill(&mut self, cluster: &Cluster) -> Result<()> {
        for text in [
            "updateTopic -b {broker} -t {topic} -r 3 -w 3",
            "updateTopic -b {broker} -t AdmOne -r 1 -w 1",
        ] {
            let words = self.words(text);
            self.java(&words, PATIENCE)?;
        }
        let mut conn = cluster.broker.connect()?;
        for i in 0..6 {
            let unique = format!("7F00000100002A139A6300000000{i:04X}");
            let tag = if i % 2 == 0 { "TagA" } else { "TagB" };
            let keys = format!("key{i} all");
            let list =
                [("KEYS", keys.as_str()), ("UNIQ_KEY", &unique), ("WAIT", "true"), ("TAGS", tag)];
            let send = Frame::request(310)
                .with("a", PRODUCERS)
                .with("b", TOPIC)
                .with("c", "TBW102")
                .with("d", 4)
                .with("e", i % 3)
                .with("f", 0)
                .with("g", now_ms())
                .with("h", 7)
                .with("i", properties(&list))
                .with("j", 0)
                .with("k", false)
                .with("m", false)
                .body(format!("body {i} ä").into_bytes());
            self.offset_id = conn.ok(send)?.field("msgId").context("no msgId")?.to_owned();
            self.unique_id = unique;
        }
        self.begin = now_ms() - 60_000;
        for (group, topic) in [(GROUP, TOPIC), ("AdmIdle", "AdmOne")] {
            make_known(&mut conn, group, topic)?;
        }
        for queue in 0..3 {
            let commit = Frame::request(15)
                .with("consumerGroup", GROUP)
                .with("topic", TOPIC)
                .with("queueId", queue)
                .with("commitOffset", 1);
            conn.ok(commit)?;
        }
        self.order(&["consume", ONLINE, TOPIC])?;
        self.order(&["produce", PRODUCERS, "AdmOne"])?;
        self.wait_settled()
    }

    /// Until messages are indexed and the member has consumed and committed all of them.
    fn wait_settled(&mut self) -> Result<()> {
        let index = self.words("queryMsgByKey -t {topic} -k key5");
        let progress = self.words("consumerProgress -g {online}");
        let producers = self.words("producerConnection -g {producers} -t AdmOne");
        let unique = self.unique_id.clone();
        let mut seen = Vec::new();
        let settled = wait_until("the members and their progress", PATIENCE, || {
            seen = vec![
                self.java(&index, PATIENCE)?.out,
                self.java(&progress, PATIENCE)?.out,
                self.java(&producers, PATIENCE)?.out,
            ];
            let rows = seen[1].lines().filter(|line| line.starts_with(TOPIC)).count();
            let done = rows == 3 && seen[1].contains("Diff Total: 0");
            Ok(seen[0].contains(&unique) && done && seen[2].contains("member"))
        });
        settled.with_context(|| seen.join("\n"))
    }
}

/// What a run tells in hexadecimal digits.
fn printed(lines: &[String]) -> Result<Printed> {
    let text = |prefix: &str| -> Result<String> {
        let digits =
            lines.iter().find_map(|line| line.strip_prefix(prefix)).context("no answer")?;
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16);
        let bytes: Vec<u8> = (0..digits.len()).step_by(2).map(byte).collect::<Result<_, _>>()?;
        Ok(String::from_utf8(bytes)?)
    };
    Ok(Printed { out: text("OUT ")?, err: text("ERR ")? })
}

/// A heartbeat makes the group's retry topic, by which mqadmin finds the group.
fn make_known(conn: &mut crate::conn::Conn, group: &str, topic: &str) -> Result<()> {
    let body = format!(
        r#"{{"clientID":"adm","producerDataSet":[],"consumerDataSet":[{{"groupName":"{group}","consumeType":"CONSUME_PASSIVELY","messageModel":"CLUSTERING","consumeFromWhere":"CONSUME_FROM_LAST_OFFSET","unitMode":false,"subscriptionDataSet":[{{"topic":"{topic}","subString":"*","subVersion":1,"tagsSet":[],"codeSet":[],"classFilterMode":false,"expressionType":"TAG"}}]}}]}}"#
    );
    conn.ok(Frame::request(34).body(body.into_bytes()))?;
    let leave = Frame::request(35).with("clientID", "adm").with("consumerGroup", group);
    conn.ok(leave).map(drop)
}
