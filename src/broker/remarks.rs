//! Texts that clients, tools and people match: byte-equal to those of 4.4.0.

use std::borrow::Cow;
use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::Refusal;
use protocol::codes::response;
use protocol::topic::NAME_PATTERN;

/// What many remarks end with.
pub(crate) const FAQ: &str = "\nSee http://rocketmq.apache.org/docs/faq/ for further details.";

/// Sent at arrival while the store is held up.
pub(crate) const REJECTED: &str = "[REJECTREQUEST]system busy, start flow control for a while";

/// Sent where too many requests of its kind wait already.
pub(crate) const OVERLOADED: &str = "[OVERLOAD]system busy, start flow control for a while";

/// Sent when the store found itself held up.
pub(crate) const BUSY: &str = "[PC_SYNCHRONIZED]broker busy, start flow control for a while";

/// Every limit of a message has this text, whatever the limits are.
pub(crate) const ILLEGAL_MESSAGE: &str = "the message is illegal, maybe msg body or properties \
    length not matched. msg body length limit 128k, msg properties length limit 32k.";

/// A send to a topic that is not there and cannot be made.
pub(crate) fn no_topic_to_send(topic: &str) -> Refusal {
    let remark = format!("topic[{topic}] not exist, apply first please!{FAQ}");
    Refusal::new(response::TOPIC_NOT_EXIST, remark)
}

/// A pull from a topic that is not there. (One more blank than for a send.)
pub(crate) fn no_topic_to_pull(topic: &str) -> Refusal {
    let remark = format!("topic[{topic}] not exist, apply first please! {FAQ}");
    Refusal::new(response::TOPIC_NOT_EXIST, remark)
}

/// A request that waited too long to be served.
pub(crate) fn waited_too_long(waited: Duration, waiting: usize) -> String {
    format!(
        "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period in queue: \
         {}ms, size of queue: {waiting}",
        waited.as_millis()
    )
}

/// More of something than a broker keeps; 4.4.0 has no such limits.
pub(crate) fn too_many(what: &str, max: usize) -> Refusal {
    Refusal::system_error(format!("there are too many {what}, a broker keeps {max} at most"))
}

/// A name that the system keeps for itself.
pub(crate) fn reserved(topic: &str) -> Refusal {
    Refusal::system_error(format!("the topic[{topic}] is conflict with system reserved words."))
}

/// A topic name that no Java client would let pass; 4.4.0 takes it.
pub(crate) fn illegal_name(code: i32, topic: &str) -> Refusal {
    let shown: String = topic.chars().take(127).collect();
    let remark = format!(
        "The specified topic[{shown}] contains illegal characters, allowing only {NAME_PATTERN}"
    );
    Refusal::new(code, remark)
}

/// A send or send-back for a group that is not there.
pub(crate) fn no_group(group: &str) -> Refusal {
    let remark = format!("subscription group not exist, {group} {FAQ}");
    Refusal::new(response::SUBSCRIPTION_GROUP_NOT_EXIST, remark)
}

/// A refusal for want of permission.
pub(crate) fn no_permission(remark: impl Into<Cow<'static, str>>) -> Refusal {
    Refusal::new(response::NO_PERMISSION, remark)
}

/// A time as remarks show it: `2026-11-22 14:42:44,468`, local.
pub(crate) fn human_time(ms: i64) -> String {
    let Ok(time) = Timestamp::from_millisecond(ms) else { return ms.to_string() };
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S,%3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_4_4_0() {
        let refusal = no_topic_to_send("NewTopicX");
        assert_eq!(refusal.code, 17);
        assert_eq!(
            refusal.remark,
            "topic[NewTopicX] not exist, apply first please!\nSee \
             http://rocketmq.apache.org/docs/faq/ for further details."
        );
        assert!(
            ILLEGAL_MESSAGE
                .starts_with("the message is illegal, maybe msg body or properties length not")
        );
        assert_eq!(human_time(i64::MAX), i64::MAX.to_string());
        let text = human_time(1_795_358_564_468);
        assert_eq!((text.len(), &text[19..]), (23, ",468"));
    }
}
