//! One handler per request, by area. The errors of all of them become replies here.

mod brokers;
mod kv;
mod settings;
mod topics;

use std::future::Future;
use std::sync::Arc;

use protocol::codes::response;
use protocol::requests::NamesrvRequest;
use protocol::{Command, Refusal, Reply, json};
use remoting::{Answer, CloseReason, Peer, Service};
use serde::Serialize;

use crate::LOG;
use crate::access::Access;
use crate::state::State;
use crate::table::UnitTopics;

/// The service behind the listener.
pub(crate) struct Handlers {
    pub(crate) state: Arc<State>,
    pub(crate) access: Option<Arc<Access>>,
}

impl Service for Handlers {
    fn call(&self, peer: &Arc<Peer>, command: &mut Command) -> Answer {
        tracing::debug!(target: LOG, code = command.code, peer = %peer.addr(), "receive request");
        if let Some(access) = &self.access
            && let Err(refusal) = access.check(peer, command)
        {
            return Reply::from(refusal).into();
        }
        match NamesrvRequest::decode(command.code, &command.ext) {
            Ok(Some(request)) => self.serve(request, peer, command),
            Ok(None) => {
                let remark = format!(" request type {} not supported", command.code);
                Reply::error(response::REQUEST_CODE_NOT_SUPPORTED, remark).into()
            }
            Err(error) => Reply::from(Refusal::from(error)).into(),
        }
    }

    fn closed(&self, peer: &Arc<Peer>, _why: CloseReason) {
        self.state.connection_closed(peer.id());
    }
}

impl Handlers {
    fn serve(&self, request: NamesrvRequest, peer: &Arc<Peer>, command: &mut Command) -> Answer {
        use NamesrvRequest as R;
        let state = &self.state;
        match request {
            R::GetRouteInfoByTopic(r) => topics::route(state, &r.topic),
            R::RegisterBroker(r) => now(brokers::register(state, peer, &r, command)),
            R::UnregisterBroker(r) => now(Ok(brokers::unregister(state, &r))),
            R::QueryDataVersion(r) => now(brokers::query_data_version(state, &r, &command.body)),
            R::GetBrokerClusterInfo(_) => now(Ok(brokers::cluster_info(state))),
            R::WipeWritePermOfBroker(r) => now(Ok(brokers::wipe_write(state, peer, &r))),
            R::GetAllTopicListFromNameserver(_) => now(Ok(topics::all(state))),
            R::DeleteTopicInNamesrv(r) => now(Ok(topics::delete(state, &r.topic))),
            R::GetTopicsByCluster(r) => now(Ok(topics::of_cluster(state, &r.cluster))),
            R::GetSystemTopicListFromNs(_) => now(Ok(topics::system(state))),
            R::GetUnitTopicList(_) => now(Ok(topics::unit(state, UnitTopics::Unit))),
            R::GetHasUnitSubTopicList(_) => now(Ok(topics::unit(state, UnitTopics::UnitSub))),
            R::GetHasUnitSubUnunitTopicList(_) => {
                now(Ok(topics::unit(state, UnitTopics::UnitSubNotUnit)))
            }
            R::PutKvConfig(r) => kv::put(state, &r),
            R::GetKvConfig(r) => now(kv::get(state, &r)),
            R::DeleteKvConfig(r) => kv::delete(state, &r),
            R::GetKvListByNamespace(r) => now(kv::list(state, &r.namespace)),
            R::UpdateNamesrvConfig(_) => settings::update(state, peer, &command.body),
            R::GetNamesrvConfig(_) => now(Ok(settings::get(state))),
        }
    }
}

fn now(result: Result<Reply, Refusal>) -> Answer {
    Answer::Now(Reply::from(result))
}

/// Answers after `work` is done on a thread that may block. The work goes on, and a stop waits
/// for it, also when the peer does not.
fn blocking(
    state: &State,
    work: impl FnOnce() -> Result<Reply, Refusal> + Send + 'static,
) -> Answer {
    let done = state.tasks.spawn_blocking(work);
    Answer::Later(Box::pin(finished(done)))
}

async fn finished(done: impl Future<Output = Result<Outcome, tokio::task::JoinError>>) -> Reply {
    match done.await {
        Ok(result) => Reply::from(result),
        Err(error) => Reply::from(Refusal::system_error(error.to_string())),
    }
}

type Outcome = Result<Reply, Refusal>;

fn json_reply<T: Serialize>(body: &T) -> Reply {
    Reply::ok().body(json::to_vec(body))
}
