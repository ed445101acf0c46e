//! The broker as a process.

use config::Env;
use jiff::Timestamp;

use crate::launch::{Exit, broker, code, encoding};

/// Runs a broker with these arguments until a signal comes.
pub(crate) fn run(words: &[String], mut env: Env) -> Exit {
    let prepared = broker::prepare(words, &mut env, Timestamp::now());
    match prepared.and_then(|launch| Ok((launch, encoding(&env)?))) {
        Err(exit) => exit,
        Ok(_) => Exit::failing(code::FAILED, "the broker is not part of this build yet"),
    }
}
