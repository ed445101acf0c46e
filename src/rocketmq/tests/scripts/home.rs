//! A scratch installation around the project's scripts, with programs that only show what they get.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// Programs that the scripts themselves call; nothing else is on their PATH, above all no Java.
const PROGRAMS: &[&str] = &[
    "awk", "basename", "cat", "cut", "date", "df", "dirname", "env", "grep", "head", "hostname",
    "id", "ln", "nohup", "pwd", "readlink", "sed", "sleep", "sort", "tr",
];

/// The shells of this machine that the scripts must run under.
pub(crate) fn shells() -> Vec<PathBuf> {
    let found: Vec<PathBuf> = ["dash", "bash"].into_iter().filter_map(on_path).collect();
    assert!(!found.is_empty(), "neither dash nor bash on PATH");
    found
}

/// Looks a program up on the PATH of the test itself.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// An installation in a folder of its own, removed with the value.
pub(crate) struct Home {
    dir: PathBuf,
    shell: PathBuf,
}

impl Home {
    /// `bin/` as the project has it and a fake executable in `lib/`; scripts run under `shell`.
    pub(crate) fn new(shell: &Path) -> Self {
        let home = Self::bare(shell);
        home.fake("rocketmq", "lib/rocketmq");
        home
    }

    /// The same without an executable.
    pub(crate) fn bare(shell: &Path) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // The blank is there on purpose: homes have such names.
        let name = format!("home {}-{number}", std::process::id());
        let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let home = Self { dir, shell: shell.to_path_buf() };
        fs::create_dir_all(home.path("path")).expect("create the scratch home");
        // Copied by a process of its own: a file that this one still had open for writing while
        // another test starts a program could not be executed.
        let project = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let copied = Command::new("cp").arg("-Rp").arg(project.join("bin")).arg(&home.dir).status();
        assert!(copied.expect("run cp").success(), "copy bin/");
        for program in PROGRAMS {
            if let Some(file) = on_path(program) {
                symlink(file, home.path("path").join(program)).expect("link a program");
            }
        }
        symlink(shell, home.path("path/sh")).expect("link the shell");
        home
    }

    /// A path below the home.
    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.dir.join(below)
    }

    /// Puts a fake program somewhere below the home.
    pub(crate) fn fake(&self, fake: &str, at: &str) {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts/fakes").join(fake);
        self.link(&source, at);
    }

    /// Puts a fake in the place of a program that scripts call.
    pub(crate) fn replace(&self, program: &str) {
        let at = format!("path/{program}");
        fs::remove_file(self.path(&at)).expect("a linked program");
        self.fake(program, &at);
    }

    /// Makes a symbolic link below the home.
    pub(crate) fn link(&self, target: &Path, at: &str) {
        let file = self.path(at);
        fs::create_dir_all(file.parent().expect("a path below the home")).expect("create a folder");
        symlink(target, file).expect("create a link");
    }

    /// Writes a small file below the home.
    pub(crate) fn write(&self, at: &str, text: &str) {
        let file = self.path(at);
        fs::create_dir_all(file.parent().expect("a path below the home")).expect("create a folder");
        fs::write(file, text).expect("write a file");
    }

    /// `<shell> bin/<script> <args>` in the home, with next to nothing in the environment.
    pub(crate) fn command<A: AsRef<OsStr>>(&self, script: &str, args: &[A]) -> Command {
        let mut command = Command::new(&self.shell);
        command.arg(self.path("bin").join(script)).args(args);
        self.isolate(&mut command);
        command
    }

    /// Gives a command the scratch environment.
    pub(crate) fn isolate(&self, command: &mut Command) {
        command
            .env_clear()
            .env("PATH", self.path("path"))
            .env("HOME", &self.dir)
            .current_dir(&self.dir)
            .stdin(Stdio::null());
    }

    /// Runs a script to its end.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, script: &str, args: &[A]) -> Shown {
        Shown::of(&mut self.command(script, args))
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        // What is left over lies in the build folder; a failure here must not hide the test's.
        let _ = fs::remove_dir_all(&self.dir);
    }
}

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Shown {
    /// Runs a command to its end.
    pub(crate) fn of(command: &mut Command) -> Self {
        let Output { status, stdout, stderr } = command.output().expect("run a script");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("scripts print UTF-8");
        Self { code: status.code(), out: text(stdout), err: text(stderr) }
    }

    /// The values that a fake printed under one name, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let lines = self.out.lines();
        lines.filter_map(|line| line.strip_prefix(name)?.strip_prefix('=')).collect()
    }

    /// The words that a fake was started with.
    pub(crate) fn args(&self) -> Vec<&str> {
        self.values("arg")
    }

    /// Fails the test unless the program ended with this code.
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}
