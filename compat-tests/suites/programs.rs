//! The programs behind `tools.sh` and `benchmark/`, each beside Java's at the same cluster: the same
//! words, and the same lines after taking out numbers. And the examples of the client, started.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::mqadmin_native::compare::{Mask, comparable};
use super::trial;
use crate::backend::{client_example, pair};
use crate::cluster::{Cluster, Spec};
use crate::java::Program;
use crate::launch::attach;

/// A report comes every ten seconds.
const PATIENCE: Duration = Duration::from_secs(90);
const EXAMPLES: &str = "org.apache.rocketmq.example";
/// What the quickstart sends.
const MESSAGES: usize = 1000;

/// The words of each load program, and how its reports begin; `%` is the program's own name.
const LOADS: [(&str, &[&str], &str); 3] = [
    ("Producer", &["-w", "1", "-s", "20", "-k", "true", "-t", "Load"], "Send TPS"),
    ("Consumer", &["-t", "Load", "-g", "load_%", "-p", "false"], "Consume TPS"),
    ("TransactionProducer", &["1", "20"], "Send TPS"),
];

/// What asks for a usage.
const USAGES: [(&str, &[&str]); 4] = [
    ("Producer", &["-h"]),
    ("Producer", &["-t", "x", "-w"]),
    ("Consumer", &["-h"]),
    ("Consumer", &["--nonsense"]),
];

pub(super) fn trials() -> Vec<Trial> {
    let on = |name: &str, case: fn(&Cluster) -> Result<()>| {
        trial(format!("programs::{name}"), move || {
            let cluster = Cluster::start(&Spec::of(pair()?.1)?)?;
            attach(case(&cluster), || cluster.logs())
        })
    };
    vec![
        on("load_programs_like_java", loads),
        on("quickstart_like_java", quickstart),
        on("examples_run", examples),
        trial("programs::usages_like_java", usages),
    ]
}

/// Java's program and ours.
fn both(class: &str, words: &[&str], name_server: &str) -> Result<[(&'static str, Program); 2]> {
    let class = format!("{EXAMPLES}.{class}");
    let named =
        |name: &str| -> Vec<String> { words.iter().map(|word| word.replace('%', name)).collect() };
    let (theirs, mine) = (named("1"), named("2"));
    let java = Program::start(&class, &borrowed(&theirs), name_server)?;
    let ours = Program::ours(&class, &borrowed(&mine), name_server)?;
    Ok([("java", java), ("ours", ours)])
}

/// Java's loggers tell standard output what nobody told them to put elsewhere.
fn is_logged(line: &str) -> bool {
    [" DEBUG ", " INFO ", " WARN "].iter().any(|level| line.contains(level))
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

fn loads(cluster: &Cluster) -> Result<()> {
    let address = cluster.name_server()?.address();
    // At the same time: each needs ten seconds for a report.
    let mut all = Vec::new();
    for (name, words, report) in LOADS {
        all.push((name, report, both(&format!("benchmark.{name}"), words, &address)?));
    }
    for (name, report, mut programs) in all {
        let mut printed = Vec::new();
        for (who, program) in &mut programs {
            let lines = program.lines_until(PATIENCE, |line| line.starts_with(report));
            let mut lines = lines.with_context(|| format!("{name} of {who}"))?;
            lines.retain(|line| !is_logged(line));
            printed.push(comparable(&lines.join("\n"), &[Mask::Numbers]));
        }
        ensure!(
            printed[0] == printed[1],
            "{name}\n-- 4.4.0\n{}\n-- ours\n{}",
            printed[0],
            printed[1]
        );
    }
    Ok(())
}

fn usages() -> Result<()> {
    for (name, words) in USAGES {
        let mut printed = Vec::new();
        for (_, mut program) in both(&format!("benchmark.{name}"), words, "127.0.0.1:1")? {
            let mut lines = program.rest(PATIENCE)?;
            lines.retain(|line| !is_logged(line));
            printed.push((comparable(&lines.join("\n"), &[Mask::Descriptions]), program.code()?));
        }
        ensure!(
            printed[0] == printed[1],
            "{name} {words:?}: {:?} and {:?}",
            printed[0],
            printed[1]
        );
    }
    Ok(())
}

/// The kinds of lines that a program prints until this many fit.
fn kinds(program: &mut Program, start: &str, count: usize) -> Result<BTreeSet<String>> {
    let mut seen = BTreeSet::new();
    let mut fitting = 0;
    while fitting < count {
        let line = program.line(PATIENCE)?.context("the program ended")?;
        fitting += usize::from(line.contains(start));
        if is_logged(&line) {
            continue;
        }
        // Ids have letters, and bodies a length of their own.
        let line = line.split_once(", body=[").map_or(line.as_str(), |(before, _)| before);
        seen.insert(comparable(line, &[Mask::Ids, Mask::Numbers]));
    }
    Ok(seen)
}

fn quickstart(cluster: &Cluster) -> Result<()> {
    let address = cluster.name_server()?.address();
    let mut printed = Vec::new();
    for ours in [false, true] {
        let start = if ours { Program::ours } else { Program::start };
        let program = |name: &str| start(&format!("{EXAMPLES}.quickstart.{name}"), &[], &address);
        let mut producer = program("Producer")?;
        let sent = kinds(&mut producer, "SendResult", MESSAGES)?;
        let end = producer.rest(PATIENCE)?.iter().filter(|line| !is_logged(line)).count();
        // The next consumer of the group goes on behind this one, or a little before.
        let got = kinds(&mut program("Consumer")?, "Receive New Messages", MESSAGES)?;
        printed.push((sent, end, got));
    }
    let [java, ours] = &printed[..] else { unreachable!("two were tried") };
    ensure!(java.0 == ours.0, "sent\n-- 4.4.0\n{:#?}\n-- ours\n{:#?}", java.0, ours.0);
    ensure!(java.1 == ours.1, "lines at the end: {} and {}", java.1, ours.1);
    ensure!(java.2 == ours.2, "received\n-- 4.4.0\n{:#?}\n-- ours\n{:#?}", java.2, ours.2);
    Ok(())
}

/// Each example does what its head says; those that go on for long are left when they have.
fn examples(cluster: &Cluster) -> Result<()> {
    let address = cluster.name_server()?.address();
    let example = |name: &str, words: &[&str]| {
        let words = [&[address.as_str()], words].concat();
        Program::command(Command::new(client_example(name)?).args(words))
    };
    let lines = example("producer", &[])?.rest(PATIENCE)?;
    let sent = lines.iter().filter(|line| line.contains("SEND_OK")).count();
    // One, a hundred in the background, a batch or more, three in order, one for later.
    ensure!(sent >= 106, "{lines:?}");
    let lines = example("transaction", &[])?
        .lines_until(PATIENCE, |line| line.starts_with("waiting for questions"))?;
    ensure!(lines.iter().filter(|line| line.contains("SEND_OK")).count() == 6, "{lines:?}");
    let lines = example("admin", &[])?.rest(PATIENCE)?;
    ensure!(lines.iter().any(|line| line.starts_with("TopicTest: 1")), "{lines:?}");
    let lines = example("pull_consumer", &[])?.rest(PATIENCE)?;
    ensure!(
        lines.iter().filter(|line| line.starts_with("MessageExt [")).count() > 1100,
        "{lines:?}"
    );
    for how in ["", "orderly", "broadcast"] {
        let mut consumer = example("push_consumer", &[how])?;
        let first = consumer.line(PATIENCE)?.unwrap_or_default();
        ensure!(first.contains("TopicTest"), "{how}: {first}");
    }
    Ok(())
}
