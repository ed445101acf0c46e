//! What clients tell about themselves: heartbeats (34), leaving (35), the members of a group
//! (38), and whether a subscription would compile (46).

use std::sync::Arc;

use protocol::bodies::{
    CheckClientRequestBody, ConsumerData, GetConsumerListByGroupResponseBody, HeartbeatData,
};
use protocol::codes::response;
use protocol::requests::{
    GetConsumerListByGroup, GetConsumerListByGroupReply, NotifyConsumerIdsChanged,
    UnregisterClient, UnregisterClientReply,
};
use protocol::{Ext, Refusal, Reply, json, perm, sysflag, topic};
use remoting::Peer;

use super::{Call, Outcome};
use crate::clients::consumers::Traits;
use crate::clients::{Departure, Member};
use crate::limits::GROUPS_MAX;
use crate::register::Round;
use crate::{Broker, LOG, now_ms, remarks};

/// A client says which groups it stands for.
pub(crate) fn heartbeat(call: &Call<'_>) -> Outcome {
    let heartbeat: HeartbeatData = call.json_required()?;
    let member = Member {
        id: call.peer.id(),
        connection: Arc::clone(call.peer),
        client_id: heartbeat.client_id.as_str().into(),
        language: call.language,
        version: call.version,
        seen_ms: now_ms(),
    };
    for group in &heartbeat.consumer_data_set {
        consume(call.broker, group, &member)?;
    }
    for group in &heartbeat.producer_data_set {
        super::offset::check_names(&group.group_name, "")?;
        if !call.broker.producers.register(&group.group_name, &member) {
            return Err(remarks::too_many("producer groups", GROUPS_MAX));
        }
    }
    Ok(Reply::ok())
}

fn consume(
    broker: &Arc<Broker>,
    data: &ConsumerData,
    member: &Member<Arc<Peer>>,
) -> Result<(), Refusal> {
    let name = data.group_name.as_str();
    super::offset::check_names(name, "")?;
    let auto_create = broker.config.load().auto_create_subscription_group;
    let group = broker.groups.find_or_create(name, auto_create, member.seen_ms);
    if let Some(group) = group {
        let flag = sysflag::topic::build(false, data.unit_mode);
        let (retry, perm) = (topic::retry(name), perm::READ | perm::WRITE);
        let queues = group.retry_queues;
        match broker.topics.find_or_create(&retry, queues, perm, flag, member.seen_ms) {
            Ok(found) if found.change.is_some() => broker.announce(Round::Oneway),
            Ok(_) => {}
            Err(error) => {
                tracing::warn!(target: LOG, ?error, group = name, "no retry topic for this group");
            }
        }
    }
    let traits = Traits {
        consume_type: data.consume_type,
        message_model: data.message_model,
        consume_from_where: data.consume_from_where,
    };
    let changed = broker.consumers.register(name, member, traits, &data.subscription_data_set);
    if let Some(members) = changed {
        tracing::info!(target: LOG, client_id = %member.client_id, "registerConsumer info changed, group: {name}");
        if group.is_none_or(|group| group.notify) {
            notify_changed(broker, name, &members);
        }
    }
    broker.filters.registered(name, &data.subscription_data_set, member.seen_ms);
    Ok(())
}

/// A client leaves its groups.
pub(crate) fn unregister(call: &Call<'_>, header: &UnregisterClient) -> Outcome {
    let broker = call.broker;
    if let Some(group) = &header.producer_group {
        broker.producers.unregister(group, call.peer.id());
    }
    if let Some(group) = &header.consumer_group
        && let Some(departure) = broker.consumers.unregister(group, call.peer.id())
    {
        let notify = broker.groups.get(group).is_none_or(|group| group.notify);
        departed(broker, &departure, notify);
    }
    Ok(Reply::with(&UnregisterClientReply {}))
}

/// A connection is gone, and with it what it stood for.
pub(crate) fn closed(broker: &Arc<Broker>, connection: u64) {
    broker.producers.closed(connection);
    for departure in broker.consumers.closed(connection) {
        // Whatever the group's own setting says, as in 4.4.0.
        departed(broker, &departure, true);
    }
}

fn departed(broker: &Broker, departure: &Departure<Arc<Peer>>, notify: bool) {
    if departure.emptied {
        broker.filters.unregistered(&departure.group, now_ms());
    }
    if notify {
        notify_changed(broker, &departure.group, &departure.rest);
    }
}

/// Tells members that the group changed, so that they share the queues out anew.
fn notify_changed(broker: &Broker, group: &str, members: &[Arc<Peer>]) {
    if !broker.config.load().notify_consumer_ids_changed_enable {
        return;
    }
    let header = NotifyConsumerIdsChanged { consumer_group: group.to_owned() };
    let Ok(command) = broker.ask(&header) else { return };
    for member in members {
        if let Err(error) = member.oneway(command.clone()) {
            tracing::debug!(target: LOG, group, peer = %member.addr(), %error, "notify consumer ids changed");
        }
    }
}

/// The client ids of a group.
pub(crate) fn list(call: &Call<'_>, header: &GetConsumerListByGroup) -> Outcome {
    let consumer_id_list = call.broker.consumers.client_ids(&header.consumer_group);
    if consumer_id_list.is_empty() {
        let remark = format!("no consumer for this group, {}", header.consumer_group);
        let mut reply = Reply::error(response::SYSTEM_ERROR, remark);
        reply.ext = Ext::empty_object();
        return Ok(reply);
    }
    let body = GetConsumerListByGroupResponseBody { consumer_id_list };
    Ok(Reply::with(&GetConsumerListByGroupReply {}).body(json::to_vec(&body)))
}

/// Whether a subscription would compile.
pub(crate) fn check(call: &Call<'_>) -> Outcome {
    let body = call.json::<CheckClientRequestBody>()?.unwrap_or_default();
    let Some(subscription) = body.subscription_data.filter(|data| !data.is_tags()) else {
        return Ok(Reply::ok());
    };
    let kind = subscription.expression_type.as_deref().unwrap_or_default();
    if !call.broker.config.load().enable_property_filter {
        let remark = format!("The broker does not support consumer to filter message by {kind}");
        return Err(Refusal::system_error(remark));
    }
    match crate::filters::compile(kind, &subscription.sub_string) {
        Ok(_) => Ok(Reply::ok()),
        Err(text) => {
            tracing::warn!(target: LOG, client_id = body.client_id, group = body.group, "failed to compile expression, sub={}, error={text}", subscription.sub_string);
            Err(Refusal::new(response::SUBSCRIPTION_PARSE_FAILED, text))
        }
    }
}
