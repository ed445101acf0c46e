//! Groups: their connections (203, 204), deleting one (207), and how far they have consumed (208,
//! 303, 317).

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use protocol::bodies::{
    Connection, ConsumeStats, ConsumeStatsList, ConsumerConnection, MessageQueue, OffsetWrapper,
    ProducerConnection, QueryConsumeTimeSpanBody, QueueTimeSpan,
};
use protocol::codes::response;
use protocol::frame::MAX_FRAME;
use protocol::requests::{
    DeleteSubscriptionGroup, GetBrokerConsumeStats, GetConsumeStats, GetConsumerConnectionList,
    GetProducerConnectionList, QueryConsumeTimeSpan,
};
use protocol::{Refusal, Reply};
use remoting::{Answer, Peer};

use super::admin::{blocking, body, no_topic, queue_ids, run, too_much};
use super::{Call, Outcome};
use crate::clients::Member;
use crate::clients::consumers::Lookup;
use crate::persist::Kept;
use crate::{Broker, LOG, now_ms};

/// The least bytes one queue takes in the reply to 317.
const QUEUE_BYTES_MIN: usize = 90;
/// Queues that cannot fit into a reply, so that counting need not go on.
const QUEUES_MAX: usize = MAX_FRAME / QUEUE_BYTES_MIN;

/// The connections of a consumer group, and what it told about itself.
pub(crate) fn consumers(call: &Call<'_>, header: &GetConsumerConnectionList) -> Outcome {
    let group = &header.consumer_group;
    let view = call.broker.consumers.view(group).ok_or_else(|| {
        let remark = format!("the consumer group[{group}] not online");
        Refusal::new(response::CONSUMER_NOT_ONLINE, remark)
    })?;
    let subscriptions = view.subscriptions.iter();
    body(&ConsumerConnection {
        connection_set: view.members.iter().map(connection).collect(),
        consume_from_where: view.traits.consume_from_where,
        consume_type: view.traits.consume_type,
        message_model: view.traits.message_model,
        subscription_table: subscriptions.map(|s| (s.topic.clone(), (**s).clone())).collect(),
    })
}

/// The connections of a producer group.
pub(crate) fn producers(call: &Call<'_>, header: &GetProducerConnectionList) -> Outcome {
    let group = &header.producer_group;
    let members =
        call.broker.producers.members(group).ok_or_else(|| {
            Refusal::system_error(format!("the producer group[{group}] not exist"))
        })?;
    body(&ProducerConnection { connection_set: members.iter().map(connection).collect() })
}

fn connection(member: &Member<Arc<Peer>>) -> Connection {
    Connection {
        client_addr: member.connection.addr().to_string(),
        client_id: member.client_id.to_string(),
        language: member.language,
        version: member.version,
    }
}

/// Deletes a group; its offsets stay. One that is not there is deleted, too.
pub(crate) fn delete(call: &Call<'_>, header: &DeleteSubscriptionGroup) -> Answer {
    tracing::info!(target: LOG, "deleteSubscriptionGroup called by {}", call.peer.addr());
    let (broker, name) = (Arc::clone(call.broker), header.group_name.clone());
    let change = broker.groups.delete(&name, now_ms());
    Answer::Later(Box::pin(async move {
        let forget = run(&broker, move |broker| {
            broker.stats.forget_group(&name);
            Ok(Reply::ok())
        });
        let reply = forget.await;
        if let Some(change) = change {
            broker.groups.changes().wait_kept(change).await;
        }
        reply
    }))
}

/// How far a group has consumed one topic, or all it has offsets in.
pub(crate) fn progress(call: &Call<'_>, header: &GetConsumeStats) -> Answer {
    let GetConsumeStats { consumer_group: group, topic } = header.clone();
    blocking(call.broker, move |broker| {
        let topics = match topic.filter(|topic| !topic.trim().is_empty()) {
            Some(topic) => vec![topic],
            None => broker.offsets.topics_of(&group),
        };
        let mut all = ConsumeStats::default();
        for topic in topics {
            let Some(config) = known(broker, &group, &topic) else { continue };
            let queues = queue_ids(config.read_queues)?;
            all.offset_table.extend(offsets(broker, &group, &topic, queues));
            all.consume_tps += broker.stats.got_tps(&group, &topic);
        }
        body(&all)
    })
}

/// How far all groups have consumed.
pub(crate) fn all_progress(call: &Call<'_>, header: &GetBrokerConsumeStats) -> Answer {
    let ordered_only = header.is_order;
    blocking(call.broker, move |broker| {
        let mut groups: Vec<_> = broker.groups.table().groups.keys().cloned().collect();
        groups.sort_unstable();
        let mut list =
            ConsumeStatsList { broker_addr: Some(broker.addr().to_owned()), ..Default::default() };
        let mut count = 0;
        for group in groups {
            let mut topics = broker.offsets.topics_of(&group);
            topics.sort_unstable();
            let mut stats = Vec::new();
            for topic in topics {
                let Some(config) = known(broker, &group, &topic) else { continue };
                if ordered_only && !config.order {
                    continue;
                }
                let queues = queue_ids(config.write_queues)?;
                count += queues.len();
                if count > QUEUES_MAX {
                    return Err(too_much());
                }
                let one = ConsumeStats {
                    consume_tps: broker.stats.got_tps(&group, &topic),
                    offset_table: offsets(broker, &group, &topic, queues),
                };
                list.total_diff += one.total_diff();
                stats.push(one);
            }
            list.consume_stats_list.push(BTreeMap::from([(group.to_string(), stats)]));
        }
        body(&list)
    })
}

