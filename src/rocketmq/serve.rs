//! The life of a server process: runtime, start, signals, stop, exit code.

use std::future::Future;
use std::io::{self, Write as _};

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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("worker").build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            return Exit::failing(code::FAILED, format_args!("start the runtime: {error}"));
        }
    };
    let exit = runtime.block_on(async {
        match start.await {
            Ok(server) => until_signal(server).await,
            Err(exit) => exit,
        }
    });
    // What still runs was told to stop and did not heed it.
    runtime.shutdown_background();
    exit
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
    let first = signals.next().await;
    tokio::select! {
        () = server.stop() => Exit { code: exit_code(first), ..Exit::default() },
        second = signals.next() => std::process::exit(exit_code(second).into()),
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
