//! Subscription groups: creating and changing (200), and the whole table for slaves (201).

use std::sync::Arc;

use protocol::bodies::SubscriptionGroupConfig;
use protocol::{Refusal, Reply, json};
use remoting::Answer;

use super::{Call, Outcome};
use crate::groups::PutError;
use crate::limits::{GROUPS_MAX, QUEUES_MAX};
use crate::persist::Kept;
use crate::{LOG, now_ms, remarks};

/// Creates or changes a group; the answer comes when the table is on disk.
pub(crate) fn update(call: &Call<'_>) -> Result<Answer, Refusal> {
    tracing::info!(target: LOG, "updateAndCreateSubscriptionGroup called by {}", call.peer.addr());
    let Some(config) = call.json::<SubscriptionGroupConfig>()? else {
        return Ok(Reply::ok().into());
    };
    if config.retry_queue_nums > QUEUES_MAX {
        return Err(remarks::too_many("queues", QUEUES_MAX as usize));
    }
    let change = call.broker.groups.put(config, now_ms()).map_err(|error| match error {
        PutError::Name => Refusal::system_error("the group's name is missing or not usable"),
        PutError::TooMany => remarks::too_many("subscription groups", GROUPS_MAX),
    })?;
    let broker = Arc::clone(call.broker);
    Ok(Answer::Later(Box::pin(async move {
        broker.groups.changes().wait_kept(change).await;
        Reply::ok()
    })))
}

/// The whole table.
pub(crate) fn all(call: &Call<'_>) -> Outcome {
    let table = call.broker.groups.table().to_wrapper();
    Ok(Reply::ok().body(json::to_vec(&table)))
}
