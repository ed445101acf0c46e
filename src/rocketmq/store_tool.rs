//! `rocketmq store`: a look at the files of a store, and putting them in order. Java has no such
//! tool; it changes nothing unless `repair` is told to.

use std::io::{self, BufWriter, IsTerminal as _, Write};
use std::path::Path;

use ::store::StoreConfig;
use ::store::inspect::{self, Finding, Report, StorePlace, Wanted};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use indicatif::{ProgressBar, ProgressStyle};
use protocol::message::Message;
use protocol::properties::Properties;
use serde_json::{Map, Value, json};
use tools::args::{Given, Options};
use tools::command::Opt;
use tools::help;

use crate::launch::{Exit, code};

/// Exit code of a check that found something.
const FOUND: u8 = 1;

const USAGE: &str = "\
usage: rocketmq store <command> <storePath> [options]

commands:
 check     see whether commit log, consume queues and index fit together; of a stopped
           store or of a running broker's. Code 0: they do, 1: they do not
 dump      print messages, a JSON object a line, in the order of the commit log
 repair    say what would put the store in order; do it with -y. Only while no broker
           has the store open. Damaged bytes are kept in <storePath>/commitlog.setaside

`rocketmq store <command> -h` tells the options.
";

const HELP: Opt = Opt::flag('h', "help", "Print this help");
const LOG: Opt = Opt::value('l', "commitLog", "Folder of the commit log, if it is elsewhere");

const CHECK: &[Opt] = &[HELP, LOG];
const DUMP: &[Opt] = &[
    Opt::value('b', "beginTime", "Stored at or after that time, ms"),
    Opt::value('c', "count", "At most so many messages"),
    Opt::value('e', "endTime", "Stored at or before that time, ms"),
    HELP,
    Opt::value('i', "queueId", "Of this queue"),
    Opt::value('k', "key", "With this key or unique key"),
    LOG,
    Opt::value('o', "offset", "From this offset of the commit log on, where a message begins"),
    Opt::value('q', "queueOffset", "From this offset of their queue on"),
    Opt::value('t', "topic", "Of this topic"),
];
const REPAIR: &[Opt] = &[HELP, LOG, Opt::flag('y', "yes", "Do what is said")];

/// Runs one command.
pub(crate) fn run(words: &[String]) -> Exit {
    let Some((command, rest)) = words.split_first() else {
        return Exit { code: code::FAILED, out: String::new(), err: USAGE.to_owned() };
    };
    let (options, run): (_, fn(&StorePlace, &Given) -> anyhow::Result<Exit>) =
        match command.as_str() {
            "check" => (CHECK, check),
            "dump" => (DUMP, dump),
            "repair" => (REPAIR, repair),
            "-h" | "--help" => return Exit::saying(code::OK, USAGE),
            _ => return Exit { code: code::FAILED, out: String::new(), err: USAGE.to_owned() },
        };
    let usage = || help::usage(&format!("rocketmq store {command} <storePath>"), options);
    let (path, rest) = match rest.split_first() {
        Some((path, rest)) if !path.starts_with('-') => (Some(path), rest),
        _ => (None, rest),
    };
    let given = (Options { list: options.to_vec(), hidden: &[] }).parse(rest);
    let (Ok(given), Some(path)) = (given, path) else {
        let asked = rest.iter().any(|word| word == "-h" || word == "--help");
        return Exit::saying(if asked { code::OK } else { code::FAILED }, usage());
    };
    if given.has('h') {
        return Exit::saying(code::OK, usage());
    }
    let place = StorePlace::new(Path::new(path), given.value('l').map(Path::new));
    let done = place.map_err(anyhow::Error::from).and_then(|place| run(&place, &given));
    done.unwrap_or_else(|error| Exit::failing(code::FAILED, format_args!("{error:#}")))
}

fn check(place: &StorePlace, _: &Given) -> anyhow::Result<Exit> {
    let report = with_bar(|progress| inspect::check(place, progress))?;
    let code = if report.findings_total == 0 { code::OK } else { FOUND };
    Ok(Exit::saying(code, told(&report)))
}

