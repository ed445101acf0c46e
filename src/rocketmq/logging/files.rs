//! The table of log files.

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// `2026-11-22 22:42:08 INFO main - text`, in GMT+8.
    Full,
    /// `2026-11-22 22:42:08 - text`, in GMT+8.
    Time,
    /// `2026-11-22 22:42:08 INFO - text`, in GMT+8.
    TimeLevel,
    /// `text`.
    Bare,
    /// `2026-11-22 22:42:08,123 INFO RocketmqClient - text`, in the local time zone.
    Client,
}

/// One log file.
#[derive(Debug)]
pub(crate) struct LogFile {
    /// What it is about, for the page of the logs.
    #[cfg_attr(not(test), expect(dead_code, reason = "the page is written by a test"))]
    pub(crate) about: &'static str,
    /// Its name without `.log`; rolled ones are `otherdays/<name>.<number>.log.gz`.
    pub(crate) name: &'static str,
    /// The size at which it rolls.
    pub(crate) bytes_max: u64,
    /// How many rolled ones are kept.
    pub(crate) rolled_max: u32,
    /// How its lines look.
    pub(crate) format: Format,
    /// Targets that go here: Java loggers, and crates of ours. None: whatever goes nowhere else.
    pub(crate) targets: &'static [&'static str],
}

const MIB: u64 = 1024 * 1024;

const fn file(
    about: &'static str,
    name: &'static str,
    mib_max: u64,
    rolled_max: u32,
    format: Format,
    targets: &'static [&'static str],
) -> LogFile {
    LogFile { about, name, bytes_max: mib_max * MIB, rolled_max, format, targets }
}

/// The files of a broker.
pub(crate) static BROKER: &[LogFile] = &[
    file("what other parts say", "broker_default", 100, 10, Format::Full, &[]),
    file(
        "start, stop, settings, topics, groups, clients, registration",
        "broker",
        128,
        20,
        Format::Full,
        &["RocketmqBroker", "RocketmqCommon", "broker"],
    ),
    file(
        "files, recovery, retention, replication",
        "store",
        128,
        10,
        Format::Full,
        &["RocketmqStore", "store"],
    ),
    file("what the store cannot do", "storeerror", 100, 10, Format::Full, &["RocketmqStoreError"]),
    file("connections", "remoting", 100, 10, Format::Full, &["RocketmqRemoting", "remoting"]),
    file(
        "requests that wait, each second",
        "watermark",
        100,
        10,
        Format::Time,
        &["RocketmqWaterMark"],
    ),
    file(
        "groups that were stopped for being far behind",
        "protection",
        100,
        10,
        Format::Time,
        &["RocketmqProtection"],
    ),
    file(
        "open transactions and their checks",
        "transaction",
        100,
        10,
        Format::Full,
        &["RocketmqTransaction"],
    ),
    file("locks on queues", "lock", 100, 5, Format::Full, &["RocketmqRebalanceLock"]),
    file("SQL filters", "filter", 100, 10, Format::Full, &["RocketmqFilter", "filter"]),
    file(
        "rates, each minute, hour and day",
        "stats",
        100,
        5,
        Format::TimeLevel,
        &["RocketmqStats"],
    ),
    file("nothing in 4.4.0 or here", "commercial", 500, 10, Format::Bare, &["RocketmqCommercial"]),
];

/// The files of a name server.
pub(crate) static NAMESRV: &[LogFile] = &[
    file("what other parts say", "namesrv_default", 100, 5, Format::Full, &[]),
    file(
        "brokers and topics that come and go, settings, connections",
        "namesrv",
        100,
        5,
        Format::Full,
        &["RocketmqNamesrv", "RocketmqCommon", "RocketmqRemoting", "namesrv", "remoting"],
    ),
];

/// The files of `mqadmin` and of the examples.
pub(crate) static TOOLS: &[LogFile] = &[
    file("what other parts say", "tools_default", 100, 5, Format::Full, &[]),
    file("commands", "tools", 100, 5, Format::Full, &["RocketmqTools", "tools"]),
    file(
        "producers and consumers",
        "rocketmq_client",
        1024,
        10,
        Format::Client,
        &["RocketmqClient", "RocketmqCommon", "RocketmqRemoting", "client", "remoting"],
    ),
];

/// The place in the table of the file a target goes to: that of its first word, else that of the
/// rest.
pub(crate) fn place(files: &[LogFile], target: &str) -> usize {
    let word = target.split_once("::").map_or(target, |(first, _)| first);
    let named = files.iter().position(|file| file.targets.contains(&word));
    named.or_else(|| files.iter().position(|file| file.targets.is_empty())).unwrap_or(files.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_has_one_file() {
        for files in [BROKER, NAMESRV, TOOLS] {
            let mut targets: Vec<_> = files.iter().flat_map(|file| file.targets).collect();
            let count = targets.len();
            targets.sort_unstable();
            targets.dedup();
            assert_eq!(targets.len(), count);
            assert_eq!(files.iter().filter(|file| file.targets.is_empty()).count(), 1);
        }
    }

    #[test]
    fn targets_find_their_file() {
        let name = |target| BROKER[place(BROKER, target)].name;
        assert_eq!(name("RocketmqCommon"), "broker");
        assert_eq!(name("store::flush"), "store");
        assert_eq!(name("store"), "store");
        assert_eq!(name("storefront"), "broker_default");
        assert_eq!(name("rustls::server"), "broker_default");
        assert_eq!(name("RocketmqAuthorize"), "broker_default");
    }
}
