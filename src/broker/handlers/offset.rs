//! Offsets: of consumer groups (14, 15, 43), of queues (29 to 32), of delay levels (45).

use protocol::codes::response;
use protocol::requests::{
    GetEarliestMsgStoretime, GetEarliestMsgStoretimeReply, GetMaxOffset, GetMaxOffsetReply,
    GetMinOffset, GetMinOffsetReply, QueryConsumerOffset, QueryConsumerOffsetReply,
    SearchOffsetByTimestamp, SearchOffsetByTimestampReply, UpdateConsumerOffset,
    UpdateConsumerOffsetReply,
};
use protocol::{Ext, Refusal, Reply, json, topic};

use super::{Call, Outcome};
use crate::limits::OFFSETS_MAX;
use crate::remarks;

/// The committed offset of a queue. Without one: the start of the queue where all of it is still
/// at hand, so that a new group begins there; else there is none.
pub(crate) fn query(call: &Call<'_>, header: &QueryConsumerOffset) -> Outcome {
    let QueryConsumerOffset { consumer_group, topic, queue_id } = header;
    let stored = call.broker.offsets.get(consumer_group, topic, *queue_id);
    if let Some(offset) = stored.filter(|offset| *offset >= 0) {
        return Ok(Reply::with(&QueryConsumerOffsetReply { offset }));
    }
    let store = &call.broker.store;
    if store.min_offset(topic, *queue_id) <= 0 && !store.is_on_disk(topic, *queue_id, 0) {
        return Ok(Reply::with(&QueryConsumerOffsetReply { offset: 0 }));
    }
    let remark = "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first";
    let mut reply = Reply::error(response::QUERY_NOT_FOUND, remark);
    reply.ext = Ext::empty_object();
    Ok(reply)
}

/// Commits an offset, whatever it is.
pub(crate) fn update(call: &Call<'_>, header: &UpdateConsumerOffset) -> Outcome {
    let UpdateConsumerOffset { consumer_group, topic, queue_id, commit_offset } = header;
    check_names(consumer_group, topic)?;
    if !call.broker.offsets.commit(consumer_group, topic, *queue_id, *commit_offset) {
        return Err(remarks::too_many("consumer offsets", OFFSETS_MAX));
    }
    Ok(Reply::with(&UpdateConsumerOffsetReply {}))
}

/// Names become keys of a table that is written out every few seconds: absurdly long ones, which
/// no client of 4.4.0 can send, are refused.
pub(crate) fn check_names(group: &str, topic: &str) -> Result<(), Refusal> {
    if group.len() > topic::NAME_CHARS_MAX || topic.len() > topic::NAME_CHARS_MAX {
        let remark = format!("topic or group is longer than max length {}.", topic::NAME_CHARS_MAX);
        return Err(Refusal::system_error(remark));
    }
    Ok(())
}

/// The queue offset at a point in time.
pub(crate) fn search(call: &Call<'_>, header: &SearchOffsetByTimestamp) -> Outcome {
    let SearchOffsetByTimestamp { topic, queue_id, timestamp } = header;
    let offset = call.broker.store.offset_by_time(topic, *queue_id, *timestamp);
    Ok(Reply::with(&SearchOffsetByTimestampReply { offset }))
}

/// The end of a queue.
pub(crate) fn max(call: &Call<'_>, header: &GetMaxOffset) -> Outcome {
    let offset = call.broker.store.max_offset(&header.topic, header.queue_id);
    Ok(Reply::with(&GetMaxOffsetReply { offset }))
}

/// The start of a queue.
pub(crate) fn min(call: &Call<'_>, header: &GetMinOffset) -> Outcome {
    let offset = call.broker.store.min_offset(&header.topic, header.queue_id);
    Ok(Reply::with(&GetMinOffsetReply { offset }))
}

/// When the oldest message of a queue was stored.
pub(crate) fn earliest(call: &Call<'_>, header: &GetEarliestMsgStoretime) -> Outcome {
    let timestamp = call.broker.store.earliest_store_time(&header.topic, header.queue_id);
    Ok(Reply::with(&GetEarliestMsgStoretimeReply { timestamp }))
}

/// The whole offset table.
pub(crate) fn all(call: &Call<'_>) -> Outcome {
    Ok(Reply::ok().body(json::to_vec(&call.broker.offsets.snapshot())))
}

/// How far each delay level is delivered.
pub(crate) fn delays(call: &Call<'_>) -> Outcome {
    Ok(Reply::ok().body(json::to_vec(&call.broker.delay.snapshot())))
}