fn repair(place: &StorePlace, given: &Given) -> anyhow::Result<Exit> {
    let plan = with_bar(|progress| inspect::plan(place, progress))?;
    let mut out = told(&plan.report);
    if plan.steps.is_empty() {
        out.push_str("nothing to repair\n");
        return Ok(Exit::saying(code::OK, out));
    }
    out.push_str(if given.has('y') { "done:\n" } else { "to be done, with -y:\n" });
    plan.steps.iter().for_each(|step| out.push_str(&format!(" - {step}\n")));
    if !given.has('y') {
        return Ok(Exit::saying(FOUND, out));
    }
    inspect::repair(place, &StoreConfig::default())?;
    Ok(Exit::saying(code::OK, out))
}

/// A report in words.
fn told(report: &Report) -> String {
    let Report { messages, replaced, begin, end, queues, entries, index_files, .. } = report;
    let mut out = format!(
        "commit log: {messages} records from {begin} to {end}, {replaced} of them in place of \
         damage\nconsume queues: {queues} with {entries} entries\nindex: {index_files} files\n"
    );
    for finding in &report.findings {
        let line = match finding {
            Finding::Damage { from, to } => format!("damage: commit log {from}..{to}"),
            Finding::TornTail { from, to } => format!("torn tail: commit log {from}..{to}"),
            Finding::Entry { topic, queue_id, offset, physical_offset } => {
                format!("wrong entry: {topic}/{queue_id} at {offset} leads to {physical_offset}")
            }
            Finding::Missing { topic, queue_id, offset, physical_offset } => {
                format!("missing entry: {topic}/{queue_id} at {offset} of {physical_offset}")
            }
            Finding::BadFile { path, reason } => format!("bad file: {path}: {reason}"),
        };
        out.push_str(&line);
        out.push('\n');
    }
    let more = report.findings_total - report.findings.len() as u64;
    if more > 0 {
        out.push_str(&format!("and {more} more\n"));
    }
    out.push_str(if report.findings_total == 0 { "all is well\n" } else { "not all is well\n" });
    out
}

fn dump(place: &StorePlace, given: &Given) -> anyhow::Result<Exit> {
    let wanted = Wanted {
        from: number(given, 'o')?,
        topic: given.value('t').map(str::to_owned),
        queue_id: number(given, 'i')?,
        queue_offset: number(given, 'q')?,
        key: given.value('k').map(str::to_owned),
        begin: number(given, 'b')?,
        end: number(given, 'e')?,
        max: number(given, 'c')?,
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut written = Ok(());
    with_bar(|progress| {
        inspect::dump(place, &wanted, progress, |message| {
            written = writeln!(out, "{}", line_of(message));
            written.is_ok()
        })
    })?;
    match written.and_then(|()| out.flush()) {
        // The reader has seen enough.
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {}
        other => other?,
    }
    Ok(Exit::default())
}

fn number<T: std::str::FromStr>(given: &Given, option: char) -> anyhow::Result<Option<T>> {
    let Some(text) = given.value(option) else { return Ok(None) };
    let parsed = text.parse().ok();
    parsed.map(Some).ok_or_else(|| anyhow::anyhow!("-{option} {text}: a number is wanted"))
}

fn line_of(message: &Message<'_>) -> Value {
    let mut line = json!({
        "offset": message.physical_offset,
        "topic": message.topic,
        "queueId": message.queue_id,
        "queueOffset": message.queue_offset,
        "storeTimestamp": message.store_timestamp,
        "bornTimestamp": message.born_timestamp,
        "bornHost": message.born_host.to_string(),
        "storeHost": message.store_host.to_string(),
        "msgId": message.id().to_string(),
        "flag": message.flag,
        "sysFlag": message.sys_flag,
        "reconsumeTimes": message.reconsume_times,
        "preparedTransactionOffset": message.prepared_transaction_offset,
        "properties": properties(&message.properties),
    });
    let (key, body) = match std::str::from_utf8(message.body) {
        Ok(text) => ("body", text.to_owned()),
        Err(_) => ("bodyBase64", STANDARD.encode(message.body)),
    };
    line[key] = Value::String(body);
    line
}

fn properties(properties: &Properties<'_>) -> Map<String, Value> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    properties.pairs().map(|(key, value)| (text(key), Value::String(text(value)))).collect()
}

/// Shows how far the work is, on a terminal.
fn with_bar<T>(work: impl FnOnce(inspect::Progress<'_>) -> T) -> T {
    if !io::stderr().is_terminal() {
        return work(&mut |_, _| {});
    }
    let bar = ProgressBar::new(0);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {eta}") {
        bar.set_style(style);
    }
    let result = work(&mut |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    result
}
