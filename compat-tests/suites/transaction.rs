//! Transactions of the stock client: the same producer against both sides, and open transactions
//! that one product leaves to the other.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Products, pair};
use crate::cluster::{Cluster, Spec};
use crate::java::{Client, Program};
use crate::launch::attach;

const PATIENCE: Duration = Duration::from_secs(90);
const GROUP: &str = "PG_transactions";
/// Rounds follow each other quickly.
const EAGER: &[(&str, &str)] =
    &[("transactionTimeOut", "1000"), ("transactionCheckInterval", "1000")];
/// And three questions are enough.
const SHORT: &[(&str, &str)] = &[
    ("transactionTimeOut", "1000"),
    ("transactionCheckInterval", "1000"),
    ("transactionCheckMax", "3"),
];
/// Each way a transaction can go, with what its producer says at the end of the local
/// transaction and when it is asked.
const PLANS: [(&str, &str); 7] = [
    ("commit", "C"),
    ("rollback", "R"),
    ("commit-asked", "UC"),
    ("rollback-asked", "UR"),
    ("commit-asked-twice", "UUC"),
    ("rollback-asked-thrice", "UUUR"),
    ("never", "U"),
];

pub(super) fn trials() -> Vec<Trial> {
    let handed = |name: &str, sides: fn(Products, Products) -> [Products; 3], ending: Ending| {
        trial(format!("transaction::{name}"), move || {
            let (reference, ours) = pair()?;
            hand_over(sides(reference, ours), ending)
        })
    };
    vec![
        trial("transaction::same_on_both", || same_on_both(Client::Java)),
        trial("native_client::transactions", || {
            let (left, right) = pair()?;
            let native = one_side(left, Client::Native)?;
            same(one_side(left, Client::Java)?, native.clone())?;
            same(native, one_side(right, Client::Native)?)
        }),
        handed("reference_to_ours", |r, o| [r, o, r], Ending::Clean),
        handed("ours_to_reference", |r, o| [o, r, o], Ending::Clean),
        // A killed broker does not know how far it was: only ours finds out.
        handed("reference_killed", |r, o| [r, o, o], Ending::Killed),
        handed("ours_killed", |_, o| [o, o, o], Ending::Killed),
    ]
}

/// What a client sees is the same on both sides.
pub(super) fn same_on_both(client: Client) -> Result<()> {
    let (left, right) = pair()?;
    same(one_side(left, client)?, one_side(right, client)?)
}

fn same(left: String, right: String) -> Result<()> {
    ensure!(left == right, "reference:\n{left}\nunder test:\n{right}");
    Ok(())
}

/// Everything that a producer and a consumer see.
fn one_side(products: Products, client: Client) -> Result<String> {
    let cluster = Cluster::start(&Spec { properties: SHORT, ..Spec::of(products)? })?;
    attach(all_ways(&cluster, client), || cluster.logs())
}

fn all_ways(cluster: &Cluster, client: Client) -> Result<String> {
    let mut program = client.start("Transactions", &[&address(cluster)?, GROUP])?;
    let mut lines = Vec::new();
    for (key, plan) in PLANS {
        lines.extend(tell(&mut program, &format!("send\tTx\t{key}\t{plan}"))?);
    }
    let immune = "send\tTx\timmune\tUC\tCHECK_IMMUNITY_TIME_IN_SECONDS=2";
    lines.extend(tell(&mut program, immune)?);
    lines.extend(tell(&mut program, "quiet\t6")?);
    lines.extend(tell(&mut program, "consume\tTx\t4\t1")?);
    // An immune message counts as asked whenever 4.4.0 puts it back; the half queue is longer by
    // that too.
    let unstable = |line: &String| line.contains("\timmune\t") && !line.starts_with("GOT");
    let fields = |line: String| match line.strip_prefix("GOT\timmune\t") {
        Some(rest) => format!("GOT\timmune\t{}", rest.split('\t').next().unwrap_or_default()),
        None => line,
    };
    let mut lines: Vec<_> = lines.into_iter().filter(|l| !unstable(l)).map(fields).collect();
    lines.sort();
    let got = |key: &str| lines.iter().filter(|l| l.starts_with(&format!("GOT\t{key}\t"))).count();
    for key in ["commit", "commit-asked", "commit-asked-twice", "immune"] {
        ensure!(got(key) == 1, "{key} came {} times:\n{}", got(key), lines.join("\n"));
    }
    Ok(lines.join("\n"))
}

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Clean,
    Killed,
}

/// The first product stores half messages and asks about one of them, the second settles them
/// all, and they stay so for the third.
fn hand_over([first, second, third]: [Products; 3], ending: Ending) -> Result<()> {
    let mut cluster = Cluster::start(&Spec { properties: EAGER, ..Spec::of(first)? })?;
    let mut program = Program::start("Transactions", &[&address(&cluster)?, GROUP], "")?;
    let before = leave_open(&mut program);
    attach(before, || cluster.logs())?;
    replace(&mut cluster, second, ending)?;
    attach(settle(&mut program), || cluster.logs())?;
    replace(&mut cluster, third, ending)?;
    attach(nothing_left(&mut program), || cluster.logs())
}

fn replace(cluster: &mut Cluster, next: Products, ending: Ending) -> Result<()> {
    match ending {
        Ending::Clean => cluster.broker.stop()?,
        Ending::Killed => cluster.broker.kill()?,
    }
    cluster.broker.start(next.broker)?;
    cluster.wait_registered()
}

fn leave_open(program: &mut Program) -> Result<()> {
    tell(program, "send\tTx\tdone\tC")?;
    tell(program, "send\tTx\tdropped\tR")?;
    tell(program, "send\tTx\tasked\tUUUC")?;
    program.lines_until(PATIENCE, |line| line.starts_with("CHECKED\tasked\t"))?;
    tell(program, "send\tTx\tfresh\tUC")?;
    tell(program, "send\tTx\tunwanted\tUR")?;
    Ok(())
}

fn settle(program: &mut Program) -> Result<()> {
    tell(program, "quiet\t5")?;
    let got = tell(program, "consume\tTx\t3\t2")?;
    let keys = keys(&got);
    ensure!(keys == ["asked", "done", "fresh"], "{keys:?}");
    Ok(())
}

fn nothing_left(program: &mut Program) -> Result<()> {
    let checked = tell(program, "quiet\t4")?;
    ensure!(!checked.iter().any(|l| l.starts_with("CHECKED")), "asked again: {checked:?}");
    let got = tell(program, "consume\tTx\t3\t2")?;
    ensure!(keys(&got) == ["asked", "done", "fresh"], "{got:?}");
    Ok(())
}

/// The keys of all messages that came, in alphabetical order.
fn keys(lines: &[String]) -> Vec<&str> {
    let mut keys: Vec<_> =
        lines.iter().filter_map(|line| line.strip_prefix("GOT\t")?.split('\t').next()).collect();
    keys.sort_unstable();
    keys
}

fn address(cluster: &Cluster) -> Result<String> {
    Ok(cluster.name_server()?.address())
}

fn tell(program: &mut Program, line: &str) -> Result<Vec<String>> {
    program.tell(line)?;
    let mut lines = program.lines_until(PATIENCE, |l| l == "DONE" || l.starts_with("FAILED"))?;
    let end = lines.pop();
    ensure!(end.as_deref() == Some("DONE"), "{line}: {end:?}");
    // The client's own log comes to the same place.
    lines.retain(|line| ["SENT\t", "CHECKED\t", "GOT\t"].iter().any(|word| line.starts_with(word)));
    Ok(lines)
}
