//! Programs on the client's side: Java's stock ones, small ones of ours under `java/src`, and the
//! native client in their place.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::backend::{
    client_lib, java_lib, jvm_flags, native_client, our_binary, repository, run, work_dir,
};
use crate::launch::prepare_home;
use crate::reaper;

/// Programs that compile with newer clients, too.
const PORTABLE: [&str; 4] = ["Access.java", "Clients.java", "Filters.java", "Transactions.java"];

/// The class path of our programs with the stock client, or with another version of it.
fn class_path(version: Option<&'static str>) -> Result<String> {
    static BUILT: Mutex<BTreeMap<Option<&str>, String>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(path) = built.get(&version) {
        return Ok(path.clone());
    }
    let (lib, folder) = match version {
        None => (java_lib()?, "classes".to_owned()),
        Some(version) => (client_lib(version)?, format!("classes-{version}")),
    };
    let jars = format!("{}/*", lib.display());
    let classes = compile(work_dir().join(folder), &jars, version.is_none())?;
    let path = format!("{}:{jars}", classes.display());
    built.insert(version, path.clone());
    Ok(path)
}

/// Compiles the programs under `java/src` when they have changed.
fn compile(folder: PathBuf, jars: &str, all: bool) -> Result<PathBuf> {
    let stamp = folder.join("sources.txt");
    let mut sources: Vec<_> = fs::read_dir(repository().join("compat-tests/java/src"))?
        .map(|entry| entry.map(|e| e.path()))
        .collect::<Result<_, _>>()?;
    sources.retain(|path| all || PORTABLE.iter().any(|name| path.ends_with(name)));
    sources.sort();
    let texts: Vec<_> = sources.iter().map(fs::read_to_string).collect::<Result<_, _>>()?;
    if fs::read_to_string(&stamp).is_ok_and(|t| t == texts.concat()) {
        return Ok(folder);
    }
    fs::create_dir_all(&folder)?;
    run(Command::new("javac")
        .args(["-nowarn", "-encoding", "UTF-8", "-cp", jars, "-d"])
        .arg(&folder)
        .args(&sources))
    .context("compile java/src")?;
    fs::write(&stamp, texts.concat())?;
    Ok(folder)
}

/// Whose client it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// The stock one.
    Java,
    /// The stock one over encrypted connections.
    Encrypted,
    /// The stock one of a later version.
    Newer(&'static str),
    /// That of this repository.
    Native,
}

impl Client {
    /// Starts a program of ours with this client.
    pub fn start(self, class: &str, args: &[&str]) -> Result<Program> {
        match self {
            Client::Java => Program::start(class, args, ""),
            Client::Encrypted => Program::with_flags(&["-Dtls.enable=true"], class, args),
            Client::Newer(version) => Program::java(Some(version), &[], class, args, ""),
            Client::Native => Program::native(class, args),
        }
    }
}

/// A running program whose output is read line by line.
pub struct Program {
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
    seen: Vec<String>,
    _home: TempDir,
}

impl Program {
    /// Starts a main class; `NAMESRV_ADDR` is set for those that read it.
    pub fn start(class: &str, args: &[&str], name_server: &str) -> Result<Self> {
        Self::java(None, &[], class, args, name_server)
    }

    /// Starts a main class with flags of the JVM.
    pub fn with_flags(flags: &[&str], class: &str, args: &[&str]) -> Result<Self> {
        Self::java(None, flags, class, args, "")
    }

