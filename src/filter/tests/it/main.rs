//! Black-box tests: what a Java 4.4.0 broker answered, and what must hold for any input.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod answers;
mod depth;
mod properties;
