//! The inner state of a consumer as text, and what is suspicious in it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use protocol::bodies::{
    ConsumeType, ConsumerRunningInfo, JavaEnum as _, ProcessQueueInfo, SubscriptionData,
};

use crate::text::{fixed, time_compact};

/// Subscriptions of members may differ for so long after one started.
const SETTLED_MS: i64 = 2 * 60 * 1000;
/// A consumer that holds messages consumes at least so often.
const BLOCKED_MS: i64 = 60 * 1000;

/// The state as 4.4.0 shows it; properties by name.
pub(crate) fn text(info: &ConsumerRunningInfo) -> String {
    let mut out = String::from("#Consumer Properties#\n");
    for (name, value) in &info.properties {
        line(&mut out, format_args!("{name:<40}: {value}"));
    }
    out.push_str("\n\n#Consumer Subscription#\n");
    for (number, data) in (1..).zip(subscriptions(info)) {
        let (topic, expression) = (&data.topic, &data.sub_string);
        line(
            &mut out,
            format_args!(
                "{number:03} Topic: {topic:<40} ClassFilter: {:<8} SubExpression: {expression}",
                data.class_filter_mode.to_string()
            ),
        );
    }
    queues(&mut out, info);
    out.push_str("\n\n#Consumer RT&TPS#\n");
    line(
        &mut out,
        format_args!(
            "{:<32}  {:>14} {:>14} {:>14} {:>14} {:>18} {:>25}",
            "#Topic",
            "#Pull RT",
            "#Pull TPS",
            "#Consume RT",
            "#ConsumeOK TPS",
            "#ConsumeFailed TPS",
            "#ConsumeFailedMsgsInHour"
        ),
    );
    for (topic, status) in &info.status_table {
        line(
            &mut out,
            format_args!(
                "{topic:<32}  {:>14} {:>14} {:>14} {:>14} {:>18} {:>25}",
                fixed(status.pull_rt, 2),
                fixed(status.pull_tps, 2),
                fixed(status.consume_rt, 2),
                fixed(status.consume_ok_tps, 2),
                fixed(status.consume_failed_tps, 2),
                status.consume_failed_msgs
            ),
        );
    }
    if let Some(jstack) = &info.jstack {
        out.push_str("\n\n#Consumer jstack#\n");
        out.push_str(jstack);
    }
    out
}

/// The subscriptions in Java's order.
fn subscriptions(info: &ConsumerRunningInfo) -> Vec<&SubscriptionData> {
    let mut all: Vec<_> = info.subscription_set.iter().collect();
    all.sort_by_key(|data| format!("{}@{}", data.topic, data.sub_string));
    all
}

fn queues(out: &mut String, info: &ConsumerRunningInfo) {
    for (title, column) in [("Offset", "#Consumer Offset"), ("MQ Detail", "#ProcessQueueInfo")] {
        out.push_str(&format!("\n\n#Consumer {title}#\n"));
        line(
            out,
            format_args!("{:<32}  {:<32}  {:<4}  {column:<20}", "#Topic", "#Broker Name", "#QID"),
        );
        for (queue, held) in &info.mq_table {
            let last = match title {
                "Offset" => format!("{:<20}", held.commit_offset),
                _ => held_text(held),
            };
            line(
                out,
                format_args!(
                    "{:<32}  {:<32}  {:<4}  {last}",
                    queue.topic, queue.broker_name, queue.queue_id
                ),
            );
        }
    }
}

/// As Java's `ProcessQueueInfo.toString` prints it.
fn held_text(held: &ProcessQueueInfo) -> String {
    format!(
        "ProcessQueueInfo [commitOffset={}, cachedMsgMinOffset={}, cachedMsgMaxOffset={}, \
         cachedMsgCount={}, cachedMsgSizeInMiB={}, transactionMsgMinOffset={}, \
         transactionMsgMaxOffset={}, transactionMsgCount={}, locked={}, tryUnlockTimes={}, \
         lastLockTimestamp={}, droped={}, lastPullTimestamp={}, lastConsumeTimestamp={}]",
        held.commit_offset,
        held.cached_msg_min_offset,
        held.cached_msg_max_offset,
        held.cached_msg_count,
        held.cached_msg_size_in_mib,
        held.transaction_msg_min_offset,
        held.transaction_msg_max_offset,
        held.transaction_msg_count,
        held.locked,
        held.try_unlock_times,
        time_compact(held.last_lock_timestamp),
        held.droped,
        time_compact(held.last_pull_timestamp),
        time_compact(held.last_consume_timestamp)
    )
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing into memory cannot fail.
    let _ = writeln!(out, "{text}");
}

fn is_push(info: &ConsumerRunningInfo) -> bool {
    let kind = info.properties.get(ConsumerRunningInfo::PROP_CONSUME_TYPE);
    kind.is_some_and(|kind| kind == ConsumeType::Passively.name())
}

/// Whether the members of a group subscribe to the same; those that just started may differ.
pub(crate) fn same_subscriptions(
    members: &BTreeMap<String, ConsumerRunningInfo>,
    now_ms: i64,
) -> bool {
    let Some(first) = members.values().next() else { return true };
    let started = first.properties.get(ConsumerRunningInfo::PROP_CONSUMER_START_TIMESTAMP);
    let started = started.and_then(|text| text.parse().ok()).unwrap_or(now_ms);
    if !is_push(first) || now_ms - started <= SETTLED_MS {
        return true;
    }
    let same = members.values().all(|member| {
        // Java compares topics and expressions, not when they were subscribed to.
        let of = |info: &ConsumerRunningInfo| -> Vec<_> {
            let set = subscriptions(info).into_iter();
            set.map(|data| (data.topic.clone(), data.sub_string.clone())).collect()
        };
        of(member) == of(first)
    });
    same && !first.subscription_set.is_empty()
}

/// What is suspicious in the queues of a member, a line each.
pub(crate) fn suspicious_queues(
    client_id: &str,
    info: &ConsumerRunningInfo,
    now_ms: i64,
) -> String {
    let mut out = String::new();
    if !is_push(info) {
        return out;
    }
    let orderly = info.properties.get(ConsumerRunningInfo::PROP_CONSUME_ORDERLY);
    let orderly = orderly.is_some_and(|text| text.eq_ignore_ascii_case("true"));
    for (queue, held) in &info.mq_table {
        let idle = now_ms - held.last_consume_timestamp;
        if orderly && !held.locked {
            let since = now_ms - held.last_lock_timestamp;
            line(&mut out, format_args!("{client_id} {queue} can't lock for a while, {since}ms"));
        } else if orderly && held.droped && held.try_unlock_times > 0 {
            let times = held.try_unlock_times;
            line(&mut out, format_args!("{client_id} {queue} unlock {times} times, still failed"));
        } else if !orderly && idle > BLOCKED_MS && held.cached_msg_count > 0 {
            line(
                &mut out,
                format_args!(
                    "{client_id} {queue} can't consume for a while, maybe blocked, {idle}ms"
                ),
            );
        }
    }
    out
}
