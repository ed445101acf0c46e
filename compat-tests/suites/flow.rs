//! A producer and a consumer in service (`Flow.java`), and what may be said of what they met.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::java::Program;

/// Consumers commit every 2 s, brokers and machines take their time: what was consumed earlier
/// than this before a server was stopped must not come again.
const COMMITTED_AFTER_MS: i64 = 5_000;
/// How long the programs try to send.
const SEND_TIMEOUT_MS: i64 = 30_000;
const PATIENCE: Duration = Duration::from_secs(60);
/// Lines that are waiting already.
const AT_ONCE: Duration = Duration::ZERO;

/// When a server was away, in ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) begin: i64,
    pub(super) end: i64,
}

impl Change {
    fn explains(self, consumed: i64) -> bool {
        self.explains_within(consumed, 0)
    }

    /// Whether something that took up to so long may have met the change.
    fn explains_within(self, time: i64, took_ms: i64) -> bool {
        let latest = self.end + COMMITTED_AFTER_MS + took_ms;
        (self.begin - COMMITTED_AFTER_MS..=latest).contains(&time)
    }
}

/// A place in a queue: port of the broker, queue, offset.
pub(super) type Place = (u16, i32, i64);

struct Sent {
    time: i64,
    body: u64,
    broker: String,
    queue: i32,
    offset: i64,
}

#[derive(Debug)]
struct Got {
    time: i64,
    body: u64,
    place: Place,
}

/// One client program.
pub(super) struct Flow {
    name: &'static str,
    program: Program,
    sent: Vec<Sent>,
    got: Vec<Got>,
    places: HashSet<Place>,
    failed: Vec<String>,
    halted: bool,
}

