//! Sends: one message (10, 310) or a batch (320, and the others with the batch flag).

use std::cell::Cell;
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;

use protocol::codes::response;
use protocol::message_id::MessageId;
use protocol::requests::{MSG_REGION, SendHeader, TRACE_ON};
use protocol::{Ext, Refusal, Reply, perm, sysflag, topic, version};
use remoting::Answer;
use store::{AppendError, NewMessage};

use super::{Call, transaction};
use crate::config::BrokerConfig;
use crate::groups::Group;
use crate::limits::TOPICS_MAX;
use crate::persist::Kept;
use crate::put::{self, Durability, Marks, PutError};
use crate::register::Round;
use crate::topics::{CreateError, Found};
use crate::{Broker, LOG, now_ms, remarks};

/// Queues of a group's dead letter topic.
pub(crate) const DLQ_QUEUES: i32 = 1;

/// Room for the fields of a reply: names, region, id and two numbers.
const REPLY_BYTES: usize = 128;

/// Where a message goes.
struct Route {
    /// The group whose dead letters it joins, instead of the topic of the header.
    dead_letter: Option<String>,
    queue_id: i32,
    sys_flag: i32,
}

/// What became of a message that was stored.
struct Stored {
    /// End of its record in the log.
    end: i64,
    /// The change that made its topic.
    change: Option<u64>,
    no_wait: bool,
}

/// Stores what came, and answers when it is as durable as wanted.
pub(crate) fn send(call: &Call<'_>, header: &SendHeader<'_>) -> Answer {
    let mut reply = Reply { ext: Ext::with_capacity(REPLY_BYTES), ..Reply::ok() };
    let stored = {
        let config = call.broker.config.load();
        reply.ext.push(MSG_REGION, &config.region_id);
        reply.ext.push(TRACE_ON, if config.trace_on { "true" } else { "false" });
        store(call, &config, header, &mut reply)
    };
    match stored {
        Ok(stored) => finish(call.broker, reply, &stored),
        Err(refusal) => {
            reply.code = refusal.code;
            reply.remark = Some(refusal.remark);
            reply.into()
        }
    }
}

/// Answers now where nothing has to be waited for.
fn finish(broker: &Arc<Broker>, mut reply: Reply, stored: &Stored) -> Answer {
    let durability = if stored.no_wait { None } else { Durability::wanted(broker) };
    // Another send may have made the topic just now: what is acknowledged needs it, too.
    let change = stored.change.or_else(|| broker.topics.changes().on_its_way());
    let end = stored.end;
    if durability.is_none() && change.is_none() {
        return reply.into();
    }
    let turn = broker.flow.sends.enter();
    let broker = Arc::clone(broker);
    Answer::Later(Box::pin(async move {
        let _until_answered = turn;
        if let Some(durability) = durability
            && let Err(shortfall) = durability.wait(&broker.store, end).await
        {
            reply.code = shortfall;
        }
        if let Some(change) = change {
            broker.topics.changes().wait_kept(change).await;
        }
        reply
    }))
}

