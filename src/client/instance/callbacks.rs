//! What brokers ask of clients (Java: `ClientRemotingProcessor`).

use std::sync::{Arc, OnceLock, Weak};

use bytes::Bytes;
use protocol::bodies::{ConsumerRunningInfo, GetConsumerStatusBody, ResetOffsetBody};
use protocol::codes::response;
use protocol::properties::name;
use protocol::requests::{
    CheckTransactionState, ClientRequest, ConsumeMessageDirectly, GetConsumerRunningInfo,
};
use protocol::{Command, Refusal, Reply, json, message};
use remoting::{Answer, Peer, Service};

use super::{Instance, Role};
use crate::consumer::{Members, common_properties};
use crate::producer::CheckBack;
use crate::{LOG, Received};

/// Serves requests of brokers once it knows whom for.
#[derive(Default)]
pub(super) struct Callbacks {
    instance: OnceLock<Weak<Instance>>,
}

impl Callbacks {
    pub(super) fn serve(&self, instance: &Arc<Instance>) {
        let _ = self.instance.set(Arc::downgrade(instance));
    }
}

impl Service for Callbacks {
    fn call(&self, peer: &Arc<Peer>, command: &mut Command) -> Answer {
        let request = match ClientRequest::decode(command.code, &command.ext) {
            Ok(Some(request)) => request,
            Ok(None) => return Answer::Now(unsupported(command.code)),
            Err(error) => return Answer::Now(Refusal::from(error).into()),
        };
        let Some(instance) = self.instance.get().and_then(Weak::upgrade) else {
            return Answer::Now(unsupported(command.code));
        };
        let body = std::mem::take(&mut command.body);
        match (&instance.role, request) {
            (Role::Producer(check), ClientRequest::CheckTransactionState(question)) => {
                if let Some(check) = check {
                    check_transaction(&instance, check, peer, question, &body);
                }
                Answer::Now(Reply::ok())
            }
            (Role::Consumer(members), request) => {
                consumer(&instance, members, peer, request, &body, command.code)
            }
            _ => Answer::Now(unsupported(command.code)),
        }
    }
}

/// What brokers ask of consumers.
fn consumer(
    instance: &Arc<Instance>,
    members: &Members,
    peer: &Peer,
    request: ClientRequest,
    body: &Bytes,
    code: i32,
) -> Answer {
    use ClientRequest as R;
    let ours = |group: &str| instance.settings().group == group;
    match request {
        R::NotifyConsumerIdsChanged(_) => {
            members.changed();
            Answer::Now(Reply::ok())
        }
        R::ResetConsumerClientOffset(header) if ours(&header.group) => {
            tracing::info!(target: LOG, peer = %peer.addr(), topic = header.topic, "reset asked");
            if let (Some(consumer), Ok(wanted)) =
                (members.consumer(), json::from_slice::<ResetOffsetBody>(body))
            {
                instance.spawn(async move {
                    consumer.reset_offsets(&header.topic, &wanted.offset_table).await;
                });
            }
            Answer::Now(Reply::ok())
        }
        R::GetConsumerStatusFromClient(header) if ours(&header.group) => {
            let status = GetConsumerStatusBody {
                message_queue_table: members.progress_of(&header.topic),
                ..GetConsumerStatusBody::default()
            };
            Answer::Now(Reply::ok().body(json::to_vec(&status)))
        }
        R::GetConsumerRunningInfo(header) if ours(&header.consumer_group) => {
            let info = match members.consumer() {
                Some(consumer) => consumer.running_info(header.jstack_enable),
                None => ConsumerRunningInfo {
                    properties: common_properties(
                        members.kind(),
                        &instance.settings().name_servers,
                    ),
                    subscription_set: members.subscriptions.read().values().cloned().collect(),
                    ..ConsumerRunningInfo::default()
                },
            };
            Answer::Now(Reply::ok().body(json::to_vec(&info)))
        }
        R::ConsumeMessageDirectly(header) if ours(&header.consumer_group) => {
            let message = decoded(body, header.broker_name.as_deref().unwrap_or_default());
            match (members.consumer(), message) {
                (Some(consumer), Some(message)) => Answer::Later(Box::pin(async move {
                    let result = consumer.consume_directly(message).await;
                    Reply::ok().body(json::to_vec(&result))
                })),
                _ => Answer::Now(not_here(&header.consumer_group)),
            }
        }
        R::GetConsumerRunningInfo(GetConsumerRunningInfo { consumer_group: group, .. })
        | R::ConsumeMessageDirectly(ConsumeMessageDirectly { consumer_group: group, .. }) => {
            Answer::Now(not_here(&group))
        }
        R::ResetConsumerClientOffset(_) | R::GetConsumerStatusFromClient(_) => {
            Answer::Now(Reply::ok())
        }
        R::CheckTransactionState(_) => Answer::Now(unsupported(code)),
    }
}

fn not_here(group: &str) -> Reply {
    let remark = format!("The Consumer Group <{group}> not exist in this consumer");
    Reply::error(response::SYSTEM_ERROR, remark)
}

fn unsupported(code: i32) -> Reply {
    let remark = format!(" request type {code} not supported");
    Reply::error(response::REQUEST_CODE_NOT_SUPPORTED, remark)
}

fn check_transaction(
    instance: &Arc<Instance>,
    check: &Arc<CheckBack>,
    peer: &Peer,
    question: CheckTransactionState,
    body: &Bytes,
) {
    let Some(message) = decoded(body, "") else {
        return;
    };
    if message.property(name::PRODUCER_GROUP) != Some(instance.settings().group.as_str()) {
        tracing::warn!(target: LOG, id = message.message_id(), "asked about another group");
        return;
    }
    Arc::clone(check).asked(instance, peer.addr().to_string(), question, message);
}

/// The message that a request carries.
fn decoded(body: &[u8], broker_name: &str) -> Option<Received> {
    let record = match message::Message::decode(body) {
        Ok(record) => record,
        Err(error) => {
            tracing::warn!(target: LOG, %error, "a broker sent no message");
            return None;
        }
    };
    match Received::decode(&record, broker_name) {
        Ok(message) => Some(message),
        Err(error) => {
            tracing::warn!(target: LOG, %error, "a broker sent no message");
            None
        }
    }
}