impl Flow {
    pub(super) fn new(name: &'static str, program: Program) -> Self {
        let (sent, got, failed) = (Vec::new(), Vec::new(), Vec::new());
        Self { name, program, sent, got, places: HashSet::new(), failed, halted: false }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Name of its consumer group.
    pub(super) fn consumers(&self) -> String {
        format!("CG_{}", self.name)
    }

    /// Takes in what the program has said.
    pub(super) fn pump(&mut self) -> Result<()> {
        while let Ok(line) = self.program.line(AT_ONCE) {
            let line = line.with_context(|| format!("the {} client ended", self.name))?;
            self.note(&line)?;
        }
        Ok(())
    }

    fn note(&mut self, line: &str) -> Result<()> {
        let words: Vec<&str> = line.split('\t').collect();
        match words.as_slice() {
            ["SENT", time, body, broker, queue, offset] => self.sent.push(Sent {
                time: time.parse()?,
                body: body.parse()?,
                broker: (*broker).to_owned(),
                queue: queue.parse()?,
                offset: offset.parse()?,
            }),
            ["GOT", time, body, port, queue, offset] => {
                let place = (port.parse()?, queue.parse()?, offset.parse()?);
                self.places.insert(place);
                self.got.push(Got { time: time.parse()?, body: body.parse()?, place });
            }
            ["FAILED", ..] => self.failed.push(line.to_owned()),
            ["HALTED", ..] => self.halted = true,
            // Java's client says where it logs, and the like.
            _ => {}
        }
        Ok(())
    }

    /// How many messages were acknowledged since then.
    pub(super) fn sent_since(&self, time: i64) -> usize {
        self.sent.iter().rev().take_while(|sent| sent.time >= time).count()
    }

    /// Whether it has sent to this broker and received from it since then.
    pub(super) fn uses(&self, broker: &str, port: u16, since: i64) -> bool {
        let mut sent = self.sent.iter().rev().take_while(|sent| sent.time >= since);
        let mut got = self.got.iter().rev().take_while(|got| got.time >= since);
        sent.any(|sent| sent.broker == broker) && got.any(|got| got.place.0 == port)
    }

    /// Ends the sending.
    pub(super) fn halt(&mut self) -> Result<()> {
        self.program.tell("halt")?;
        let deadline = Instant::now() + PATIENCE;
        while !self.halted {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.program.line(left)?.context("the client ended")?;
            self.note(&line)?;
        }
        Ok(())
    }

    /// Whether every acknowledged message came.
    pub(super) fn has_all(&self, acked: &Acknowledged) -> bool {
        acked.keys().all(|place| self.places.contains(place))
    }

    /// What did not come.
    pub(super) fn missing(&self, acked: &Acknowledged) -> String {
        let missing = acked.iter().filter(|(place, _)| !self.places.contains(place));
        let shown: Vec<_> = missing.clone().take(10).collect();
        format!("the {} client misses {}: {shown:?}", self.name, missing.count())
    }

    /// Each message came with its own body; it was stored or delivered again only around a
    /// change.
    pub(super) fn figures(&self, acked: &Acknowledged, changes: &[Change]) -> Result<Figures> {
        let explained = |time: i64| changes.iter().any(|change| change.explains(time));
        let mut first: HashMap<Place, i64> = HashMap::new();
        let mut copies: HashMap<u64, HashSet<Place>> = HashMap::new();
        for got in &self.got {
            if let Some(sent) = acked.get(&got.place) {
                ensure!(sent.body == got.body, "{:?} holds {}: {sent:?}", got.place, got.body);
            }
            copies.entry(got.body).or_default().insert(got.place);
            let time = *first.entry(got.place).or_insert(got.time);
            let fine = time == got.time || explained(time);
            ensure!(fine, "{} came again: {got:?}, first at {time}, {changes:?}", self.name);
        }
        for sent in acked.values() {
            let Some(places) = copies.get(&sent.body).filter(|places| places.len() > 1) else {
                continue;
            };
            // The answer to an attempt was lost, so it was sent again, at most its time limit later.
            ensure!(
                changes.iter().any(|change| change.explains_within(sent.time, SEND_TIMEOUT_MS)),
                "{sent:?} is stored at {places:?}, {changes:?}; failed sends: {:?}; {:?}",
                self.failed,
                self.got.iter().filter(|got| got.body == sent.body).collect::<Vec<_>>()
            );
        }
        let again = self.got.len() - copies.len();
        let pauses = self.sent.windows(2).map(|pair| pair[1].time - pair[0].time);
        Ok(Figures {
            name: self.name,
            sent: self.sent.len(),
            failed: self.failed.clone(),
            received: self.got.len(),
            again,
            longest_pause_ms: pauses.max().unwrap_or(0),
        })
    }
}

/// A number that was acknowledged, and when, in ms.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acked {
    pub(super) body: u64,
    pub(super) time: i64,
}

/// What was acknowledged to lie at each place.
pub(super) type Acknowledged = BTreeMap<Place, Acked>;

/// What one client met.
pub(super) struct Figures {
    name: &'static str,
    sent: usize,
    failed: Vec<String>,
    received: usize,
    again: usize,
    longest_pause_ms: i64,
}

impl Figures {
    /// Everything that was acknowledged to anybody; no place was given away twice.
    pub(super) fn acknowledged(
        flows: &[Flow],
        ports: &HashMap<String, u16>,
    ) -> Result<Acknowledged> {
        let mut acked = Acknowledged::new();
        for sent in flows.iter().flat_map(|flow| &flow.sent) {
            let port = ports.get(&sent.broker).with_context(|| sent.broker.clone())?;
            let place = (*port, sent.queue, sent.offset);
            let before = acked.insert(place, Acked { body: sent.body, time: sent.time });
            ensure!(before.is_none(), "{place:?} holds {} and {before:?}", sent.body);
        }
        Ok(acked)
    }

    /// Not one.
    pub(super) fn no_send_failed(&self) -> Result<()> {
        ensure!(self.failed.is_empty(), "failed sends: {:?}", self.failed);
        Ok(())
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, sent, received, again, longest_pause_ms, .. } = self;
        let failed = self.failed.len();
        write!(
            f,
            "{name}: sent {sent}, failed sends {failed}, received {received}, again {again}, \
             longest pause between acknowledgements {longest_pause_ms} ms"
        )
    }
}
