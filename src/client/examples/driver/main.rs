//! The client steered by lines on standard input, as the compatibility tests steer Java's: the
//! twin of the programs under `compat-tests/java/src`, with their commands and their lines.
//!
//!     driver Clients <name servers>
//!     driver Transactions <name servers> <group>
//!     driver Behaviour <name servers>
//!
//! Words of a command are separated by tabs; each ends with a line `DONE` or `FAILED`.

use std::error::Error;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

mod behaviour;
mod clients;
mod transactions;

type Failure = Box<dyn Error + Send + Sync>;

/// How long messages may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["Clients", name_servers] => clients::run(name_servers).await,
        ["Transactions", name_servers, group] => transactions::run(name_servers, group).await,
        ["Behaviour", name_servers] => behaviour::run(name_servers).await,
        _ => Err("driver Clients|Transactions|Behaviour <name servers> [group]".into()),
    }
}

/// The words of the next command; none at the end.
fn next_command() -> Result<Option<Vec<String>>, Failure> {
    let mut line = String::new();
    let read = tokio::task::block_in_place(|| io::stdin().lock().read_line(&mut line))?;
    let words = line.trim_end_matches('\n').split('\t').map(str::to_owned);
    Ok((read > 0).then(|| words.collect()))
}

/// A command is done.
fn finish(ended: Result<(), Failure>) {
    match ended {
        Ok(()) => say("DONE"),
        Err(error) => say(&format!("FAILED\t{error}")),
    }
}

/// Writes a line.
fn say(line: &str) {
    let mut out = io::stdout().lock();
    // Nobody reads any more: the next command will not come either.
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// What Java prints for what is not there.
fn or_null(text: Option<&str>) -> &str {
    text.unwrap_or("null")
}

/// The body as text.
fn text_of(message: &client::Received) -> String {
    String::from_utf8_lossy(message.body()).into_owned()
}
