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
mod hostile;
mod java_clients;
mod mqadmin;
mod mqadmin_native;
mod native_client;
mod newer_clients;
mod quickstart;
mod replication;
mod stores;
mod trace;
mod transaction;

use anyhow::Result;
use libtest_mimic::{Failed, Trial};

/// Makes a test of a function.
fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<()> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(|e| Failed::from(format!("{e:#}"))))
}

/// Every test; the long ones first, so that none is left alone at the end.
pub fn all() -> Vec<Trial> {
    let lists = [
        quickstart::trials(),
        java_clients::trials(),
        behaviour::trials(),
        native_client::trials(),
        newer_clients::trials(),
        stores::trials(),
        replication::trials(),
        transaction::trials(),
        filter::trials(),
        acl::trials(),
        trace::trials(),
        crash::trials(),
        faults::trials(),
        hostile::trials(),
        containers::trials(),
        dist::trials(),
        mqadmin::trials(),
        mqadmin_native::trials(),
        conversations::trials(),
        coverage::trials(),
    ];
    lists.into_iter().flatten().collect()
}
