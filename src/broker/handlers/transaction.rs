//! Transactions: half messages and their ends (37).
//!
//! Not served yet. A half message must not be stored as an ordinary one, since consumers would
//! see it before its producer has decided; it is refused as 4.4.0 refuses it where
//! `rejectTransactionMessage` is set.

use protocol::{Refusal, Reply};
use remoting::Answer;
use store::NewMessage;

use super::{Call, admin};
use crate::remarks;

/// A send with `TRAN_MSG=true`.
pub(crate) fn prepare(call: &Call<'_>, message: &NewMessage<'_>) -> Refusal {
    let _ = message;
    let ip = &call.broker.config.load().broker_ip1;
    remarks::no_permission(format!("the broker[{ip}] sending transaction message is forbidden"))
}

/// The end of a transaction.
pub(crate) fn end(code: i32) -> Answer {
    Reply::from(admin::not_supported(code)).into()
}