fn store(
    call: &Call<'_>,
    config: &BrokerConfig,
    header: &SendHeader<'_>,
    reply: &mut Reply,
) -> Result<Stored, Refusal> {
    let start = config.start_accept_send_request_time_stamp;
    if start > 0 && now_ms() < start {
        let until = remarks::human_time(start);
        return Err(Refusal::system_error(format!("broker unable to service, until {until}")));
    }
    let found = check(call, config, header)?;
    let asked_queue_id = match header.queue_id {
        id if id >= 0 => id,
        _ => any_queue(found.topic.write_queues)?,
    };
    let change = found.change;
    if header.batch {
        return store_batch(call, header, &found, asked_queue_id, reply);
    }
    let route = route(call, config, header, &found, asked_queue_id)?;
    let properties = header.properties.unwrap_or_default();
    let marks = Marks::of(properties);
    let message = NewMessage {
        topic: route.dead_letter.as_deref().unwrap_or(header.topic),
        queue_id: route.queue_id,
        sys_flag: route.sys_flag,
        properties,
        ..message(call, header)
    };
    let (topic, appended) = if marks.is_half(message.reconsume_times) {
        (topic::TRANS_HALF, transaction::prepare(call, &message)?)
    } else {
        let appended = put::put(call.broker, &message, &marks);
        (message.topic, appended.map_err(|error| refusal(call.broker, &error))?)
    };
    let bytes = appended.end_offset - appended.physical_offset;
    call.broker.stats.put(topic, 1, bytes.unsigned_abs());
    reply.ext.push("msgId", appended.id(message.store_host).to_text().as_str());
    reply.ext.push_int("queueId", asked_queue_id);
    reply.ext.push_int("queueOffset", appended.queue_offset);
    Ok(Stored { end: appended.end_offset, change, no_wait: marks.no_wait })
}

fn store_batch(
    call: &Call<'_>,
    header: &SendHeader<'_>,
    found: &Found,
    queue_id: i32,
    reply: &mut Reply,
) -> Result<Stored, Refusal> {
    if topic::is_retry(header.topic) {
        let remark = format!("batch request does not support retry group {}", header.topic);
        return Err(Refusal::new(response::MESSAGE_ILLEGAL, remark));
    }
    let properties = header.properties.unwrap_or_default();
    let marks = Marks::of(properties);
    let message = NewMessage {
        queue_id,
        sys_flag: sys_flag(header, found),
        properties,
        ..message(call, header)
    };
    // Nothing in a batch is delayed, but its level has to be a number.
    if sysflag::message::transaction(message.sys_flag) == sysflag::message::TRANSACTION_NONE
        && let Some(text) = marks.delay
    {
        put::level(text).map_err(|error| refusal(call.broker, &error))?;
    }
    let appended = call
        .broker
        .store
        .append_batch(&message)
        .map_err(|error| refusal(call.broker, &PutError::Store(error)))?;
    let count = appended.physical_offsets.len();
    let first = appended.physical_offsets.first().copied().unwrap_or(appended.end_offset);
    let bytes = appended.end_offset - first;
    call.broker.stats.put(header.topic, count as u64, bytes.unsigned_abs());
    let mut ids = String::with_capacity(count * 33);
    for offset in &appended.physical_offsets {
        if !ids.is_empty() {
            ids.push(',');
        }
        let id = MessageId { host: message.store_host.into(), offset: *offset };
        // Writing into a String cannot fail.
        let _ = ids.write_str(id.to_text().as_str());
    }
    reply.ext.push("msgId", &ids);
    reply.ext.push_int("queueId", queue_id);
    reply.ext.push_int("queueOffset", appended.queue_offset);
    Ok(Stored { end: appended.end_offset, change: found.change, no_wait: marks.no_wait })
}

/// The parts of a record that come straight from the request.
fn message<'a>(call: &'a Call<'_>, header: &SendHeader<'a>) -> NewMessage<'a> {
    NewMessage {
        topic: header.topic,
        queue_id: header.queue_id,
        flag: header.flag,
        sys_flag: header.sys_flag,
        born_timestamp: header.born_timestamp,
        born_host: record_host(call.peer.addr()),
        store_host: call.broker.store_host,
        reconsume_times: header.reconsume_times,
        prepared_transaction_offset: 0,
        body: &call.body,
        properties: "",
    }
}

