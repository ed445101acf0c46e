//! Runs every compatibility case in one process, so that the clusters they share start once.

use std::process::ExitCode;

use compat_tests::{fixture, suites};
use libtest_mimic::Arguments;

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // Two conversations at a time keep two cores busy without making servers wait for each other.
    arguments.test_threads = arguments.test_threads.or(Some(2));
    let conclusion = libtest_mimic::run(&arguments, suites::all());
    let errors = fixture::stop_all();
    for error in &errors {
        report(error);
    }
    if errors.is_empty() { conclusion.exit_code() } else { ExitCode::FAILURE }
}

#[allow(clippy::print_stderr)] // The harness itself prints, too.
fn report(error: &str) {
    eprintln!("a shared cluster did not stop in order: {error}");
}
