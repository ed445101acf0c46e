//! Messages that count only when a local transaction does: stored as half messages, then
//! committed or rolled back, asked about by the broker when it does not hear of the end.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;

use protocol::message_id::MessageId;
use protocol::properties::name;
use protocol::requests::{CheckTransactionState, EndTransaction};
use protocol::{Command, sysflag};
use tokio::sync::Semaphore;

use super::{Producer, SendResult, SendStatus};
use crate::guarded::guarded;
use crate::instance::Instance;
use crate::{ClientError, LOG, Message, Received};

/// Questions that may be answered at a time; brokers ask again for what is left out.
const CHECKS_MAX: usize = 2000;

/// How a local transaction ended (Java: `LocalTransactionState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TransactionState {
    /// The message counts.
    Commit,
    /// The message never was.
    Rollback,
    /// Not known yet: the broker asks later.
    Unknown,
}

impl TransactionState {
    fn flag(self) -> i32 {
        match self {
            Self::Commit => sysflag::message::TRANSACTION_COMMIT,
            Self::Rollback => sysflag::message::TRANSACTION_ROLLBACK,
            Self::Unknown => sysflag::message::TRANSACTION_NONE,
        }
    }

    /// Java's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Commit => "COMMIT_MESSAGE",
            Self::Rollback => "ROLLBACK_MESSAGE",
            Self::Unknown => "UNKNOW",
        }
    }
}

/// What became of a transaction.
#[derive(Debug, Clone, PartialEq)]
pub struct TransactionResult {
    /// Where the half message went.
    pub sent: SendResult,
    /// How the local transaction ended.
    pub state: TransactionState,
}

impl fmt::Display for TransactionResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.sent, self.state.name())
    }
}

type Check =
    dyn Fn(Received) -> Pin<Box<dyn Future<Output = TransactionState> + Send>> + Send + Sync;

/// Answers brokers that ask.
pub(crate) struct CheckBack {
    check: Box<Check>,
    places: Arc<Semaphore>,
}

impl CheckBack {
    pub(super) fn new<F, Fut>(check: F) -> Self
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = TransactionState> + Send + 'static,
    {
        Self {
            check: Box::new(move |message| Box::pin(check(message))),
            places: Arc::new(Semaphore::new(CHECKS_MAX)),
        }
    }

    /// Finds out about one transaction behind the caller's back and tells the broker at `addr`.
    pub(crate) fn asked(
        self: Arc<Self>,
        instance: &Arc<Instance>,
        addr: String,
        question: CheckTransactionState,
        message: Received,
    ) {
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            tracing::warn!(target: LOG, addr, "too many transactions to check");
            return;
        };
        let inside = Arc::clone(instance);
        instance.spawn(async move {
            let id = message.message_id();
            let transaction_id = message.property(name::UNIQUE_KEY).map(str::to_owned);
            let checked = guarded(|| (self.check)(message)).await;
            let remark = checked.as_ref().err().cloned();
            let end = EndTransaction {
                producer_group: inside.settings().group.clone(),
                tran_state_table_offset: question.tran_state_table_offset,
                commit_log_offset: question.commit_log_offset,
                commit_or_rollback: checked.unwrap_or(TransactionState::Unknown).flag(),
                from_transaction_check: true,
                msg_id: id,
                transaction_id,
            };
            tell_end(&inside, &addr, &end, remark).await;
            drop(place);
        });
    }
}

impl Producer {
    /// Stores a message as a half message, runs the local transaction, and tells the broker how
    /// it ended. Consumers see the message only if it was committed. The producer should have a
    /// [`check_back`](super::ProducerBuilder::check_back), for ends that the broker does not
    /// hear of.
    ///
    /// A message that is not stored as safely as the broker is configured to is rolled back, and
    /// the local transaction is not run, as in 4.4.0.
    ///
    /// # Errors
    /// When the half message could not be stored; the local transaction was not run.
    pub async fn send_in_transaction<Fut>(
        &self,
        message: &Message,
        local: impl FnOnce(SendResult) -> Fut,
    ) -> Result<TransactionResult, ClientError>
    where
        Fut: Future<Output = TransactionState>,
    {
        self.check(message)?;
        let group = self.sender.group.clone();
        let half = message.clone();
        let half = half.property(name::TRANSACTION_PREPARED, "true");
        let half = half.property(name::PRODUCER_GROUP, group);
        let prepared = self.sender.prepare(&half)?;
        let sent = self.sender.send(&prepared).await?;
        let (state, remark) = match sent.status {
            SendStatus::SendOk => match guarded(|| local(sent.clone())).await {
                Ok(state) => (state, None),
                Err(panicked) => (TransactionState::Unknown, Some(panicked)),
            },
            _ => (TransactionState::Rollback, None),
        };
        if let Err(error) = self.end(&sent, state, remark).await {
            // The broker will ask.
            tracing::warn!(target: LOG, %error, id = sent.message_id, "end not told");
        }
        Ok(TransactionResult { sent, state })
    }

    async fn end(
        &self,
        sent: &SendResult,
        state: TransactionState,
        remark: Option<String>,
    ) -> Result<(), ClientError> {
        let id: Result<MessageId, _> = sent.offset_message_id.parse();
        let id = id.map_err(|_| ClientError::Malformed(sent.offset_message_id.clone()))?;
        let instance = &self.sender.instance;
        let route = instance.publish_route(&sent.queue.topic).await?;
        let Some(addr) = route.master(&sent.queue.broker_name) else {
            return Err(ClientError::NoRoute(sent.queue.topic.clone()));
        };
        let end = EndTransaction {
            producer_group: self.sender.group.clone(),
            tran_state_table_offset: sent.queue_offset,
            commit_log_offset: id.offset,
            commit_or_rollback: state.flag(),
            from_transaction_check: false,
            msg_id: sent.message_id.clone(),
            transaction_id: Some(sent.message_id.clone()),
        };
        tell_end(instance, addr, &end, remark).await;
        Ok(())
    }
}

async fn tell_end(instance: &Instance, addr: &str, end: &EndTransaction, remark: Option<String>) {
    let told = match Command::of(end) {
        Ok(command) => instance
            .remoting()
            .oneway(addr, Command { remark, ..command })
            .await
            .map_err(Into::into),
        Err(error) => Err(ClientError::from(error)),
    };
    if let Err(error) = told {
        tracing::warn!(target: LOG, addr, %error, id = end.msg_id, "end not told");
    }
}