    fn java(
        version: Option<&'static str>,
        flags: &[&str],
        class: &str,
        args: &[&str],
        name_server: &str,
    ) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("compat-java-").tempdir()?;
        reaper::folder(home.path());
        prepare_home(home.path())?;
        let path = class_path(version)?;
        let mut command = Command::new("java");
        command.args(jvm_flags(home.path())).args(flags).args(["-cp", &path, class]).args(args);
        command.env("NAMESRV_ADDR", name_server).env("ROCKETMQ_HOME", home.path());
        Self::spawn(&mut command, home)
    }

    /// Starts what our executable has for a main class.
    pub fn ours(class: &str, args: &[&str], name_server: &str) -> Result<Self> {
        let mut command = Command::new(our_binary()?);
        Self::command(command.arg(class).args(args).env("NAMESRV_ADDR", name_server))
    }

    /// Starts the native client in place of a program of ours under `java/src`.
    pub fn native(class: &str, args: &[&str]) -> Result<Self> {
        Self::command(Command::new(native_client()?).arg(class).args(args))
    }

    /// Starts any program, with a home of its own.
    pub fn command(command: &mut Command) -> Result<Self> {
        let home = tempfile::Builder::new().prefix("compat-native-").tempdir()?;
        reaper::folder(home.path());
        command.env("HOME", home.path());
        Self::spawn(command, home)
    }

    fn spawn(command: &mut Command, home: TempDir) -> Result<Self> {
        let errors = File::create(home.path().join("errors.txt"))?;
        let mut child = command
            .current_dir(home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .with_context(|| format!("start {command:?}"))?;
        reaper::add(child.id());
        let input = child.stdin.take();
        let output = child.stdout.take().context("no output")?;
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Program { child, input, lines, seen: Vec::new(), _home: home })
    }

    /// Writes a line to its input.
    pub fn tell(&mut self, line: &str) -> Result<()> {
        let input = self.input.as_mut().context("input is closed")?;
        input.write_all(format!("{line}\n").as_bytes())?;
        Ok(input.flush()?)
    }

    /// Closes its input.
    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// The next line of output; `None` at its end.
    pub fn line(&mut self, timeout: Duration) -> Result<Option<String>> {
        match self.lines.recv_timeout(timeout) {
            Ok(line) => {
                self.seen.push(line.clone());
                Ok(Some(line))
            }
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => {
                bail!("no line within {timeout:?}, the last ones were:\n{}", self.tail())
            }
        }
    }

    /// Lines until one that fits, which is included.
    pub fn lines_until(
        &mut self,
        timeout: Duration,
        last: impl Fn(&str) -> bool,
    ) -> Result<Vec<String>> {
        let deadline = Instant::now() + timeout;
        let mut lines = Vec::new();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let Some(line) = self.line(left)? else {
                bail!("the program ended, its last lines were:\n{}", self.tail());
            };
            let done = last(&line);
            lines.push(line);
            if done {
                return Ok(lines);
            }
        }
    }

    /// All lines to the end of the program.
    pub fn rest(&mut self, timeout: Duration) -> Result<Vec<String>> {
        let deadline = Instant::now() + timeout;
        let mut lines = Vec::new();
        while let Some(line) = self.line(deadline.saturating_duration_since(Instant::now()))? {
            lines.push(line);
        }
        Ok(lines)
    }

    /// The exit code, once all lines were read.
    pub fn code(&mut self) -> Result<Option<i32>> {
        Ok(self.child.wait()?.code())
    }

    fn tail(&self) -> String {
        let errors = fs::read_to_string(self._home.path().join("errors.txt")).unwrap_or_default();
        format!("{}\n{errors}", self.seen[self.seen.len().saturating_sub(10)..].join("\n"))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        reaper::remove(self.child.id());
    }
}

/// Runs mqadmin commands and returns what each printed.
pub fn mqadmin(name_server: &str, commands: &[Vec<String>]) -> Result<Vec<String>> {
    let mut program = Program::start("AdminRunner", &[], name_server)?;
    let mut outputs = Vec::new();
    for command in commands {
        let words = [command.as_slice(), &["-n".to_owned(), name_server.to_owned()]].concat();
        let mut run = || -> Result<String> {
            program.tell(&words.join("\t"))?;
            let lines = program.lines_until(Duration::from_secs(60), |line| line == "@@@")?;
            Ok(lines[1..lines.len() - 1].join("\n"))
        };
        let mut output = run()?;
        // The client of 4.4.0 now and then finds its fresh connection closed.
        if output.contains("RemotingSendRequestException") {
            output = run()?;
        }
        outputs.push(output);
    }
    Ok(outputs)
}

/// Runs a command of our mqadmin in a server's or a program's home; what it printed.
pub fn native_mqadmin(home: &Path, words: &[&str]) -> Result<String> {
    let home = home.display();
    let mut command = Command::new(our_binary()?);
    command.args([format!("-Duser.home={home}"), format!("-Drocketmq.home.dir={home}")]);
    run(command.arg("admin").args(words))
}
