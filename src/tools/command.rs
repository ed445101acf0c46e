//! One `mqadmin` command as data.

use std::pin::Pin;

use crate::context::Context;

/// One option of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opt {
    /// Its letter.
    pub short: char,
    /// Its long name.
    pub long: &'static str,
    /// Whether it needs a value.
    pub takes_value: bool,
    /// Whether the command needs it.
    pub required: bool,
    /// What it does.
    pub about: &'static str,
}

impl Opt {
    /// An option with a value that the command needs.
    #[must_use]
    pub const fn required(short: char, long: &'static str, about: &'static str) -> Self {
        Self { short, long, takes_value: true, required: true, about }
    }

    /// An option with a value.
    #[must_use]
    pub const fn value(short: char, long: &'static str, about: &'static str) -> Self {
        Self { short, long, takes_value: true, required: false, about }
    }

    /// An option without a value.
    #[must_use]
    pub const fn flag(short: char, long: &'static str, about: &'static str) -> Self {
        Self { short, long, takes_value: false, required: false, about }
    }
}

/// Runs a command.
pub type Run =
    for<'a, 'c> fn(&'a mut Context<'c>) -> Pin<Box<dyn Future<Output = anyhow::Result<()>> + 'a>>;

/// One command.
#[derive(Clone, Copy)]
pub struct Command {
    /// Its name; case does not matter.
    pub name: &'static str,
    /// What it does, for the list of commands.
    pub about: &'static str,
    /// Whether `--json` has it print the same for programs.
    pub json: bool,
    /// Its own options, besides [`COMMON`].
    pub options: &'static [Opt],
    /// What it does.
    pub run: Run,
}

/// The options that every command has.
pub const COMMON: &[Opt] = &[
    Opt::flag('h', "help", "Print this help"),
    Opt::value('n', "namesrvAddr", "Name servers, for example 192.168.0.1:9876;192.168.0.2:9876"),
];

/// An option of reading commands that 4.4.0 does not have, and that its help does not show.
pub(crate) const JSON: &str = "json";

impl Command {
    /// All its options, in the order of the help.
    #[must_use]
    pub fn all_options(&self) -> Vec<Opt> {
        let mut all: Vec<Opt> = COMMON.iter().chain(self.options).copied().collect();
        all.sort_by_key(|option| option.short.to_ascii_lowercase());
        all
    }

    /// Its usage.
    #[must_use]
    pub fn usage(&self) -> String {
        crate::help::usage(&format!("mqadmin {}", self.name), &self.all_options())
    }
}
