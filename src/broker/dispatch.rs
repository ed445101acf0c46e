//! From a command to its handler, and from a refusal to its reply: the one place that knows all
//! requests.

use std::sync::Arc;

use protocol::requests::BrokerRequest;
use protocol::{Command, Refusal, Reply};
use remoting::{Answer, CloseReason, Peer, Service};

use crate::handlers::{
    Call, Outcome, admin, admin_config, admin_group, admin_offset, admin_queue, admin_relay,
    admin_runtime, admin_topic, client, group, lock, offset, pull, query, send, send_back, topic,
    transaction,
};
use crate::start::Broker;
use crate::{LOG, flow};

/// What the listeners call; both serve the same requests.
pub(crate) struct Dispatch(pub(crate) Arc<Broker>);

impl Service for Dispatch {
    fn call(&self, peer: &Arc<Peer>, command: &mut Command) -> Answer {
        let broker = &self.0;
        if let Err(refusal) = flow::admit(broker, peer, command.code) {
            return Reply::from(refusal).into();
        }
        if let Some(access) = &broker.access
            && let Err(refusal) = access.check(peer, command)
        {
            return Reply::from(refusal).into();
        }
        let body = std::mem::take(&mut command.body);
        let request = match BrokerRequest::decode(command.code, &command.ext) {
            Ok(Some(request)) => request,
            Ok(None) => return Reply::from(admin::not_supported(command.code)).into(),
            Err(error) => {
                tracing::warn!(target: LOG, code = command.code, peer = %peer.addr(), %error, "bad request header");
                return Reply::from(Refusal::from(error)).into();
            }
        };
        let call = Call {
            broker,
            peer,
            language: command.language,
            version: command.version,
            ext: &command.ext,
            body,
        };
        dispatch(&call, &request)
    }

    fn closed(&self, peer: &Arc<Peer>, _why: CloseReason) {
        client::closed(&self.0, peer.id());
        if let Some(addrs) = self.0.filter_servers.closed(peer.id()) {
            self.0.registrar.set_filter_servers(addrs);
        }
    }
}

fn now(outcome: Outcome) -> Answer {
    Answer::Now(Reply::from(outcome))
}

fn later(outcome: Result<Answer, Refusal>) -> Answer {
    outcome.unwrap_or_else(|refusal| Reply::from(refusal).into())
}

fn dispatch(call: &Call<'_>, request: &BrokerRequest<'_>) -> Answer {
    use BrokerRequest as R;
    match request {
        R::SendMessage(header) => send::send(call, &(*header).into()),
        R::SendMessageV2(header) => send::send(call, &(*header).into()),
        R::SendBatchMessage(header) => send::send(call, &(*header).into()),
        R::ConsumerSendMsgBack(header) => later(send_back::send_back(call, header)),
        R::PullMessage(header) => pull::pull(call, header),
        R::QueryMessage(header) => now(query::by_key(call, header)),
        R::ViewMessageById(header) => now(query::by_offset(call, header)),
        R::QueryConsumerOffset(header) => now(offset::query(call, header)),
        R::UpdateConsumerOffset(header) => now(offset::update(call, header)),
        R::SearchOffsetByTimestamp(header) => now(offset::search(call, header)),
        R::GetMaxOffset(header) => now(offset::max(call, header)),
        R::GetMinOffset(header) => now(offset::min(call, header)),
        R::GetEarliestMsgStoretime(header) => now(offset::earliest(call, header)),
        R::GetAllConsumerOffset(_) => now(offset::all(call)),
        R::GetAllDelayOffset(_) => now(offset::delays(call)),
        R::HeartBeat(_) => now(client::heartbeat(call)),
        R::UnregisterClient(header) => now(client::unregister(call, header)),
        R::GetConsumerListByGroup(header) => now(client::list(call, header)),
        R::CheckClientConfig(_) => now(client::check(call)),
        R::LockBatchMq(_) => now(lock::lock(call)),
        R::UnlockBatchMq(_) => now(lock::unlock(call)),
        R::UpdateAndCreateTopic(header) => later(topic::update(call, header)),
        R::GetAllTopicConfig(_) => now(topic::all(call)),
        R::UpdateAndCreateSubscriptionGroup(_) => later(group::update(call)),
        R::GetAllSubscriptionGroupConfig(_) => now(group::all(call)),
        R::EndTransaction(header) => later(transaction::end(call, header)),
        R::UpdateBrokerConfig(_) => admin_config::update(call),
        R::GetBrokerConfig(_) => now(admin_config::get(call)),
        R::RegisterFilterServer(header) => now(admin_config::filter_server(call, header)),
        R::GetBrokerRuntimeInfo(_) => admin_runtime::runtime_info(call),
        R::ViewBrokerStatsData(header) => now(admin_runtime::stats_item(call, header)),
        R::GetTopicStatsInfo(header) => later(admin_topic::stats(call, header)),
        R::QueryTopicConsumeByWho(header) => admin_topic::groups(call, header),
        R::GetSystemTopicListFromBroker(_) => now(admin_topic::system(call)),
        R::DeleteTopicInBroker(header) => later(admin_topic::delete(call, header)),
        R::CleanUnusedTopic(_) => admin_topic::clean_unused(call),
        R::CleanExpiredConsumeQueue(_) => admin_topic::clean_expired(call),
        R::GetConsumerConnectionList(header) => now(admin_group::consumers(call, header)),
        R::GetProducerConnectionList(header) => now(admin_group::producers(call, header)),
        R::DeleteSubscriptionGroup(header) => admin_group::delete(call, header),
        R::GetConsumeStats(header) => admin_group::progress(call, header),
        R::GetBrokerConsumeStats(header) => admin_group::all_progress(call, header),
        R::QueryConsumeTimeSpan(header) => later(admin_group::time_span(call, header)),
        R::InvokeBrokerToResetOffset(header) => later(admin_offset::reset(call, header)),
        R::QueryCorrectionOffset(header) => admin_offset::correction(call, header),
        R::CloneGroupOffset(header) => now(admin_offset::copy(call, header)),
        R::InvokeBrokerToGetConsumerStatus(header) => later(admin_relay::status(call, header)),
        R::GetConsumerRunningInfo(header) => later(admin_relay::running_info(call, header)),
        R::ConsumeMessageDirectly(header) => later(admin_relay::consume(call, header)),
        R::QueryConsumeQueue(header) => admin_queue::entries(call, header),
    }
}
