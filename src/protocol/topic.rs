//! Names: system topics and groups, the topics that belong to a group, what a name may be.

/// New topics are modelled on this one.
pub const AUTO_CREATE: &str = "TBW102";
/// For benchmarks.
pub const BENCHMARK: &str = "BenchmarkTest";
/// For self-tests.
pub const SELF_TEST: &str = "SELF_TEST_TOPIC";
/// Pulls outside a queue's range are told here.
pub const OFFSET_MOVED_EVENT: &str = "OFFSET_MOVED_EVENT";
/// Delayed messages wait here.
pub const SCHEDULE: &str = "SCHEDULE_TOPIC_XXXX";
/// Half messages of open transactions.
pub const TRANS_HALF: &str = "RMQ_SYS_TRANS_HALF_TOPIC";
/// Marks on half messages that are settled.
pub const TRANS_OP_HALF: &str = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
/// Message traces, unless configured otherwise.
pub const TRACE: &str = "RMQ_SYS_TRACE_TOPIC";

/// Prefix of the topic for a group's retries.
pub const RETRY_PREFIX: &str = "%RETRY%";
/// Prefix of the topic for messages a group gave up on.
pub const DLQ_PREFIX: &str = "%DLQ%";
/// Prefix that marks a topic as the system's.
pub const SYSTEM_PREFIX: &str = "rmq_sys_";
/// Prefix that marks a consumer group as the system's.
pub const SYSTEM_GROUP_PREFIX: &str = "CID_RMQ_SYS_";

/// Groups that 4.4.0 knows by name.
pub mod group {
    /// Consumer group of the tools.
    pub const TOOLS_CONSUMER: &str = "TOOLS_CONSUMER";
    /// Consumer group of filter servers.
    pub const FILTERSRV_CONSUMER: &str = "FILTERSRV_CONSUMER";
    /// Consumer group of the monitor.
    pub const MONITOR_CONSUMER: &str = "__MONITOR_CONSUMER";
    /// Producer group inside every client.
    pub const CLIENT_INNER_PRODUCER: &str = "CLIENT_INNER_PRODUCER";
    /// Producer group of self-tests.
    pub const SELF_TEST_PRODUCER: &str = "SELF_TEST_P_GROUP";
    /// Consumer group of self-tests.
    pub const SELF_TEST_CONSUMER: &str = "SELF_TEST_C_GROUP";
    /// What producers are called that give themselves no group; not allowed as a real one.
    pub const DEFAULT_PRODUCER: &str = "DEFAULT_PRODUCER";
    /// What consumers are called that give themselves no group; not allowed as a real one.
    pub const DEFAULT_CONSUMER: &str = "DEFAULT_CONSUMER";
    /// Consumer group of the HTTP proxy.
    pub const ONS_HTTP_PROXY: &str = "CID_ONS-HTTP-PROXY";
    /// Consumer group of the cloud API.
    pub const ONSAPI_PERMISSION: &str = "CID_ONSAPI_PERMISSION";
    /// Consumer group of the cloud API.
    pub const ONSAPI_OWNER: &str = "CID_ONSAPI_OWNER";
    /// Consumer group of the cloud API.
    pub const ONSAPI_PULL: &str = "CID_ONSAPI_PULL";
    /// The broker's own group that settles transactions.
    pub const TRANS: &str = "CID_RMQ_SYS_TRANS";
}

/// Longest name of a topic or group that clients accept, in characters.
pub const NAME_CHARS_MAX: usize = 255;

/// Longest name of a topic that a stored record can hold, in bytes.
pub const STORED_TOPIC_BYTES_MAX: usize = 127;

/// The characters clients accept in names, as their error messages show it.
pub const NAME_PATTERN: &str = "^[%|a-zA-Z0-9_-]+$";

/// The topic for the retries of a group.
#[must_use]
pub fn retry(group: &str) -> String {
    [RETRY_PREFIX, group].concat()
}

/// The topic for messages a group gave up on.
#[must_use]
pub fn dlq(group: &str) -> String {
    [DLQ_PREFIX, group].concat()
}

/// The group of a retry topic.
#[must_use]
pub fn retry_group(topic: &str) -> Option<&str> {
    topic.strip_prefix(RETRY_PREFIX)
}

/// The group of a dead letter topic.
#[must_use]
pub fn dlq_group(topic: &str) -> Option<&str> {
    topic.strip_prefix(DLQ_PREFIX)
}

/// Whether the topic holds a group's retries.
#[must_use]
pub fn is_retry(topic: &str) -> bool {
    topic.starts_with(RETRY_PREFIX)
}

/// Whether the topic holds messages a group gave up on.
#[must_use]
pub fn is_dlq(topic: &str) -> bool {
    topic.starts_with(DLQ_PREFIX)
}

/// Whether the topic carries the system's prefix. The topics named above do not.
#[must_use]
pub fn is_system(topic: &str) -> bool {
    topic.starts_with(SYSTEM_PREFIX)
}

/// Whether the consumer group carries the system's prefix.
#[must_use]
pub fn is_system_group(group: &str) -> bool {
    group.starts_with(SYSTEM_GROUP_PREFIX)
}

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    /// Empty or nothing but blanks.
    Blank,
    /// Other characters than [`NAME_PATTERN`] allows.
    IllegalCharacters,
    /// Longer than [`NAME_CHARS_MAX`].
    TooLong,
}

/// Checks the name of a topic or a group as clients do, in their order.
///
/// # Errors
/// The first rule the name breaks.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.trim().is_empty() {
        return Err(NameError::Blank);
    }
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'%' | b'|' | b'_' | b'-');
    if !name.bytes().all(legal) {
        return Err(NameError::IllegalCharacters);
    }
    if name.len() > NAME_CHARS_MAX {
        return Err(NameError::TooLong);
    }
    Ok(())
}

/// Whether a name may become part of a path: queues live in folders named after their topic.
#[must_use]
pub fn is_path_safe(name: &str) -> bool {
    !name.is_empty()
        && name != "."
        && name != ".."
        && name.len() <= NAME_CHARS_MAX
        && !name.contains(['/', '\\', '\0'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn topics_of_groups() {
        assert_eq!(retry("g"), "%RETRY%g");
        assert_eq!(dlq("g"), "%DLQ%g");
        assert_eq!(retry_group("%RETRY%g"), Some("g"));
        assert_eq!(dlq_group("%RETRY%g"), None);
        assert!(is_retry("%RETRY%"));
        assert!(!is_dlq("DLQ"));
        assert!(is_system_group(group::TRANS));
        assert!(!is_system(TRANS_HALF));
    }

    #[test]
    fn names_clients_accept() {
        assert_eq!(check_name("%RETRY%a|b_c-1"), Ok(()));
        assert_eq!(check_name(" \t"), Err(NameError::Blank));
        assert_eq!(check_name("a.b"), Err(NameError::IllegalCharacters));
        assert_eq!(check_name("ä"), Err(NameError::IllegalCharacters));
        assert_eq!(check_name(&"a".repeat(255)), Ok(()));
        assert_eq!(check_name(&"a".repeat(256)), Err(NameError::TooLong));
    }

    #[test]
    fn names_that_stay_inside_a_folder() {
        for bad in ["", ".", "..", "a/b", "../x", "a\0", "a\\b"] {
            assert!(!is_path_safe(bad), "{bad:?}");
        }
        assert!(is_path_safe("%RETRY%a|b.c"));
    }
}
