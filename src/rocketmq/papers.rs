//! What installers put beside the program: completion for shells, and pages of the manual.

use ::tools::shell::{self, Page, Program};

use crate::launch::{Exit, broker, code, namesrv};

/// The commands of `bin/` besides `mqadmin` that users type.
const PROGRAMS: &[Program] = &[
    Program {
        name: "mqnamesrv",
        about: "Name server of RocketMQ",
        options: namesrv::OPTIONS,
        words: &[],
    },
    Program { name: "mqbroker", about: "Broker of RocketMQ", options: broker::OPTIONS, words: &[] },
    Program {
        name: "mqshutdown",
        about: "Asks all brokers or all name servers of this machine to stop",
        options: &[],
        words: &["broker", "namesrv"],
    },
];

/// The text of `rocketmq completion` where the arguments mean nothing.
const COMPLETION_USAGE: &str =
    "usage: rocketmq completion bash | zsh | fish [mqadmin | mqbroker | mqnamesrv | mqshutdown]\n";

/// `rocketmq completion <shell> [program]`: the script for the shell to read.
pub(crate) fn completion(words: &[String]) -> Exit {
    let script = match words {
        [shell] => shell::completion(shell, "mqadmin", PROGRAMS),
        [shell, program] => shell::completion(shell, program, PROGRAMS),
        _ => None,
    };
    match script {
        Some(script) => Exit::saying(code::OK, String::from_utf8_lossy(&script)),
        None => usage(COMPLETION_USAGE),
    }
}

/// `rocketmq man [page]`: the page, in the form that `man` reads, or the names of all pages.
pub(crate) fn man(words: &[String]) -> Exit {
    let pages = match shell::pages(PROGRAMS) {
        Ok(pages) => pages,
        Err(error) => return Exit::failing(code::FAILED, error),
    };
    match words {
        [] => Exit::saying(
            code::OK,
            pages.iter().map(|page| format!("{}\n", page.name)).collect::<String>(),
        ),
        [name] if !name.starts_with('-') => match pages.iter().find(|page| is_named(page, name)) {
            Some(page) => Exit::saying(code::OK, String::from_utf8_lossy(&page.text)),
            None => Exit::failing(code::FAILED, format_args!("there is no page {name}")),
        },
        _ => usage("usage: rocketmq man [page]\n"),
    }
}

/// With or without its section.
fn is_named(page: &Page, name: &str) -> bool {
    page.name == name || page.name.rsplit_once('.').is_some_and(|(stem, _)| stem == name)
}

fn usage(text: &str) -> Exit {
    Exit { code: code::FAILED, out: String::new(), err: text.to_owned() }
}
