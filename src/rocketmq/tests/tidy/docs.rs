//! Rules for the documents.

use std::path::Path;

use crate::tree::{File, files, none, root};

fn documents() -> Vec<File> {
    files().into_iter().filter(|file| file.path.ends_with(".md")).collect()
}

/// The lines outside of code blocks, with their numbers.
fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter_map(move |(number, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        (!code && !fence).then_some((number + 1, line))
    })
}

/// The targets of `[text](target)` in one line.
fn links(line: &str) -> Vec<&str> {
    let parts = line.split("](").skip(1);
    parts.filter_map(|rest| rest.split_once(')').map(|(target, _)| target)).collect()
}

/// The name that a heading gets as a link target.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        c => c.is_alphanumeric().then(|| c.to_ascii_lowercase()),
    });
    kept.collect()
}

fn anchors(text: &str) -> Vec<String> {
    let headings = prose(text).filter(|(_, line)| line.starts_with('#'));
    headings.map(|(_, line)| anchor(line.trim_start_matches('#'))).collect()
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut offences = Vec::new();
    for file in documents() {
        let folder = Path::new(&file.path).parent().unwrap_or_else(|| Path::new(""));
        for (number, line) in prose(&file.text) {
            for link in links(line) {
                if link.contains("://") || link.starts_with("mailto:") {
                    continue;
                }
                let (path, heading) = link.split_once('#').unwrap_or((link, ""));
                let target = if path.is_empty() {
                    root().join(&file.path)
                } else {
                    root().join(folder).join(path)
                };
                let found = if heading.is_empty() {
                    target.exists()
                } else {
                    let text = std::fs::read_to_string(&target).unwrap_or_default();
                    anchors(&text).iter().any(|anchor| anchor == heading)
                };
                if !found {
                    offences.push(format!("{}:{number}: {link}", file.path));
                }
            }
        }
    }
    none(&offences, "links that lead nowhere");
}

/// The README has a command for trying it and one for testing it; both must stay what they are.
#[test]
fn the_commands_of_the_readme_exist() {
    let files = files();
    let text =
        |path: &str| files.iter().find(|file| file.path == path).map(|file| file.text.as_str());
    let readme = text("README.md").expect("a README.md");
    for script in ["scripts/quickstart.sh", "scripts/test.sh"] {
        assert!(readme.contains(&format!("sh {script}")), "the README does not name {script}");
        assert!(text(script).is_some(), "no {script}");
    }
    assert!(text(".ci/run").expect("a .ci/run").contains("\nsh scripts/test.sh\n"));
}

/// Each difference names what shows it: a case of the compatibility tests, or a place in the tree.
#[test]
fn tests_of_the_differences_exist() {
    let files = files();
    let document = files.iter().find(|file| file.path == "docs/differences.md").expect("the list");
    let cases = || files.iter().filter(|file| file.path.starts_with("compat-tests/"));
    let mut offences = Vec::new();
    for (number, line) in prose(&document.text).filter(|(_, line)| line.matches('|').count() == 6) {
        let last = line.trim_end_matches(['|', ' ']).rsplit('|').next().unwrap_or_default();
        for name in last.split('`').skip(1).step_by(2) {
            let quoted = format!("\"{name}\"");
            let found = if name.contains('/') {
                root().join(name).exists()
            } else {
                cases().any(|file| file.text.contains(&quoted))
            };
            if !found {
                offences.push(format!("{}:{number}: {name}", document.path));
            }
        }
    }
    none(&offences, "tests that are not there");
}

/// Each rule of 4.4.0 names the tests that show it, behind a link to their file.
#[test]
fn tests_of_the_rules_exist() {
    let files = files();
    let document = files.iter().find(|file| file.path == "docs/rules.md").expect("the list");
    let mut offences = Vec::new();
    let rows = prose(&document.text).filter(|(_, line)| line.starts_with("| "));
    for (number, line) in rows.filter(|(_, line)| *line != "| rule | shown by |") {
        let shown = line.trim_end_matches(['|', ' ']).rsplit(" | ").next().unwrap_or_default();
        let places: Vec<&str> = shown.split("](../").skip(1).collect();
        if places.is_empty() {
            offences.push(format!("{}:{number}: no test", document.path));
        }
        for place in places {
            let (path, names) = place.split_once(')').unwrap_or_default();
            let text = files.iter().find(|file| file.path == path).map_or("", |file| &file.text);
            let names: Vec<&str> = names.split('`').skip(1).step_by(2).collect();
            let missing = names.iter().filter(|name| !has_word(text, name));
            let missing: Vec<String> = missing.map(|name| format!("{path} {name}")).collect();
            offences.extend(missing.iter().map(|it| format!("{}:{number}: {it}", document.path)));
            if names.is_empty() {
                offences.push(format!("{}:{number}: no test in {path}", document.path));
            }
        }
    }
    none(&offences, "tests of rules that are not there");
}

/// Whether a name is in a text, and not as a part of a longer one.
fn has_word(text: &str, name: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(name).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        !before.ends_with(inside) && !after.starts_with(inside)
    })
}

/// Operators search the logs for these: each text is a part of one in the program.
#[test]
fn faults_that_operators_look_for_are_logged() {
    let files = files();
    let page = files.iter().find(|file| file.path == "docs/operations.md").expect("the page");
    let sources = || files.iter().filter(|file| file.path.starts_with("src/"));
    let faults = prose(&page.text).skip_while(|(_, line)| *line != "## Faults");
    let texts: Vec<&str> =
        faults.filter_map(|(_, line)| line.strip_prefix("| `")?.split('`').next()).collect();
    assert!(texts.len() > 10, "{texts:?}");
    let unknown = texts.into_iter().filter(|text| {
        !sources().any(|file| file.path.ends_with(".rs") && file.text.contains(text))
    });
    none(&unknown.map(str::to_owned).collect::<Vec<_>>(), "texts that nothing logs");
}

/// What a page tells to type is there: scripts, and commands of mqadmin.
#[test]
fn commands_in_documents_exist() {
    let mqadmin = std::fs::read_to_string(root().join("docs/mqadmin.md")).expect("the commands");
    let mut offences = Vec::new();
    for file in documents() {
        for (number, line) in file.text.lines().enumerate() {
            let mut offend =
                |what: &str| offences.push(format!("{}:{}: {what}", file.path, number + 1));
            let typed = ["sh bin/", "sh scripts/"];
            for (at, _) in typed.iter().flat_map(|start| line.match_indices(start)) {
                let after = &line[at + "sh ".len()..];
                let word = after.split([' ', '`', ')', ';', ',', ':']).next().unwrap_or_default();
                if !root().join(word).is_file() {
                    offend(word);
                }
                let Some(command) = after.strip_prefix("bin/mqadmin ") else { continue };
                let command = command.split([' ', '`']).next().unwrap_or_default();
                let known = mqadmin.contains(&format!("[`{command}`]"));
                if !(known || command == "help" || command.starts_with(['<', '$'])) {
                    offend(command);
                }
            }
        }
    }
    none(&offences, "commands that are not there");
}
