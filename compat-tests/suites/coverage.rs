//! Which of the codes that 4.4.0 serves have no conversation yet. A report, not a failure.

use std::collections::HashSet;

use anyhow::{Context, Result};
use libtest_mimic::Trial;

use super::trial;
use crate::case::Target;
use crate::cases;

const HANDLED: &str = include_str!("../data/handled-codes.tsv");

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("coverage::request_codes", report)]
}

#[allow(clippy::print_stderr)] // The report is what this is for.
fn report() -> Result<()> {
    let mut spoken = HashSet::new();
    for case in cases::all() {
        for (target, code) in case.codes() {
            spoken.insert((target == Target::NameServer, code));
        }
    }
    let rows = HANDLED.lines().filter(|line| !line.starts_with('#'));
    let (mut all, mut missing) = (0, Vec::new());
    for row in rows {
        let fields: Vec<_> = row.split('\t').collect();
        let [code, name, server] = fields[..] else { anyhow::bail!("row {row:?}") };
        let code: i32 = code.parse().with_context(|| row.to_owned())?;
        all += 1;
        if !spoken.contains(&(server == "namesrv", code)) {
            missing.push(format!("{code} {name}"));
        }
    }
    eprintln!("conversations cover {} of {all} request codes", all - missing.len());
    if !missing.is_empty() {
        eprintln!("without one: {}", missing.join(", "));
    }
    Ok(())
}
