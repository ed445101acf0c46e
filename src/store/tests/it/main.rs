//! The store from outside: through its API and its files.

mod append;
mod concurrency;
mod golden;
mod house;
mod recovery;
mod support;
