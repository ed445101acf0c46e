//! Sending back (36): a consumer gives a message back to be delivered again later, or to join
//! the dead letters of its group.

use std::sync::Arc;

use acl::Perm;
use protocol::message::Message;
use protocol::properties::{PropertiesBuf, name};
use protocol::requests::ConsumerSendMsgBack;
use protocol::{Refusal, Reply, perm, sysflag, topic};
use remoting::Answer;
use store::{AppendError, Illegal, NewMessage};

use super::send::{any_queue, dead_letter_topic, max_reconsume};
use super::{Call, unreadable};
use crate::groups::Group;
use crate::persist::Kept;
use crate::put::{self, Marks, PutError};
use crate::register::Round;
use crate::{LOG, now_ms, remarks};

/// Level of the first retry where the broker chooses.
const FIRST_LEVEL: i32 = 3;

/// Where a message goes next.
struct Next {
    topic: String,
    queue_id: i32,
    /// The delay level; `None` for dead letters.
    level: Option<i32>,
    change: Option<u64>,
}

/// Stores the message anew. Nobody waits for the disk, as the consumer does not in 4.4.0.
pub(crate) fn send_back(call: &Call<'_>, header: &ConsumerSendMsgBack) -> Result<Answer, Refusal> {
    let broker = call.broker;
    let (writeable, auto_create) = {
        let config = broker.config.load();
        let writeable = perm::is_writeable(config.broker_permission);
        (writeable, config.auto_create_subscription_group)
    };
    let group = broker
        .groups
        .find_or_create(&header.group, auto_create, now_ms())
        .ok_or_else(|| remarks::no_group(&header.group))?;
    if !writeable {
        let ip = &broker.config.load().broker_ip1;
        return Err(remarks::no_permission(format!(
            "the broker[{ip}] sending message is forbidden"
        )));
    }
    if group.retry_queues <= 0 {
        return Ok(Reply::ok().into());
    }
    let retry = retry_topic(call, header, &group)?;
    let record = broker.store.record_at(header.offset).map_err(unreadable)?;
    let record = record.ok_or_else(|| not_found(header.offset))?;
    let message = Message::decode(&record).map_err(|_| not_found(header.offset))?;
    call.check_topic(&message, Perm::SUB)?;
    let next = next(call, header, &group, retry, &message)?;
    let change = next.change;
    store(call, &next, &message)?;
    let origin = message.properties.get(name::RETRY_TOPIC).unwrap_or(message.topic);
    broker.stats.sent_back(&header.group, origin);
    let Some(change) = change else { return Ok(Reply::ok().into()) };
    let broker = Arc::clone(broker);
    Ok(Answer::Later(Box::pin(async move {
        broker.topics.changes().wait_kept(change).await;
        Reply::ok()
    })))
}

/// The name of Java's put status, which is all that 4.4.0 says here.
fn status_name(error: &PutError) -> &'static str {
    match error {
        PutError::DelayLevel(_) => "UNKNOWN_ERROR",
        PutError::Store(error) => match error {
            AppendError::NotWritable(_) | AppendError::Full(_) | AppendError::Poisoned => {
                "SERVICE_NOT_AVAILABLE"
            }
            AppendError::Illegal(Illegal::PropertiesTooLong) => "PROPERTIES_SIZE_EXCEEDED",
            AppendError::Illegal(_) => "MESSAGE_ILLEGAL",
            AppendError::Busy => "OS_PAGECACHE_BUSY",
            AppendError::Io(_) => "CREATE_MAPEDFILE_FAILED",
        },
    }
}

fn not_found(offset: i64) -> Refusal {
    Refusal::system_error(format!("look message by offset failed, {offset}"))
}

fn retry_topic(
    call: &Call<'_>,
    header: &ConsumerSendMsgBack,
    group: &Group,
) -> Result<Next, Refusal> {
    let name = topic::retry(&header.group);
    let queue_id = any_queue(group.retry_queues)?;
    let flag = sysflag::topic::build(false, header.unit_mode);
    let perm = perm::READ | perm::WRITE;
    let found = call
        .broker
        .topics
        .find_or_create(&name, group.retry_queues, perm, flag, now_ms())
        .map_err(|_| Refusal::system_error(format!("topic[{name}] not exist")))?;
    if found.change.is_some() {
        call.broker.announce(Round::Oneway);
    }
    if !perm::is_writeable(found.topic.perm) {
        let remark = format!("the topic[{name}] sending message is forbidden");
        return Err(remarks::no_permission(remark));
    }
    Ok(Next { topic: name, queue_id, level: None, change: found.change })
}

/// The retry topic and a level, or the dead letters. (A client that sends no limit gets the
/// group's; 4.4.0 fails on it.)
fn next(
    call: &Call<'_>,
    header: &ConsumerSendMsgBack,
    group: &Group,
    retry: Next,
    message: &Message<'_>,
) -> Result<Next, Refusal> {
    let max = max_reconsume(call, group, header.max_reconsume_times);
    if message.reconsume_times >= max || header.delay_level < 0 {
        let (topic, found) = dead_letter_topic(call.broker, &header.group)?;
        let queue_id = any_queue(super::send::DLQ_QUEUES)?;
        return Ok(Next { topic, queue_id, level: None, change: found.change.max(retry.change) });
    }
    let level = match header.delay_level {
        0 => FIRST_LEVEL.saturating_add(message.reconsume_times),
        level => level,
    };
    Ok(Next { level: Some(level), ..retry })
}

fn store(call: &Call<'_>, next: &Next, message: &Message<'_>) -> Result<(), Refusal> {
    let mut properties = PropertiesBuf::from(message.properties);
    if properties.get(name::RETRY_TOPIC).is_none() {
        properties.put(name::RETRY_TOPIC, message.topic);
    }
    properties.put(name::WAIT, "false");
    if let Some(level) = next.level {
        properties.put(name::DELAY, level.to_string());
        // 4.4.0 loses the id of a message that becomes a dead letter at once; it makes the text
        // of the properties before it adds the id.
        if properties.get(name::ORIGIN_MESSAGE_ID).is_none_or(|id| id.trim().is_empty()) {
            properties.put(name::ORIGIN_MESSAGE_ID, message.id().to_string());
        }
    }
    let properties = properties.to_text();
    let again = NewMessage {
        topic: &next.topic,
        queue_id: next.queue_id,
        flag: message.flag,
        sys_flag: message.sys_flag,
        born_timestamp: message.born_timestamp,
        born_host: message.born_host.to_addr(),
        store_host: call.broker.store_host,
        reconsume_times: message.reconsume_times.saturating_add(1),
        prepared_transaction_offset: 0,
        body: message.body,
        properties: &properties,
    };
    match put::put(call.broker, &again, &Marks::of(&properties)) {
        Ok(_) => Ok(()),
        Err(error) => {
            tracing::warn!(target: LOG, %error, "message given back is not stored");
            Err(Refusal::system_error(status_name(&error)))
        }
    }
}
