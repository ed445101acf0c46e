//! The client steered by lines on standard input, as the compatibility tests steer Java's: the
//! twin of the programs under `compat-tests/java/src`, with their commands and their lines.
//!
//!     driver Clients <name servers> [tls | tls=<file> | <access key> <secret key>]
//!     driver Transactions <name servers> <group>
//!     driver Behaviour <name servers>
//!     driver Flow <name servers> <group> <topic> <first number>
//!     driver Traces <name servers> produce|consume <topic> <trace topic> <count>
//!
//! Words of a command are separated by tabs; each ends with a line `DONE` or `FAILED`.

use std::error::Error;
use std::io::{self, BufRead as _, Write as _};
use std::time::Duration;

use client::{
    ConsumerBuilder, Credentials, Producer, ProducerBuilder, PullConsumer, PullConsumerBuilder,
    PushConsumer, TlsSettings,
};

mod behaviour;
mod clients;
mod flow;
mod traces;
mod transactions;

type Failure = Box<dyn Error + Send + Sync>;

/// How long messages may take to come.
const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["Clients", name_servers, how @ ..] => {
            let cluster = Cluster::new(name_servers, how)?;
            clients::run(&cluster).await
        }
        ["Transactions", name_servers, group] => transactions::run(name_servers, group).await,
        ["Behaviour", name_servers] => behaviour::run(name_servers).await,
        ["Flow", name_servers, group, topic, first] => {
            flow::run(name_servers, group, topic, first).await
        }
        ["Traces", name_servers, what, topic, trace_topic, count] => {
            let count = count.parse()?;
            finish(traces::run(name_servers, what, topic, (trace_topic, count)).await);
            Ok(())
        }
        _ => Err("driver Clients|Transactions|Behaviour|Flow|Traces <name servers> ...".into()),
    }
}

/// Where the servers are and how they are talked to.
struct Cluster {
    name_servers: String,
    account: Option<Credentials>,
    tls: Option<TlsSettings>,
}

impl Cluster {
    fn new(name_servers: &str, how: &[&str]) -> Result<Self, Failure> {
        let mut cluster = Self { name_servers: name_servers.to_owned(), account: None, tls: None };
        match how {
            [] => {}
            // Test mode: everybody is trusted.
            ["tls"] => cluster.tls = Some(TlsSettings::from_lookup(|_| None)),
            [word] if word.starts_with("tls=") => {
                let file = word.trim_start_matches("tls=").to_owned();
                let property = |key: &str| (key == "tls.config.file").then(|| file.clone());
                cluster.tls = Some(TlsSettings::load(property)?);
            }
            [access_key, secret] => {
                cluster.account = Some(Credentials::new(*access_key, secret));
            }
            _ => return Err("neither tls nor an account".into()),
        }
        Ok(cluster)
    }

    fn producer(&self, group: &str) -> Result<ProducerBuilder, Failure> {
        let mut builder = Producer::builder(group).name_servers(&self.name_servers);
        if let Some(account) = &self.account {
            builder = builder.credentials(account.clone());
        }
        Ok(if let Some(tls) = &self.tls { builder.tls(tls)? } else { builder })
    }

    fn consumer(&self, group: &str) -> Result<ConsumerBuilder, Failure> {
        let mut builder = PushConsumer::builder(group).name_servers(&self.name_servers);
        if let Some(account) = &self.account {
            builder = builder.credentials(account.clone());
        }
        Ok(if let Some(tls) = &self.tls { builder.tls(tls)? } else { builder })
    }

    fn puller(&self, group: &str) -> Result<PullConsumerBuilder, Failure> {
        let mut builder = PullConsumer::builder(group).name_servers(&self.name_servers);
        if let Some(account) = &self.account {
            builder = builder.credentials(account.clone());
        }
        Ok(if let Some(tls) = &self.tls { builder.tls(tls)? } else { builder })
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
