//! Signals as a JVM takes them: TERM, INT and HUP end the server in good order, a second one at
//! once, with the exit code a shell expects of that signal. A signal that the one who started us
//! has switched off (`nohup`, a background job) stays off. QUIT, which asks a JVM for a dump of its
//! threads, ends nothing.

use std::io::{self, Write as _};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;

/// Signals that wait to be looked at; more are not needed, the second one ends the process.
const WAITING_MAX: usize = 4;

/// The signals that end the process.
pub(crate) struct Signals {
    received: mpsc::Receiver<i32>,
}

impl Signals {
    /// Starts to listen; to be called on the runtime.
    pub(crate) fn listen() -> io::Result<Self> {
        let (sender, received) = mpsc::channel(WAITING_MAX);
        let ignored =
            ignored_mask(&std::fs::read_to_string("/proc/self/status").unwrap_or_default());
        for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
            let number = kind.as_raw_value();
            if ignored & bit(number) == 0 {
                tokio::spawn(forward(signal(kind)?, number, sender.clone()));
            }
        }
        tokio::spawn(shrug(signal(SignalKind::quit())?));
        Ok(Self { received })
    }

    /// The next signal's number.
    pub(crate) async fn next(&mut self) -> i32 {
        match self.received.recv().await {
            Some(number) => number,
            // All of them are switched off.
            None => std::future::pending().await,
        }
    }
}

/// The exit code of a process that a signal ended.
pub(crate) fn exit_code(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(u8::MAX)
}

async fn forward(mut signal: Signal, number: i32, to: mpsc::Sender<i32>) {
    while signal.recv().await.is_some() {
        if to.send(number).await.is_err() {
            return;
        }
    }
}

async fn shrug(mut signal: Signal) {
    while signal.recv().await.is_some() {
        let _ = writeln!(io::stderr(), "signal QUIT received: there is no thread dump, going on");
    }
}

/// The set of ignored signals in a `/proc/<pid>/status`.
fn ignored_mask(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok()).unwrap_or(0)
}

fn bit(number: i32) -> u64 {
    1 << (number - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_are_read_from_the_kernel() {
        let mask = ignored_mask("Name:\tx\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000001003\n");
        let names = [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()];
        assert_eq!(names.map(|kind| mask & bit(kind.as_raw_value()) != 0), [true, true, false]);
        assert_eq!(ignored_mask(""), 0);
    }

    #[test]
    fn exit_codes_are_those_of_a_shell() {
        assert_eq!([15, 2, 1].map(exit_code), [143, 130, 129]);
    }
}
