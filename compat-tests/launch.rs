//! Starting and ending one server: as a process here, as a container in `container.rs`.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::backend::{Backend, jvm_flags, our_binary, server_lib};
use crate::{container, reaper};

/// Settings for encrypted connections, in the folder `conf` of a server's home.
pub const TLS_FILE: &str = "tls.properties";

/// What to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// Which product.
    pub backend: Backend,
    /// Main class.
    pub class: &'static str,
    /// Words after the class.
    pub args: Vec<String>,
    /// Folder for everything the program writes; also its user home and RocketMQ home.
    pub home: PathBuf,
    /// File that takes its output.
    pub output: PathBuf,
}

/// Where the pieces lie for a launcher.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    pub(crate) java_lib: String,
    pub(crate) our_binary: String,
}

impl Program {
    /// The whole command line.
    pub(crate) fn words(&self, places: &Places) -> Vec<String> {
        let mut words = match self.backend {
            Backend::Java => {
                let mut words = vec!["java".to_owned()];
                words.extend(jvm_flags(&self.home));
                words.push(format!("-Drocketmq.home.dir={}", self.home.display()));
                // A test machine with little space left is not what is tested.
                words.push("-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99".to_owned());
                words.push("-cp".to_owned());
                words.push(format!("{}/*", places.java_lib));
                words
            }
            Backend::Ours => vec![
                places.our_binary.clone(),
                format!("-Duser.home={}", self.home.display()),
                format!("-Drocketmq.home.dir={}", self.home.display()),
                "-Drocketmq.broker.diskSpaceWarningLevelRatio=0.99".to_owned(),
            ],
        };
        // The certificate that 4.4.0 makes itself needs a Java of its time.
        words.push("-Dtls.test.mode.enable=false".to_owned());
        for (property, file) in [("certPath", "cert.pem"), ("keyPath", "key.pem")] {
            words.push(format!("-Dtls.server.{property}={}/conf/{file}", self.home.display()));
        }
        // Read when a test has put it there, and wins.
        words.push(format!("-Dtls.config.file={}/conf/{TLS_FILE}", self.home.display()));
        words.push(self.class.to_owned());
        words.extend(self.args.iter().cloned());
        words
    }
}

/// A started program.
pub trait Running: Send + Sync {
    /// Its process number on this machine.
    fn pid(&self) -> u32;
    /// Its end, if it has come: exit status as text.
    fn ended(&mut self) -> Result<Option<String>>;
    /// Asks it to end (SIGTERM).
    fn terminate(&mut self) -> Result<()>;
    /// Ends it at once (SIGKILL).
    fn kill(&mut self) -> Result<()>;
}

/// How servers are started in this run: `ROCKETMQ_BACKEND=process` (default) or
/// `testcontainers`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Launcher {
    /// Plain processes.
    Process,
    /// Containers with the host's network and the same folders.
    Container,
}

impl Launcher {
    /// The launcher that the environment asks for.
    pub fn from_env() -> Result<Self> {
        match std::env::var("ROCKETMQ_BACKEND").as_deref() {
            Err(_) | Ok("process" | "") => Ok(Launcher::Process),
            Ok("testcontainers") => Ok(Launcher::Container),
            Ok(other) => bail!("ROCKETMQ_BACKEND={other}: process or testcontainers wanted"),
        }
    }

    /// Starts a program.
    pub fn launch(self, program: &Program) -> Result<Box<dyn Running>> {
        prepare_home(&program.home)?;
        match self {
            Launcher::Process => Ok(Box::new(Process::start(program)?)),
            Launcher::Container => container::start(program),
        }
    }
}

struct Process {
    child: Child,
    ended: Option<String>,
}

