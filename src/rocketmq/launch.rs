//! From a command line to settings: what `mqbroker` and `mqnamesrv` do before they start anything.
//!
//! Pure but for reading the `-c` file, so that outputs and exit codes can be tested as values.

pub(crate) mod broker;
pub(crate) mod namesrv;

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

use config::{Env, Properties, Report, Table};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use protocol::Encoding;
use remoting::tls::TlsSettings;
use tools::args::{Given, Options};
use tools::command::Opt;
use tools::help;

/// Exit codes of the servers. Java exits with -1, -2 and -3; a shell sees these.
pub(crate) mod code {
    /// It did what was asked.
    pub(crate) const OK: u8 = 0;
    /// Usage was printed, or something failed with an error on stderr.
    pub(crate) const FAILED: u8 = 255;
    /// Nobody told where the installation is.
    pub(crate) const NO_HOME: u8 = 254;
    /// The settings do not fit together, or what is on disk cannot be loaded.
    pub(crate) const REFUSED: u8 = 253;
}

/// The end of the program before a server ran.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Exit {
    /// Exit code.
    pub(crate) code: u8,
    /// Text for stdout.
    pub(crate) out: String,
    /// Text for stderr.
    pub(crate) err: String,
}

impl Exit {
    /// Ends with a text on stdout.
    pub(crate) fn saying(code: u8, out: impl Into<String>) -> Self {
        Self { code, out: out.into(), err: String::new() }
    }

    /// Ends with a text on stderr.
    pub(crate) fn failing(code: u8, err: impl std::fmt::Display) -> Self {
        Self { code, out: String::new(), err: format!("{err}\n") }
    }
}

/// A `-c` file as it was read.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ConfigFile {
    /// Its path as given.
    pub(crate) path: String,
    /// What it says.
    pub(crate) properties: Properties,
    /// What the tables made of it.
    pub(crate) report: Report,
}

/// Reads the arguments; the usage where it was asked for or is needed.
fn parse(program: &str, options: &[Opt], words: &[String]) -> Result<Given, Exit> {
    match (Options { list: options.to_vec(), hidden: &[] }).parse(words) {
        Ok(given) if !given.has('h') => Ok(given),
        _ => Err(Exit::saying(code::FAILED, help::usage(program, options))),
    }
}

/// Reads a `-c` file; the end of the program where that fails.
fn read_properties(path: &str) -> Result<Properties, Exit> {
    let unreadable = |why: String| {
        Exit::failing(
            code::FAILED,
            format_args!("cannot read the configuration file {path}: {why}"),
        )
    };
    let bytes = std::fs::read(Path::new(path)).map_err(|error| unreadable(error.to_string()))?;
    Properties::parse(&bytes).map_err(|error| unreadable(error.to_string()))
}

/// How frames are written: as a value, and by Java's name for the line of a successful start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameEncoding {
    /// For the sockets.
    pub(crate) value: Encoding,
    /// For people.
    pub(crate) name: &'static str,
}

/// Reads it from system property `rocketmq.serialize.type`, else variable
/// `ROCKETMQ_SERIALIZE_TYPE`; JSON where neither says anything.
pub(crate) fn encoding(env: &Env) -> Result<FrameEncoding, Exit> {
    let text = env.property_or_var("rocketmq.serialize.type", "ROCKETMQ_SERIALIZE_TYPE");
    match text.unwrap_or_default() {
        "ROCKETMQ" => Ok(FrameEncoding { value: Encoding::Rocketmq, name: "ROCKETMQ" }),
        blank if blank.trim().is_empty() => {
            Ok(FrameEncoding { value: Encoding::Json, name: "JSON" })
        }
        "JSON" => Ok(FrameEncoding { value: Encoding::Json, name: "JSON" }),
        other => Err(Exit::failing(
            code::FAILED,
            format_args!("unknown serialize type {other}: use JSON or ROCKETMQ"),
        )),
    }
}

/// The address to listen on: system property `rocketmq.listen.address`, else all of the machine, which
/// is all that 4.4.0 can do.
pub(crate) fn listen_address(env: &Env) -> Result<IpAddr, Exit> {
    match env.property("rocketmq.listen.address") {
        None | Some("") => Ok(Ipv4Addr::UNSPECIFIED.into()),
        Some(text) => text.parse().map_err(|_| {
            Exit::failing(
                code::FAILED,
                format_args!("rocketmq.listen.address: {text} is no IP address"),
            )
        }),
    }
}

/// The `tls.*` settings. A settings file that cannot be read is logged and passed over, as 4.4.0 does.
pub(crate) fn tls(env: &Env) -> TlsSettings {
    let property = |key: &str| env.property(key).map(str::to_owned);
    TlsSettings::load(property).unwrap_or_else(|error| {
        tracing::error!("cannot read the TLS settings, going on without the file: {error}");
        TlsSettings::from_lookup(property)
    })
}

/// Says what the `-c` file holds that no setting took.
pub(crate) fn log_file_report(file: &ConfigFile, mut log: impl FnMut(&str)) {
    let path = &file.path;
    for key in &file.report.unknown {
        log(&format!("{path}: {key} is no setting of this server, kept"));
    }
    for (key, value) in &file.report.refused {
        log(&format!("{path}: {key}={value} does not fit the type of this setting, ignored"));
    }
}

/// The time zone of RocketMQ's logs, wherever the machine is.
pub(crate) fn log_zone() -> TimeZone {
    TimeZone::fixed(Offset::constant(8))
}

/// The settings as `mqbroker -p` prints them: a log line with backslashes that 4.4.0's format has
/// by mistake.
fn broker_lines(tables: &[&dyn Table], important_only: bool, now: Timestamp) -> String {
    let time = now.to_zoned(log_zone()).strftime("%Y-%m-%d %H\\:%M\\:%S").to_string();
    config::lines(tables, important_only)
        .iter()
        .map(|line| format!("{time} INFO main - {line}\n"))
        .collect()
}

/// The settings as `mqnamesrv -p` prints them, in the local time zone.
fn namesrv_lines(tables: &[&dyn Table], now: Timestamp) -> String {
    let time = now.to_zoned(TimeZone::system()).strftime("%H:%M:%S%.3f").to_string();
    config::lines(tables, false)
        .iter()
        .map(|line| format!("{time} [main] INFO  RocketmqNamesrvConsole - {line}\n"))
        .collect()
}

/// Where to go without an installation folder.
const NO_HOME: &str = "Please set the ROCKETMQ_HOME variable in your environment to match the \
                       location of the RocketMQ installation";
