//! Storing a message: the one place that looks at the properties which change where and how a
//! message is stored, and that waits until it is as durable as asked for.

use std::time::Duration;

use protocol::properties::{Properties, PropertiesBuf, name};
use protocol::{sysflag, topic};
use store::{AppendError, Appended, NewMessage, Store};

use crate::start::Broker;

/// What the properties of a message say to the broker, found in one pass.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marks<'a> {
    /// The sender does not want to wait for disk and slave.
    pub(crate) no_wait: bool,
    /// The half message of a transaction.
    pub(crate) half: bool,
    /// The delay level, as text.
    pub(crate) delay: Option<&'a str>,
}

impl<'a> Marks<'a> {
    /// Looks through a properties string. Of several properties of one name the last counts.
    pub(crate) fn of(properties: &'a str) -> Self {
        let mut marks = Self::default();
        for (key, value) in Properties::from(properties).pairs() {
            // The three names differ in their first letter, and most others from them too.
            match key.first() {
                Some(b'W') if key == name::WAIT.as_bytes() => marks.no_wait = !is_true(value),
                Some(b'T') if key == name::TRANSACTION_PREPARED.as_bytes() => {
                    marks.half = is_true(value);
                }
                Some(b'D') if key == name::DELAY.as_bytes() => {
                    marks.delay = std::str::from_utf8(value).ok();
                }
                _ => {}
            }
        }
        marks
    }

    /// Whether it is to be stored as a half message. A retry is none whatever its properties say:
    /// a consumer that stores it itself keeps the properties of the committed message.
    pub(crate) fn is_half(&self, reconsume_times: i32) -> bool {
        self.half && !(reconsume_times > 0 && self.delay.is_some())
    }
}

fn is_true(value: &[u8]) -> bool {
    value.eq_ignore_ascii_case(b"true")
}

/// Why a message was not stored.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PutError {
    /// The delay level is no number. The text is Java's.
    #[error("java.lang.NumberFormatException: For input string: \"{0}\"")]
    DelayLevel(String),
    /// The store refused.
    #[error(transparent)]
    Store(#[from] AppendError),
}

/// A delay level as a number.
pub(crate) fn level(text: &str) -> Result<i32, PutError> {
    text.parse().map_err(|_| PutError::DelayLevel(text.to_owned()))
}

/// Stores a message; a delayed one goes to the queue of its level and keeps where it is to go.
pub(crate) fn put(
    broker: &Broker,
    message: &NewMessage<'_>,
    marks: &Marks<'_>,
) -> Result<Appended, PutError> {
    let Some(text) = marks.delay.filter(|_| sysflag::message::is_queued(message.sys_flag)) else {
        return Ok(broker.store.append(message)?);
    };
    let level = level(text)?;
    if level <= 0 {
        return Ok(broker.store.append(message)?);
    }
    let level = level.min(broker.delay.levels().max());
    let mut properties = PropertiesBuf::from(Properties::from(message.properties));
    properties.put(name::DELAY, level.to_string());
    properties.put(name::REAL_TOPIC, message.topic);
    properties.put(name::REAL_QUEUE_ID, message.queue_id.to_string());
    let properties = properties.to_text();
    let delayed = NewMessage {
        topic: topic::SCHEDULE,
        queue_id: store::queue_of_level(level),
        properties: &properties,
        ..*message
    };
    Ok(broker.store.append(&delayed)?)
}

/// How a message that is in the log is not (yet) as durable as its sender wants; the numbers are
/// response codes of a stored message.
pub(crate) type Shortfall = i32;

/// What a send has to wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Durability {
    flush: bool,
    replicate: bool,
    timeout: Duration,
}

impl Durability {
    /// What the settings ask for; `None` when nothing has to be waited for.
    pub(crate) fn wanted(broker: &Broker) -> Option<Self> {
        let config = broker.store_config.load();
        let flush = config.flush_disk_type == store::FlushDiskType::SyncFlush;
        let replicate = config.broker_role == store::BrokerRole::SyncMaster;
        let timeout = u64::try_from(config.sync_flush_timeout).unwrap_or(0);
        (flush || replicate).then(|| Self {
            flush,
            replicate,
            timeout: Duration::from_millis(timeout),
        })
    }

    /// Waits until the log is durable up to `end`; says in which respect it is not.
    pub(crate) async fn wait(self, store: &Store, end: i64) -> Result<(), Shortfall> {
        use protocol::codes::response::{
            FLUSH_DISK_TIMEOUT, FLUSH_SLAVE_TIMEOUT, SLAVE_NOT_AVAILABLE,
        };
        let mut shortfall = Ok(());
        if self.flush {
            let flushed = tokio::time::timeout(self.timeout, store.flushed().wait_for(end)).await;
            if !matches!(flushed, Ok(Ok(()))) {
                shortfall = Err(FLUSH_DISK_TIMEOUT);
            }
        }
        if self.replicate {
            if !store.slave_in_reach(end) {
                return Err(SLAVE_NOT_AVAILABLE);
            }
            let done = tokio::time::timeout(self.timeout, store.replicated().wait_for(end)).await;
            if !matches!(done, Ok(Ok(()))) {
                return Err(FLUSH_SLAVE_TIMEOUT);
            }
        }
        shortfall
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(properties: &str, no_wait: bool, half: bool, delay: Option<&str>) {
        assert_eq!(Marks::of(properties), Marks { no_wait, half, delay }, "{properties:?}");
    }

    #[test]
    fn marks_are_read_as_java_reads_properties() {
        check("", false, false, None);
        check("WAIT\u{1}true\u{2}", false, false, None);
        check("WAIT\u{1}TRUE\u{2}", false, false, None);
        check("WAIT\u{1}no\u{2}", true, false, None);
        check("WAIT\u{1}\u{2}", false, false, None);
        check("a\u{1}b\u{2}DELAY\u{1}3\u{2}TRAN_MSG\u{1}true", false, true, Some("3"));
        check("TRAN_MSG\u{1}false\u{2}WAITS\u{1}false\u{2}", false, false, None);
        check("DELAY\u{1}3\u{2}DELAY\u{1}x\u{2}", false, false, Some("x"));
    }
}
