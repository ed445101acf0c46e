//! The broker over real sockets: each test has its own broker on a free port and its own store.

mod consume;
mod harness;
mod probes;
mod register;
mod restart;
mod send;