impl Process {
    fn start(program: &Program) -> Result<Self> {
        let places = match program.backend {
            Backend::Java => {
                Places { java_lib: path_text(&server_lib()?), our_binary: String::new() }
            }
            Backend::Ours => {
                Places { java_lib: String::new(), our_binary: path_text(&our_binary()?) }
            }
        };
        let words = program.words(&places);
        let output = File::create(&program.output)?;
        let child = Command::new(&words[0])
            .args(&words[1..])
            .current_dir(&program.home)
            .env("ROCKETMQ_HOME", &program.home)
            .env("HOME", &program.home)
            .env_remove("NAMESRV_ADDR")
            .env_remove("JAVA_OPT")
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("start {}", words[0]))?;
        reaper::add(child.id());
        Ok(Process { child, ended: None })
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        ensure!(self.ended.is_none(), "the process has ended already");
        let pid = Pid::from_raw(i32::try_from(self.child.id())?).context("process number")?;
        Ok(kill_process(pid, signal)?)
    }
}

impl Running for Process {
    fn pid(&self) -> u32 {
        self.child.id()
    }

    fn ended(&mut self) -> Result<Option<String>> {
        if self.ended.is_none()
            && let Some(status) = self.child.try_wait()?
        {
            reaper::remove(self.child.id());
            self.ended = Some(status.to_string());
        }
        Ok(self.ended.clone())
    }

    fn terminate(&mut self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    fn kill(&mut self) -> Result<()> {
        self.signal(Signal::KILL)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended.is_none() && self.child.kill().is_ok() {
            let _ = self.child.wait();
            reaper::remove(self.child.id());
        }
    }
}

pub(crate) fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Adds logs to an error, after its own words.
pub fn attach<T>(result: Result<T>, logs: impl FnOnce() -> String) -> Result<T> {
    result.map_err(|e| anyhow!("{e:#}\n{}", logs()))
}

/// Waits until a condition holds.
pub fn wait_until(
    what: &str,
    timeout: Duration,
    mut holds: impl FnMut() -> Result<bool>,
) -> Result<()> {
    let deadline = Instant::now() + timeout;
    let mut pause = Duration::from_millis(5);
    loop {
        if holds().with_context(|| format!("while waiting for {what}"))? {
            return Ok(());
        }
        if Instant::now() > deadline {
            bail!("{what}: not within {timeout:?}");
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(100));
    }
}

/// What the Java programs look for in their home: logging to one plain file each, and the
/// admin tool's (empty) credentials.
pub(crate) fn prepare_home(home: &Path) -> Result<()> {
    let conf = home.join("conf");
    fs::create_dir_all(&conf)?;
    for name in ["broker", "namesrv", "tools"] {
        fs::write(conf.join(format!("logback_{name}.xml")), logback(name))?;
    }
    fs::write(conf.join("tools.yml"), "accessKey:\nsecretKey:\n")?;
    fs::write(conf.join("cert.pem"), include_str!("data/tls/cert.pem"))?;
    fs::write(conf.join("key.pem"), include_str!("data/tls/key.pem"))?;
    Ok(())
}

fn logback(name: &str) -> String {
    format!(
        "<configuration>\n\
         <appender name=\"file\" class=\"ch.qos.logback.core.FileAppender\">\n\
         <file>${{user.home}}/logs/rocketmqlogs/{name}.log</file>\n\
         <encoder><pattern>%d %p %t %c - %m%n</pattern></encoder>\n\
         </appender>\n\
         <root level=\"INFO\"><appender-ref ref=\"file\"/></root>\n\
         </configuration>\n"
    )
}

/// The last lines of everything a server wrote.
pub(crate) fn log_tail(output: &Path, home: &Path, lines: usize) -> String {
    let mut files = vec![output.to_owned()];
    if let Ok(found) = fs::read_dir(home.join("logs/rocketmqlogs")) {
        let mut logs: Vec<_> = found.filter_map(|e| e.ok()).map(|e| e.path()).collect();
        logs.sort();
        files.extend(logs.into_iter().filter(|p| p.is_file()));
    }
    let mut out = String::new();
    for file in files {
        let Ok(bytes) = fs::read(&file) else { continue };
        let text = String::from_utf8_lossy(&bytes);
        let all: Vec<_> = text.lines().collect();
        if !all.is_empty() {
            out += &format!("---- {} (last lines)\n", file.display());
            for line in &all[all.len().saturating_sub(lines)..] {
                out.extend(line.chars().take(300).chain(['\n']));
            }
        }
    }
    out
}
