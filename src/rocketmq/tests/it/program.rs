//! Runs the executable in an environment of its own.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Lines, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

/// The main class of a broker.
pub(crate) const BROKER: &str = "org.apache.rocketmq.broker.BrokerStartup";
/// The main class of a name server.
pub(crate) const NAMESRV: &str = "org.apache.rocketmq.namesrv.NamesrvStartup";

/// Longest wait for anything a test expects.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two looks at a file.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// The executable with nothing in its environment but a home for RocketMQ.
pub(crate) fn rocketmq<S: AsRef<OsStr>>(words: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rocketmq"));
    command.args(words).env_clear().env("ROCKETMQ_HOME", "/opt/rocketmq");
    command
}

/// Words that keep a server to itself: its files in `home`, its sockets on the loopback interface.
fn server_words(home: &Path, words: &[&str]) -> Vec<String> {
    let home = format!("-Duser.home={}", home.display());
    let own = [home, "-Drocketmq.listen.address=127.0.0.1".to_owned()];
    own.into_iter().chain(words.iter().map(|&word| word.to_owned())).collect()
}

/// What a program that ended has left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

/// Runs to the end.
pub(crate) fn run(command: &mut Command) -> Ended {
    let output = command.stdin(Stdio::null()).output().expect("the executable was built");
    Ended {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).expect("stdout is text"),
        err: String::from_utf8(output.stderr).expect("stderr is text"),
    }
}

/// A server that is killed when the test is over.
pub(crate) struct Running {
    child: Child,
    out: Lines<BufReader<ChildStdout>>,
    err: ChildStderr,
}

impl Running {
    /// Starts it; `home` becomes `user.home`, where the logs and all files go. Signals are as in a
    /// terminal, whatever the tests were started with: a shell ignores INT in what it runs in the
    /// background, and that is inherited.
    pub(crate) fn start(home: &Path, words: &[&str]) -> Self {
        Self::start_with(home, words, &[])
    }

    /// The same with more in its environment.
    pub(crate) fn start_with(home: &Path, words: &[&str], more: &[(&str, &Path)]) -> Self {
        let mut command = Command::new("/usr/bin/env");
        command.arg("--default-signal=INT,HUP").arg(env!("CARGO_BIN_EXE_rocketmq"));
        command.args(server_words(home, words)).env_clear().env("ROCKETMQ_HOME", "/opt/rocketmq");
        command.envs(more.iter().copied());
        Self::spawn(&mut command)
    }

    /// Starts it as `nohup` does.
    pub(crate) fn start_ignoring_hangup(home: &Path, words: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command.args(["-c", "trap '' HUP; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_rocketmq")]);
        command.args(server_words(home, words)).env("ROCKETMQ_HOME", "/opt/rocketmq");
        Self::spawn(&mut command)
    }

    fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the executable was built");
        let out = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
        let err = child.stderr.take().expect("stderr is piped");
        Self { child, out, err }
    }

    /// The next line of stdout; it waits for it.
    pub(crate) fn line(&mut self) -> String {
        match self.out.next() {
            Some(line) => line.expect("stdout is text"),
            None => panic!("stdout ended, stderr says: {}", self.errors()),
        }
    }

    /// Its process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let status = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(status.expect("there is a kill").success());
    }

    /// Waits for the end; a server that does not come to it is killed.
    pub(crate) fn end(mut self) -> Ended {
        let pid = self.pid().to_string();
        let (ended, end) = mpsc::channel::<()>();
        let watch = std::thread::spawn(move || {
            if end.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
                let _ = Command::new("kill").args(["-s", "KILL", &pid]).status();
            }
        });
        let out = self.out.by_ref().map(|line| line.expect("stdout is text") + "\n").collect();
        let err = self.errors();
        let status = self.child.wait().expect("it is our child");
        drop(ended);
        watch.join().expect("the watch does not panic");
        Ended { code: status.code(), out, err }
    }

    fn errors(&mut self) -> String {
        let mut text = String::new();
        self.err.read_to_string(&mut text).expect("stderr is text");
        text
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A port that was free just now.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("there are free ports");
    listener.local_addr().expect("it listens").port()
}

/// Waits until the text of a file is as it should be.
pub(crate) fn wait_for(file: &Path, fits: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if fits(&text) {
            return text;
        }
        assert!(Instant::now() < deadline, "{}: {text}", file.display());
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Waits until the file has a line that ends like this.
pub(crate) fn wait_for_line(file: &Path, end: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if let Some(line) = text.lines().find(|line| line.ends_with(end)) {
            return line.to_owned();
        }
        assert!(Instant::now() < deadline, "no line {end:?} in {}: {text}", file.display());
        std::thread::sleep(LOOK_AGAIN);
    }
}
