//! What a command works with: its options, its output, and the way to the cluster.

use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use acl::Credentials;
use anyhow::{Context as _, anyhow};
use client::{ADMIN_TIMEOUT, Admin, Producer, Settings};
use remoting::ClientOptions;
use serde::Serialize;
use serde_json::Value;

use crate::args::Given;
use crate::command::Command;
use crate::mqadmin::Environment;

/// Prints to the command's output, as 4.4.0 has it; nothing with `--json`.
macro_rules! say {
    ($context:expr, $($text:tt)*) => { $context.print(format_args!($($text)*)) };
}
pub(crate) use say;

/// Group of the tools' admin client; no server hears of it.
const ADMIN_GROUP: &str = "admin_ext_group";

/// What `--json` will print.
enum Json {
    Rows(Vec<Value>),
    One(Value),
}

/// One run of a command.
pub struct Context<'c> {
    command: &'static Command,
    given: Given,
    environment: &'c Environment,
    name_servers: String,
    credentials: Option<Credentials>,
    out: &'c mut dyn Write,
    err: &'c mut dyn Write,
    json: Option<Json>,
    admin: Option<Arc<Admin>>,
    producers: Vec<Arc<Producer>>,
}

impl<'c> Context<'c> {
    pub(crate) fn new(
        command: &'static Command,
        given: Given,
        environment: &'c Environment,
        credentials: Option<Credentials>,
        out: &'c mut dyn Write,
        err: &'c mut dyn Write,
    ) -> Self {
        let name_servers = given.value('n').unwrap_or(&environment.name_servers).to_owned();
        let json = given.has_hidden(crate::command::JSON).then(|| Json::Rows(Vec::new()));
        Self {
            command,
            given,
            environment,
            name_servers,
            credentials,
            out,
            err,
            json,
            admin: None,
            producers: Vec::new(),
        }
    }

    /// Whether the option was given.
    pub(crate) fn has(&self, short: char) -> bool {
        self.given.has(short)
    }

    /// The value of an option without the blanks around it.
    pub(crate) fn value(&self, short: char) -> Option<&str> {
        self.given.value(short).map(str::trim)
    }

    /// The value of an option that the command needs.
    pub(crate) fn required(&self, short: char) -> String {
        self.value(short).unwrap_or_default().to_owned()
    }

    /// The value of an option as a number.
    pub(crate) fn number<T: FromStr>(&self, short: char) -> anyhow::Result<Option<T>> {
        let Some(text) = self.value(short) else { return Ok(None) };
        let number = text.parse().map_err(|_| anyhow!("-{short}: {text:?} is no such number"));
        Ok(Some(number?))
    }

    /// The value of an option as Java reads truth values: what is not `true` is false.
    pub(crate) fn truth(&self, short: char) -> Option<bool> {
        self.value(short).map(|text| text.eq_ignore_ascii_case("true"))
    }

    /// Prints text.
    pub(crate) fn print(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        if self.json.is_some() { Ok(()) } else { self.out.write_fmt(text) }
    }

    /// Prints one row of a table: `line`, or with `--json` an object of the array.
    pub(crate) fn row<T: Serialize>(
        &mut self,
        row: &T,
        line: fmt::Arguments<'_>,
    ) -> anyhow::Result<()> {
        match &mut self.json {
            None => {
                self.out.write_fmt(line)?;
                // Rows may come slowly; who watches sees each at once.
                if self.environment.terminal {
                    self.out.flush()?;
                }
            }
            Some(Json::Rows(rows)) => rows.push(serde_json::to_value(row)?),
            Some(Json::One(_)) => {}
        }
        Ok(())
    }

    /// Makes `value` all that `--json` prints.
    pub(crate) fn answer<T: Serialize>(&mut self, value: &T) -> anyhow::Result<()> {
        if self.wants_json() {
            self.json = Some(Json::One(serde_json::to_value(value)?));
        }
        Ok(())
    }

    /// Whether `--json` was given.
    pub(crate) fn wants_json(&self) -> bool {
        self.json.is_some()
    }

    /// Lets what was printed be seen, for commands that go on for long.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// Prints the usage, for options that say nothing to do.
    pub(crate) fn usage(&mut self) -> anyhow::Result<()> {
        let usage = self.command.usage();
        Ok(self.out.write_all(usage.as_bytes())?)
    }

    /// Tells what failed; the command goes on.
    pub(crate) fn complain(&mut self, error: impl Into<anyhow::Error>) -> io::Result<()> {
        let error = one_line(&error.into());
        // Both may go to one place, and should stand there in order.
        self.out.flush()?;
        writeln!(self.err, "{}: {error}", self.command.name)
    }

    /// Tells people what is about to happen; says nothing to a pipe.
    pub(crate) fn announce(&mut self, text: fmt::Arguments<'_>) -> io::Result<()> {
        if self.environment.terminal {
            self.out.flush()?;
            writeln!(self.err, "{}: {text}", self.command.name)?;
        }
        Ok(())
    }

    /// Whether people watch.
    pub(crate) fn is_terminal(&self) -> bool {
        self.environment.terminal
    }

    /// Settings of a client of this command.
    pub(crate) fn settings(&self, group: &str) -> Settings {
        let mut settings = Settings::new(group, &self.name_servers);
        settings.connections = self.connections();
        settings
    }

    fn connections(&self) -> ClientOptions {
        let mut connections = self.environment.connections.clone();
        if let Some(credentials) = self.credentials.clone() {
            connections.hook = Some(Arc::new(move |_: &str, request| credentials.sign(request)));
        }
        connections
    }

    /// The admin client; started when first asked for.
    pub(crate) async fn admin(&mut self) -> anyhow::Result<Arc<Admin>> {
        if let Some(admin) = &self.admin {
            return Ok(Arc::clone(admin));
        }
        let mut settings = self.settings(ADMIN_GROUP);
        settings.timeout = ADMIN_TIMEOUT;
        let admin = Arc::new(Admin::start(settings, self.environment.vip_channel).await?);
        self.admin = Some(Arc::clone(&admin));
        Ok(admin)
    }

    /// A producer; it is shut down at the end of the command.
    pub(crate) async fn producer(&mut self, settings: Settings) -> anyhow::Result<Arc<Producer>> {
        let producer = Producer::start(settings).await.context("start the producer")?;
        let producer = Arc::new(producer);
        self.producers.push(Arc::clone(&producer));
        Ok(producer)
    }

    /// Ends all clients, prints what `--json` gathered.
    pub(crate) async fn finish(&mut self, failed: bool) -> anyhow::Result<()> {
        for producer in self.producers.drain(..) {
            producer.shutdown().await;
        }
        if let Some(admin) = self.admin.take() {
            admin.shutdown().await;
        }
        let text = match &self.json {
            // An error is not an empty list.
            _ if failed => return Ok(()),
            None => return Ok(()),
            Some(Json::Rows(rows)) => serde_json::to_string_pretty(rows)?,
            Some(Json::One(value)) => serde_json::to_string_pretty(value)?,
        };
        writeln!(self.out, "{text}")?;
        Ok(())
    }

    /// Where the files of this command go, when it says nothing else.
    pub(crate) fn body_folder(&self) -> &std::path::Path {
        &self.environment.body_folder
    }

    /// Waits, for commands that go on until they are interrupted.
    pub(crate) async fn pause(&mut self, length: Duration) -> io::Result<()> {
        self.flush()?;
        tokio::time::sleep(length).await;
        Ok(())
    }
}

/// An error with its causes, on one line.
pub(crate) fn one_line(error: &anyhow::Error) -> String {
    let text = format!("{error:#}");
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}
