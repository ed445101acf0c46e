//! The life of a server process: runtime, start, signals, stop, exit code.

use std::future::Future;
use std::io::{self, Write as _};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sd_notify::NotifyState;

use crate::launch::{Exit, code};
use crate::signals::{Signals, exit_code};

/// A server that has started.
pub(crate) trait Running {
    /// The line of a successful start, for stdout.
    fn boot_line(&self) -> String;

    /// Stops in good order.
    fn stop(self) -> impl Future<Output = ()>;
}

/// Starts a server and keeps it until a signal comes.
///
/// Signals are taken over once it has started: until then one of them ends the process at once,
/// as it ends a JVM whose shutdown hook is not in place yet.
pub(crate) fn serve<S: Running>(start: impl Future<Output = Result<S, Exit>>) -> Exit {
    raise_open_files_limit();
    let ended = block_on(async {
        match start.await {
            Ok(server) => until_signal(server).await,
            Err(exit) => exit,
        }
    });
    ended.unwrap_or_else(|exit| exit)
}

/// Allows as many open files and connections as the administrator does, as a JVM does at its start.
fn raise_open_files_limit() {
    let limit = getrlimit(Resource::Nofile);
    // Where it cannot be raised, the one that is there has to do.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

/// Runs a future on a runtime of its own, with a worker a CPU.
pub(crate) fn block_on<T>(future: impl Future<Output = T>) -> Result<T, Exit> {
    run_on(tokio::runtime::Builder::new_multi_thread().thread_name("worker"), future)
}

/// Runs a future on this thread, for programs that are done soon.
pub(crate) fn block_on_one_thread<T>(future: impl Future<Output = T>) -> Result<T, Exit> {
    run_on(&mut tokio::runtime::Builder::new_current_thread(), future)
}

fn run_on<T>(
    builder: &mut tokio::runtime::Builder,
    future: impl Future<Output = T>,
) -> Result<T, Exit> {
    let runtime = builder.enable_all().build();
    let runtime = runtime
        .map_err(|error| Exit::failing(code::FAILED, format_args!("start the runtime: {error}")))?;
    let result = runtime.block_on(future);
    // What still runs was told to stop and did not heed it.
    runtime.shutdown_background();
    Ok(result)
}

async fn until_signal<S: Running>(server: S) -> Exit {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => {
            server.stop().await;
            return Exit::failing(code::FAILED, format_args!("listen to signals: {error}"));
        }
    };
    say(&format!("{}\n", server.boot_line()));
    tell_systemd(NotifyState::Ready);
    let first = signals.next().await;
    tell_systemd(NotifyState::Stopping);
    tokio::select! {
        () = server.stop() => Exit { code: exit_code(first), ..Exit::default() },
        second = signals.next() => std::process::exit(exit_code(second).into()),
    }
}

/// Tells who started us how far we are, where NOTIFY_SOCKET says that somebody wants to know.
fn tell_systemd(state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        tracing::warn!("cannot write to NOTIFY_SOCKET: {error}");
    }
}

/// Writes to stdout, which may be closed.
pub(crate) fn say(text: &str) {
    let mut out = io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes to stderr, which may be closed.
pub(crate) fn complain(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
