//! Conversations as data, and their replay to two sides.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::backend::Backend;
use crate::cluster::Cluster;
use crate::conn::{CALL_TIMEOUT, Conn, Outcome};
use crate::fixture::Fixture;
use crate::normal::{BodyKind, EXCEPTION, Lines, Normal, TOKEN_MARK, now_ms};
use crate::record::message_id;
use crate::wire::{Encoding, Frame};

const SILENCE: Duration = Duration::from_millis(300);
const EVENTUALLY: Duration = Duration::from_secs(15);

/// A named conversation.
pub struct Case {
    /// Unique name, `[a-z0-9_]`.
    pub name: &'static str,
    /// Which clusters it talks to.
    pub fixture: Fixture,
    /// What is said.
    pub steps: Vec<Step>,
    /// Replayed with JSON headers only.
    pub json_only: bool,
    /// Ours does not do this yet, see the issue named.
    pub later: Option<&'static str>,
}

impl Case {
    /// A conversation with the shared clusters.
    pub fn new(name: &'static str, steps: impl Into<Vec<Step>>) -> Self {
        Case { name, fixture: Fixture::Shared, steps: steps.into(), json_only: false, later: None }
    }

    /// Talks to other clusters than the shared ones.
    #[must_use]
    pub fn on(mut self, fixture: Fixture) -> Self {
        self.fixture = fixture;
        self
    }

    /// Not worth a second run with binary headers.
    #[must_use]
    pub fn json_only(mut self) -> Self {
        self.json_only = true;
        self
    }

    /// Ours is not expected to do this before the issue named is done; the case must fail on
    /// ours until then.
    #[must_use]
    pub fn later(mut self, issue: &'static str) -> Self {
        self.later = Some(issue);
        self
    }

    /// The request codes it sends, with the server they are sent to.
    pub fn codes(&self) -> Vec<(Target, i32)> {
        self.steps.iter().filter_map(Step::code).collect()
    }
}

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// The broker's port.
    Broker,
    /// The broker's port minus two.
    Fast,
    /// The name server.
    NameServer,
}

/// What must come back from the reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// An answer with this code.
    Code(i32),
    /// No answer.
    Silence,
    /// The connection is closed.
    Closed,
}

