//! The manual's quickstart producer and consumer, and the programs of `benchmark/`.

use std::io;

use ::tools::benchmark::{self, Ended};
use ::tools::quickstart::{Environment, consume, produce};
use config::Env;
use observe::ObserveConfig;
use remoting::ClientOptions;

use crate::invocation::Role;
use crate::launch::{Exit, FrameEncoding, code, encoding, tls};
use crate::logging;
use crate::serve::block_on;
use crate::signals::{Signals, exit_code};

/// What a JVM answers when `main` throws.
const THROWN: u8 = 1;

/// What 4.4.0 answers after showing a usage.
const USAGE: u8 = 255;

/// Sends the demo's messages.
pub(crate) fn producer(env: Env) -> Exit {
    run(env, async |environment| {
        produce(&environment, &mut io::stdout()).await?;
        Ok(code::OK)
    })
}

/// Shows the demo's messages until a signal comes.
pub(crate) fn consumer(env: Env) -> Exit {
    run(env, async |environment| {
        let mut signals = Signals::listen()?;
        let mut received = 0;
        consume(&environment, io::stdout(), async { received = signals.next().await }).await?;
        Ok(exit_code(received))
    })
}

/// Runs a load program until a signal comes.
pub(crate) fn benchmark(role: Role, words: &[String], env: Env) -> Exit {
    run(env, async |environment| {
        let mut signals = Signals::listen()?;
        let mut received = 0;
        let stop = async { received = signals.next().await };
        let out = io::stdout();
        let ended = match role {
            Role::BenchmarkConsumer => benchmark::consume(&environment, words, out, stop).await?,
            Role::BenchmarkTransactions => {
                benchmark::produce_transactions(&environment, words, out, stop).await?
            }
            _ => benchmark::produce(&environment, words, out, stop).await?,
        };
        Ok(match ended {
            Ended::Usage => USAGE,
            Ended::Stopped => exit_code(received),
        })
    })
}

fn run(env: Env, demo: impl AsyncFnOnce(Environment) -> anyhow::Result<u8>) -> Exit {
    let encoding = match encoding(&env) {
        Ok(encoding) => encoding,
        Err(exit) => return exit,
    };
    Env::install(env);
    let env = Env::current();
    // A demo that cannot write logs runs all the same.
    let _log = logging::start(logging::TOOLS, env, &ObserveConfig::from_env(env));
    let result = block_on(async {
        let connections = connections(env, encoding)?;
        let name_servers = env.property_or_var("rocketmq.namesrv.addr", "NAMESRV_ADDR");
        let name_servers = name_servers.unwrap_or_default().to_owned();
        demo(Environment { name_servers, connections }).await
    });
    match result {
        Ok(Ok(code)) => Exit { code, ..Exit::default() },
        Ok(Err(error)) => Exit::failing(THROWN, format_args!("{error:#}")),
        Err(exit) => exit,
    }
}

/// How clients of this process connect.
pub(crate) fn connections(env: &Env, encoding: FrameEncoding) -> anyhow::Result<ClientOptions> {
    let tls = tls(env);
    let tls = if tls.enable { Some(tls.client()?) } else { None };
    Ok(ClientOptions { encoding: encoding.value, tls, ..ClientOptions::default() })
}
