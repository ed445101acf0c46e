//! Rules for Rust files and manifests.

use std::collections::BTreeMap;

use crate::tree::{File, files, none};

const LINES_MAX: usize = 700;

/// Files that are one table each, and grow by a row at a time.
const TABLES: &[&str] = &[
    "src/protocol/codes.rs",
    "src/protocol/requests.rs",
    "src/broker/config.rs",
    "src/store/config.rs",
    "src/observe/table.rs",
];

/// The rooms, and the rooms that each of them may use, as `docs/architecture.md` has them. An arrow
/// more is a decision of its own.
const ROOMS: &[(&str, &[&str])] = &[
    ("protocol", &[]),
    ("config", &[]),
    ("filter", &[]),
    ("acl", &["protocol"]),
    ("remoting", &["protocol", "config"]),
    ("store", &["protocol", "config"]),
    ("observe", &["protocol", "config", "remoting"]),
    ("namesrv", &["protocol", "config", "acl", "remoting", "observe"]),
    ("broker", &["protocol", "config", "filter", "acl", "remoting", "store", "observe"]),
    ("client", &["protocol", "acl", "remoting"]),
    ("tools", &["protocol", "config", "acl", "remoting", "client"]),
    (
        "rocketmq",
        &["protocol", "config", "remoting", "store", "observe", "namesrv", "broker", "tools"],
    ),
];

fn rust_files() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

#[test]
fn files_are_short() {
    let mut offences = Vec::new();
    for file in rust_files() {
        let lines = file.text.lines().count();
        if lines > LINES_MAX && !TABLES.contains(&file.path.as_str()) {
            offences.push(format!("{}: {lines} lines", file.path));
        }
    }
    none(&offences, &format!("longer than {LINES_MAX} lines"));
}

#[test]
fn the_only_unsafe_code_is_in_the_mapped_files() {
    // Put together here, so that this file does not find itself.
    let word = ["un", "safe"].concat();
    let starts = [" {", " fn", " impl", " trait", " extern", "_code)"];
    let marks: Vec<String> = starts.iter().map(|start| format!("{word}{start}")).collect();
    let mut offences = Vec::new();
    for file in rust_files() {
        if file.path.starts_with("src/store/mapped/") || file.path == "src/store/mapped.rs" {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or(line);
            if marks.iter().any(|mark| code.contains(mark.as_str())) {
                offences.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(&offences, "outside src/store/mapped");
}

#[test]
fn nothing_is_left_unfinished() {
    let marks: Vec<String> =
        [("FIX", "ME"), ("XX", "X:"), ("to", "do!("), ("unimple", "mented!("), ("db", "g!(")]
            .iter()
            .map(|(a, b)| [*a, *b].concat())
            .collect();
    let mut offences = Vec::new();
    for file in files() {
        if !(file.path.ends_with(".rs") || file.text.starts_with("#!")) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark.as_str())) {
                offences.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    none(&offences, "to be finished or taken out");
}

/// A file that no `mod` names is not compiled, and nobody notices.
#[test]
fn every_file_belongs_to_a_module_tree() {
    let files = rust_files();
    let mut offences = Vec::new();
    for file in &files {
        let Some((room, inside)) =
            file.path.strip_prefix("src/").and_then(|path| path.split_once('/'))
        else {
            continue;
        };
        let parts: Vec<&str> = inside.trim_end_matches(".rs").split('/').collect();
        let name = match parts.as_slice() {
            [.., parent, "mod"] => *parent,
            // Roots of their own, found by cargo.
            ["lib" | "main" | "build"] | ["tests" | "examples" | "benches" | "fuzz_targets", _] => {
                continue;
            }
            ["tests" | "examples" | "benches", _, "main"] => continue,
            [.., name] => *name,
            [] => continue,
        };
        if room == "fuzz" {
            continue;
        }
        let declared = files.iter().filter(|other| other.path.starts_with(&format!("src/{room}/")));
        let module = format!("mod {name}");
        let named = declared.into_iter().any(|other| {
            let mut lines = other.text.lines().map(str::trim);
            lines.any(|line| {
                let after = line.split_once(&module).map(|(_, after)| after);
                after.is_some_and(|after| after.starts_with(';') || after.starts_with(" {"))
                    || line.contains(&format!("path = \"{name}.rs\""))
            })
        });
        if !named {
            offences.push(format!("{}: no `{module};` in src/{room}", file.path));
        }
    }
    none(&offences, "not part of any crate");
}

#[test]
fn rooms_use_only_the_rooms_that_they_may() {
    let allowed: BTreeMap<&str, &[&str]> = ROOMS.iter().copied().collect();
    let mut offences = Vec::new();
    for file in files() {
        let room = file.path.strip_prefix("src/").and_then(|path| path.strip_suffix("/Cargo.toml"));
        let Some(room) = room.filter(|room| *room != "fuzz") else { continue };
        let Some(may) = allowed.get(room) else {
            offences.push(format!("{}: a room that this test does not know", file.path));
            continue;
        };
        for used in dependencies(&file.text) {
            if allowed.contains_key(used) && !may.contains(&used) {
                offences.push(format!("src/{room} uses src/{used}"));
            }
        }
    }
    none(&offences, "new arrows between rooms");
}

/// The names in `[dependencies]`; what tests use is their own affair.
fn dependencies(manifest: &str) -> Vec<&str> {
    let mut inside = false;
    let mut names = Vec::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim() == "[dependencies]";
        } else if inside && !line.trim_start().starts_with('#') {
            names.extend(line.split(['.', '=', ' ']).next().filter(|name| !name.is_empty()));
        }
    }
    names
}

/// Paths of the machine that a line was written on mean nothing elsewhere. `/home/a` is nobody's, and
/// `/home/rocketmq` is the image's.
#[test]
fn no_file_names_a_place_of_one_machine() {
    let places =
        [("/ho", "me/"), ("/Us", "ers/"), ("/ro", "ot/"), ("/wo", "rk/"), ("/tmp/ba", "sh_jobs")];
    let places: Vec<String> = places.iter().map(|(a, b)| [*a, *b].concat()).collect();
    let is_path = |line: &str, at: usize| {
        let before = line.get(..at).and_then(|text| text.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-/}~*>)".contains(c))
    };
    let is_somebodys = |line: &str, at: usize| {
        let name = line.get(at..).and_then(|path| path.split('/').nth(2)).unwrap_or_default();
        let name = name.split(|c: char| !(c.is_alphanumeric() || "._-".contains(c))).next();
        name.is_some_and(|name| name.chars().count() > 1 && name != "rocketmq")
    };
    let mut offences = Vec::new();
    for file in files() {
        for (number, line) in file.text.lines().enumerate() {
            let named = |place: &String| {
                let mut found = line.match_indices(place.as_str());
                found.any(|(at, _)| is_path(line, at) && is_somebodys(line, at))
            };
            if places.iter().any(named) {
                let shown: String = line.trim().chars().take(120).collect();
                offences.push(format!("{}:{}: {shown}", file.path, number + 1));
            }
        }
    }
    none(&offences, "paths of one machine");
}
