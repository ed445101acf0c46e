//! Pulls (11): reading a queue from an offset, and waiting for what is not there yet.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use protocol::bodies::{
    MessageModel, MessageQueue, OffsetMovedEvent, SUB_ALL, SubscriptionData, is_tag_expression,
};
use protocol::codes::response;
use protocol::properties::{PropertiesBuf, name};
use protocol::requests::PullMessage;
use protocol::{Ext, Refusal, Reply, json, perm, sysflag, topic};
use remoting::{Answer, Peer};
use store::{BrokerRole, NewMessage, ReadResult, ReadStatus};
use tokio::time::Instant;

use super::{Call, cold};
use crate::clients::consumers::Lookup;
use crate::config::BrokerConfig;
use crate::groups::Group;
use crate::hold::Held;
use crate::remarks::{self, FAQ};
use crate::stats::{Got, newest_store_time};
use crate::wants::{Retries, Wants};
use crate::{Broker, LOG, now_ms};

/// How often a held pull looks whether messages came that it does not want: it has to tell its
/// client how far it has come.
const CHECK_PERIOD: Duration = Duration::from_secs(5);

/// Room for the fields of a reply: four names and numbers.
const REPLY_BYTES: usize = 112;

/// What a pull found out before it reads.
struct Admitted {
    group: Group,
    wants: Wants,
}

/// Reads, commits the offset that came along, and holds the pull where it found nothing.
pub(crate) fn pull(call: &Call<'_>, header: &PullMessage<'_>) -> Answer {
    let broker = call.broker;
    let admitted = match admit(broker, call.peer, header) {
        Ok(admitted) => admitted,
        Err(refusal) => return refused(refusal).into(),
    };
    commit(broker, header);
    let PullMessage { topic, queue_id, queue_offset, max_msg_nums: most, .. } = *header;
    let warm = broker.store.read_warm(topic, queue_id, queue_offset, most, &admitted.wants);
    let Some(found) = warm else {
        let owned = Owned::of(header);
        return cold::pull(broker, move |broker| read(broker, &owned.header(), &admitted));
    };
    let end = found.max_offset;
    let reply = reply_with(broker, header, &admitted.group, found);
    if reply.code == response::PULL_NOT_FOUND && sysflag::pull::has_suspend(header.sys_flag) {
        return hold(call, header, admitted.wants, end);
    }
    reply.into()
}

/// Takes the offset that came along.
fn commit(broker: &Broker, header: &PullMessage<'_>) {
    let slave = broker.store_config.load().broker_role == BrokerRole::Slave;
    if sysflag::pull::has_commit_offset(header.sys_flag) && !slave {
        let PullMessage { consumer_group, topic, queue_id, commit_offset, .. } = *header;
        broker.offsets.commit(consumer_group, topic, queue_id, commit_offset);
    }
}

fn refused(refusal: Refusal) -> Reply {
    let mut reply = Reply::from(refusal);
    reply.ext = Ext::empty_object();
    reply
}

/// Everything that has to be right before the store is asked, in the order of 4.4.0.
fn admit(
    broker: &Arc<Broker>,
    peer: &Arc<Peer>,
    header: &PullMessage<'_>,
) -> Result<Admitted, Refusal> {
    let config = broker.config.load();
    let PullMessage { consumer_group, topic, .. } = *header;
    if !perm::is_readable(config.broker_permission) {
        let ip = &config.broker_ip1;
        return Err(remarks::no_permission(format!(
            "the broker[{ip}] pulling message is forbidden"
        )));
    }
    let auto_create = config.auto_create_subscription_group;
    let known = broker.groups.get(consumer_group);
    let group = known
        .or_else(|| broker.groups.find_or_create(consumer_group, auto_create, now_ms()))
        .ok_or_else(|| {
            let remark = format!("subscription group [{consumer_group}] does not exist, {FAQ}");
            Refusal::new(response::SUBSCRIPTION_GROUP_NOT_EXIST, remark)
        })?;
    if !group.consume {
        let remark = format!("subscription group no permission, {consumer_group}");
        return Err(remarks::no_permission(remark));
    }
    let entry = broker.topics.get(topic).ok_or_else(|| remarks::no_topic_to_pull(topic))?;
    if !perm::is_readable(entry.perm) {
        let remark = format!("the topic[{topic}] pulling message is forbidden");
        return Err(remarks::no_permission(remark));
    }
    if !(0..entry.read_queues).contains(&header.queue_id) {
        let remark = format!(
            "queueId[{}] is illegal, topic:[{topic}] topicConfig.readQueueNums:[{}] consumer:[/{}]",
            header.queue_id,
            entry.read_queues,
            peer.addr()
        );
        return Err(Refusal::system_error(remark));
    }
    let (data, wants) = if sysflag::pull::has_subscription(header.sys_flag) {
        own_subscription(broker, header)?
    } else {
        known_subscription(broker, header, &group)?
    };
    if !data.is_tags() && !config.enable_property_filter {
        let kind = data.expression_type.as_deref().unwrap_or_default();
        let remark = format!("The broker does not support consumer to filter message by {kind}");
        return Err(Refusal::system_error(remark));
    }
    let wants = match topic::retry_group(topic) {
        Some(name) if config.filter_support_retry && !data.class_filter_mode => {
            let tags = matches!(wants, Wants::Tags(_)).then_some(data);
            let filters = Arc::clone(&broker.filters);
            Wants::Retries(Arc::new(Retries { tags, group: name.to_owned(), filters }))
        }
        _ => wants,
    };
    Ok(Admitted { group, wants })
}

