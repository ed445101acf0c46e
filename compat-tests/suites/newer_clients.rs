//! Newer Java clients: they see the same of both sides, new fields, new codes and all.

use libtest_mimic::Trial;

use super::{acl, filter, java_clients, transaction, trial};
use crate::java::Client;

/// The last clients of 4.x and one of 5.x.
const VERSIONS: [&str; 2] = ["4.9.8", "5.3.1"];

pub(super) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for version in VERSIONS {
        let client = Client::Newer(version);
        let name = |what: &str| format!("newer_client::{what}_{version}");
        trials.push(trial(name("sends_and_consumes"), move || java_clients::same_on_both(client)));
        trials.push(trial(name("transactions"), move || transaction::same_on_both(client)));
        trials.push(trial(name("filters"), move || filter::same_on_both(client)));
        trials.push(trial(name("access"), move || acl::same_on_both(client)));
    }
    trials
}
