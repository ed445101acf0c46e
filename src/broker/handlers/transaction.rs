//! Transactions: half messages, and their ends (37).

use std::sync::Arc;

use acl::Perm;
use protocol::codes::response;
use protocol::command::NOT_SET;
use protocol::message::Message;
use protocol::requests::EndTransaction;
use protocol::{Refusal, Reply, sysflag};
use remoting::Answer;
use store::{AppendError, Appended, BrokerRole, NewMessage};

use super::{Call, unreadable};
use crate::put::{self, Durability, Marks, PutError};
use crate::transaction::{End, Ended, Half, LOG_TRANSACTION};
use crate::{Broker, remarks};

/// A half message is not where the end of its transaction says.
const NOT_FOUND: &str = "Find prepared transaction message failed";
/// The message that was sent half cannot be stored whole.
const ILLEGAL: &str = "The message is illegal, maybe msg body or properties length not matched. \
    msg body length limit 128k, msg properties length limit 32k.";

/// A send with `TRAN_MSG=true`.
pub(crate) fn prepare(call: &Call<'_>, message: &NewMessage<'_>) -> Result<Appended, Refusal> {
    let broker = call.broker;
    let config = broker.config.load();
    if config.reject_transaction_message {
        let ip = &config.broker_ip1;
        return Err(remarks::no_permission(format!(
            "the broker[{ip}] sending transaction message is forbidden"
        )));
    }
    let stored = broker.transactions.prepare(message);
    stored.map_err(|error| super::send::refusal(broker, &PutError::Store(error)))
}

/// The end of a transaction.
pub(crate) fn end(call: &Call<'_>, header: &EndTransaction) -> Result<Answer, Refusal> {
    let broker = call.broker;
    tracing::debug!(target: LOG_TRANSACTION, "Transaction request:{header:?}");
    if broker.store_config.load().broker_role == BrokerRole::Slave {
        tracing::warn!(target: LOG_TRANSACTION, "Message store is slave mode, so end transaction is forbidden.");
        return Err(Refusal::new(response::SLAVE_NOT_AVAILABLE, NOT_SET));
    }
    let Some(end) = decision(call, header)? else { return Ok(Reply::ok().into()) };
    let record = broker.store.record_at(header.commit_log_offset).map_err(unreadable)?;
    let half = record.as_ref().and_then(|record| Half::decode(record));
    let half = half.ok_or_else(|| Refusal::system_error(NOT_FOUND))?;
    check(&half, header)?;
    call.check_topic(&half.message, Perm::PUB)?;
    let target = half.target().ok_or_else(|| Refusal::system_error(NOT_FOUND))?;
    let properties = String::from_utf8_lossy(half.message.properties.as_bytes());
    let marks = Marks::of(&properties);
    let ended = broker
        .transactions
        .end(&half, end, || put::put(broker, &half.committed(target, &properties), &marks));
    match ended.map_err(|error| refusal(&error))? {
        Ended::Now(Some(appended)) if !marks.no_wait => Ok(durable(broker, appended)),
        Ended::Now(_) | Ended::Before => Ok(settled(end).into()),
    }
}

/// What the producer says; `None` while it does not know.
fn decision(call: &Call<'_>, header: &EndTransaction) -> Result<Option<End>, Refusal> {
    let peer = call.peer.addr();
    let asked = header.from_transaction_check;
    match header.commit_or_rollback {
        sysflag::message::TRANSACTION_COMMIT => Ok(Some(End::Commit)),
        sysflag::message::TRANSACTION_ROLLBACK => {
            tracing::warn!(target: LOG_TRANSACTION, %peer, asked, ?header, "the producer rollback the message.");
            Ok(Some(End::Rollback))
        }
        sysflag::message::TRANSACTION_NONE => {
            tracing::warn!(target: LOG_TRANSACTION, %peer, asked, ?header, "it's pending status.");
            Ok(None)
        }
        other => {
            let remark = format!("commitOrRollback {other} is no end of a transaction");
            Err(Refusal::system_error(remark))
        }
    }
}

/// Whether the producer means this half message.
fn check(half: &Half<'_>, header: &EndTransaction) -> Result<(), Refusal> {
    let Message { queue_offset, physical_offset, .. } = half.message;
    let wrong = if half.producer_group() != Some(&header.producer_group) {
        "The producer group wrong"
    } else if queue_offset != header.tran_state_table_offset {
        "The transaction state table offset wrong"
    } else if physical_offset != header.commit_log_offset {
        "The commit log offset wrong"
    } else {
        return Ok(());
    };
    Err(Refusal::system_error(wrong))
}

/// The answer to an end that stands. That of a rollback has the remark that 4.4.0 leaves in it.
fn settled(end: End) -> Reply {
    let reply = Reply::ok();
    if end == End::Rollback { reply.remark(NOT_SET) } else { reply }
}

/// Answers when the committed message is as durable as the settings ask for; a shortfall is not
/// told, as in 4.4.0.
fn durable(broker: &Arc<Broker>, appended: Appended) -> Answer {
    let Some(durability) = Durability::wanted(broker) else { return settled(End::Commit).into() };
    let turn = broker.flow.ends.enter();
    let broker = Arc::clone(broker);
    Answer::Later(Box::pin(async move {
        let _until_answered = turn;
        if let Err(shortfall) = durability.wait(&broker.store, appended.end_offset).await {
            tracing::warn!(target: LOG_TRANSACTION, shortfall, offset = appended.physical_offset, "a committed message is not as durable as wanted");
        }
        settled(End::Commit)
    }))
}

/// The answer when the end of a transaction cannot be stored.
fn refusal(error: &PutError) -> Refusal {
    tracing::error!(target: LOG_TRANSACTION, %error, "transaction not ended");
    match error {
        PutError::DelayLevel(_) => Refusal::system_error(error.to_string()),
        PutError::Store(AppendError::Illegal(_)) => {
            Refusal::new(response::MESSAGE_ILLEGAL, ILLEGAL)
        }
        PutError::Store(AppendError::Busy) => {
            Refusal::system_error("OS page cache busy, please try another machine")
        }
        PutError::Store(AppendError::Io(_)) => Refusal::system_error("Create mapped file failed."),
        PutError::Store(
            AppendError::NotWritable(_) | AppendError::Full(_) | AppendError::Poisoned,
        ) => Refusal::new(response::SERVICE_NOT_AVAILABLE, "Service not available now."),
    }
}
