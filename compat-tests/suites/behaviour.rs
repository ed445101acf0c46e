//! Groups while things happen: members come and go, servers too. The same cases for the stock
//! client and ours, against either product.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Products, pair};
use crate::cluster::{BROKER_NAME, Cluster, Node, Spec};
use crate::java::{Client, Program, mqadmin, native_mqadmin};
use crate::json::Json;
use crate::launch::{attach, wait_until};
use crate::reaper;
use crate::wire::Frame;

const PATIENCE: Duration = Duration::from_secs(120);
/// A closed connection is noticed at once; a broker that is silent only after two minutes.
const AT_ONCE: Duration = Duration::from_secs(10);
/// How often messages are sent until the members have settled.
const ROUNDS: usize = 40;
/// Messages of a round: two for each of the topic's four queues.
const ROUND: usize = 8;
/// Pause between rounds: members look around every second or when they are told.
const ROUND_PAUSE: Duration = Duration::from_secs(1);

type Case = fn(&mut Session, &mut Cluster) -> Result<()>;

const CASES: [(&str, Case); 6] = [
    ("members_come_and_go", members_come_and_go),
    ("broker_restarts", broker_restarts),
    ("slow_members", slow_members),
    ("in_order", in_order),
    ("broadcast", broadcast),
    ("asked", asked),
];

pub(super) fn trials() -> Vec<Trial> {
    let mut all = Vec::new();
    for (client, who) in [(Client::Native, "native"), (Client::Java, "java")] {
        for (side, with) in [(right as fn(_) -> _, "ours"), (left, "reference")] {
            for (name, case) in CASES {
                all.push(trial(format!("behaviour::{name}_{who}_{with}"), move || {
                    let mut cluster = Cluster::start(&Spec::of(side(pair()?))?)?;
                    let address = cluster.name_server()?.address();
                    let ran = Session::start(client, &address)
                        .and_then(|mut session| case(&mut session, &mut cluster));
                    attach(ran, || cluster.logs())
                }));
            }
            all.push(trial(format!("behaviour::name_servers_change_{who}_{with}"), move || {
                name_servers_change(client, side(pair()?))
            }));
        }
    }
    for (side, with) in [(right as fn(_) -> _, "ours"), (left, "reference")] {
        all.push(trial(format!("behaviour::mixed_members_{with}"), move || {
            let cluster = Cluster::start(&Spec::of(side(pair()?))?)?;
            attach(mixed_members(&cluster), || cluster.logs())
        }));
    }
    all
}

fn left((left, _): (Products, Products)) -> Products {
    left
}

fn right((_, right): (Products, Products)) -> Products {
    right
}

/// One line of a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Got {
    member: String,
    body: usize,
    queue: i32,
    offset: i64,
}

/// A program that is told what to do, and what its consumers got.
struct Session {
    program: Program,
    got: Vec<Got>,
}

impl Session {
    fn start(client: Client, name_servers: &str) -> Result<Self> {
        Ok(Self { program: client.start("Behaviour", &[name_servers])?, got: Vec::new() })
    }

    /// Starts a command.
    fn tell(&mut self, words: &[&str]) -> Result<()> {
        self.program.tell(&words.join("\t"))
    }

    /// Waits until the command is done.
    fn done(&mut self) -> Result<()> {
        loop {
            let line = self.program.line(PATIENCE)?.context("the client ended")?;
            ensure!(!line.starts_with("FAILED"), "{line}");
            if line == "DONE" {
                return Ok(());
            }
            self.note(&line)?;
        }
    }

    fn run(&mut self, words: &[&str]) -> Result<()> {
        self.tell(words)?;
        self.done().with_context(|| words.join(" "))
    }

    fn send(&mut self, topic: &str, first: usize, count: usize) -> Result<()> {
        self.run(&["send", topic, &first.to_string(), &count.to_string()])
    }

    fn join(&mut self, member: &str, topic: &str, how: &str, pause: &str) -> Result<()> {
        self.run(&["join", member, &format!("CG_{topic}"), topic, how, pause])
    }

    fn note(&mut self, line: &str) -> Result<()> {
        let fields: Vec<&str> = line.split('\t').collect();
        if let ["GOT", member, body, queue, offset, _] = fields.as_slice() {
            let member = (*member).to_owned();
            let (body, queue, offset) = (body.parse()?, queue.parse()?, offset.parse()?);
            self.got.push(Got { member, body, queue, offset });
        }
        Ok(())
    }

