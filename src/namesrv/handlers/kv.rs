//! Requests about key-value configuration.

use std::sync::Arc;

use protocol::codes::response;
use protocol::requests::{DeleteKvConfig, GetKvConfig, GetKvConfigReply, PutKvConfig};
use protocol::{Refusal, Reply};
use remoting::Answer;

use super::{blocking, now};
use crate::LOG;
use crate::state::State;

pub(super) fn put(state: &State, request: &PutKvConfig) -> Answer {
    match state.kv.put(&request.namespace, &request.key, &request.value) {
        Ok(revision) => persist(state, revision),
        Err(full) => now(Err(Refusal::system_error(full.to_string()))),
    }
}

pub(super) fn delete(state: &State, request: &DeleteKvConfig) -> Answer {
    let revision = state.kv.delete(&request.namespace, &request.key);
    persist(state, revision)
}

/// 4.4.0 answers success also when the file could not be written; a change that the next start
/// forgets is an error here.
fn persist(state: &State, revision: u64) -> Answer {
    let kv = Arc::clone(&state.kv);
    blocking(state, move || match kv.persist(revision) {
        Ok(()) => Ok(Reply::ok()),
        Err(error) => {
            let path = kv.path().display();
            tracing::error!(target: LOG, "persist kvconfig Exception, {path}: {error}");
            let remark = format!("kept until the next start, but {path} is not written: {error}");
            Err(Refusal::system_error(remark))
        }
    })
}

pub(super) fn get(state: &State, request: &GetKvConfig) -> Result<Reply, Refusal> {
    let GetKvConfig { namespace, key } = request;
    let value = state.kv.get(namespace, key);
    if value.is_some() {
        return Ok(Reply::with(&GetKvConfigReply { value }));
    }
    let remark = format!("No config item, Namespace: {namespace} Key: {key}");
    Ok(Reply { code: response::QUERY_NOT_FOUND, ..Reply::with(&GetKvConfigReply::default()) }
        .remark(remark))
}

pub(super) fn list(state: &State, namespace: &str) -> Result<Reply, Refusal> {
    match state.kv.list(namespace) {
        Some(body) => Ok(Reply::ok().body(body)),
        None => Err(Refusal::new(
            response::QUERY_NOT_FOUND,
            format!("No config item, Namespace: {namespace}"),
        )),
    }
}
