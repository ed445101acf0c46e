//! Requests of brokers about themselves, and about brokers.

use std::sync::Arc;

use protocol::bodies::{DataVersion, RegisterBrokerBody};
use protocol::requests::{
    QueryDataVersion, QueryDataVersionReply, RegisterBroker, RegisterBrokerReply, UnregisterBroker,
    WipeWritePermOfBroker, WipeWritePermOfBrokerReply,
};
use protocol::{Command, Refusal, Reply, json};
use remoting::Peer;
use tokio::runtime::{Handle, RuntimeFlavor};

use super::json_reply;
use crate::LOG;
use crate::kv::ORDER_TOPIC_CONFIG;
use crate::registration::{self, Form};
use crate::state::{self, State};
use crate::table::{Content, MAX_NAME, Registered, Registrant, usable_name};

/// From this size on a body is read away from the other tasks of the thread.
const LARGE_BODY: usize = 64 << 10;

pub(super) fn register(
    state: &State,
    peer: &Arc<Peer>,
    request: &RegisterBroker,
    command: &Command,
) -> Result<Reply, Refusal> {
    let body = &command.body;
    if request.body_crc32 != 0 && RegisterBrokerBody::crc32(body) != request.body_crc32 {
        let from = peer.addr();
        tracing::warn!(target: LOG, "receive registerBroker request,crc32 not match,from {from}");
        return Err(Refusal::system_error("crc32 not match"));
    }
    let ha_addr = request.ha_server_addr.as_deref().unwrap_or_default();
    check_name("brokerName", &request.broker_name)?;
    check_name("clusterName", &request.cluster_name)?;
    check_name("brokerAddr", &request.broker_addr)?;
    if !ha_addr.is_empty() {
        check_name("haServerAddr", ha_addr)?;
    }
    let who = Registrant {
        cluster: &request.cluster_name,
        broker: &request.broker_name,
        id: request.broker_id,
        addr: &request.broker_addr,
        ha_addr,
        connection: peer.id(),
    };
    state.remember(peer);
    let form = Form::of(command.version, request.compressed);
    let registered = take(state, &who, form, body)?;
    state::log(&registered.events);
    let master = registered.master;
    let header = RegisterBrokerReply {
        ha_server_addr: master.as_ref().map(|m| m.ha_addr.clone()).filter(|a| !a.is_empty()),
        master_addr: master.map(|m| m.addr),
    };
    let reply = Reply::with(&header);
    Ok(match state.kv.list(ORDER_TOPIC_CONFIG) {
        Some(list) => reply.body(list),
        None => reply,
    })
}

/// Reads the body only when it differs from the last one of this broker: every broker sends all
/// its topics every 30 seconds.
fn take(
    state: &State,
    who: &Registrant<'_>,
    form: Form,
    body: &[u8],
) -> Result<Registered, Refusal> {
    let digest = state.digest(form, body);
    let refreshed = state.routes.write().refresh(who, digest, state.now_ms());
    let registered = match refreshed {
        Some(registered) => registered,
        None => {
            let mut content = decode(state, body, form)?;
            content.digest = digest;
            state.routes.write().register(who, content, state.now_ms())
        }
    };
    registered.map_err(|full| {
        tracing::error!(target: LOG, "broker {} refused: {full}", who.addr);
        Refusal::system_error(full.to_string())
    })
}

/// Stays on this task, whatever the size: registrations of one connection must not overtake
/// each other.
fn decode(state: &State, body: &[u8], form: Form) -> Result<Content, Refusal> {
    let read = || registration::decode(body, form);
    let large = body.len() >= LARGE_BODY || form.may_inflate(body);
    let threads = Handle::current().runtime_flavor() != RuntimeFlavor::CurrentThread;
    let content = if large && threads {
        tokio::task::block_in_place(|| {
            // One at a time: a hostile body takes many times its size once it is read.
            let _turn = state.large_bodies.lock();
            read()
        })
    } else {
        read()
    };
    content.map_err(|error| {
        Refusal::system_error(format!("Failed to decode RegisterBrokerBody: {error}"))
    })
}

fn check_name(field: &str, name: &str) -> Result<(), Refusal> {
    if usable_name(name) {
        return Ok(());
    }
    Err(Refusal::system_error(format!(
        "{field} is empty, longer than {MAX_NAME} bytes, or has control characters"
    )))
}

pub(super) fn unregister(state: &State, request: &UnregisterBroker) -> Reply {
    let UnregisterBroker { broker_name, broker_addr, cluster_name, broker_id } = request;
    let events =
        state.routes.write().unregister(cluster_name, broker_addr, broker_name, *broker_id);
    state::log(&events);
    Reply::ok()
}

pub(super) fn query_data_version(
    state: &State,
    request: &QueryDataVersion,
    body: &[u8],
) -> Result<Reply, Refusal> {
    let asked: DataVersion = json::from_slice(body)
        .map_err(|error| Refusal::system_error(format!("Failed to decode DataVersion: {error}")))?;
    let known = state.routes.read().data_version(&request.broker_addr);
    let changed = known != Some(asked);
    if !changed {
        state.routes.write().touch(&request.broker_addr, state.now_ms());
    }
    let reply = Reply::with(&QueryDataVersionReply { changed });
    Ok(match known {
        Some(version) => reply.body(json::to_vec(&version)),
        None => reply,
    })
}

pub(super) fn cluster_info(state: &State) -> Reply {
    let info = state.routes.read().cluster_info();
    json_reply(&info)
}

pub(super) fn wipe_write(
    state: &State,
    peer: &Arc<Peer>,
    request: &WipeWritePermOfBroker,
) -> Reply {
    let broker = &request.broker_name;
    let count = state.routes.write().wipe_write(broker);
    let name = crate::one_line(broker);
    tracing::info!(target: LOG, "wipe write perm of broker[{name}], client: {}, {count}", peer.addr());
    let wipe_topic_count = i32::try_from(count).unwrap_or(i32::MAX);
    Reply::with(&WipeWritePermOfBrokerReply { wipe_topic_count })
}
