//! A client in its many ways of use, the stock one and ours: everything sent is received.

use std::collections::HashMap;
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

pub(super) fn trials() -> Vec<Trial> {
    let one = |name: &str, client: Client, side: fn((Products, Products)) -> Products| {
        trial(name, move || {
            let cluster = Cluster::start(&Spec::of(side(pair()?))?)?;
            attach(everything(client, &cluster), || cluster.logs())
        })
    };
    vec![
        one("java_client::sends_and_consumes", Client::Java, |pair| pair.1),
        one("native_client::sends_and_consumes", Client::Native, |pair| pair.1),
        one("native_client::sends_and_consumes_with_reference", Client::Native, |pair| pair.0),
    ]
}

fn everything(client: Client, cluster: &Cluster) -> Result<()> {
    let mut client = client.start("Clients", &[&cluster.name_server()?.address()])?;
    // How it is sent, how it is consumed, with which expression, and how many of all fit.
    let ways = [
        ("sync", "push", "*", MESSAGES),
        ("async", "push", "*", MESSAGES),
        ("oneway", "pull", "*", MESSAGES),
        ("batch", "push", "all", MESSAGES),
        ("selector", "broadcast", "*", MESSAGES),
        ("ordered", "ordered", "*", MESSAGES),
        ("tag", "push", "even", MESSAGES / 2),
        ("sync", "retry", "*", MESSAGES),
    ];
    for (i, (send, consume, expression, expected)) in ways.into_iter().enumerate() {
        let topic = format!("Java_{send}_{consume}_{i}");
        one_way(&mut client, &topic, (send, consume), (expression, expected))
            .with_context(|| format!("{send} and {consume}"))?;
    }
    Ok(())
}

fn one_way(
    client: &mut Program,
    topic: &str,
    (send, consume): (&str, &str),
    (expression, expected): (&str, usize),
) -> Result<()> {
    let sent = command(client, &format!("send\t{send}\t{topic}\t{MESSAGES}"))?;
    let expected_lines = if send == "batch" { MESSAGES / 10 } else { MESSAGES };
    let sent: Vec<_> = sent.iter().filter(|l| l.starts_with("SENT\t")).collect();
    ensure!(sent.len() == expected_lines, "{} lines of sends", sent.len());
    for line in sent {
        ensure!(line.contains("\tSEND_OK\t") || line.ends_with("\tONEWAY"), "{line}");
    }
    let got = command(client, &format!("consume\t{consume}\t{topic}\t{expression}\t{expected}"))?;
    let mut times: HashMap<&str, usize> = HashMap::new();
    let mut order = Vec::new();
    for line in got.iter().filter(|l| l.starts_with("GOT\t")) {
        let fields: Vec<_> = line.split('\t').collect();
        *times.entry(fields[1]).or_default() += 1;
        order.push((fields[2].parse::<i32>()?, fields[3].parse::<i64>()?));
        if consume == "retry" {
            ensure!(fields[6] == "1", "consumed again {} times: {line}", fields[6]);
        }
    }
    ensure!(times.len() == expected, "{} different messages of {expected}", times.len());
    ensure!(times.values().all(|n| *n == 1), "received more than once: {times:?}");
    if consume == "ordered" {
        ensure!(order.is_sorted(), "out of order: {order:?}");
    }
    Ok(())
}

fn command(client: &mut Program, line: &str) -> Result<Vec<String>> {
    client.tell(line)?;
    let lines = client.lines_until(PATIENCE, |l| l == "DONE" || l.starts_with("FAILED"))?;
    ensure!(lines.last().is_some_and(|l| l == "DONE"), "{:?}", lines.last());
    Ok(lines)
}
