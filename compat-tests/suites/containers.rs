//! The same clusters in containers: skipped, with the reason, where no engine answers.

use anyhow::{Context, Result};
use libtest_mimic::Trial;

use super::{quickstart, trial};
use crate::backend::pair;
use crate::case::replay;
use crate::cases;
use crate::cluster::{Cluster, Spec};
use crate::container;
use crate::launch::{Launcher, attach};
use crate::wire::Encoding;

/// What is replayed in containers: enough to see that ports, folders and signals are right.
const CONVERSATIONS: [&str; 3] = ["send_short", "pull_statuses", "topic_created"];

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("container::conversations_and_quickstart", || {
        if let Err(reason) = container::available() {
            skip(&format!("{reason:#}"));
            return Ok(());
        }
        conversations_and_quickstart()
    })]
}

#[allow(clippy::print_stderr)] // Nobody should believe that it ran.
pub(super) fn skip(reason: &str) {
    eprintln!("container cases SKIPPED: {reason}");
}

fn conversations_and_quickstart() -> Result<()> {
    let (left, right) = pair()?;
    let start =
        |products| Cluster::start(&Spec { launcher: Launcher::Container, ..Spec::of(products)? });
    let left = start(left).context("reference in containers")?;
    let mut right = start(right).context("under test in containers")?;
    for case in cases::all().into_iter().filter(|c| CONVERSATIONS.contains(&c.name)) {
        let done = replay(&case, Encoding::Json, (&left, &right));
        attach(done.context(case.name), || right.logs())?;
    }
    let done = quickstart::producer_and_consumer(&mut right);
    attach(done, || right.logs())?;
    right.stop()
}
