//! Completion for shells and manual pages, written from the tables of options.
//!
//! The command lines themselves are read by [`crate::args`], as 4.4.0 reads them; clap only carries
//! the tables to the generators here.

use std::io;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, Command as Clap, ValueHint};
use clap_complete::Generator;
use clap_complete::aot::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::command::{COMMON, Command, JSON, Opt};
use crate::commands::{COMMANDS, UNLISTED};

/// Section of the manual that holds what users run.
const USERS: &str = "1";
/// Section of the manual that holds servers and what administers them.
const SERVERS: &str = "8";

/// A program of `bin/`, besides `mqadmin`.
#[derive(Debug, Clone, Copy)]
pub struct Program {
    /// Its name in `bin/`.
    pub name: &'static str,
    /// What it does, as the end of a sentence.
    pub about: &'static str,
    /// Its options.
    pub options: &'static [Opt],
    /// Words one of which it takes.
    pub words: &'static [&'static str],
}

/// A page of the manual.
#[derive(Debug, Clone)]
pub struct Page {
    /// Its file name: what it describes, a dot, its section.
    pub name: String,
    /// Its text for `man`.
    pub text: Vec<u8>,
}

/// The script that teaches `shell` (`bash`, `zsh` or `fish`) to complete `program`; nothing when one
/// of the two is not known.
#[must_use]
pub fn completion(shell: &str, program: &str, others: &[Program]) -> Option<Vec<u8>> {
    let shell = match shell {
        "bash" => Shell::Bash,
        "zsh" => Shell::Zsh,
        "fish" => Shell::Fish,
        _ => return None,
    };
    let mut clap = match others.iter().find(|other| other.name == program) {
        // Shells complete subcommands alike; some offer nothing for other words.
        Some(other) => program_clap(other)
            .subcommands(other.words.iter().map(|word| plain(word, other.about)))
            .disable_help_subcommand(true),
        None if program == MQADMIN => mqadmin(),
        None => return None,
    };
    clap.set_bin_name(program);
    clap.build();
    let mut script = Vec::new();
    shell.try_generate(&clap, &mut script).ok()?;
    Some(script)
}

/// All pages of the manual.
///
/// # Errors
/// None but those of writing to memory.
pub fn pages(others: &[Program]) -> io::Result<Vec<Page>> {
    let mut pages = vec![page(mqadmin().disable_help_subcommand(true), USERS, NAME_SERVERS)?];
    for command in COMMANDS.iter().chain(UNLISTED) {
        let name = format!("{MQADMIN}-{}", command.name);
        let clap = command_clap(command).name(name).bin_name(format!("{MQADMIN} {}", command.name));
        pages.push(page(clap, USERS, NAME_SERVERS)?);
    }
    for other in others {
        pages.push(page(program_clap(other).args(word_of(other)), SERVERS, ENVIRONMENT)?);
    }
    Ok(pages)
}

const MQADMIN: &str = "mqadmin";
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What is the same for every command, said in each page.
const NAME_SERVERS: &[(&str, &str)] =
    &[("NAMESRV_ADDR", "Name servers, where -n does not name them: host:port;host:port")];

/// What the servers read, said in each page.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("ROCKETMQ_HOME", "Installation; unless set, the folder above bin/"),
    ("NAMESRV_ADDR", "Name servers for a broker that neither -n nor its file gives any"),
    ("JAVA_OPT, JAVA_OPT_EXT", "-Dproperty=value words count, the rest is passed over"),
];

fn mqadmin() -> Clap {
    plain(MQADMIN, "Administration of RocketMQ clusters")
        .subcommand_required(true)
        .subcommands(COMMANDS.iter().map(command_clap))
        .disable_help_flag(true)
}

fn command_clap(command: &Command) -> Clap {
    let json = command.json.then(|| {
        Arg::new(JSON).long(JSON).action(ArgAction::SetTrue).help("Print the same for programs")
    });
    let options = command.options.iter().chain(COMMON).map(arg);
    plain(command.name, command.about).args(options).args(json)
}

fn program_clap(program: &Program) -> Clap {
    plain(program.name, program.about).args(program.options.iter().map(arg))
}

fn word_of(program: &Program) -> Option<Arg> {
    let words = (!program.words.is_empty()).then(|| PossibleValuesParser::new(program.words))?;
    Some(Arg::new("what").required(true).value_parser(words))
}

/// A command without what clap adds on its own.
fn plain(name: &'static str, about: &'static str) -> Clap {
    Clap::new(name).about(about).version(VERSION).disable_version_flag(true).disable_help_flag(true)
}

fn arg(option: &Opt) -> Arg {
    let mut arg = Arg::new(option.long).short(option.short).help(option.about);
    if let Some(long) = typed(option.long) {
        arg = arg.long(long);
    }
    if !option.takes_value {
        return arg.action(ArgAction::SetTrue);
    }
    let hint = if option.long == "configFile" { ValueHint::FilePath } else { ValueHint::Other };
    arg.action(ArgAction::Set).value_name("arg").value_hint(hint).required(option.required)
}

/// A long name as people type it. Some of 4.4.0 end with a blank; nobody types those with one inside.
fn typed(long: &str) -> Option<&str> {
    Some(long.trim_end()).filter(|long| !long.contains(' '))
}

fn page(clap: Clap, section: &str, environment: &[(&str, &str)]) -> io::Result<Page> {
    let name = clap.get_name().to_owned();
    let man =
        Man::new(clap).section(section).manual("RocketMQ").source(format!("rocketmq {VERSION}"));
    let mut text = Vec::new();
    man.render(&mut text)?;
    let mut more = Roff::new();
    more.control("SH", ["ENVIRONMENT"]);
    for (variable, meaning) in environment {
        more.control("TP", []);
        more.text([bold(*variable)]);
        more.text([roman(*meaning)]);
    }
    more.to_writer(&mut text)?;
    Ok(Page { name: format!("{name}.{section}"), text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_page_for_every_command() {
        let pages = pages(&[]).unwrap();
        let names: Vec<&str> = pages.iter().map(|page| page.name.as_str()).collect();
        assert_eq!(names.len(), 1 + COMMANDS.len() + UNLISTED.len());
        for command in COMMANDS.iter().chain(UNLISTED) {
            let page = format!("mqadmin-{}.1", command.name);
            let text = pages.iter().find(|found| found.name == page).expect(&page);
            let text = String::from_utf8(text.text.clone()).unwrap();
            for option in command.all_options() {
                let (short, long) = (option.short, typed(option.long));
                let name =
                    long.map_or_else(|| format!("\\-{short}"), |long| format!("\\-\\-{long}"));
                assert!(text.contains(&name), "{page} lacks {name}:\n{text}");
            }
            assert!(text.contains(&format!("mqadmin {}", command.name)), "{text}");
        }
    }

    #[test]
    fn unknown_shells_and_programs_have_no_script() {
        assert!(completion("bash", "mqadmin", &[]).is_some());
        assert!(completion("tcsh", "mqadmin", &[]).is_none());
        assert!(completion("bash", "mqbroker", &[]).is_none());
    }
}
