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

use anyhow::Result;
use libtest_mimic::{Failed, Trial};

/// How often a case that fails is run, 1 unless given.
const TRIES_VARIABLE: &str = "ROCKETMQ_COMPAT_TRIES";

/// Makes a test of a function.
fn trial(name: impl Into<String>, run: impl Fn() -> Result<()> + Send + 'static) -> Trial {
    let name = name.into();
    Trial::test(name.clone(), move || {
        let tries = std::env::var(TRIES_VARIABLE).ok().and_then(|n| n.parse().ok()).unwrap_or(1);
        for try_number in 1..tries {
            match run() {
                Ok(()) => return Ok(()),
                Err(error) => tell(&format!("{name}: try {try_number} failed: {error:#}")),
            }
        }
        run().map_err(|error| Failed::from(format!("{error:#}")))
    })
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