/// Finds the topic, or makes it where that is allowed, and checks the queue.
fn check(
    call: &Call<'_>,
    config: &BrokerConfig,
    header: &SendHeader<'_>,
) -> Result<Found, Refusal> {
    if header.topic == topic::AUTO_CREATE {
        return Err(remarks::reserved(header.topic));
    }
    let known = call.broker.topics.get(header.topic);
    if !perm::is_writeable(config.broker_permission) && known.is_some_and(|topic| topic.order) {
        let ip = &config.broker_ip1;
        return Err(remarks::no_permission(format!(
            "the broker[{ip}] sending message is forbidden"
        )));
    }
    let found = match known {
        Some(topic) => Found { topic, change: None },
        None => create(call, config, header)?,
    };
    if header.queue_id >= found.topic.write_queues.max(found.topic.read_queues) {
        let remark = format!(
            "request queueId[{}] is illegal, {} Producer: {}",
            header.queue_id,
            call.broker.topics.describe(header.topic),
            call.peer.addr()
        );
        tracing::warn!(target: LOG, "{remark}");
        return Err(Refusal::system_error(remark));
    }
    Ok(found)
}

#[cold]
fn create(
    call: &Call<'_>,
    config: &BrokerConfig,
    header: &SendHeader<'_>,
) -> Result<Found, Refusal> {
    let name = header.topic;
    let is_retry = topic::is_retry(name);
    tracing::warn!(target: LOG, "the topic {name} not exist, producer: {}", call.peer.addr());
    let flag = sysflag::topic::build(header.unit_mode && !is_retry, header.unit_mode && is_retry);
    let topics = &call.broker.topics;
    let now_ms = now_ms();
    let (model, queues) = (header.default_topic, header.default_topic_queue_nums);
    let auto_create = config.auto_create_topic_enable;
    let mut found = topics.find_or_derive(name, model, queues, flag, auto_create, now_ms);
    if found == Err(CreateError::NoModel) {
        tracing::warn!(target: LOG, "Create new topic failed, because the default topic[{model}] not exist or has no perm. producer:[{}]", call.peer.addr());
        if is_retry {
            found = topics.find_or_create(name, 1, perm::READ | perm::WRITE, flag, now_ms);
        }
    }
    match found {
        Ok(found) => {
            if found.change.is_some() {
                call.broker.announce(Round::Oneway);
            }
            Ok(found)
        }
        Err(CreateError::NoModel) => Err(remarks::no_topic_to_send(name)),
        Err(CreateError::IllegalName) => {
            Err(remarks::illegal_name(response::MESSAGE_ILLEGAL, name))
        }
        Err(CreateError::NameTooLong) => {
            Err(Refusal::new(response::MESSAGE_ILLEGAL, remarks::ILLEGAL_MESSAGE))
        }
        Err(CreateError::TooMany) => Err(remarks::too_many("topics", TOPICS_MAX)),
    }
}

/// A retry that was tried often enough goes to the dead letters of its group.
fn route(
    call: &Call<'_>,
    config: &BrokerConfig,
    header: &SendHeader<'_>,
    found: &Found,
    queue_id: i32,
) -> Result<Route, Refusal> {
    let direct = Route { dead_letter: None, queue_id, sys_flag: sys_flag(header, found) };
    let Some(name) = topic::retry_group(header.topic) else { return Ok(direct) };
    let auto_create = config.auto_create_subscription_group;
    let group = call
        .broker
        .groups
        .find_or_create(name, auto_create, now_ms())
        .ok_or_else(|| remarks::no_group(name))?;
    if header.reconsume_times < max_reconsume(call, &group, header.max_reconsume_times) {
        return Ok(direct);
    }
    let (name, topic) = dead_letter_topic(call.broker, name)?;
    Ok(Route {
        queue_id: any_queue(DLQ_QUEUES)?,
        sys_flag: sys_flag(header, &topic),
        dead_letter: Some(name),
    })
}

/// How often a message may be delivered: newer clients say it themselves.
pub(crate) fn max_reconsume(call: &Call<'_>, group: &Group, asked: Option<i32>) -> i32 {
    asked.filter(|_| call.version >= version::V3_4_9).unwrap_or(group.retry_max)
}

