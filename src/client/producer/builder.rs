//! Making a producer.

use std::sync::Arc;

use super::{CheckBack, Producer, TransactionState};
use crate::settings::common_settings;
use crate::{ClientError, Received, Settings};

/// Makes a [`Producer`]; what is not set is as in 4.4.0.
pub struct ProducerBuilder {
    settings: Settings,
    check: Option<Arc<CheckBack>>,
}

common_settings!(ProducerBuilder, settings);

impl From<Settings> for ProducerBuilder {
    fn from(settings: Settings) -> Self {
        Self { settings, check: None }
    }
}

impl ProducerBuilder {
    pub(super) fn new(group: impl Into<String>) -> Self {
        Settings::new(group, "").into()
    }

    /// Tries after a failed send, each on another broker if there is one.
    #[must_use]
    pub fn retries(mut self, retries: usize) -> Self {
        self.settings.retries = retries;
        self
    }

    /// See [`Settings::retry_not_stored`].
    #[must_use]
    pub fn retry_not_stored(mut self, on: bool) -> Self {
        self.settings.retry_not_stored = on;
        self
    }

    /// See [`Settings::fault_tolerance`].
    #[must_use]
    pub fn fault_tolerance(mut self, on: bool) -> Self {
        self.settings.fault_tolerance = on;
        self
    }

    /// Bodies from this length on are compressed; `usize::MAX` for never.
    #[must_use]
    pub fn compress_from_bytes(mut self, bytes: usize) -> Self {
        self.settings.compress_from_bytes = bytes;
        self
    }

    /// Longest message body.
    #[must_use]
    pub fn message_bytes_max(mut self, bytes: usize) -> Self {
        self.settings.message_bytes_max = bytes;
        self
    }

    /// Queues of topics that a broker creates on the first send.
    #[must_use]
    pub fn default_topic_queues(mut self, queues: i32) -> Self {
        self.settings.default_topic_queues = queues;
        self
    }

    /// What to answer when a broker asks how a transaction ended that it did not hear of. Without
    /// it, transactions whose end got lost stay open until the broker gives them up.
    #[must_use]
    pub fn check_back<F, Fut>(mut self, check: F) -> Self
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = TransactionState> + Send + 'static,
    {
        self.check = Some(Arc::new(CheckBack::new(check)));
        self
    }

    /// Starts it; brokers learn of it with the first message.
    ///
    /// # Errors
    /// Unusable settings.
    pub async fn start(self) -> Result<Producer, ClientError> {
        Producer::with_check_back(self.settings, self.check).await
    }
}
