//! Every code that 4.4.0 serves has a conversation, and so has every answer that it gives.

use std::collections::{BTreeMap, HashSet};

use anyhow::{Context, Result, bail, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::repository;
use crate::case::Target;
use crate::cases;

const HANDLED: &str = include_str!("../data/handled-codes.tsv");

pub(super) fn trials() -> Vec<Trial> {
    vec![trial("coverage::request_codes", every_answer_is_heard)]
}

fn every_answer_is_heard() -> Result<()> {
    let heard: HashSet<_> = cases::all()
        .iter()
        .flat_map(|case| case.answers())
        .map(|(target, code, answer)| (target == Target::NameServer, code, answer))
        .collect();
    let mut missing: BTreeMap<&str, Vec<i32>> = BTreeMap::new();
    for row in HANDLED.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<_> = row.split('\t').collect();
        let [code, name, server, answers, elsewhere] = fields[..] else { bail!("row {row:?}") };
        let number = |text: &str| text.parse::<i32>().with_context(|| row.to_owned());
        let code = number(code)?;
        for answer in answers.split(' ') {
            let answer = number(answer)?;
            if !heard.contains(&(server == "namesrv", code, answer)) {
                missing.entry(name).or_default().push(answer);
            }
        }
        for place in elsewhere.split(' ').filter(|place| !place.is_empty()) {
            let (answer, path) = place.split_once('=').with_context(|| row.to_owned())?;
            number(answer)?;
            ensure!(repository().join(path).exists(), "{row}: no {path}");
        }
    }
    ensure!(missing.is_empty(), "answers that no conversation has: {missing:?}");
    Ok(())
}