    /// Notes what comes in a moment, if anything does.
    fn listen(&mut self) -> Result<()> {
        while let Ok(Some(line)) = self.program.line(Duration::from_millis(20)) {
            self.note(&line)?;
        }
        Ok(())
    }

    /// Waits until what was received is enough.
    fn until(&mut self, what: &str, enough: impl Fn(&[Got]) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !enough(&self.got) {
            let left = deadline.saturating_duration_since(Instant::now());
            let line = self.program.line(left);
            let line = line.with_context(|| format!("{what}: got {:?}", self.got))?;
            self.note(&line.context("the client ended")?)?;
        }
        Ok(())
    }

    /// Waits until these bodies were received.
    fn until_all(&mut self, bodies: std::ops::Range<usize>) -> Result<()> {
        let what = format!("{bodies:?}");
        self.until(&what, |got| bodies.clone().all(|body| got.iter().any(|g| g.body == body)))
    }

    /// Sends rounds of messages until each member of `wanted` reads, and nobody else does, and
    /// each queue has one reader, who gets everything once. The next number.
    fn settle(&mut self, topic: &str, mut next: usize, wanted: &[&str]) -> Result<usize> {
        let wanted: BTreeSet<&str> = wanted.iter().copied().collect();
        for _ in 0..ROUNDS {
            let before = self.got.len();
            self.send(topic, next, ROUND)?;
            self.until_all(next..next + ROUND)?;
            next += ROUND;
            let round = &self.got[before..];
            let mut readers: BTreeMap<i32, BTreeSet<&str>> = BTreeMap::new();
            for got in round {
                readers.entry(got.queue).or_default().insert(&got.member);
            }
            let members: BTreeSet<&str> = round.iter().map(|got| got.member.as_str()).collect();
            let apart = readers.values().all(|readers| readers.len() == 1);
            if members == wanted && apart && round.len() == ROUND {
                return Ok(next);
            }
            std::thread::sleep(ROUND_PAUSE);
        }
        anyhow::bail!("not settled to {wanted:?}: {:?}", self.got)
    }

    /// How often each body came to a member.
    fn times(&self, member: &str) -> BTreeMap<usize, usize> {
        let mut times = BTreeMap::new();
        for got in self.got.iter().filter(|got| got.member == member) {
            *times.entry(got.body).or_default() += 1;
        }
        times
    }
}

fn members_come_and_go(session: &mut Session, _: &mut Cluster) -> Result<()> {
    session.send("Shared", 0, ROUND)?;
    session.join("a", "Shared", "push", "0")?;
    session.until_all(0..ROUND)?;
    let next = session.settle("Shared", ROUND, &["a"])?;
    session.join("b", "Shared", "push", "0")?;
    session.join("c", "Shared", "push", "0")?;
    let next = session.settle("Shared", next, &["a", "b", "c"])?;
    session.run(&["leave", "b"])?;
    let next = session.settle("Shared", next, &["a", "c"])?;
    session.run(&["leave", "a"])?;
    session.settle("Shared", next, &["c"])?;
    Ok(())
}

fn broker_restarts(session: &mut Session, cluster: &mut Cluster) -> Result<()> {
    session.send("Restarted", 0, 20)?;
    session.join("a", "Restarted", "push", "0")?;
    session.until_all(0..20)?;
    let backend = cluster.backend;
    cluster.broker.stop()?;
    // The first of them cannot be stored before the broker is back.
    session.tell(&["send", "Restarted", "20", "20"])?;
    cluster.broker.start(backend)?;
    session.done()?;
    session.until_all(0..40)?;
    cluster.broker.kill()?;
    session.tell(&["send", "Restarted", "40", "20"])?;
    cluster.broker.start(backend)?;
    session.done()?;
    session.until_all(0..60)
}

fn slow_members(session: &mut Session, _: &mut Cluster) -> Result<()> {
    // The members read no more than eight messages of a queue ahead.
    session.send("Slow", 0, 120)?;
    session.join("a", "Slow", "push", "150")?;
    session.until("the first messages", |got| got.len() >= 4)?;
    session.join("b", "Slow", "push", "150")?;
    session.until_all(0..120)?;
    for member in ["a", "b"] {
        let got = session.times(member).len();
        ensure!(got >= 20, "{member} got {got} of 120 messages");
    }
    Ok(())
}

