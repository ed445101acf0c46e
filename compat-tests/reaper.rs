//! Makes sure that no server and no folder outlives the test run, however that ends.
//!
//! A shell waits at the end of a pipe for the numbers of processes that were started or have
//! ended, and for temporary folders. When the pipe closes, because the run ended or was killed, it
//! kills and removes what is left.

use std::io::Write;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};

const SCRIPT: &str = r#"
trap '' INT TERM HUP
alive=
set --
while read -r what pid; do
    case $what in
        dir) set -- "$@" "$pid" ;;
        add) alive="$alive $pid" ;;
        del) alive=$(for p in $alive; do [ "$p" = "$pid" ] || printf ' %s' "$p"; done) ;;
    esac
done
[ -z "$alive" ] || kill -9 $alive 2>/dev/null
[ $# = 0 ] || rm -rf "$@"
exit 0
"#;

struct Reaper {
    _child: Child,
    pipe: ChildStdin,
}

static REAPER: OnceLock<Option<Mutex<Reaper>>> = OnceLock::new();

fn start() -> Option<Mutex<Reaper>> {
    let mut child = Command::new("sh")
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let pipe = child.stdin.take()?;
    Some(Mutex::new(Reaper { _child: child, pipe }))
}

fn tell(line: String) {
    if let Some(reaper) = REAPER.get_or_init(start) {
        let mut reaper = reaper.lock().unwrap_or_else(PoisonError::into_inner);
        // Without its reaper a run still ends its servers when it ends in order.
        let _ = reaper.pipe.write_all(line.as_bytes());
    }
}

/// A temporary folder was made.
pub(crate) fn folder(path: &Path) {
    tell(format!("dir {}\n", path.display()));
}

/// A process was started.
pub(crate) fn add(pid: u32) {
    tell(format!("add {pid}\n"));
}

/// A process has been waited for; its number may belong to another one from now on.
pub(crate) fn remove(pid: u32) {
    tell(format!("del {pid}\n"));
}
