//! Requests that only a client can answer: the broker asks it and passes the answer on (223, 307,
//! 309).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use acl::{ACCESS_KEY, SECURITY_TOKEN, SIGNATURE};
use bytes::Bytes;
use protocol::bodies::GetConsumerStatusBody;
use protocol::codes::{request, response};
use protocol::command::NOT_SET;
use protocol::message_id::MessageId;
use protocol::requests::{
    ConsumeMessageDirectly, GetConsumerRunningInfo, GetConsumerStatusFromClient,
    InvokeBrokerToGetConsumerStatus,
};
use protocol::{Command, Ext, Refusal, Reply, json, version};
use remoting::{Answer, CallError, Peer};
use tokio::task::JoinSet;

use super::admin::body;
use super::{Call, unreadable};
use crate::LOG;
use crate::clients::Member;

/// How long one client has to answer 307 and 309.
const RELAY_WAIT: Duration = Duration::from_secs(10);
/// How long each client has to answer 223.
const STATUS_WAIT: Duration = Duration::from_secs(5);
/// The field of 309 that tells a consumer which broker a message comes from.
const BROKER_NAME: &str = "brokerName";

/// The inner state of a consumer.
pub(crate) fn running_info(
    call: &Call<'_>,
    header: &GetConsumerRunningInfo,
) -> Result<Answer, Refusal> {
    let ext = fields(call.ext);
    let code = request::GET_CONSUMER_RUNNING_INFO;
    let command = Command { ext, ..Command::request(code).body(call.body.clone()) };
    relay(call, &header.consumer_group, Some(&header.client_id), command)
}

/// Has a consumer consume one message now.
pub(crate) fn consume(call: &Call<'_>, header: &ConsumeMessageDirectly) -> Result<Answer, Refusal> {
    let mut ext = Ext::empty_object();
    let others = call.ext.iter().filter(|(key, _)| passes(key) && *key != BROKER_NAME);
    others.for_each(|(key, value)| ext.push(key, value));
    ext.push(BROKER_NAME, &call.broker.identity().name);
    let record = message(call, header.msg_id.as_deref().unwrap_or_default())?;
    let code = request::CONSUME_MESSAGE_DIRECTLY;
    let command = Command { ext, ..Command::request(code).body(record) };
    relay(call, &header.consumer_group, header.client_id.as_deref(), command)
}

fn message(call: &Call<'_>, id: &str) -> Result<Bytes, Refusal> {
    let id: MessageId = id
        .parse()
        .map_err(|error| Refusal::system_error(format!("msgId [{id}] is none: {error}")))?;
    call.broker.store.record_at(id.offset).map_err(unreadable)?.ok_or_else(|| {
        Refusal::system_error(format!("can not find message by the offset, {}", id.offset))
    })
}

/// The fields of a request as a client is to get them. How the operator signed the request is
/// nothing for it to know; 4.4.0 passes that on too.
fn fields(ext: &Ext) -> Ext {
    let mut passed = Ext::empty_object();
    let all = ext.iter().filter(|(key, _)| passes(key));
    all.for_each(|(key, value)| passed.push(key, value));
    passed
}

fn passes(key: &str) -> bool {
    ![ACCESS_KEY, SIGNATURE, SECURITY_TOKEN].contains(&key)
}

/// Asks one member of a group, and answers what it answers.
fn relay(
    call: &Call<'_>,
    group: &str,
    client_id: Option<&str>,
    command: Command,
) -> Result<Answer, Refusal> {
    let found = client_id.and_then(|id| call.broker.consumers.find(group, id));
    let client_id = client_id.unwrap_or("null").to_owned();
    let Some(member) = found else {
        let remark = format!("The Consumer <{group}> <{client_id}> not online");
        return Err(Refusal::system_error(remark));
    };
    if member.version < version::V3_1_8_SNAPSHOT {
        return Err(Refusal::system_error(format!(
            "The Consumer <{client_id}> Version <{}> too low to finish, please upgrade it to \
             V3_1_8_SNAPSHOT",
            version::name(member.version)
        )));
    }
    let group = group.to_owned();
    Ok(Answer::Later(Box::pin(async move {
        match member.connection.call(command, RELAY_WAIT).await {
            Ok(answer) => Reply {
                code: answer.code,
                remark: answer.remark.map(Into::into),
                ext: answer.ext,
                body: answer.body.into(),
            },
            Err(error) => failed(&group, &client_id, &member.connection, &error).into(),
        }
    })))
}

