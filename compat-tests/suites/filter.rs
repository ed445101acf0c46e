//! SQL filters of the stock client: the same messages come on both sides, and what one product
//! knows of a group's expression the other takes over.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Backend, Products, pair};
use crate::cluster::{Cluster, Spec};
use crate::java::{Client, Program};
use crate::json::Json;
use crate::launch::attach;

const PATIENCE: Duration = Duration::from_secs(60);
const ALLOWED: &[(&str, &str)] = &[
    ("enablePropertyFilter", "true"),
    ("filterSupportRetry", "true"),
    ("messageDelayLevel", "1s 2s"),
];
/// Bit maps beside the queue entries, as their sizes are by default.
const MAPPED: &[(&str, &str)] = &[
    ("enablePropertyFilter", "true"),
    ("enableConsumeQueueExt", "true"),
    ("enableCalcFilterBitMap", "true"),
];
/// Expressions, and how many of the twelve messages they want.
const EXPRESSIONS: [(&str, usize); 12] = [
    ("n > 7", 4),
    ("n BETWEEN 2 AND 4 AND even = TRUE", 2),
    ("name IN ('a1', 'a3', 'b')", 2),
    ("name NOT IN ('a1', 'a3')", 10),
    ("third IS NULL", 8),
    ("third IS NOT NULL OR n = 1", 5),
    ("NOT (even = TRUE)", 6),
    ("ratio >= 4.5", 3),
    ("name <> 'a1' AND TAGS = 'odd'", 5),
    ("third <> 'no'", 4),
    ("n = 01 and whatever follows", 1),
    ("n = 1.2.3.4 $#", 0),
];
/// What the broker refuses when the client asks it.
const REFUSED: [&str; 4] = ["n >", "n > 'a'", "n IS TRUE", "n != 1"];

pub(super) fn trials() -> Vec<Trial> {
    let handed = |name: &str, reference_first: bool| {
        trial(format!("filter::{name}"), move || {
            let (left, right) = pair()?;
            let (first, second) = if reference_first { (left, right) } else { (right, left) };
            hand_over(first, second.broker)
        })
    };
    vec![
        trial("filter::same_on_both", || same_on_both(Client::Java)),
        handed("reference_to_ours", true),
        handed("ours_to_reference", false),
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
    let cluster = Cluster::start(&Spec { properties: ALLOWED, ..Spec::of(products)? })?;
    attach(all_expressions(client, &cluster), || cluster.logs())
}

fn all_expressions(client: Client, cluster: &Cluster) -> Result<String> {
    let address = cluster.name_server()?.address();
    let mut program = client.start("Filters", &[&address])?;
    tell(&mut program, "send\tFilterTopic\t0\t12")?;
    let mut lines = Vec::new();
    for (i, (expression, count)) in EXPRESSIONS.into_iter().enumerate() {
        let command = format!("consume\tCG_sql_{i}\tFilterTopic\t{expression}\t{count}\t0");
        lines.push(expression.to_owned());
        lines.extend(tell(&mut program, &command)?);
    }
    for (i, expression) in REFUSED.into_iter().enumerate() {
        let command = format!("consume\tCG_bad_{i}\tFilterTopic\t{expression}\t0\t0");
        lines.push(expression.to_owned());
        lines.extend(tell(&mut program, &command)?);
    }
    // Given back and filtered once more on its way.
    let command = "consume\tCG_retry\tFilterTopic\tn > 9\t2\t1\tretry";
    lines.extend(tell(&mut program, command)?);
    let got = lines.iter().filter(|line| line.starts_with("GOT\t{")).count();
    ensure!(got == EXPRESSIONS.len() + 1, "{got} answers:\n{}", lines.join("\n"));
    Ok(lines.join("\n"))
}

/// A group registers with one product; its messages come while the other runs.
fn hand_over(first: Products, second: Backend) -> Result<()> {
    let mut cluster = Cluster::start(&Spec { properties: MAPPED, ..Spec::of(first)? })?;
    let mut program = Program::start("Filters", &[&cluster.name_server()?.address()], "")?;
    attach(consume(&mut program, 0, "0=1, 6=1"), || cluster.logs())?;
    cluster.broker.stop()?;
    let before = born(&cluster)?;
    cluster.broker.start(second)?;
    cluster.wait_registered()?;
    attach(consume(&mut program, 12, "12=1, 18=1"), || cluster.logs())?;
    cluster.broker.stop()?;
    ensure!(born(&cluster)? >= before, "the filter is older than it was");
    cluster.broker.start(first.broker)?;
    cluster.wait_registered()?;
    attach(consume(&mut program, 24, "24=1, 30=1"), || cluster.logs())?;
    cluster.broker.stop()
}

fn consume(program: &mut Program, from: usize, expected: &str) -> Result<()> {
    tell(program, &format!("send\tHandedTopic\t{from}\t{}", from + 12))?;
    let command = "consume\tCG_handed\tHandedTopic\tthird = 'yes' AND even = TRUE\t2\t1";
    let lines = tell(program, command)?;
    ensure!(lines == [format!("GOT\t{{{expected}}}")], "{lines:?}");
    Ok(())
}

/// When the group's filter was registered, as the file says.
fn born(cluster: &Cluster) -> Result<i64> {
    let file = cluster.broker.store().join("config/consumerFilter.json");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let filters = Json::parse(&text)?;
    let group = ["filterDataByTopic", "HandedTopic", "groupFilterData", "CG_handed"];
    let data = group.iter().try_fold(&filters, |at, name| at.get(name));
    let born = data.and_then(|data| data.get("bornTime")).and_then(Json::int);
    born.with_context(|| format!("no filter of the group in {text}"))
}

fn tell(program: &mut Program, line: &str) -> Result<Vec<String>> {
    program.tell(line)?;
    let mut lines = program.lines_until(PATIENCE, |l| l == "DONE" || l.starts_with("FAILED"))?;
    let end = lines.pop();
    ensure!(end.as_deref() == Some("DONE"), "{line}: {end:?}");
    // The client's own log comes to the same place.
    lines
        .retain(|line| ["GOT\t", "AGAIN\t", "REFUSED\t"].iter().any(|word| line.starts_with(word)));
    Ok(lines)
}
