//! The same clusters in containers: skipped, with the reason, where no engine answers.

use std::process::Command;

use anyhow::{Context, Result};
use libtest_mimic::Trial;

use super::{quickstart, trial};
use crate::backend::{Backend, pair, repository, run};
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
fn skip(reason: &str) {
    eprintln!("container cases SKIPPED: {reason}");
}

fn conversations_and_quickstart() -> Result<()> {
    let (left, right) = pair()?;
    let used = [left.name_server, left.broker, right.name_server, right.broker];
    for backend in [Backend::Java, Backend::Ours] {
        if used.contains(&backend) && !container::has_image(backend) {
            make_image(backend)?;
        }
    }
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

fn make_image(backend: Backend) -> Result<()> {
    let script = repository().join("scripts/compat-image.sh");
    let (name, tag) = container::image(backend);
    let mut command = Command::new("sh");
    command.arg(script).arg(backend.name()).arg(format!("{name}:{tag}"));
    match backend {
        Backend::Java => command.arg(crate::backend::java_lib()?),
        Backend::Ours => command.arg(crate::backend::our_binary()?),
    };
    run(&mut command).context("make an image")?;
    Ok(())
}
