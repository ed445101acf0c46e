//! Finding single messages: by key (12) and by physical offset (33).

use acl::Perm;
use protocol::codes::response;
use protocol::message::Message;
use protocol::requests::{QueryMessage, QueryMessageReply, UNIQUE_KEY_QUERY, ViewMessageById};
use protocol::{Refusal, Reply};

use super::{Call, Outcome, unreadable};

/// Messages of a topic by key.
pub(crate) fn by_key(call: &Call<'_>, header: &QueryMessage) -> Outcome {
    let store = &call.broker.store;
    let by_unique_id = call.ext.get(UNIQUE_KEY_QUERY) == Some("true");
    let max = match by_unique_id {
        true => call.broker.store_config.load().default_query_max_num,
        false => header.max_num,
    };
    if max < 0 {
        // 4.4.0 makes a list of so many places.
        return Err(Refusal::system_error(format!("Illegal Capacity: {max}")));
    }
    let found =
        store.query(&header.topic, &header.key, max, header.begin_timestamp, header.end_timestamp);
    let mut reply = Reply::with(&QueryMessageReply {
        index_last_update_timestamp: found.index_last_update_timestamp,
        index_last_update_phyoffset: found.index_last_update_offset,
    });
    if found.messages.is_empty() {
        reply.code = response::QUERY_NOT_FOUND;
        reply.remark = Some("can not find message, maybe time range not correct".into());
        return Ok(reply);
    }
    Ok(reply.body(found.messages))
}

/// One message by its physical offset. (4.4.0 answers whatever bytes lie there; ours only a
/// whole record.)
pub(crate) fn by_offset(call: &Call<'_>, header: &ViewMessageById) -> Outcome {
    let missing = || {
        let remark = format!("can not find message by the offset, {}", header.offset);
        Refusal::system_error(remark)
    };
    let record = call.broker.store.record_at(header.offset).map_err(unreadable)?;
    let record = record.ok_or_else(missing)?;
    let message = Message::decode(&record).map_err(|_| missing())?;
    call.check_topic(&message, Perm::SUB)?;
    Ok(Reply::ok().body(record))
}