/// A subscription and the filter it makes.
type Filter = (Arc<SubscriptionData>, Wants);

/// The subscription that came with the pull. An expression that does not compile lets everything
/// pass, as in 4.4.0: the client was told when it asked whether it compiles.
fn own_subscription(broker: &Broker, header: &PullMessage<'_>) -> Result<Filter, Refusal> {
    /// What nearly all pulls want; nothing in it is asked for but the kind of its expression.
    static EVERYTHING: LazyLock<Arc<SubscriptionData>> =
        LazyLock::new(|| Arc::new(SubscriptionData::of_tags("", SUB_ALL, 0)));
    if header.subscription == Some(SUB_ALL) && is_tag_expression(header.expression_type) {
        return Ok((Arc::clone(&EVERYTHING), Wants::Everything));
    }
    let parsed = filter::Subscription::build(header.subscription, header.expression_type);
    let parsed = parsed.map_err(|_| {
        let remark = "parse the consumer's subscription failed";
        Refusal::new(response::SUBSCRIPTION_PARSE_FAILED, remark)
    })?;
    let data = Arc::new(SubscriptionData {
        topic: header.topic.to_owned(),
        sub_string: parsed.expression,
        expression_type: Some(parsed.expression_type),
        code_set: parsed.tag_set.codes.into_iter().collect(),
        sub_version: header.sub_version,
        ..SubscriptionData::default()
    });
    if data.is_tags() {
        return Ok((Arc::clone(&data), Wants::tags(data)));
    }
    let kind = data.expression_type.as_deref().unwrap_or_default();
    let compiled = broker.filters.compiled.get(kind, &data.sub_string);
    let wants = compiled.map_or(Wants::Everything, Wants::Expression);
    Ok((data, wants))
}

/// The subscription that the group's members told in their heartbeats.
fn known_subscription(
    broker: &Broker,
    header: &PullMessage<'_>,
    group: &Group,
) -> Result<Filter, Refusal> {
    let PullMessage { consumer_group, topic, .. } = *header;
    let missing = |what: &str| {
        let remark = format!("the consumer's {what} not exist{FAQ}");
        Refusal::new(response::SUBSCRIPTION_NOT_EXIST, remark)
    };
    let data = match broker.consumers.lookup(consumer_group, topic) {
        Lookup::NoGroup => return Err(missing("group info")),
        Lookup::Group(Some(MessageModel::Broadcasting), _) if !group.broadcast => {
            let remark =
                format!("the consumer group[{consumer_group}] can not consume by broadcast way");
            return Err(remarks::no_permission(remark));
        }
        Lookup::Group(_, None) => return Err(missing("subscription")),
        Lookup::Group(_, Some(data)) => data,
    };
    if data.sub_version < header.sub_version {
        let remark = "the consumer's subscription not latest";
        return Err(Refusal::new(response::SUBSCRIPTION_NOT_LATEST, remark));
    }
    if data.is_tags() {
        return Ok((Arc::clone(&data), Wants::tags(data)));
    }
    let registered = broker.filters.get(consumer_group, topic).ok_or_else(|| {
        let remark = "The broker's consumer filter data is not exist!Your expression may be wrong!";
        Refusal::new(response::FILTER_DATA_NOT_EXIST, remark)
    })?;
    if registered.version < header.sub_version {
        let remark = "the consumer's consumer filter data not latest";
        return Err(Refusal::new(response::FILTER_DATA_NOT_LATEST, remark));
    }
    let everything = data.class_filter_mode;
    Ok((data, if everything { Wants::Everything } else { Wants::Registered(registered) }))
}

