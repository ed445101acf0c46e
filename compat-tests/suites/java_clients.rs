//! A client in its many ways of use, the stock one and ours: everything sent is received, and both
//! sides look the same to it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Products, pair};
use crate::cluster::{Cluster, Spec};
use crate::java::{Client, Program};
use crate::launch::attach;

const MESSAGES: usize = 40;
const PATIENCE: Duration = Duration::from_secs(90);
const PROPERTIES: &[(&str, &str)] =
    &[("messageDelayLevel", "1s 1s 1s 1s"), ("transactionCheckInterval", "2000")];

/// How messages are sent, how they are consumed, with which expression, and how many of all fit.
type Way = (&'static str, &'static str, &'static str, usize);

const WAYS: [Way; 12] = [
    ("sync", "push", "*", MESSAGES),
    ("oneway", "pull", "*", MESSAGES),
    ("batch", "push", "all", MESSAGES),
    ("async", "push", "*", MESSAGES),
    ("selector", "broadcast", "*", MESSAGES),
    ("ordered", "ordered", "*", MESSAGES),
    ("tag", "push", "even", MESSAGES / 2),
    ("sync", "retry", "*", MESSAGES),
    ("delay", "push", "*", MESSAGES),
    ("transaction", "push", "*", MESSAGES - MESSAGES / 3),
    // These need an operator as well.
    ("sync", "reset", "*", MESSAGES),
    ("sync", "dead", "*", MESSAGES),
];

fn ways(client: Client) -> &'static [Way] {
    match client {
        Client::Java => &WAYS,
        // Enough to see that encrypted connections carry everything both ways. Not one-way: a stock
        // client that ends at once may close before what it sent is through.
        Client::Encrypted => &WAYS[2..5],
        // Transactions have a case of their own, and an operator of 5.x asks for more than 4.4.0 serves
        // before it changes a topic.
        Client::Newer(_) => &WAYS[..8],
        Client::Native => &WAYS[..10],
    }
}

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("java_client::sends_and_consumes", || same_on_both(Client::Java)),
        trial("java_client::sends_and_consumes_encrypted", || same_on_both(Client::Encrypted)),
        trial("native_client::sends_and_consumes", || same_on_both(Client::Native)),
    ]
}

/// What a client sees is the same on both sides.
pub(super) fn same_on_both(client: Client) -> Result<()> {
    let (left, right) = pair()?;
    let (left, right) = (one_side(client, left)?, one_side(client, right)?);
    ensure!(left == right, "reference:\n{left}\nunder test:\n{right}");
    Ok(())
}

fn one_side(client: Client, products: Products) -> Result<String> {
    let cluster = Cluster::start(&Spec { properties: PROPERTIES, ..Spec::of(products)? })?;
    attach(everything(client, &cluster), || cluster.logs())
}

fn everything(client: Client, cluster: &Cluster) -> Result<String> {
    let mut program = client.start("Clients", &[&cluster.name_server()?.address()])?;
    let mut seen = Vec::new();
    for (i, way) in ways(client).iter().enumerate() {
        let (send, consume, ..) = way;
        let topic = format!("Java_{send}_{consume}_{i}");
        let lines =
            one_way(&mut program, &topic, *way).with_context(|| format!("{send} and {consume}"))?;
        seen.push(format!("{send} and {consume}"));
        seen.extend(lines);
    }
    Ok(seen.join("\n"))
}

/// What was seen of each message, as far as it does not differ from run to run.
fn one_way(
    client: &mut Program,
    topic: &str,
    (send, consume, expression, expected): Way,
) -> Result<Vec<String>> {
    let answers = command(client, &format!("send\t{send}\t{topic}\t{MESSAGES}"))?;
    let expected_lines = if send == "batch" { MESSAGES / 10 } else { MESSAGES };
    let sent: Vec<_> = answers.iter().filter(|l| l.starts_with("SENT\t")).collect();
    ensure!(sent.len() == expected_lines, "{} lines of sends: {answers:?}", sent.len());
    for line in sent {
        ensure!(line.contains("\tSEND_OK\t") || line.ends_with("\tONEWAY"), "{line}");
    }
    let got = command(client, &format!("consume\t{consume}\t{topic}\t{expression}\t{expected}"))?;
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    let mut order = Vec::new();
    for line in got.iter().filter(|l| l.starts_with("GOT\t")) {
        let fields: Vec<_> = line.split('\t').collect();
        let [_, body, queue, offset, tags, keys, again] = fields[..] else {
            anyhow::bail!("line {line:?}");
        };
        order.push((queue.parse::<i32>()?, offset.parse::<i64>()?));
        *times.entry(format!("{body} {tags} {keys} consumed again {again}")).or_default() += 1;
    }
    let each = if consume == "reset" { 2 } else { 1 };
    ensure!(times.len() == expected, "{} different messages of {expected}", times.len());
    ensure!(times.values().all(|n| *n == each), "received more or less often: {times:?}");
    if consume == "ordered" {
        ensure!(order.is_sorted(), "out of order: {order:?}");
    }
    let again = match consume {
        "retry" => "again 1",
        "dead" => "again 2",
        _ => "again 0",
    };
    ensure!(times.keys().all(|seen| seen.ends_with(again)), "not {again}: {times:?}");
    Ok(times.into_keys().collect())
}

fn command(client: &mut Program, line: &str) -> Result<Vec<String>> {
    client.tell(line)?;
    let lines = client.lines_until(PATIENCE, |l| l == "DONE" || l.starts_with("FAILED"))?;
    ensure!(lines.last().is_some_and(|l| l == "DONE"), "{line}: {:?}", lines.last());
    Ok(lines)
}
