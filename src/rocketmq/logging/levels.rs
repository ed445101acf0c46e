//! Which events are logged.

use std::str::FromStr;

use tracing_subscriber::filter::{LevelFilter, Targets};

use super::files::{BROKER, LogFile, NAMESRV, TOOLS};

/// The levels that a text asks for; INFO where nothing, or nothing readable, is said.
pub(super) fn parse(text: Option<&str>) -> Targets {
    let given = text.map(str::trim).filter(|text| !text.is_empty());
    given
        .and_then(|text| match LevelFilter::from_str(text) {
            Ok(level) => Some(Targets::new().with_default(level)),
            Err(_) => Targets::from_str(text).ok().map(with_ours),
        })
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

/// A Java logger stands for the room of its name as well: whoever asks for `RocketmqStore` wants to
/// know what the store says.
fn with_ours(targets: Targets) -> Targets {
    let ours: Vec<_> = targets
        .iter()
        .filter_map(|(logger, level)| Some((room(logger)?, level)))
        .filter(|(room, _)| targets.iter().all(|(named, _)| named != room))
        .collect();
    // What nobody named is INFO, as for a text that names nothing.
    let rest = targets.default_level().unwrap_or(LevelFilter::INFO);
    targets.with_targets(ours).with_default(rest)
}

fn room(logger: &str) -> Option<String> {
    let room = logger.strip_prefix("Rocketmq")?.to_ascii_lowercase();
    let names = |file: &LogFile| file.targets.contains(&room.as_str());
    [BROKER, NAMESRV, TOOLS].into_iter().flatten().any(names).then_some(room)
}

#[cfg(test)]
mod tests {
    use config::JavaValue as _;
    use observe::LogLevels;
    use tracing::Level;

    use super::*;

    fn check(text: &str, target: &str, level: Level, expected: bool) {
        assert!(LogLevels::parse(text).is_some(), "the setting refuses {text}");
        assert_eq!(parse(Some(text)).would_enable(target, &level), expected, "{text} {target}");
    }

    #[test]
    fn a_logger_stands_for_its_room() {
        check("RocketmqStore=debug", "RocketmqStore", Level::DEBUG, true);
        check("RocketmqStore=debug", "store::flush", Level::DEBUG, true);
        check("RocketmqStore=debug,store=info", "store::flush", Level::DEBUG, false);
        check("RocketmqCommon=debug", "broker::start", Level::DEBUG, false);
        check("store::flush=trace", "store::flush", Level::TRACE, true);
    }

    #[test]
    fn what_is_not_named_keeps_its_level() {
        check("RocketmqStore=debug", "RocketmqBroker", Level::INFO, true);
        check("RocketmqStore=debug", "RocketmqBroker", Level::DEBUG, false);
        check("warn,RocketmqStore=debug", "RocketmqBroker", Level::INFO, false);
        check("OFF", "RocketmqBroker", Level::ERROR, false);
        check("RocketmqRemoting=off", "remoting::server", Level::ERROR, false);
        assert!(parse(Some("=,=;")).would_enable("x", &Level::INFO));
    }
}
