//! Our mqadmin and the stock one, each command with the same words against the same cluster.
//!
//! A case that changes something puts things back before each of the two runs (`before`) and
//! looks at what became of them after it (`then`).

mod accounts;
mod cases;
pub(super) mod compare;
mod session;
mod startup;
mod terminal;

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Backend, Products};
use crate::cluster::{Cluster, Spec};
use crate::json::Json;
use crate::launch::{attach, wait_until};
use cases::{Case, cases};
use compare::{Mask, comparable, same_errors};
use session::{Printed, Session};

/// Names of all commands, those that 4.4.0 has but does not offer marked as unlisted.
const COMMANDS: &str = include_str!("../data/mqadmin-commands.txt");
const UNLISTED: &str = " unlisted";

/// The commands that 4.4.0 lists, in its order.
fn listed() -> Vec<&'static str> {
    COMMANDS.lines().filter(|line| !line.ends_with(UNLISTED)).collect()
}

fn all() -> Vec<&'static str> {
    COMMANDS.lines().map(|line| line.trim_end_matches(UNLISTED)).collect()
}

pub(super) fn trials() -> Vec<Trial> {
    vec![
        trial("mqadmin::native_has_a_case_for_every_command", every_command_has_a_case),
        trial("mqadmin::native_like_java_on_java", || on(Backend::Java)),
        trial("mqadmin::native_like_java_on_ours", || on(Backend::Ours)),
        trial("mqadmin::native_signs_like_java", accounts::signs_like_java),
        trial("mqadmin::native_starts_in_a_part_of_javas_time", || {
            startup::native_starts_in_a_part_of_javas_time()
        }),
        trial("mqadmin::native_speaks_to_people_on_terminals_only", || {
            terminal::speaks_to_people_on_terminals_only()
        }),
    ]
}

fn every_command_has_a_case() -> Result<()> {
    let cases = cases();
    let tried: BTreeSet<&str> = cases.iter().map(Case::command).collect();
    let missing: Vec<&str> = all().into_iter().filter(|name| !tried.contains(name)).collect();
    ensure!(missing.is_empty(), "no case for {missing:?}");
    Ok(())
}

fn on(servers: Backend) -> Result<()> {
    let spec = Spec {
        properties: &[("traceTopicEnable", "false"), ("waitTimeMillsInSendQueue", "5000")],
        ..Spec::of(Products { name_server: servers, broker: servers })?
    };
    let cluster = Cluster::start(&spec)?;
    let differences = attach(compare_all(&cluster), || cluster.logs())?;
    let text = differences.join("\n");
    ensure!(differences.is_empty(), "{} differences\n{text}", differences.len());
    Ok(())
}

/// All differences.
fn compare_all(cluster: &Cluster) -> Result<Vec<String>> {
    let name_server = cluster.name_server()?.address();
    let mut session = Session::start(name_server, cluster.broker.address())?;
    let mut differences = help(&mut session)?;
    session.fill(cluster)?;
    for case in cases() {
        let words = session.words(&case.text);
        let shown = words.join(" ");
        let java = attempt(&mut session, &case, &words, true)
            .with_context(|| format!("4.4.0: {shown}"))?;
        let ours = attempt(&mut session, &case, &words, false)
            .with_context(|| format!("ours: {shown}"))?;
        if let Err(error) = for_programs(&session, &case, &words) {
            differences.push(format!("== {shown} --json\n{error:#}"));
        }
        let masks: &[Mask] = &case.masks;
        for ((what, java), (_, ours)) in java.iter().zip(&ours) {
            let (l, r) = (comparable(&java.out, masks), comparable(&ours.out, masks));
            if l != r {
                differences.push(format!("== {shown} {what}\n-- 4.4.0\n{l}\n-- ours\n{r}"));
            }
            if !same_errors(&java.err, &ours.err, masks) {
                let told = java.err.lines().filter(|line| !line.starts_with("\tat "));
                let java = told.collect::<Vec<_>>().join("\n");
                let ours = &ours.err;
                differences
                    .push(format!("== {shown} {what}: errors\n-- 4.4.0\n{java}\n-- ours\n{ours}"));
            }
        }
    }
    Ok(differences)
}

/// Commands that change something or go on for ever; the others have `--json`.
const NOT_FOR_PROGRAMS: &[&str] =
    &["update", "delete", "wipe", "reset", "clone", "clean", "sendMessage", "startMonitoring"];

/// With `--json` ours prints one value and nothing else, or fails.
fn for_programs(session: &Session, case: &Case, words: &[String]) -> Result<()> {
    let changes = NOT_FOR_PROGRAMS.iter().any(|start| case.command().starts_with(start));
    if changes || case.masks.contains(&Mask::Descriptions) || words.iter().any(|word| word == "--")
    {
        return Ok(());
    }
    let printed = session.ours(&[words, &["--json".to_owned()]].concat(), case.limit)?;
    if !printed.out.is_empty() {
        Json::parse(&printed.out).with_context(|| printed.out.clone())?;
    }
    Ok(())
}

/// One run of a case by one of the two: its output, and those of the commands that look at its
/// effect, which are always the stock ones.
fn attempt(
    session: &mut Session,
    case: &Case,
    words: &[String],
    java: bool,
) -> Result<Vec<(String, Printed)>> {
    for text in &case.before {
        let words = session.words(text);
        session.java(&words, case.limit)?;
    }
    if let Some((text, wanted)) = case.ready {
        let words = session.words(text);
        wait_until(text, case.limit, || {
            Ok(session.java(&words, case.limit)?.out.contains(wanted))
        })?;
    }
    let printed =
        if java { session.java(words, case.limit) } else { session.ours(words, case.limit) }?;
    let mut outputs = vec![(String::new(), printed)];
    for text in &case.then {
        let words = session.words(text);
        // Brokers tell name servers of a change a little later.
        let printed = match text.starts_with("topic") {
            true => session.java_settled(&words)?,
            false => session.java(&words, case.limit)?,
        };
        outputs.push((format!("then {text}"), printed));
    }
    Ok(outputs)
}

/// The list of commands, every command's usage, and what wrong words come to.
fn help(session: &mut Session) -> Result<Vec<String>> {
    let mut lines = vec![String::new(), "nosuch".to_owned(), "help".to_owned()];
    lines.extend(["help nosuch".to_owned(), "help topicList more".to_owned()]);
    for name in all() {
        lines.push(format!("help {name}"));
        lines.push(format!("{name} -h"));
        lines.push(format!("{name} --nonsense"));
        lines.push(format!("{} -h", name.to_uppercase()));
    }
    let mut differences = Vec::new();
    for line in lines {
        let words: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        let java = session.java(&words, cases::LIMIT)?;
        // In upper case 4.4.0 does not know what it does not offer.
        let upper = line.chars().next().is_some_and(char::is_uppercase);
        if upper && java.out.contains("not exist") {
            continue;
        }
        let ours = session.ours(&words, cases::LIMIT)?;
        let masks = [Mask::Descriptions];
        let (l, r) = (comparable(&java.out, &masks), comparable(&ours.out, &masks));
        if l != r || ours.err.is_empty() != java.err.is_empty() {
            differences.push(format!("== {line}\n-- 4.4.0\n{l}\n-- ours\n{r}{}", ours.err));
        }
    }
    let names = session.ours(&[], cases::LIMIT)?.out;
    let names: Vec<&str> = names
        .lines()
        .filter_map(|line| line.strip_prefix("   ")?.split_whitespace().next())
        .collect();
    ensure!(names == listed(), "the list of commands is {names:?}");
    Ok(differences)
}