/// What a step does.
#[derive(Debug, Clone)]
enum Action {
    /// Sends a request and observes the answer.
    Call,
    /// Sends a request; its answer is observed by a later step.
    Start(&'static str),
    /// Observes the answer to a started request.
    Finish(&'static str),
    /// Sends raw bytes and observes an answer to number 1, or the end of the connection.
    Raw(Vec<u8>),
    /// Waits for a request that the server makes on this connection.
    Receive(i32),
    /// Answers the request received last on this connection, with this code and body.
    Answer(i32, String),
    /// Nothing comes on this connection for a while.
    Quiet,
    /// Closes the connection.
    Close,
}

/// One step of a conversation.
#[derive(Debug, Clone)]
pub struct Step {
    action: Action,
    target: Target,
    connection: &'static str,
    frame: Frame,
    body: BodyKind,
    expect: Expect,
    until: Option<(&'static str, &'static str)>,
    eventually: bool,
    ours: Option<(Expect, &'static str)>,
    masks: Vec<(&'static str, &'static str)>,
    free: Vec<(&'static str, &'static str)>,
    saves: Vec<(&'static str, &'static str)>,
}

impl Step {
    fn new(action: Action, target: Target, code: i32) -> Self {
        let records = matches!(code, 11 | 12 | 33);
        Step {
            action,
            target,
            connection: "main",
            frame: Frame::request(code),
            body: if records { BodyKind::Records } else { BodyKind::Text },
            expect: Expect::Code(0),
            until: None,
            eventually: false,
            ours: None,
            masks: Vec::new(),
            free: Vec::new(),
            saves: Vec::new(),
        }
    }

    /// A request and its answer.
    pub fn call(target: Target, code: i32) -> Self {
        Self::new(Action::Call, target, code)
    }

    /// Raw bytes instead of a request.
    pub fn raw(target: Target, bytes: Vec<u8>) -> Self {
        let mut step = Self::new(Action::Raw(bytes), target, 0).expect(Expect::Closed);
        step.connection = "raw";
        step
    }

    /// The answer to a request that was started under this name.
    pub fn finish(label: &'static str) -> Self {
        Self::new(Action::Finish(label), Target::Broker, 0)
    }

    /// A request that the broker makes on a connection.
    pub fn receive(connection: &'static str, code: i32) -> Self {
        Self::new(Action::Receive(code), Target::Broker, code).on(connection).code_is(code)
    }

    /// Answers the request that was received last on a connection.
    pub fn answer(connection: &'static str, code: i32, body: &str) -> Self {
        Self::new(Action::Answer(code, body.to_owned()), Target::Broker, code).on(connection)
    }

    /// Nothing comes on the broker connection of this name for a while, as when a request is
    /// held.
    pub fn quiet(connection: &'static str) -> Self {
        Self::new(Action::Quiet, Target::Broker, 0).on(connection).silent()
    }

    /// Closes a connection.
    pub fn close(target: Target, connection: &'static str) -> Self {
        Self::new(Action::Close, target, 0).on(connection)
    }

    /// Does not wait for the answer; [`Step::finish`] does.
    #[must_use]
    pub fn started(mut self, label: &'static str) -> Self {
        self.action = Action::Start(label);
        self
    }

    /// Adds header fields; `$(name)` in values is replaced by what was saved under the name.
    #[must_use]
    pub fn ext<V: ToString>(mut self, fields: &[(&str, V)]) -> Self {
        let ext = self.frame.ext.get_or_insert_default();
        for (name, value) in fields {
            ext.retain(|(n, _)| n != name);
            ext.push(((*name).to_owned(), value.to_string()));
        }
        self
    }

    /// Leaves a header field out.
    #[must_use]
    pub fn without(mut self, field: &str) -> Self {
        self.frame.ext.get_or_insert_default().retain(|(n, _)| n != field);
        self
    }

    /// Sets the body; `$(name)` is replaced in texts.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.frame.body = body.into();
        self
    }

    /// Changes the frame in any other way.
    #[must_use]
    pub fn frame(mut self, change: impl FnOnce(&mut Frame)) -> Self {
        change(&mut self.frame);
        self
    }

    /// Sends one way.
    #[must_use]
    pub fn oneway(mut self) -> Self {
        self.frame.flag = 2;
        self.expect = Expect::Silence;
        self
    }

    /// Uses the connection of this name.
    #[must_use]
    pub fn on(mut self, connection: &'static str) -> Self {
        self.connection = connection;
        self
    }

    /// What must come back from the reference.
    #[must_use]
    pub fn expect(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }

    /// The answer's code.
    #[must_use]
    pub fn code_is(self, code: i32) -> Self {
        self.expect(Expect::Code(code))
    }

    /// No answer comes.
    #[must_use]
    pub fn silent(self) -> Self {
        self.expect(Expect::Silence)
    }

    /// Repeats the request until the expected code comes, for things done in the background.
    #[must_use]
    pub fn eventually(mut self) -> Self {
        self.eventually = true;
        self
    }

    /// Repeats the request until a line of the answer has this value.
    #[must_use]
    pub fn until(mut self, path: &'static str, value: &'static str) -> Self {
        self.until = Some((path, value));
        self.eventually = true;
        self
    }

    /// A difference made on purpose: what ours answers instead, and why. Only the kind of
    /// answer is checked then.
    #[must_use]
    pub fn ours(mut self, expect: Expect, why: &'static str) -> Self {
        self.ours = Some((expect, why));
        self
    }

    /// Compares only the presence of lines whose path begins so.
    #[must_use]
    pub fn mask(mut self, path: &'static str, why: &'static str) -> Self {
        self.masks.push((path, why));
        self
    }

    /// Does not compare lines whose path begins so, not even their presence.
    #[must_use]
    pub fn free(mut self, path: &'static str, why: &'static str) -> Self {
        self.free.push((path, why));
        self
    }

    /// Saves a header field of the answer for later steps. A message id is saved a second time
    /// as `<name>.offset`, its commit log position.
    #[must_use]
    pub fn save(mut self, name: &'static str, field: &'static str) -> Self {
        self.saves.push((name, field));
        self
    }

    /// The body of the answer is message records.
    #[must_use]
    pub fn records(mut self) -> Self {
        self.body = BodyKind::Records;
        self
    }

    /// The header fields of the request, for another one.
    pub fn into_ext(self) -> Option<Vec<(String, String)>> {
        self.frame.ext
    }

    /// The body of the request, for another one.
    pub fn into_body(self) -> Vec<u8> {
        self.frame.body
    }

    fn code(&self) -> Option<(Target, i32)> {
        matches!(self.action, Action::Call | Action::Start(_))
            .then_some((self.target, self.frame.code))
    }

    /// What a cluster should do: with ours on the other end the difference made on purpose.
    fn expected(&self, cluster: &Cluster) -> Expect {
        let product = match self.target {
            Target::NameServer => cluster.name_server_backend,
            Target::Broker | Target::Fast => cluster.backend,
        };
        match self.ours {
            Some((expect, _)) if product == Backend::Ours => expect,
            _ => self.expect,
        }
    }

    fn label(&self) -> String {
        let what = match &self.action {
            Action::Call => format!("call {}", self.frame.code),
            Action::Start(label) => format!("start {} ({label})", self.frame.code),
            Action::Finish(label) => format!("finish {label}"),
            Action::Raw(bytes) => format!("raw {} bytes", bytes.len()),
            Action::Receive(code) => format!("receive {code}"),
            Action::Answer(code, _) => format!("answer {code}"),
            Action::Quiet => "quiet".to_owned(),
            Action::Close => "close".to_owned(),
        };
        format!("{what} on {:?}/{}", self.target, self.connection)
    }
}

/// One side of a replay.
struct Side<'a> {
    cluster: &'a Cluster,
    encoding: Encoding,
    connections: HashMap<(Target, &'static str), Conn>,
    started: HashMap<&'static str, (Target, &'static str, i32)>,
    values: HashMap<String, String>,
    received: i32,
    normal: Normal,
}

impl<'a> Side<'a> {
    fn new(cluster: &'a Cluster, token: &str, encoding: Encoding) -> Result<Self> {
        let broker = cluster.broker.address();
        let replication = format!("127.0.0.1:{}", cluster.broker.port + 1);
        let mut addresses = vec![(broker.clone(), "<broker>"), (replication, "<ha>")];
        let mut values = HashMap::from([
            ("t".to_owned(), token.to_owned()),
            ("now".to_owned(), now_ms().to_string()),
            ("broker".to_owned(), broker.clone()),
        ]);
        if let Some(name_server) = &cluster.name_server {
            addresses.push((name_server.address(), "<namesrv>"));
            values.insert("namesrv".to_owned(), name_server.address());
        }
        let normal = Normal::new(token, &broker, addresses);
        let (connections, started) = (HashMap::new(), HashMap::new());
        Ok(Side { cluster, encoding, connections, started, values, received: 0, normal })
    }

