//! Every code that 4.4.0 serves has a conversation.

use std::collections::HashSet;

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::case::Target;
use crate::cases;

const HANDLED: &str = include_str!("../data/handled-codes.tsv");

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("coverage::request_codes", every_code_is_spoken)]
}

fn every_code_is_spoken() -> Result<()> {
    let mut spoken = HashSet::new();
    for case in cases::all() {
        for (target, code) in case.codes() {
            spoken.insert((target == Target::NameServer, code));
        }
    }
    let rows = HANDLED.lines().filter(|line| !line.starts_with('#'));
    let mut missing = Vec::new();
    for row in rows {
        let fields: Vec<_> = row.split('\t').collect();
        let [code, name, server] = fields[..] else { bail!("row {row:?}") };
        let code: i32 = code.parse().with_context(|| row.to_owned())?;
        if !spoken.contains(&(server == "namesrv", code)) {
            missing.push(format!("{code} {name}"));
        }
    }
    ensure!(missing.is_empty(), "codes without a conversation: {}", missing.join(", "));
    Ok(())
}
