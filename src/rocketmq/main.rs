//! The one executable of RocketMQ: broker, name server, `mqadmin` and examples.
//!
//! It picks the role, reads the command line as 4.4.0 does, sets up the log, starts the library of
//! the role, and turns signals and errors into exit codes. It holds no logic of its own.
//!
//! - [`invocation`]: which role, which system properties
//! - [`launch`]: from arguments and files to settings, or to an output and an exit code
//! - [`serve`], [`signals`]: the life of a server
//! - [`logging`]: RocketMQ's log files
//! - [`papers`]: completion for shells and manual pages
//! - [`watch`]: the endpoint with metrics and health
//! - [`store_tool`]: `rocketmq store`

mod admin;
mod broker;
mod demo;
mod invocation;
mod launch;
mod logging;
mod namesrv;
mod papers;
mod serve;
mod signals;
mod store_tool;
mod watch;

use std::process::ExitCode;

use config::Env;
use invocation::{Invocation, Role};
use launch::{Exit, code};

fn main() -> ExitCode {
    let mut env = Env::capture();
    // Java takes what is no text of the locale as it can, too.
    let words = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned());
    let exit = match Invocation::parse(words, &mut env) {
        Invocation::Run(role, words) => run(role, &words, env),
        Invocation::Help => Exit::saying(code::OK, invocation::help()),
        Invocation::Version => Exit::saying(code::OK, format!("{}\n", version())),
        Invocation::Unknown(name) => unknown(&name),
    };
    serve::say(&exit.out);
    serve::complain(&exit.err);
    ExitCode::from(exit.code)
}

fn run(role: Role, words: &[String], env: Env) -> Exit {
    match role {
        Role::Namesrv => namesrv::run(words, env),
        Role::Broker => broker::run(words, env),
        Role::Producer => demo::producer(env),
        Role::Consumer => demo::consumer(env),
        Role::BenchmarkProducer | Role::BenchmarkConsumer | Role::BenchmarkTransactions => {
            demo::benchmark(role, words, env)
        }
        Role::Admin => admin::run(words, env),
        Role::Completion => papers::completion(words),
        Role::Man => papers::man(words),
        Role::Store => store_tool::run(words),
    }
}

fn unknown(name: &str) -> Exit {
    let what = if name.is_empty() {
        "no role given".to_owned()
    } else {
        format!("{name} is neither a role nor a class that is built in")
    };
    Exit { code: UNKNOWN_ROLE, out: String::new(), err: format!("{what}\n{}", invocation::help()) }
}

/// What a JVM answers to a class it cannot find.
const UNKNOWN_ROLE: u8 = 1;

fn version() -> String {
    format!("rocketmq {}", env!("CARGO_PKG_VERSION"))
}