fn in_order(session: &mut Session, _: &mut Cluster) -> Result<()> {
    session.send("Ordered", 0, 60)?;
    session.join("a", "Ordered", "ordered", "40")?;
    session.until("the first messages", |got| got.len() >= 8)?;
    session.join("b", "Ordered", "ordered", "40")?;
    let next = session.settle("Ordered", 60, &["a", "b"])?;
    session.run(&["leave", "a"])?;
    session.send("Ordered", next, 20)?;
    session.until_all(0..next + 20)?;
    let mut last: BTreeMap<i32, i64> = BTreeMap::new();
    for got in &session.got {
        let last = last.entry(got.queue).or_insert(-1);
        // What was not committed comes again, but nothing is passed over.
        ensure!(got.offset <= *last + 1, "{got:?} after {last}: {:?}", session.got);
        *last = (*last).max(got.offset);
    }
    Ok(())
}

fn broadcast(session: &mut Session, _: &mut Cluster) -> Result<()> {
    session.send("Told", 0, 20)?;
    let all = |count: usize| {
        move |got: &[Got]| {
            let of = |member| got.iter().filter(|got| got.member == member).count();
            of("a") >= count && of("b") >= count
        }
    };
    session.join("a", "Told", "broadcast", "0")?;
    session.join("b", "Told", "broadcast", "0")?;
    session.until("20 messages each", all(20))?;
    session.run(&["leave", "a"])?;
    session.send("Told", 20, 20)?;
    session.join("a", "Told", "broadcast", "0")?;
    session.until("40 messages each", all(40))?;
    for member in ["a", "b"] {
        let times = session.times(member);
        let once = times.len() == 40 && times.values().all(|count| *count == 1);
        ensure!(once, "{member} got {times:?}");
    }
    Ok(())
}

/// A member of each client in one group: both work out the same, so that each queue has one
/// reader, and together they read all.
fn mixed_members(cluster: &Cluster) -> Result<()> {
    let address = cluster.name_server()?.address();
    let mut native = Session::start(Client::Native, &address)?;
    let mut java = Session::start(Client::Java, &address)?;
    native.send("Mixed", 0, ROUND)?;
    native.join("native", "Mixed", "push", "0")?;
    java.join("java", "Mixed", "push", "0")?;
    let mut next = ROUND;
    for _ in 0..ROUNDS {
        let before = (native.got.len(), java.got.len());
        native.send("Mixed", next, ROUND)?;
        let deadline = Instant::now() + PATIENCE;
        let count = |session: &Session, from: usize| {
            session.got[from..].iter().filter(|got| got.body >= next).count()
        };
        while count(&native, before.0) + count(&java, before.1) < ROUND {
            ensure!(Instant::now() < deadline, "{:?} and {:?}", native.got, java.got);
            native.listen()?;
            java.listen()?;
        }
        let queues = |got: &[Got]| -> BTreeSet<i32> {
            got.iter().filter(|got| got.body >= next).map(|got| got.queue).collect()
        };
        let (mine, theirs) = (queues(&native.got[before.0..]), queues(&java.got[before.1..]));
        if mine.len() == 2 && theirs.len() == 2 && mine.is_disjoint(&theirs) {
            return Ok(());
        }
        next += ROUND;
        std::thread::sleep(ROUND_PAUSE);
    }
    anyhow::bail!("not shared: {:?} and {:?}", native.got, java.got)
}

/// What an operator asks a consumer through its broker: its state, to consume a message at once,
/// to begin anew.
fn asked(session: &mut Session, cluster: &mut Cluster) -> Result<()> {
    session.send("Asked", 0, 12)?;
    session.join("a", "Asked", "push", "0")?;
    session.until_all(0..12)?;
    let address = cluster.name_server()?.address();
    let ask = |text: &str| -> Result<String> {
        let words = text.split(' ').map(str::to_owned).collect();
        Ok(mqadmin(&address, &[words])?.concat())
    };
    let members = ask("consumerConnection -g CG_Asked")?;
    let id = members.split_whitespace().find(|word| word.ends_with("@a"));
    let id = id.with_context(|| members.clone())?;
    let state = ask(&format!("consumerStatus -g CG_Asked -i {id}"))?;
    for part in ["PROP_CONSUME_TYPE", "CONSUME_PASSIVELY", "%RETRY%CG_Asked", "cachedMsgCount=0"] {
        ensure!(state.contains(part), "no {part} in:\n{state}");
    }
    ensure!(
        state.matches("topic=Asked").count() + state.matches("Asked  ").count() >= 4,
        "{state}"
    );
    session.run(&["pull", "CG_Pulled", "Asked"])?;
    for (group, member) in [("CG_Asked", "a"), ("CG_Pulled", "puller")] {
        offsets_told(cluster, group, member)?;
    }
    let first = ask(&format!("queryMsgByOffset -t Asked -b {BROKER_NAME} -i 1 -o 0"))?;
    let message = first.lines().find_map(|line| line.strip_prefix("OffsetID:"));
    let message = message.with_context(|| first.clone())?.trim();
    let consumed = ask(&format!("queryMsgById -i {message} -g CG_Asked -d {id}"))?;
    ensure!(consumed.contains("consumeResult=CR_SUCCESS"), "{consumed}");
    session
        .until("the message again", |got| got.iter().filter(|got| got.body == 1).count() == 2)?;
    // The broker knows the group as soon as its progress was kept, which Java begins after 10 s.
    wait_until("the reset", PATIENCE, || {
        let answer = ask("resetOffsetByTime -g CG_Asked -t Asked -s 1000 -f true")?;
        Ok(!answer.contains("Exception"))
    })?;
    let again =
        |got: &[Got]| (0..12).all(|body| got.iter().filter(|got| got.body == body).count() >= 2);
    session.until("everything again", again)
}

