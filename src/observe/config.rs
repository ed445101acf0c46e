//! Settings of what operators watch, the same on a broker and on a name server. None of them is a
//! key of 4.4.0.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use config::{JavaValue, config_table};

config_table! {
    /// What operators watch: metrics, health, logs. The same keys on a broker and on a name server;
    /// 4.4.0 has none of them.
    pub struct ObserveConfig(env) {
        /// Port of the HTTP endpoint with `/metrics`, `/healthz` and `/readyz`. Empty or 0: there
        /// is none, and nothing is measured for it.
        @restart @ours "metricsPort" metrics_port: Port = Port::default(),
        /// Address that endpoint listens on. Empty: the loopback interface only. It asks nobody
        /// who they are, so think before you open it.
        @restart @ours "metricsAddress" metrics_address: Address = Address::default(),
        /// Level of the logs (`error`, `warn`, `info`, `debug`, `trace`, `off`), or levels by
        /// logger with commas between: `info,RocketmqStore=debug`. Takes effect at once. Empty: as
        /// `rocketmq.log.level` says, else `info`.
        @ours "logLevel" log_level: LogLevels = LogLevels::default(),
        /// `text` for the lines of 4.4.0, `json` for one JSON object a line. Takes effect at once.
        /// Empty: as `rocketmq.log.format` says, else `text`.
        @ours "logFormat" log_format: LogFormat = LogFormat::Unset,
    }
}

impl ObserveConfig {
    /// Where the endpoint is to listen; `None` where there is to be none.
    #[must_use]
    pub fn endpoint(&self) -> Option<SocketAddr> {
        let ip = self.metrics_address.0.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST));
        Some(SocketAddr::new(ip, self.metrics_port.0?.get()))
    }
}

/// A port, or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Port(Option<std::num::NonZeroU16>);

impl JavaValue for Port {
    const TYPE: &'static str = "int";

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        text.parse().ok().map(|port| Self(std::num::NonZeroU16::new(port)))
    }

    fn show(&self) -> String {
        self.0.map(|port| port.to_string()).unwrap_or_default()
    }
}

/// An IP address, or none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Address(Option<IpAddr>);

impl JavaValue for Address {
    const TYPE: &'static str = "address";

    fn parse(text: &str) -> Option<Self> {
        if text.is_empty() {
            return Some(Self(None));
        }
        text.parse().ok().map(|ip| Self(Some(ip)))
    }

    fn show(&self) -> String {
        self.0.map(|ip| ip.to_string()).unwrap_or_default()
    }
}

/// A level, or levels by logger; or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogLevels(String);

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

impl LogLevels {
    /// The text; `None` where nothing is set.
    #[must_use]
    pub fn get(&self) -> Option<&str> {
        Some(self.0.as_str()).filter(|text| !text.is_empty())
    }

    fn is_level(word: &str) -> bool {
        LEVELS.iter().any(|level| word.eq_ignore_ascii_case(level))
    }

    fn is_directive(part: &str) -> bool {
        match part.split_once('=') {
            Some((logger, level)) => {
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':');
                !logger.is_empty() && logger.chars().all(plain) && Self::is_level(level)
            }
            None => Self::is_level(part),
        }
    }
}

impl JavaValue for LogLevels {
    const TYPE: &'static str = "levels";

    fn parse(text: &str) -> Option<Self> {
        let fits = text.is_empty() || text.split(',').all(Self::is_directive);
        fits.then(|| Self(text.to_owned()))
    }

    fn show(&self) -> String {
        self.0.clone()
    }
}

/// How lines of the logs look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// Nothing is said.
    #[default]
    Unset,
    /// The lines of 4.4.0.
    Text,
    /// A JSON object a line.
    Json,
}

impl JavaValue for LogFormat {
    const TYPE: &'static str = "format";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "" => Some(Self::Unset),
            "text" => Some(Self::Text),
            "json" => Some(Self::Json),
            _ => None,
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Unset => "",
            Self::Text => "text",
            Self::Json => "json",
        }
        .to_owned()
    }
}

type Act = dyn Fn(&ObserveConfig) + Send + Sync;

/// Told whenever these settings were changed at run time.
#[derive(Clone, Default)]
pub struct OnChange(Option<Arc<Act>>);

impl OnChange {
    /// Calls `act` with the settings as they are then.
    pub fn new(act: impl Fn(&ObserveConfig) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(act)))
    }

    /// Tells it.
    pub fn changed(&self, config: &ObserveConfig) {
        if let Some(act) = &self.0 {
            act(config);
        }
    }
}

impl fmt::Debug for OnChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("OnChange").field(&self.0.is_some()).finish()
    }
}

#[cfg(test)]
mod tests {
    use config::{Env, Properties, Table};

    use super::*;

    fn check<T: JavaValue>(good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(T::parse(text).expect(text).show(), *text);
        }
        for text in bad {
            assert!(T::parse(text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn only_what_makes_sense_is_taken() {
        check::<Port>(&["", "1", "65535"], &["65536", "-1", "x", " 1"]);
        assert_eq!(Port::parse("0"), Some(Port(None)));
        check::<Address>(&["", "127.0.0.1", "::1", "0.0.0.0"], &["localhost", "1.2.3", "*"]);
        check::<LogLevels>(
            &["", "debug", "INFO", "off", "info,RocketmqStore=debug", "store::flush=trace"],
            &["loud", "info,", "=debug", "a=b", "a=", "info, debug", "a[b]=info", ",info"],
        );
        check::<LogFormat>(&["", "text", "json"], &["JSON", "xml"]);
    }

    #[test]
    fn without_a_port_there_is_no_endpoint() {
        let mut config = ObserveConfig::from_env(&Env::empty());
        let file = |text: &str| Properties::parse(text.as_bytes()).unwrap();
        assert_eq!(config.endpoint(), None);
        assert!(config.rows().iter().all(|row| row.is_null() && row.marks.ours));
        config::apply(&mut [&mut config], &file("metricsPort=9\n"));
        assert_eq!(config.endpoint(), Some("127.0.0.1:9".parse().unwrap()));
        config::apply(&mut [&mut config], &file("metricsAddress=0.0.0.0\n"));
        assert_eq!(config.endpoint(), Some("0.0.0.0:9".parse().unwrap()));
        config::apply(&mut [&mut config], &file("metricsPort=0\n"));
        assert_eq!(config.endpoint(), None);
    }

    #[test]
    fn changes_are_told() {
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let notes = Arc::clone(&told);
        let hook = OnChange::new(move |config| notes.lock().unwrap().push(config.log_format));
        hook.changed(&ObserveConfig { log_format: LogFormat::Json, ..ObserveConfig::default() });
        OnChange::default().changed(&ObserveConfig::default());
        assert_eq!(*told.lock().unwrap(), [LogFormat::Json]);
    }
}
