//! What ours says to people and not to pipes: how far it is, and what it is about to delete.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::backend::{our_binary, pair};
use crate::cluster::{BROKER_NAME, CLUSTER_NAME, Cluster, Spec};
use crate::launch::{attach, wait_until};
use crate::traffic::{read_queue, send};

const TOPIC: &str = "Watched";
const MESSAGES: usize = 40;
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn speaks_to_people_on_terminals_only() -> Result<()> {
    let cluster = Cluster::start(&Spec::of(pair()?.1)?)?;
    attach(watched(&cluster), || cluster.logs())
}

fn watched(cluster: &Cluster) -> Result<()> {
    let address = cluster.name_server()?.address();
    let mut conn = cluster.broker.connect()?;
    for _ in 0..MESSAGES {
        send(&mut conn, TOPIC, 0, b"x", "")?;
    }
    wait_until(
        "all readable",
        PATIENCE,
        || Ok(read_queue(&mut conn, TOPIC, 0)?.len() == MESSAGES),
    )?;
    let list = [
        "printMsgByQueue",
        "-t",
        TOPIC,
        "-a",
        BROKER_NAME,
        "-i",
        "0",
        "-f",
        "true",
        "-n",
        &address,
    ];
    said_on_terminals(cluster, &list, &format!("/{MESSAGES} "))?;
    let delete = ["deleteTopic", "-t", TOPIC, "-c", CLUSTER_NAME, "-n", &address];
    said_on_terminals(cluster, &delete, &format!("deleteTopic: deletes topic {TOPIC} on brokers"))
}

/// Runs a command with pipes and on a terminal: there it says more, and here nothing but its output.
fn said_on_terminals(cluster: &Cluster, words: &[&str], more: &str) -> Result<()> {
    let home = cluster.broker.home.display();
    let program = our_binary()?;
    let flags = [format!("-Duser.home={home}"), format!("-Drocketmq.home.dir={home}")];
    let plain = Command::new(&program).args(&flags).arg("admin").args(words).output()?;
    ensure!(plain.status.success() && plain.stderr.is_empty(), "{plain:?}");
    let output = String::from_utf8_lossy(&plain.stdout).into_owned();
    ensure!(!output.is_empty() && !output.contains(more), "with pipes: {output:?}");

    let mut line = format!("'{}'", program.display());
    for word in flags.iter().map(String::as_str).chain(["admin"]).chain(words.iter().copied()) {
        line += &format!(" '{word}'");
    }
    let watched = on_terminal(&line)?;
    let text = String::from_utf8_lossy(&watched.stdout);
    ensure!(watched.status.success(), "{watched:?}");
    ensure!(text.contains(more), "no {more:?} on a terminal: {text:?}");
    for line in output.lines() {
        ensure!(text.contains(line.trim_end()), "no {line:?} on a terminal: {text:?}");
    }
    Ok(())
}

/// What a shell's line shows on a terminal.
fn on_terminal(line: &str) -> Result<Output> {
    let mut script = Command::new("script");
    script.args(["-qec", line, "/dev/null"]).env("TERM", "xterm").stdin(Stdio::null());
    Ok(script.output()?)
}