/// The dead letter topic of a group, made if it is not there.
pub(crate) fn dead_letter_topic(
    broker: &Arc<Broker>,
    group: &str,
) -> Result<(String, Found), Refusal> {
    let name = topic::dlq(group);
    let found = broker
        .topics
        .find_or_create(&name, DLQ_QUEUES, perm::WRITE, 0, now_ms())
        .map_err(|_| Refusal::system_error(format!("topic[{name}] not exist")))?;
    if found.change.is_some() {
        broker.announce(Round::Oneway);
    }
    Ok((name, found))
}

fn sys_flag(header: &SendHeader<'_>, found: &Found) -> i32 {
    let tags = if found.topic.multi_tag { sysflag::message::MULTI_TAGS } else { 0 };
    header.sys_flag | tags
}

/// Some queue, where the sender leaves the choice to us.
pub(crate) fn any_queue(queues: i32) -> Result<i32, Refusal> {
    thread_local! {
        static STATE: Cell<u64> = Cell::new(RandomState::new().hash_one(0) | 1);
    }
    let random = STATE.with(|state| {
        let mut x = state.get();
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        state.set(x);
        x >> 33
    });
    let queues = u64::try_from(queues).unwrap_or(0);
    let chosen = random
        .checked_rem(queues)
        .ok_or_else(|| Refusal::system_error("java.lang.ArithmeticException: / by zero"))?;
    Ok(i32::try_from(chosen).unwrap_or(0))
}

/// An address as records hold it: of IPv6 the first four bytes, as 4.4.0 has it.
pub(crate) fn record_host(addr: SocketAddr) -> SocketAddrV4 {
    let ip = match addr.ip().to_canonical() {
        IpAddr::V4(ip) => ip,
        IpAddr::V6(ip) => {
            let [a, b, c, d, ..] = ip.octets();
            Ipv4Addr::new(a, b, c, d)
        }
    };
    SocketAddrV4::new(ip, addr.port())
}

/// The answer to a message that was not stored.
#[cold]
pub(crate) fn refusal(broker: &Broker, error: &PutError) -> Refusal {
    let error = match error {
        PutError::DelayLevel(_) => return Refusal::system_error(error.to_string()),
        PutError::Store(error) => error,
    };
    tracing::warn!(target: LOG, %error, "message not stored");
    match error {
        AppendError::Illegal(_) => {
            Refusal::new(response::MESSAGE_ILLEGAL, remarks::ILLEGAL_MESSAGE)
        }
        AppendError::Busy => Refusal::system_error(remarks::BUSY),
        AppendError::Io(_) => {
            Refusal::system_error("create mapped file failed, server is busy or broken.")
        }
        AppendError::NotWritable(_) | AppendError::Full(_) | AppendError::Poisoned => {
            let usage = broker.store.disk_usage();
            let remark = format!(
                "service not available now, maybe disk full, CL: {:5.2} CQ: {:5.2} INDEX: {:5.2}, \
                 maybe your broker machine memory too small.",
                usage.commit_log, usage.consume_queue, usage.index
            );
            Refusal::new(response::SERVICE_NOT_AVAILABLE, remark)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_queue_is_one_of_them() {
        let mut seen = [false; 4];
        for _ in 0..200 {
            let chosen = any_queue(4).unwrap();
            seen[usize::try_from(chosen).unwrap()] = true;
        }
        assert_eq!(seen, [true; 4]);
        assert_eq!(any_queue(1), Ok(0));
        for none in [0, -1] {
            let refusal = any_queue(none).unwrap_err();
            assert_eq!(refusal.remark, "java.lang.ArithmeticException: / by zero");
        }
    }

    #[test]
    fn records_hold_four_bytes_of_an_address() {
        let host = |text: &str| record_host(text.parse().unwrap()).to_string();
        assert_eq!(host("10.1.2.3:77"), "10.1.2.3:77");
        assert_eq!(host("[::ffff:10.1.2.3]:77"), "10.1.2.3:77");
        assert_eq!(host("[2001:db8::1]:77"), "32.1.13.184:77");
    }
}