    fn connection(&mut self, target: Target, name: &'static str) -> Result<&mut Conn> {
        let port = match target {
            Target::Broker => self.cluster.broker.port,
            Target::Fast => self.cluster.broker.port - 2,
            Target::NameServer => self.cluster.name_server()?.port,
        };
        match self.connections.entry((target, name)) {
            std::collections::hash_map::Entry::Occupied(found) => Ok(found.into_mut()),
            std::collections::hash_map::Entry::Vacant(free) => {
                let conn = Conn::open(port)?;
                self.values.insert(format!("{name}.port"), conn.local_port()?.to_string());
                Ok(free.insert(conn))
            }
        }
    }

    fn expand(&self, text: &str) -> Result<String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(at) = rest.find("$(") {
            let end = rest[at..].find(')').context("unclosed $(")? + at;
            let name = &rest[at + 2..end];
            out += &rest[..at];
            out += self.values.get(name).with_context(|| format!("nothing saved as {name}"))?;
            rest = &rest[end + 1..];
        }
        Ok(out + rest)
    }

    fn frame(&self, step: &Step) -> Result<Frame> {
        let mut frame = step.frame.clone();
        frame.encoding = self.encoding;
        for (_, value) in frame.ext.iter_mut().flatten() {
            *value = self.expand(value)?;
        }
        if let Ok(text) = std::str::from_utf8(&frame.body) {
            frame.body = self.expand(text)?.into_bytes();
        }
        Ok(frame)
    }

