//! Replays a conversation to two sides and compares what they say, line by line.

use std::collections::HashMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};

use super::{Action, Case, Expect, Step, Target};
use crate::cluster::Cluster;
use crate::conn::{CALL_TIMEOUT, Conn, Outcome};
use crate::normal::{EXCEPTION, Lines, Normal, TOKEN_MARK, now_ms};
use crate::record::message_id;
use crate::wire::{Encoding, Frame};

/// How long nothing must come to be called silence.
const SILENCE: Duration = Duration::from_millis(300);
/// How long a request is repeated.
const EVENTUALLY: Duration = Duration::from_secs(15);

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
                let show = |v: Option<&String>| {
                    v.map_or_else(|| "(absent)".to_owned(), |v| format!("{v:?}"))
                };
                report.push(format!("{path}: reference {} / under test {}", show(l), show(r)));
            }
        }
    }
    report
}

fn begins(list: &[(&str, &str)], path: &str) -> bool {
    list.iter().any(|(start, _)| path.starts_with(start))
}
