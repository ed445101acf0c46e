//! Offsets of groups: resetting (222), correcting (308), copying (314).

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::bodies::{
    MessageQueue, QueryCorrectionOffsetBody, ResetOffsetBody, ResetOffsetBodyForC,
};
use protocol::codes::response;
use protocol::command::NOT_SET;
use protocol::requests::{
    CloneGroupOffset, InvokeBrokerToResetOffset, QueryCorrectionOffset, ResetConsumerClientOffset,
};
use protocol::{Command, Language, Refusal, Reply, json, version};
use remoting::{Answer, Peer};

use super::admin::{blocking, body, queue_ids, run};
use super::admin_group::is_dropped;
use super::admin_relay::check_versions;
use super::offset::check_names;
use super::{Call, Outcome};
use crate::clients::Member;
use crate::{Broker, LOG};

/// A time that stands for the end of the queues.
const TO_END: i64 = -1;

/// Tells the consumers of a group to go on from a point in time. Our own table does not change:
/// they commit where they are then.
pub(crate) fn reset(
    call: &Call<'_>,
    header: &InvokeBrokerToResetOffset,
) -> Result<Answer, Refusal> {
    let InvokeBrokerToResetOffset { topic, group, timestamp, is_force } = header;
    tracing::info!(target: LOG, "[reset-offset] reset offset started by {}. topic={topic}, group={group}, timestamp={timestamp}, isForce={is_force}", call.peer.addr());
    let queues =
        call.broker.topics.get(topic).map(|config| config.write_queues).ok_or_else(|| {
            let remark = format!(
                "[reset-offset] reset offset failed, no topic in this broker. topic={topic}"
            );
            Refusal::system_error(remark)
        })?;
    let queues = queue_ids(queues)?;
    let committed = call.broker.offsets.of(group, topic).unwrap_or_default();
    let in_c = call.language == Language::CPP;
    let broker = Arc::clone(call.broker);
    let header = header.clone();
    Ok(Answer::Later(Box::pin(async move {
        run(&broker, move |broker| {
            let mut table = BTreeMap::new();
            for queue_id in queues {
                let offset = committed.get(&queue_id).copied().filter(|offset| *offset != -1);
                let offset = offset.ok_or_else(|| {
                    let group = &header.group;
                    Refusal::system_error(format!("THe consumer group <{group}> not exist"))
                })?;
                let queue = MessageQueue::new(
                    header.topic.as_str(),
                    broker.identity().name.as_str(),
                    queue_id,
                );
                table.insert(queue, target(broker, &header, queue_id, offset));
            }
            push(broker, &header, &ResetOffsetBody { offset_table: table }, in_c)
        })
        .await
    })))
}

/// Where a queue is to go on: only back, unless forward was asked for too.
fn target(
    broker: &Broker,
    header: &InvokeBrokerToResetOffset,
    queue_id: i32,
    committed: i64,
) -> i64 {
    let InvokeBrokerToResetOffset { topic, timestamp, is_force, .. } = header;
    let found = match *timestamp {
        TO_END => broker.store.max_offset(topic, queue_id),
        time => broker.store.offset_by_time(topic, queue_id, time),
    };
    let found = found.max(0);
    if *is_force || found < committed { found } else { committed }
}

/// Sends the offsets to all members of the group.
fn push(
    broker: &Broker,
    header: &InvokeBrokerToResetOffset,
    offsets: &ResetOffsetBody,
    in_c: bool,
) -> Outcome {
    let InvokeBrokerToResetOffset { topic, group, timestamp, .. } = header;
    let members = broker.consumers.view(group).map(|view| view.members).unwrap_or_default();
    if members.is_empty() {
        let remark = format!(
            "Consumer not online, so can not reset offset, Group: {group} Topic: {topic} \
             Timestamp: {timestamp}"
        );
        tracing::error!(target: LOG, "{remark}");
        return Err(Refusal::new(response::CONSUMER_NOT_ONLINE, remark));
    }
    check_versions(&members, version::V3_0_7_SNAPSHOT)?;
    // Members are not told whether it is forced, as in 4.4.0.
    let request = ResetConsumerClientOffset {
        topic: topic.clone(),
        group: group.clone(),
        timestamp: *timestamp,
        is_force: false,
    };
    let bytes = if in_c {
        json::to_vec(&ResetOffsetBodyForC::from(offsets))
    } else {
        json::to_vec(offsets)
    };
    let command = Command::of(&request)?.body(bytes);
    for Member { connection, client_id, .. } in &members {
        tell(connection, command.clone(), topic, group, client_id);
    }
    Ok(body(offsets)?.remark(NOT_SET))
}

fn tell(peer: &Arc<Peer>, command: Command, topic: &str, group: &str, client_id: &str) {
    match peer.oneway(command) {
        Ok(()) => {
            tracing::info!(target: LOG, "[reset-offset] reset offset success. topic={topic}, group={group}, clientId={client_id}");
        }
        Err(error) => {
            tracing::error!(target: LOG, %error, "[reset-offset] reset offset exception. topic={topic}, group={group}");
        }
    }
}

/// The least offset of all groups but some, by queue. (4.4.0 deletes the offsets of the groups
/// that are left out. It also means to compare with one more group, but looks that one up with
/// group and topic swapped and never finds it.)
pub(crate) fn correction(call: &Call<'_>, header: &QueryCorrectionOffset) -> Answer {
    let QueryCorrectionOffset { topic, filter_groups, .. } = header.clone();
    blocking(call.broker, move |broker| {
        let left_out = filter_groups.unwrap_or_default();
        let mut least: BTreeMap<i32, i64> = BTreeMap::new();
        for group in broker.offsets.groups_of(&topic) {
            if left_out.split(',').any(|name| name == group) {
                continue;
            }
            for (queue_id, offset) in broker.offsets.of(&group, &topic).unwrap_or_default() {
                if offset >= broker.store.min_offset(&topic, queue_id) {
                    let known = least.entry(queue_id).or_insert(offset);
                    *known = offset.min(*known);
                }
            }
        }
        body(&QueryCorrectionOffsetBody { correction_offsets: least })
    })
}

/// Gives a group the offsets of another on a topic. Without a topic nothing is copied, as in
/// 4.4.0, whose tools always name one.
pub(crate) fn copy(call: &Call<'_>, header: &CloneGroupOffset) -> Outcome {
    let broker = call.broker;
    let CloneGroupOffset { src_group: from, dest_group: to, offline, .. } = header;
    let named = header.topic.as_deref().filter(|topic| !topic.trim().is_empty());
    let Some(topic) = named else {
        tracing::warn!(target: LOG, "[cloneGroupOffset], no topic, nothing is copied from {from} to {to}");
        return Ok(Reply::ok());
    };
    check_names(to, topic)?;
    if broker.topics.get(topic).is_none() {
        tracing::warn!(target: LOG, "[cloneGroupOffset], topic config not exist, {topic}");
        return Ok(Reply::ok());
    }
    if !offline && is_dropped(broker, from, topic) {
        tracing::warn!(target: LOG, "[cloneGroupOffset], the consumer group[{from}], topic[{topic}] not exist");
        return Ok(Reply::ok());
    }
    broker.offsets.copy(from, to, topic);
    Ok(Reply::ok())
}
