//! Everything that is more than a conversation.

mod acl;
mod behaviour;
mod containers;
mod conversations;
mod coverage;
mod crash;
mod dist;
mod faults;
mod filter;
mod flow;
mod hostile;
mod java_clients;
mod moving_over;
mod mqadmin;
mod mqadmin_native;
mod native_client;
mod newer_clients;
mod programs;
mod quickstart;
mod replication;
mod slave_reads;
mod stores;
mod tls;
mod trace;
mod transaction;

use std::time::Instant;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};

use crate::report::{self, Row};

/// How often a case that fails is run, 1 unless given.
const TRIES_VARIABLE: &str = "ROCKETMQ_COMPAT_TRIES";

/// Makes a test of a function.
fn trial(name: impl Into<String>, run: impl Fn() -> Result<()> + Send + 'static) -> Trial {
    differing(name, Vec::new(), run)
}

/// Makes a test of a function, in which ours does some things otherwise on purpose.
fn differing(
    name: impl Into<String>,
    differs: Vec<&'static str>,
    run: impl Fn() -> Result<()> + Send + 'static,
) -> Trial {
    let name = name.into();
    Trial::test(name.clone(), move || {
        let begin = Instant::now();
        let (tries, result) = tried(&name, &run);
        let (passed, took) = (result.is_ok(), begin.elapsed());
        report::note(Row { name, passed, tries, took, differs });
        result.map_err(|error| Failed::from(format!("{error:#}")))
    })
}

/// Runs a case until it passes, or as often as is allowed.
fn tried(name: &str, run: &impl Fn() -> Result<()>) -> (usize, Result<()>) {
    let tries = std::env::var(TRIES_VARIABLE).ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    for number in 1..tries {
        match run() {
            Ok(()) => return (number, Ok(())),
            Err(error) => tell(&format!("{name}: try {number} failed: {error:#}")),
        }
    }
    (tries.max(1), run())
}

/// A case that passes at a later try is to be looked into all the same.
#[allow(clippy::print_stderr)] // The harness itself prints, too.
fn tell(failure: &str) {
    eprintln!("{failure}");
}

/// Every test; the long ones first, so that none is left alone at the end.
pub fn all() -> Vec<Trial> {
    let lists = [
        quickstart::trials(),
        java_clients::trials(),
        behaviour::trials(),
        native_client::trials(),
        newer_clients::trials(),
        moving_over::trials(),
        stores::trials(),
        replication::trials(),
        slave_reads::trials(),
        transaction::trials(),
        filter::trials(),
        acl::trials(),
        tls::trials(),
        trace::trials(),
        crash::trials(),
        faults::trials(),
        hostile::trials(),
        containers::trials(),
        dist::trials(),
        programs::trials(),
        mqadmin::trials(),
        mqadmin_native::trials(),
        conversations::trials(),
        coverage::trials(),
    ];
    lists.into_iter().flatten().collect()
}