/// Asks the store, which may have to wait for the disk.
fn read(broker: &Broker, header: &PullMessage<'_>, admitted: &Admitted) -> Reply {
    let PullMessage { topic, queue_id, queue_offset, max_msg_nums: most, .. } = *header;
    let found = broker.store.read(topic, queue_id, queue_offset, most, &admitted.wants);
    reply_with(broker, header, &admitted.group, found)
}

/// Says what was found.
fn reply_with(
    broker: &Broker,
    header: &PullMessage<'_>,
    group: &Group,
    found: ReadResult,
) -> Reply {
    let slave_reads = broker.config.load().slave_read_enable;
    let (slave, slave_corrects) = {
        let config = broker.store_config.load();
        (config.broker_role == BrokerRole::Slave, config.offset_check_in_slave)
    };
    let mut suggest = match (slave_reads, found.suggest_slave) {
        (false, _) => 0,
        (true, false) => group.broker_id,
        (true, true) => group.slow_broker_id,
    };
    let mut code = code_of(found.status, header.queue_offset);
    if code == response::PULL_OFFSET_MOVED {
        if slave && !slave_corrects {
            code = response::PULL_RETRY_IMMEDIATELY;
            suggest = group.broker_id;
        } else {
            offset_moved(broker, header, &found);
        }
    }
    let mut reply = Reply { code, ext: Ext::with_capacity(REPLY_BYTES), ..Reply::default() };
    reply.remark = Some(found.status.name().into());
    reply.ext.push_int("suggestWhichBrokerId", suggest);
    reply.ext.push_int("nextBeginOffset", found.next_begin_offset);
    reply.ext.push_int("minOffset", found.min_offset);
    reply.ext.push_int("maxOffset", found.max_offset);
    if code == response::SUCCESS {
        count(broker, header, &found);
        reply = reply.body(found.messages);
    }
    reply
}

fn count(broker: &Broker, header: &PullMessage<'_>, found: &ReadResult) {
    let took_ms = i64::try_from(found.took.as_millis()).unwrap_or(i64::MAX);
    let PullMessage { consumer_group: group, topic, queue_id, .. } = *header;
    let (messages, bytes) = (found.message_count as u64, found.total_bytes as u64);
    broker.stats.got(&Got { group, topic, queue_id, messages, bytes, took_ms });
    if let Some(behind) = found.behind_bytes
        && broker.store_config.load().disk_fall_recorded
        && let Some(stored_ms) = found.slices().next_back().and_then(newest_store_time)
    {
        broker.stats.behind(group, topic, queue_id, behind, now_ms() - stored_ms);
    }
}

fn code_of(status: ReadStatus, asked: i64) -> i32 {
    match status {
        ReadStatus::Found => response::SUCCESS,
        ReadStatus::NoMatchedMessage | ReadStatus::MessageWasRemoving => {
            response::PULL_RETRY_IMMEDIATELY
        }
        ReadStatus::NoMatchedLogicQueue | ReadStatus::NoMessageInQueue if asked != 0 => {
            response::PULL_OFFSET_MOVED
        }
        ReadStatus::OffsetOverflowBadly | ReadStatus::OffsetTooSmall => response::PULL_OFFSET_MOVED,
        ReadStatus::NoMatchedLogicQueue
        | ReadStatus::NoMessageInQueue
        | ReadStatus::OffsetFoundNull
        | ReadStatus::OffsetOverflowOne => response::PULL_NOT_FOUND,
    }
}

