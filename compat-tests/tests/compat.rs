//! Runs every compatibility case in one process, so that the clusters they share start once.

use std::process::ExitCode;

use compat_tests::{fixture, report, suites};
use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Most cases wait for something most of the time: two of them keep two cores busy.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let conclusion = libtest_mimic::run(&arguments, suites::all());
    let errors = fixture::stop_all();
    for error in &errors {
        tell(&format!("a shared cluster did not stop in order: {error}"));
    }
    match report::write() {
        Ok(Some(path)) => tell(&format!("the table of this run: {}", path.display())),
        Ok(None) => {}
        Err(error) => tell(&format!("the table of this run was not written: {error}")),
    }
    if errors.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

#[allow(clippy::print_stderr)] // The harness itself prints, too.
fn tell(line: &str) {
    eprintln!("{line}");
}
