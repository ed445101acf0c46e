//! `docs/logs.md` is written from the table of files; this test writes it and fails when it was
//! stale.

use std::fmt::Write as _;
use std::path::Path;

use super::files::{BROKER, Format, LogFile, NAMESRV, TOOLS};

const HEAD: &str = "\
# Logs

Written from the table in `src/rocketmq/logging/files.rs` by a test; do not edit.

All files lie in `~/logs/rocketmqlogs/` of the user who runs the process (`-Duser.home=…` moves it) and are there, empty,
from its start. Each is appended to across restarts. One that would grow beyond its size becomes
`otherdays/<name>.1.log.gz`, the older ones move up by one, and the last falls off: so nothing needs to be cleaned up, and
a broker's logs take 4 GB at most, most of it compressed. A file that was moved away (logrotate) is made anew with the
next line. Names, sizes, numbers and lines are those of 4.4.0; its `logback_*.xml` is not read.

## Levels

`logLevel` says what is written, as a level (`debug`) or as levels by logger (`info,RocketmqStore=debug`). It can be changed
while the server runs, takes effect at once, and stays:

    sh bin/mqadmin updateBrokerConfig -b 127.0.0.1:10911 -k logLevel -v info,RocketmqStore=debug
    sh bin/mqadmin updateNamesrvConfig -n 127.0.0.1:9876 -k logLevel -v debug

Before the settings are read, and where they say nothing, `-Drocketmq.log.level` or `ROCKETMQ_LOG` counts, else `info`. A
Java logger's name stands for the room of ours as well: `RocketmqStore` for everything the store says.

## JSON

With `logFormat=json` (or `-Drocketmq.log.format=json`, `ROCKETMQ_LOG_FORMAT=json`) every line of every file is one JSON
object with `time` (UTC, milliseconds), `level`, `logger`, `thread`, `message`, and `fields` where there are any:

    {\"time\":\"2026-11-22T14:42:08.123Z\",\"level\":\"INFO\",\"logger\":\"RocketmqBroker\",\"thread\":\"main\",\"message\":\"load topics.json OK\"}

That too changes at once.

A line has at most 64 KiB, and control characters in it are escaped. Logging never holds a server up: where the disk is too
slow, lines are dropped, those below WARN first, and a line says how many.

";

fn example(format: Format) -> &'static str {
    match format {
        Format::Full => "`2026-11-22 22:42:08 INFO main - text`, GMT+8",
        Format::Time => "`2026-11-22 22:42:08 - text`, GMT+8",
        Format::TimeLevel => "`2026-11-22 22:42:08 INFO - text`, GMT+8",
        Format::Bare => "`text`",
        Format::Client => "`2026-11-22 22:42:08,123 INFO RocketmqClient - text`, local time",
    }
}

fn section(title: &str, files: &[LogFile]) -> String {
    let mut text = format!("## {title}\n\n");
    text.push_str("| file | what | rolls at | kept | lines |\n|---|---|---|---|---|\n");
    for file in files {
        let loggers: Vec<_> = file
            .targets
            .iter()
            .filter(|t| t.starts_with("Rocketmq"))
            .map(|t| format!("`{t}`"))
            .collect();
        let loggers =
            if loggers.is_empty() { "everything else".to_owned() } else { loggers.join(", ") };
        let (name, lines) = (file.name, example(file.format));
        let mib = file.bytes_max / 1024 / 1024;
        let _ = writeln!(
            text,
            "| `{name}.log` | {}: {loggers} | {mib} MiB | {} | {lines} |",
            file.about, file.rolled_max
        );
    }
    text
}

#[test]
fn the_page_is_up_to_date() {
    let tables = [("Broker", BROKER), ("Name server", NAMESRV), ("mqadmin and examples", TOOLS)];
    let new = format!("{HEAD}{}", tables.map(|(title, files)| section(title, files)).join("\n"));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/logs.md");
    if std::fs::read_to_string(&path).unwrap_or_default() != new {
        std::fs::write(&path, new).unwrap();
        panic!("docs/logs.md was out of date and has been written anew: commit it");
    }
}