fn failed(group: &str, client_id: &str, peer: &Peer, error: &CallError) -> Refusal {
    tracing::warn!(target: LOG, group, client_id, %error, "ask a consumer");
    let package = "org.apache.rocketmq.remoting.exception";
    match error {
        CallError::Timeout { .. } => {
            let remark = format!(
                "consumer <{group}> <{client_id}> Timeout: {package}.RemotingTimeoutException: {error}"
            );
            Refusal::new(response::CONSUME_MSG_TIMEOUT, remark)
        }
        CallError::TooManyRequests(_) => Refusal::system_error(format!(
            "invoke consumer <{group}> <{client_id}> Exception: \
             {package}.RemotingTooMuchRequestException: {error}"
        )),
        CallError::Connect { .. } | CallError::Closed(_) => Refusal::system_error(format!(
            "invoke consumer <{group}> <{client_id}> Exception: \
             {package}.RemotingSendRequestException: send request to <{}> failed",
            peer.addr()
        )),
    }
}

/// Refuses if some member is older than `least`.
pub(super) fn check_versions(members: &[Member<Arc<Peer>>], least: i32) -> Result<(), Refusal> {
    let Some(old) = members.iter().find(|member| member.version < least) else { return Ok(()) };
    let name = version::name(old.version);
    tracing::warn!(target: LOG, peer = %old.connection.addr(), "the client does not support this feature. version={name}");
    let remark = format!("the client does not support this feature. version={name}");
    Err(Refusal::system_error(remark))
}

/// Gathers the offsets inside the consumers of a group. Who does not answer is left out.
pub(crate) fn status(
    call: &Call<'_>,
    header: &InvokeBrokerToGetConsumerStatus,
) -> Result<Answer, Refusal> {
    let InvokeBrokerToGetConsumerStatus { topic, group, client_addr } = header.clone();
    tracing::info!(target: LOG, "[get-consumer-status] get consumer status by {}. topic={topic}, group={group}", call.peer.addr());
    let members = call.broker.consumers.view(&group).map(|view| view.members).unwrap_or_default();
    if members.is_empty() {
        let remark = format!("No Any Consumer online in the consumer group: [{group}]");
        return Err(Refusal::system_error(remark));
    }
    check_versions(&members, version::V3_0_7_SNAPSHOT)?;
    let only = client_addr.filter(|id| !id.trim().is_empty());
    let wanted = |member: &Member<_>| only.as_deref().is_none_or(|id| id == &*member.client_id);
    let asked: Vec<_> = members.into_iter().filter(|member| wanted(member)).collect();
    let command = Command::of(&GetConsumerStatusFromClient { topic, group, client_addr: None })?;
    Ok(Answer::Later(Box::pin(gather(asked, command))))
}

async fn gather(members: Vec<Member<Arc<Peer>>>, command: Command) -> Reply {
    let mut asking = JoinSet::new();
    for Member { connection, client_id, .. } in members {
        let command = command.clone();
        asking.spawn(async move { (client_id, connection.call(command, STATUS_WAIT).await) });
    }
    let mut table = BTreeMap::new();
    while let Some(asked) = asking.join_next().await {
        let Ok((client_id, answer)) = asked else { continue };
        let offsets = match answer {
            Ok(answer) if answer.code == response::SUCCESS && !answer.body.is_empty() => {
                json::from_slice::<GetConsumerStatusBody>(&answer.body).map_err(|e| e.to_string())
            }
            Ok(_) => continue,
            Err(error) => Err(error.to_string()),
        };
        match offsets {
            Ok(offsets) => {
                tracing::info!(target: LOG, "[get-consumer-status] get consumer status success. channelRemoteAddr={client_id}");
                table.insert(client_id.to_string(), offsets.message_queue_table);
            }
            Err(error) => {
                tracing::error!(target: LOG, %client_id, error, "[get-consumer-status] get consumer status exception.");
            }
        }
    }
    let all = GetConsumerStatusBody { consumer_table: table, ..Default::default() };
    Reply::from(body(&all).map(|reply| reply.remark(NOT_SET)))
}
