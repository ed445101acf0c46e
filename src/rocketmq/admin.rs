//! `mqadmin` as a process.

use std::io::{self, BufWriter, IsTerminal as _};
use std::path::PathBuf;

use ::tools::mqadmin::{BODY_FOLDER, Environment, run as run_command};
use config::Env;
use observe::ObserveConfig;

use crate::demo::connections;
use crate::launch::{Exit, code, encoding};
use crate::logging;
use crate::serve::block_on_one_thread;

/// System property: brokers are called on their second port unless it is `false`.
const VIP_CHANNEL: &str = "com.rocketmq.sendMessageWithVIPChannel";

/// Runs one command.
pub(crate) fn run(words: &[String], env: Env) -> Exit {
    let encoding = match encoding(&env) {
        Ok(encoding) => encoding,
        Err(exit) => return exit,
    };
    Env::install(env);
    let env = Env::current();
    // A command that cannot write logs runs all the same.
    let _log = logging::start(logging::TOOLS, env, &ObserveConfig::from_env(env));
    let connections = match connections(env, encoding) {
        Ok(connections) => connections,
        Err(error) => return Exit::failing(code::FAILED, format_args!("{error:#}")),
    };
    let name_servers = env.property_or_var("rocketmq.namesrv.addr", "NAMESRV_ADDR");
    let home = env.property_or_var("rocketmq.home.dir", "ROCKETMQ_HOME");
    let environment = Environment {
        name_servers: name_servers.unwrap_or_default().to_owned(),
        connections,
        home: home.map(PathBuf::from),
        vip_channel: env.property(VIP_CHANNEL).is_none_or(|text| text.eq_ignore_ascii_case("true")),
        terminal: io::stdout().is_terminal() && io::stderr().is_terminal(),
        body_folder: PathBuf::from(BODY_FOLDER),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    let mut err = io::stderr();
    let done =
        block_on_one_thread(async { run_command(words, &environment, &mut out, &mut err).await });
    match done {
        Ok(code) => Exit { code: u8::try_from(code).unwrap_or(code::FAILED), ..Exit::default() },
        Err(exit) => exit,
    }
}
