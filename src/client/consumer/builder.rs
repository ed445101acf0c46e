//! Making a push consumer.

use std::path::PathBuf;
use std::time::Duration;

use protocol::bodies::MessageModel;

use super::handler::{ConsumeStatus, Handler, OrderStatus};
use super::{ConsumeFrom, ConsumerSettings, PushConsumer};
use crate::settings::common_settings;
use crate::{Allocate, ClientError, Filter, Received};

/// Makes a [`PushConsumer`]; what is not set is as in 4.4.0.
pub struct ConsumerBuilder {
    settings: ConsumerSettings,
}

common_settings!(ConsumerBuilder, settings.client);

impl From<ConsumerSettings> for ConsumerBuilder {
    fn from(settings: ConsumerSettings) -> Self {
        Self { settings }
    }
}

/// Declares methods that set a field.
macro_rules! setters {
    ($($(#[doc = $doc:literal])+ $name:ident: $kind:ty;)*) => {
        $(
            $(#[doc = $doc])+
            #[must_use]
            pub fn $name(mut self, value: $kind) -> Self {
                self.settings.$name = value;
                self
            }
        )*
    };
}

impl ConsumerBuilder {
    setters! {
        /// How members share queues out.
        allocate: Allocate;
        /// Calls of the handler at a time.
        concurrency: usize;
        /// Messages given to the handler at a time at most.
        handler_batch: usize;
        /// Messages asked for at a time.
        pull_batch: i32;
        /// Pause between pulls of a queue.
        pull_interval: Duration;
        /// Messages of one queue read but not yet done; beyond it reading pauses.
        pending_per_queue: usize;
        /// The same in bytes.
        pending_bytes_per_queue: usize;
        /// How many offsets the newest message may be ahead of the oldest one not done.
        pending_span: i64;
        /// How long a message may stay in the handler before it is delivered again.
        consume_timeout: Duration;
        /// Pause of a queue whose message was not consumed in order.
        suspend: Duration;
        /// How often queues are shared out anew without being told to.
        rebalance: Duration;
        /// How often offsets are committed.
        commit: Duration;
        /// How long stopping waits for the handler.
        stop_patience: Duration;
    }

    /// Where to start in queues never read.
    #[must_use]
    pub fn consume_from(mut self, from: ConsumeFrom) -> Self {
        self.settings.from = from;
        self
    }

    /// Messages of one topic read but not yet done, shared among its queues.
    #[must_use]
    pub fn pending_per_topic(mut self, messages: usize) -> Self {
        self.settings.pending_per_topic = Some(messages);
        self
    }

    /// The same in bytes.
    #[must_use]
    pub fn pending_bytes_per_topic(mut self, bytes: usize) -> Self {
        self.settings.pending_bytes_per_topic = Some(bytes);
        self
    }

    /// Deliveries before the dead letter queue.
    #[must_use]
    pub fn max_reconsume_times(mut self, times: i32) -> Self {
        self.settings.max_reconsume_times = Some(times);
        self
    }

    /// Every member gets all messages; offsets are kept in a file of each. A message that the
    /// handler refuses is not delivered again.
    #[must_use]
    pub fn broadcast(mut self) -> Self {
        self.settings.model = MessageModel::Broadcasting;
        self
    }

    /// Where offsets are kept when each member gets all messages; `~/.rocketmq_offsets` unless
    /// set.
    #[must_use]
    pub fn offsets_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.settings.offsets_dir = dir.into();
        self
    }

    /// Reads a topic, or something of it.
    #[must_use]
    pub fn subscribe(mut self, topic: impl Into<String>, filter: impl Into<Filter>) -> Self {
        self.settings.subscriptions.insert(topic.into(), filter.into());
        self
    }

    /// Starts it: messages go to the handler one by one, several calls at the same time.
    ///
    /// # Errors
    /// Unusable settings, names or expressions.
    pub async fn start<F, Fut>(self, handler: F) -> Result<PushConsumer, ClientError>
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ConsumeStatus> + Send + 'static,
    {
        let settings = ConsumerSettings { handler_batch: 1, ..self.settings };
        PushConsumer::start(settings, Handler::single(handler)).await
    }

    /// Starts it: as [`ConsumerBuilder::start`], up to
    /// [`handler_batch`](ConsumerBuilder::handler_batch) messages a call, all of which have the
    /// outcome.
    ///
    /// # Errors
    /// Unusable settings, names or expressions.
    pub async fn start_batches<F, Fut>(self, handler: F) -> Result<PushConsumer, ClientError>
    where
        F: Fn(Vec<Received>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ConsumeStatus> + Send + 'static,
    {
        PushConsumer::start(self.settings, Handler::concurrent(handler)).await
    }

    /// Starts it: messages of a queue go to the handler one after the other, in the order of the
    /// queue, whichever member reads it; up to
    /// [`handler_batch`](ConsumerBuilder::handler_batch) messages a call.
    ///
    /// # Errors
    /// Unusable settings, names or expressions.
    pub async fn start_orderly<F, Fut>(self, handler: F) -> Result<PushConsumer, ClientError>
    where
        F: Fn(Vec<Received>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = OrderStatus> + Send + 'static,
    {
        PushConsumer::start(self.settings, Handler::orderly(handler)).await
    }
}
