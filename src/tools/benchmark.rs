//! The load programs of `benchmark/` without Java: twins of
//! `org.apache.rocketmq.example.benchmark.Producer`, `.Consumer` and `.TransactionProducer`, with
//! their options and their lines.
//!
//! They run until `stop` is done and print a line every ten seconds.

use std::io::Write;

use client::{ClientOptions, Settings};

use crate::args::{Given, Options};
use crate::command::{COMMON, Opt};
use crate::help::usage;
use crate::quickstart::Environment;

mod consumer;
mod producer;
mod stats;
mod transactions;

pub use consumer::consume;
pub use producer::produce;
pub use transactions::produce as produce_transactions;

/// How a program of `benchmark/` ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Stopped,
    /// Its arguments asked for the usage, or did not fit; the usage was printed.
    Usage,
}

/// The options that were given; none after printing the usage.
fn options(
    program: &str,
    own: &[Opt],
    words: &[String],
    out: &mut impl Write,
) -> anyhow::Result<Option<Given>> {
    let mut list: Vec<Opt> = COMMON.iter().chain(own).copied().collect();
    list.sort_by_key(|option| option.short.to_ascii_lowercase());
    let text = usage(program, &list);
    match (Options { list, hidden: &[] }).parse(words) {
        Ok(given) if !given.has('h') => Ok(Some(given)),
        _ => {
            out.write_all(text.as_bytes())?;
            Ok(None)
        }
    }
}

/// The number given, else `default`.
fn number<T: std::str::FromStr>(given: Option<&str>, default: T) -> anyhow::Result<T> {
    match given {
        None => Ok(default),
        Some(text) => {
            text.trim().parse().map_err(|_| anyhow::anyhow!("not a number that fits: {text:?}"))
        }
    }
}

/// As Java's `Boolean.parseBoolean`.
fn truth(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

/// The settings of one of our clients.
fn settings(group: &str, name_servers: &str, connections: &ClientOptions) -> Settings {
    let mut settings = Settings::new(group, name_servers);
    settings.connections = connections.clone();
    settings
}

/// The name servers given with `-n`, else those of the environment.
fn name_servers(given: Option<&str>, environment: &Environment) -> String {
    given.map_or_else(|| environment.name_servers.clone(), str::to_owned)
}

/// A body of about this length, in steps of ten.
fn body(size: usize) -> String {
    "hello baby".repeat(size.div_ceil(10))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_grow_in_steps_of_ten() {
        assert_eq!(body(0), "");
        assert_eq!(body(1), "hello baby");
        assert_eq!(body(128).len(), 130);
    }

    #[test]
    fn usages_are_laid_out_as_javas() {
        let mut out = Vec::new();
        for words in [&["-h"][..], &["-p", "1"], &["-w"]] {
            let words: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
            out.clear();
            let given = options("benchmarkProducer", producer::OPTIONS, &words, &mut out).unwrap();
            assert!(given.is_none(), "{words:?}");
        }
        let text = String::from_utf8(out).unwrap();
        let first =
            "usage: benchmarkProducer [-h] [-k <arg>] [-n <arg>] [-s <arg>] [-t <arg>] [-w <arg>]";
        assert_eq!(text.lines().next(), Some(first));
        assert_eq!(text.lines().count(), 7, "{text}");
    }

    #[test]
    fn values_are_read_as_java_reads_them() {
        assert_eq!(number(None, 64).unwrap(), 64);
        assert_eq!(number(Some("8"), 64).unwrap(), 8);
        assert!(number(Some("eight"), 64).is_err());
        assert!(truth(Some("TRUE")) && !truth(Some("yes")) && !truth(None));
    }
}