/// A topic that is there, unless the group is online and does not subscribe to it.
fn known(broker: &Broker, group: &str, topic: &str) -> Option<crate::topics::Topic> {
    let Some(config) = broker.topics.get(topic) else {
        tracing::warn!(target: LOG, "consumeStats, topic config not exist, {topic}");
        return None;
    };
    if is_dropped(broker, group, topic) {
        tracing::warn!(target: LOG, "consumeStats, the consumer group[{group}], topic[{topic}] not exist");
        return None;
    }
    Some(config)
}

/// Whether a group that is online subscribes to other topics but not to this one.
pub(crate) fn is_dropped(broker: &Broker, group: &str, topic: &str) -> bool {
    matches!(broker.consumers.lookup(group, topic), Lookup::Group(_, None))
        && broker.consumers.view(group).is_some_and(|view| !view.subscriptions.is_empty())
}

fn offsets(
    broker: &Broker,
    group: &str,
    topic: &str,
    queues: Range<i32>,
) -> BTreeMap<MessageQueue, OffsetWrapper> {
    let (store, name) = (&broker.store, &broker.identity().name);
    let committed = broker.offsets.of(group, topic).unwrap_or_default();
    let progress = queues.map(|queue_id| {
        let consumer_offset = committed.get(&queue_id).copied().unwrap_or(0).max(0);
        let last = match consumer_offset {
            0 => 0,
            next => store.store_time(topic, queue_id, next - 1).max(0),
        };
        let offsets = OffsetWrapper {
            broker_offset: store.max_offset(topic, queue_id).max(0),
            consumer_offset,
            last_timestamp: last,
        };
        (MessageQueue::new(topic, name.as_str(), queue_id), offsets)
    });
    progress.collect()
}

/// From when to when the messages of a topic are, and where a group is between them.
pub(crate) fn time_span(call: &Call<'_>, header: &QueryConsumeTimeSpan) -> Result<Answer, Refusal> {
    let QueryConsumeTimeSpan { topic, group } = header.clone();
    let config = call.broker.topics.get(&topic).ok_or_else(|| no_topic(&topic))?;
    let queues = queue_ids(config.write_queues)?;
    Ok(blocking(call.broker, move |broker| {
        let committed = broker.offsets.of(&group, &topic).unwrap_or_default();
        let spans = queues.map(|queue_id| {
            let offset = committed.get(&queue_id).copied();
            queue_time_span(broker, &topic, queue_id, offset.unwrap_or(-1))
        });
        body(&QueryConsumeTimeSpanBody { consume_time_span_set: spans.collect() })
    }))
}

fn queue_time_span(broker: &Broker, topic: &str, queue_id: i32, offset: i64) -> QueueTimeSpan {
    let store = &broker.store;
    let time = |offset: i64| store.store_time(topic, queue_id, offset);
    let (min, max) = (store.min_offset(topic, queue_id), store.max_offset(topic, queue_id));
    let min_time = store.earliest_store_time(topic, queue_id);
    let max_time = if max > 0 { time(max - 1) } else { -1 };
    let consume_time = if offset > 0 { time(offset - 1) } else { min_time };
    // The oldest message that the group has not consumed. Without an offset, or with one that
    // points at what was deleted, 4.4.0 gives the time since 1970.
    let next_time = if offset < max { time(offset.max(min)) } else { -1 };
    QueueTimeSpan {
        consume_time_stamp: consume_time,
        consume_time_stamp_str: Some(time_text(consume_time)),
        delay_time: if next_time < 0 { 0 } else { now_ms() - next_time },
        max_time_stamp: max_time,
        max_time_stamp_str: Some(time_text(max_time)),
        message_queue: MessageQueue::new(topic, broker.identity().name.as_str(), queue_id),
        min_time_stamp: min_time,
        min_time_stamp_str: Some(time_text(min_time)),
    }
}

/// `2026-11-22#14:42:44:468`, local.
fn time_text(ms: i64) -> String {
    let Ok(time) = Timestamp::from_millisecond(ms) else { return ms.to_string() };
    time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d#%H:%M:%S:%3f").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_the_form_of_4_4_0() {
        let text = time_text(1_795_358_564_468);
        assert_eq!((text.len(), &text[10..11], &text[19..]), (23, "#", ":468"));
        assert_eq!(time_text(i64::MAX), i64::MAX.to_string());
    }
}
