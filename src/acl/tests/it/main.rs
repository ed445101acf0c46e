//! Black-box tests: what Java 4.4.0 answered, and what we answer otherwise on purpose.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod broker;
mod differences;
mod files;

use std::net::IpAddr;

use acl::{Acl, Server};

fn golden(name: &str) -> String {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    std::fs::read_to_string(path).unwrap()
}

fn local() -> IpAddr {
    "127.0.0.1".parse().unwrap()
}

fn broker(yml: &str) -> Acl {
    Acl::new(Server::Broker, yml.as_bytes()).unwrap()
}
