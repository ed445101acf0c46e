//! `mqadmin`: finds the command, reads its options, runs it.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use acl::{Credentials, ToolsFile};
use anyhow::Context as _;
use remoting::ClientOptions;

use crate::args::{Given, Options};
use crate::command::{Command, JSON};
use crate::commands::{COMMANDS, UNLISTED};
use crate::context::{Context, one_line};

/// Where 4.4.0 leaves the bodies of messages it shows.
pub const BODY_FOLDER: &str = "/tmp/rocketmq/msgbodys";
/// Account to sign with, below the installation.
const TOOLS_FILE: &str = "conf/tools.yml";

/// What the tool finds around it.
#[derive(Clone)]
pub struct Environment {
    /// `rocketmq.namesrv.addr` or `NAMESRV_ADDR`; `-n` wins over it.
    pub name_servers: String,
    /// Encoding and encryption.
    pub connections: ClientOptions,
    /// The installation (`ROCKETMQ_HOME`).
    pub home: Option<PathBuf>,
    /// Whether brokers are called on their second port
    /// (`com.rocketmq.sendMessageWithVIPChannel`).
    pub vip_channel: bool,
    /// Whether a person reads the output as it comes.
    pub terminal: bool,
    /// Where bodies of messages are left, see [`BODY_FOLDER`].
    pub body_folder: PathBuf,
}

/// Runs `mqadmin` with these arguments; `out` and `err` take what it prints. The result is the
/// exit code, which as in 4.4.0 is 0 also after a failure.
pub async fn run(
    args: &[String],
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> i32 {
    match dispatch(args, environment, out, err).await {
        Ok(()) => {}
        // Who reads our output wants no more of it.
        Err(error) if is_broken_pipe(&error) => {}
        Err(error) => {
            let _ = out.flush();
            let name = args.first().map_or("mqadmin", String::as_str);
            // Nobody is left to tell when this fails, too.
            let _ = writeln!(err, "{name}: {}", one_line(&error));
        }
    }
    let _ = out.flush();
    0
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

async fn dispatch(
    args: &[String],
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let (name, words) = match args {
        [] => return Ok(list(out)?),
        [help, name] if help == "help" => {
            match find(name) {
                Some(command) => out.write_all(command.usage().as_bytes())?,
                None => not_there(name, out)?,
            }
            return Ok(());
        }
        [name, words @ ..] => (name, words),
    };
    let Some(command) = find(name) else { return Ok(not_there(name, out)?) };
    match options(command).parse(words) {
        Ok(given) if !given.has('h') => execute(command, given, environment, out, err).await,
        _ => Ok(out.write_all(command.usage().as_bytes())?),
    }
}

fn options(command: &Command) -> Options {
    let hidden: &[&str] = if command.json { &[JSON] } else { &[] };
    Options { list: command.all_options(), hidden }
}

async fn execute(
    command: &'static Command,
    given: Given,
    environment: &Environment,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> anyhow::Result<()> {
    let note: &mut dyn Write = if given.has_hidden(JSON) { &mut *err } else { &mut *out };
    let credentials = credentials(environment.home.as_deref(), note)?;
    note.flush()?;
    let mut context = Context::new(command, given, environment, credentials, out, err);
    let result = (command.run)(&mut context).await;
    context.finish(result.is_err()).await?;
    result
}

/// The account in `tools.yml`. Without the file requests are not signed; with one that cannot be
/// read nothing is sent.
fn credentials(home: Option<&Path>, note: &mut dyn Write) -> anyhow::Result<Option<Credentials>> {
    let Some(path) = home.map(|home| home.join(TOOLS_FILE)) else { return Ok(None) };
    let content = match std::fs::read(&path) {
        Ok(content) => content,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
    };
    let read = ToolsFile::parse(&content).with_context(|| format!("read {}", path.display()))?;
    match read {
        ToolsFile::Account(credentials) => return Ok(Some(credentials)),
        ToolsFile::Blank => {
            writeln!(note, "AccessKey or secretKey is blank, the acl is not enabled.")?;
        }
        ToolsFile::Empty => {
            let path = path.display();
            writeln!(note, " Cannot find conf file {path}, acl is not be enabled.")?;
        }
    }
    Ok(None)
}

fn find(name: &str) -> Option<&'static Command> {
    let mut all = COMMANDS.iter().chain(UNLISTED);
    all.find(|command| command.name.eq_ignore_ascii_case(name))
}

fn not_there(name: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "The sub command {name} not exist.")
}

fn list(out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "The most commonly used mqadmin commands are:")?;
    for command in COMMANDS {
        writeln!(out, "   {:<20} {}", command.name, command.about)?;
    }
    writeln!(out, "\nSee 'mqadmin help <command>' for more information on a specific command.")
}

#[cfg(test)]
mod tests;
