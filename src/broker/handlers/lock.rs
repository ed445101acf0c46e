//! Queue locks of ordered consumers (41, 42).

use protocol::bodies::{LockBatchRequestBody, LockBatchResponseBody, UnlockBatchRequestBody};
use protocol::{Reply, json};

use super::{Call, Outcome};
use crate::now_ms;

/// Locks what can be locked, and says what the client holds.
pub(crate) fn lock(call: &Call<'_>) -> Outcome {
    let LockBatchRequestBody { client_id, consumer_group, mq_set } = call.json_required()?;
    let locks = &call.broker.locks;
    let lock_ok_mq_set = locks.lock_batch(&consumer_group, mq_set, &client_id, now_ms());
    Ok(Reply::ok().body(json::to_vec(&LockBatchResponseBody { lock_ok_mq_set })))
}

/// Releases what the client holds of the named queues.
pub(crate) fn unlock(call: &Call<'_>) -> Outcome {
    let UnlockBatchRequestBody { client_id, consumer_group, mq_set } = call.json_required()?;
    call.broker.locks.unlock_batch(&consumer_group, &mq_set, &client_id);
    Ok(Reply::ok())
}