    /// Runs a step; `expect` is what this side should do.
    fn run(&mut self, step: &Step, expect: Expect) -> Result<Lines> {
        let deadline = Instant::now() + EVENTUALLY;
        loop {
            let outcome = self.once(step, expect)?;
            let lines = self.normal.outcome(&outcome, step.body);
            let fits = fits(&outcome, expect) && step.until.is_none_or(|(p, v)| has(&lines, p, v));
            // A code that is not served will not be served a moment later.
            let unserved = expect != Expect::Code(3) && has(&lines, "header.code", "3");
            if fits || !step.eventually || unserved || Instant::now() > deadline {
                self.save(step, &outcome)?;
                return Ok(lines);
            }
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn once(&mut self, step: &Step, expect: Expect) -> Result<Outcome> {
        let nothing = Ok(Outcome::Silence);
        match &step.action {
            Action::Call => {
                let frame = self.frame(step)?;
                let conn = self.connection(step.target, step.connection)?;
                let opaque = conn.send(frame)?;
                answer(conn, step.target, opaque, expect)
            }
            Action::Start(label) => {
                let frame = self.frame(step)?;
                let opaque = self.connection(step.target, step.connection)?.send(frame)?;
                self.started.insert(label, (step.target, step.connection, opaque));
                nothing
            }
            Action::Finish(label) => {
                let (target, name, opaque) =
                    *self.started.get(label).with_context(|| format!("{label} not started"))?;
                let conn = self.connection(target, name)?;
                conn.wait(opaque, 2 * CALL_TIMEOUT)
            }
            Action::Raw(bytes) => {
                let conn = self.connection(step.target, step.connection)?;
                conn.write(bytes)?;
                let wait = if expect == Expect::Silence { SILENCE } else { CALL_TIMEOUT };
                conn.wait(1, wait)
            }
            Action::Receive(code) => {
                let conn = self.connection(step.target, step.connection)?;
                let outcome = conn.wait_request(*code, CALL_TIMEOUT)?;
                if let Outcome::Answer(frame) = &outcome {
                    self.received = frame.opaque;
                }
                Ok(outcome)
            }
            Action::Answer(code, body) => {
                let mut frame = Frame::request(*code).body(self.expand(body)?);
                frame.flag = 1;
                frame.opaque = self.received;
                let conn = self.connection(step.target, step.connection)?;
                conn.write(&frame.encode())?;
                nothing
            }
            Action::Quiet => {
                let conn = self.connection(step.target, step.connection)?;
                Ok(if conn.nothing(SILENCE)? { Outcome::Silence } else { Outcome::Closed })
            }
            Action::Close => {
                self.connections.remove(&(step.target, step.connection));
                nothing
            }
        }
    }

    fn save(&mut self, step: &Step, outcome: &Outcome) -> Result<()> {
        let Outcome::Answer(frame) = outcome else { return Ok(()) };
        for (name, field) in &step.saves {
            let value = frame.field(field).with_context(|| format!("no {field} in {frame:?}"))?;
            let first = value.split(',').next().unwrap_or_default();
            if let Some((_, offset)) = message_id(first) {
                self.values.insert(format!("{name}.offset"), offset.to_string());
            }
            self.values.insert((*name).to_owned(), value.to_owned());
        }
        Ok(())
    }
}

/// Takes the answer; whether none comes is known only after a later request was answered.
fn answer(conn: &mut Conn, target: Target, opaque: i32, expect: Expect) -> Result<Outcome> {
    if expect != Expect::Silence {
        return conn.wait(opaque, CALL_TIMEOUT);
    }
    let probe = match target {
        Target::NameServer => Frame::request(206),
        Target::Broker | Target::Fast => {
            Frame::request(31).with("topic", "no-such-topic").with("queueId", 0)
        }
    };
    let probe = conn.send(probe)?;
    let probed = conn.wait(probe, CALL_TIMEOUT)?;
    ensure!(matches!(probed, Outcome::Answer(_)), "a later request got {probed:?}");
    conn.wait(opaque, SILENCE)
}

fn fits(outcome: &Outcome, expect: Expect) -> bool {
    match (outcome, expect) {
        (Outcome::Answer(frame), Expect::Code(code)) => frame.code == code,
        (Outcome::Silence, Expect::Silence) | (Outcome::Closed, Expect::Closed) => true,
        _ => false,
    }
}

fn has(lines: &Lines, path: &str, value: &str) -> bool {
    lines.get(path).is_some_and(|v| v == value)
}

fn observed_fits(step: &Step, lines: &Lines, expect: Expect) -> bool {
    match step.action {
        Action::Start(_) | Action::Answer(..) | Action::Close => true,
        _ => match expect {
            Expect::Code(code) => has(lines, "header.code", &code.to_string()),
            Expect::Silence => has(lines, "outcome", "silence"),
            Expect::Closed => has(lines, "outcome", "closed"),
        },
    }
}

/// Replays a conversation to two clusters and compares what they say.
pub fn replay(case: &Case, encoding: Encoding, clusters: (&Cluster, &Cluster)) -> Result<()> {
    let letter = if encoding == Encoding::Json { 'J' } else { 'B' };
    let token = Arc::new(format!("{TOKEN_MARK}{}-{letter}", case.name));
    let run = |cluster: &Cluster| -> Result<Vec<Lines>> {
        let mut side = Side::new(cluster, &token, encoding)?;
        let mut all = Vec::new();
        for (i, step) in case.steps.iter().enumerate() {
            let expect = step.expected(cluster);
            let lines = side.run(step, expect);
            all.push(lines.with_context(|| format!("step {} ({})", i + 1, step.label()))?);
        }
        Ok(all)
    };
    let (left, right) = thread::scope(|scope| {
        let left = scope.spawn(|| run(clusters.0));
        let right = run(clusters.1);
        (left.join().unwrap_or_else(|_| bail!("the reference's side panicked")), right)
    });
    let left = left.context("reference")?;
    for (i, (step, lines)) in case.steps.iter().zip(&left).enumerate() {
        let wanted = step.expected(clusters.0);
        if !observed_fits(step, lines, wanted) {
            bail!("step {} ({}): reference: {wanted:?} wanted: {lines:#?}", i + 1, step.label());
        }
    }
    let right = right.context("under test")?;
    let mut report = Vec::new();
    for (i, (step, (left, right))) in case.steps.iter().zip(left.iter().zip(&right)).enumerate() {
        for line in compare(step, left, right, step.expected(clusters.1)) {
            report.push(format!("step {} ({}): {line}", i + 1, step.label()));
        }
    }
    if report.is_empty() { Ok(()) } else { Err(anyhow!("{}", report.join("\n"))) }
}

fn compare(step: &Step, left: &Lines, right: &Lines, expect: Expect) -> Vec<String> {
    if let Some((_, why)) = step.ours.filter(|_| expect != step.expect) {
        let fits = observed_fits(step, right, expect);
        let message = format!("ours should answer {expect:?} ({why}), but: {right:?}");
        return if fits { Vec::new() } else { vec![message] };
    }
    let mut report = Vec::new();
    let mut paths: Vec<_> = left.keys().chain(right.keys()).collect();
    paths.sort();
    paths.dedup();
    // What Java's way out of an exception leaves is not a contract: neither text nor fields.
    let exception = has(left, "header.remark", EXCEPTION);
    for path in paths {
        if begins(&step.free, path) || exception && path.starts_with("ext") {
            continue;
        }
        match (left.get(path), right.get(path)) {
            (Some(l), Some(r)) if l == r => {}
            (Some(_), Some(_)) if begins(&step.masks, path) => {}
            (Some(_), Some(r)) if exception && path == "header.remark" && !r.is_empty() => {}
            (l, r) => {
                let show =
                    |v: Option<&String>| v.map_or("(absent)".to_owned(), |v| format!("{v:?}"));
                report.push(format!("{path}: reference {} / under test {}", show(l), show(r)));
            }
        }
    }
    report
}

fn begins(list: &[(&str, &str)], path: &str) -> bool {
    list.iter().any(|(start, _)| path.starts_with(start))
}