/// Leaves a message on a topic of the system that a consumer was sent to another offset.
fn offset_moved(broker: &Broker, header: &PullMessage<'_>, found: &ReadResult) {
    let PullMessage { consumer_group, topic, queue_id, queue_offset, .. } = *header;
    tracing::warn!(target: LOG, "PULL_OFFSET_MOVED:correction offset. topic={topic}, groupId={consumer_group}, requestOffset={queue_offset}, newOffset={}", found.next_begin_offset);
    let event = OffsetMovedEvent {
        consumer_group: consumer_group.to_owned(),
        message_queue: MessageQueue::new(topic, &broker.identity().name, queue_id),
        offset_new: found.next_begin_offset,
        offset_request: queue_offset,
    };
    let mut properties = PropertiesBuf::new();
    properties.put(name::TAGS, consumer_group);
    properties.put(name::DELAY, "0");
    properties.put(name::KEYS, consumer_group);
    let message = NewMessage {
        topic: topic::OFFSET_MOVED_EVENT,
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: now_ms(),
        born_host: broker.store_host,
        store_host: broker.store_host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: &json::to_vec(&event),
        properties: &properties.to_text(),
    };
    if let Err(error) = broker.store.append(&message) {
        tracing::warn!(target: LOG, %error, "generateOffsetMovedEvent");
    }
}

/// The header of a held pull, which outlives its frame.
struct Owned {
    consumer_group: String,
    topic: String,
    subscription: Option<String>,
    expression_type: Option<String>,
    /// The same with empty texts.
    rest: PullMessage<'static>,
}

impl Owned {
    fn of(header: &PullMessage<'_>) -> Self {
        Self {
            consumer_group: header.consumer_group.to_owned(),
            topic: header.topic.to_owned(),
            subscription: header.subscription.map(str::to_owned),
            expression_type: header.expression_type.map(str::to_owned),
            rest: PullMessage {
                consumer_group: "",
                topic: "",
                subscription: None,
                expression_type: None,
                ..*header
            },
        }
    }

    fn header(&self) -> PullMessage<'_> {
        PullMessage {
            consumer_group: &self.consumer_group,
            topic: &self.topic,
            subscription: self.subscription.as_deref(),
            expression_type: self.expression_type.as_deref(),
            ..self.rest
        }
    }
}

/// Holds a pull that found nothing, unless too many are held already.
fn hold(call: &Call<'_>, header: &PullMessage<'_>, wants: Wants, end: i64) -> Answer {
    let broker = call.broker;
    let (timeout, period) = hold_times(&broker.config.load(), header.suspend_timeout_millis);
    let most = broker.config.load().pull_thread_pool_queue_capacity;
    if broker.hold.len() >= usize::try_from(most).unwrap_or(0) {
        // Whoever is told that nothing is there asks again at once; this makes it pause.
        return Reply::from(broker.flow.overloaded()).into();
    }
    let held = broker.hold.enter(header.topic, header.queue_id, header.queue_offset, wants);
    if broker.store.max_offset(header.topic, header.queue_id) > end {
        // Something arrived between reading and entering.
        drop(held);
        return again(broker, call.peer, header).into();
    }
    let (broker, peer) = (Arc::clone(broker), Arc::clone(call.peer));
    let owned = Owned::of(header);
    Answer::Later(Box::pin(async move {
        wait(&broker, &owned, held, timeout, period).await;
        again(&broker, &peer, &owned.header())
    }))
}

fn hold_times(config: &BrokerConfig, asked_ms: i64) -> (Duration, Duration) {
    let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    if config.long_polling_enable {
        (ms(asked_ms), CHECK_PERIOD)
    } else {
        let time = ms(config.short_polling_time_mills);
        (time, time)
    }
}

async fn wait(
    broker: &Broker,
    pull: &Owned,
    held: Held<Wants>,
    timeout: Duration,
    period: Duration,
) {
    let now = Instant::now();
    // A day is more than any client waits, and keeps the sum in range.
    let deadline = now + timeout.min(Duration::from_secs(24 * 3600));
    let mut check = now + period;
    loop {
        if tokio::time::timeout_at(deadline.min(check), held.woken()).await.is_ok() {
            return;
        }
        let PullMessage { queue_id, queue_offset, .. } = pull.rest;
        if Instant::now() >= deadline
            || broker.store.max_offset(&pull.topic, queue_id) > queue_offset
        {
            return;
        }
        check += period;
    }
}

/// The second look, which is answered whatever it finds.
fn again(broker: &Arc<Broker>, peer: &Arc<Peer>, header: &PullMessage<'_>) -> Reply {
    match admit(broker, peer, header) {
        Ok(admitted) => read(broker, header, &admitted),
        Err(refusal) => refused(refusal),
    }
}
