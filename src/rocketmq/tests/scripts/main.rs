//! The commands of `bin/` under every shell of the machine, around programs that only show what they
//! are given: how arguments, environment, signals and exit codes travel. No test touches a process
//! that it did not start.

#![cfg(unix)]

mod helpers;
mod home;
mod java;
mod launch;
mod shutdown;
