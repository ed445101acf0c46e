//! How long it takes until a command has answered.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::backend::pair;
use crate::cluster::{Cluster, Spec};
use crate::java::{Program, native_mqadmin};
use crate::launch::attach;

/// The times that are compared lie in the middle of so many.
const STARTS: usize = 5;
/// Ours takes at most one part in so many of Java's time.
const PARTS: u32 = 20;
const PATIENCE: Duration = Duration::from_secs(90);

pub(super) fn native_starts_in_a_part_of_javas_time() -> Result<()> {
    let cluster = Cluster::start(&Spec::of(pair()?.1)?)?;
    attach(compared(&cluster), || cluster.logs())
}

fn compared(cluster: &Cluster) -> Result<()> {
    let address = cluster.name_server()?.address();
    let words = ["topicList", "-n", &address];
    let class = "org.apache.rocketmq.tools.command.MQAdminStartup";
    let (mut java, mut ours) = (Vec::new(), Vec::new());
    // In turn, so that whatever else the machine does slows both; the first of each warms it up.
    for start in 0..=STARTS {
        let begun = Instant::now();
        let listed = Program::start(class, &words, "")?.rest(PATIENCE)?;
        let theirs = begun.elapsed();
        let begun = Instant::now();
        let printed = native_mqadmin(&cluster.broker.home, &words)?;
        let mine = begun.elapsed();
        ensure!(listed.iter().map(String::as_str).eq(printed.lines()), "{listed:?}\n{printed}");
        if start > 0 {
            java.push(theirs);
            ours.push(mine);
        }
    }
    java.sort();
    ours.sort();
    let (theirs, mine) = (java[STARTS / 2], ours[STARTS / 2]);
    ensure!(mine * PARTS <= theirs, "ours {ours:?}, 4.4.0 {java:?}");
    Ok(())
}