/// A member tells how far it is, asked by its broker (requests 223 and 221); the stock mqadmin has the
/// command and does not offer it.
fn offsets_told(cluster: &Cluster, group: &str, member: &str) -> Result<()> {
    let names = cluster.name_server()?.address();
    let mut told = String::new();
    let all = wait_until("offsets of a member", PATIENCE, || {
        let words = ["getConsumerStatus", "-g", group, "-t", "Asked", "-n", &names];
        told = native_mqadmin(&cluster.broker.home, &words)?;
        let rows = told.lines().filter(|line| line.contains(BROKER_NAME));
        let rows: Vec<Vec<&str>> = rows.map(|line| line.split_whitespace().collect()).collect();
        let done = |row: &&Vec<&str>| matches!(row[..], [id, BROKER_NAME, _, "3"] if id.ends_with(&format!("@{member}")));
        Ok(rows.len() == 4 && rows.iter().filter(done).count() == 4)
    });
    all.with_context(|| told)
}

/// Two name servers, of which one is away at a time, killed or stopped; the client meets topics
/// that it has to ask about. At the end the broker is killed: both forget it at once.
fn name_servers_change(client: Client, products: Products) -> Result<()> {
    let launcher = Spec::of(products)?.launcher;
    let root = tempfile::Builder::new().prefix("compat-").tempdir()?;
    reaper::folder(root.path());
    let mut first = Node::name_server(root.path().join("first"), launcher)?;
    let mut second = Node::name_server(root.path().join("second"), launcher)?;
    first.start(products.name_server)?;
    second.start(products.name_server)?;
    let both = format!("{};{}", first.address(), second.address());
    let home = root.path().join("broker");
    let mut broker = Node::broker(home, Some(both.clone()), &[], launcher)?;
    broker.start(products.broker)?;
    let mut go = || -> Result<()> {
        registered(&first)?;
        registered(&second)?;
        let mut session = Session::start(client, &both)?;
        let mut use_topic = |topic: &str, start: usize| -> Result<()> {
            session.send(topic, start, 12)?;
            session.join(topic, topic, "push", "0")?;
            session.until_all(start..start + 12)
        };
        use_topic("Before", 0)?;
        first.kill()?;
        use_topic("Without_first", 100)?;
        first.start(products.name_server)?;
        registered(&first)?;
        second.stop()?;
        use_topic("Without_second", 200)?;
        second.start(products.name_server)?;
        registered(&second)?;
        broker.kill()?;
        wait_until("the killed broker to leave the routes", AT_ONCE, || {
            Ok(!knows_broker(&first)? && !knows_broker(&second)?)
        })
    };
    let went = go();
    attach(went, || format!("{}{}{}", first.logs(), second.logs(), broker.logs()))
}

/// Waits until a name server knows the broker; it is told every half minute.
fn registered(name_server: &Node) -> Result<()> {
    wait_until("the broker's registration", PATIENCE, || knows_broker(name_server))
}

fn knows_broker(name_server: &Node) -> Result<bool> {
    let answer = name_server.connect()?.ok(Frame::request(106))?;
    let info = Json::parse(&String::from_utf8(answer.body)?)?;
    Ok(info.get("brokerAddrTable").is_some_and(|t| t.get(BROKER_NAME).is_some()))
}
