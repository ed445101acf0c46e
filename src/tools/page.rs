//! `docs/mqadmin.md`, written from the table of commands.

use std::fmt::Write as _;

use crate::command::{COMMON, Command, Opt};
use crate::commands::{COMMANDS, UNLISTED};

const HEAD: &str = "\
# mqadmin

Written from the table of commands by a test; do not edit.

    sh bin/mqadmin <command> [options]
    sh bin/mqadmin help <command>

Names, options and output lines are those of 4.4.0, so that scripts go on working; so is the exit code, which is 0 also
after a failure. What failed is told on standard error, on one line. Case does not matter in the names of commands.

Options are read as ever: short ones may be clustered (`-mi 5`), values attached (`-nlocalhost:9876`) or given to the long
name (`--namesrvAddr=localhost:9876`); the first of two equal ones counts.

Every command has these options:

";

const REST: &str = "
Without `-n` the name servers come from the system property `rocketmq.namesrv.addr`, else from `NAMESRV_ADDR`. With an
`accessKey` and a `secretKey` in `conf/tools.yml` below `ROCKETMQ_HOME` every request is signed. Brokers are called on
their second port (listen port - 2) unless `-Dcom.rocketmq.sendMessageWithVIPChannel=false` is set, and on the first one
where that is closed.

Commands marked **json** take `--json` as well, which 4.4.0 does not have: they print one JSON value, an array of objects
for what is a table otherwise, and nothing on standard output when they fail.

";

const UNLISTED_HEAD: &str = "
## Not listed

4.4.0 ships these without offering them; here they can be called.

";

/// The whole page.
#[must_use]
pub fn page() -> String {
    let mut text = HEAD.to_owned();
    options(&mut text, COMMON);
    text.push_str(REST);
    text.push_str("| command | | what it does |\n|---|---|---|\n");
    for command in COMMANDS {
        let anchor = command.name.to_lowercase();
        let _ = writeln!(
            text,
            "| [`{}`](#{anchor}) | {} | {} |",
            command.name,
            mark(command),
            command.about
        );
    }
    COMMANDS.iter().for_each(|command| section(&mut text, command));
    text.push_str(UNLISTED_HEAD.trim_end());
    text.push('\n');
    UNLISTED.iter().for_each(|command| section(&mut text, command));
    text
}

fn mark(command: &Command) -> &'static str {
    if command.json { "**json**" } else { "" }
}

fn section(text: &mut String, command: &Command) {
    let _ = writeln!(text, "\n## {}\n\n{}.\n", command.name, command.about);
    if command.options.is_empty() {
        text.push_str("No options of its own.\n");
    } else {
        options(text, command.options);
    }
}

fn options(text: &mut String, options: &[Opt]) {
    text.push_str("| option | | meaning |\n|---|---|---|\n");
    for option in options {
        let value = if option.takes_value { " `<arg>`" } else { "" };
        let needed = if option.required { "required" } else { "" };
        let (short, long, about) = (option.short, option.long, option.about.replace('|', "\\|"));
        let _ = writeln!(text, "| `-{short}`, `--{long}`{value} | {needed} | {about} |");
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Writes the page; fails when it was stale.
    #[test]
    fn the_page_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/mqadmin.md");
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        let wanted = page();
        if found != wanted {
            std::fs::write(&path, wanted).unwrap();
            panic!("docs/mqadmin.md was stale and has been written: commit it");
        }
    }
}
