//! The user's handler, and one call of it.

use std::pin::Pin;
use std::time::{Duration, Instant};

use protocol::properties::name;
use protocol::topic;

use super::Inner;
use crate::clock::now_ms;
use crate::guarded::guarded;
use crate::trace::Outcome;
use crate::{LOG, Received};

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConsumeStatus {
    /// It is done with.
    Success,
    /// The broker shall deliver it again later, each time after a longer while.
    Later,
    /// The broker shall deliver it again after the delay of a level.
    LaterAt(u32),
    /// No delivery will help: it goes to the dead letter queue.
    Never,
}

impl ConsumeStatus {
    /// The level that a broker is told.
    fn level(self) -> i32 {
        match self {
            Self::Success | Self::Later => 0,
            Self::LaterAt(level) => i32::try_from(level).unwrap_or(i32::MAX),
            Self::Never => -1,
        }
    }
}

/// What became of a message that is consumed in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderStatus {
    /// It is done with.
    Success,
    /// It is to be tried again, and nothing of its queue before it, after the usual pause.
    Suspend,
    /// The same after this pause, of 10 ms to 30 s.
    SuspendFor(Duration),
}

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Call<T> = Box<dyn Fn(Vec<Received>) -> Boxed<T> + Send + Sync>;

/// Handles messages.
pub(crate) enum Handler {
    Concurrent(Call<ConsumeStatus>),
    Orderly(Call<OrderStatus>),
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Success,
    /// Again later, after the delay of this level.
    Later(i32),
    /// Again, before anything else, after this pause.
    Suspend(Option<Duration>),
    /// The handler panicked with this.
    Panicked(String),
}

impl Handler {
    pub(super) fn single<F, Fut>(handler: F) -> Self
    where
        F: Fn(Received) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ConsumeStatus> + Send + 'static,
    {
        Self::Concurrent(Box::new(move |mut messages| match messages.pop() {
            Some(message) => Box::pin(handler(message)),
            None => Box::pin(std::future::ready(ConsumeStatus::Success)),
        }))
    }

    pub(super) fn concurrent<F, Fut>(handler: F) -> Self
    where
        F: Fn(Vec<Received>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ConsumeStatus> + Send + 'static,
    {
        Self::Concurrent(Box::new(move |messages| Box::pin(handler(messages))))
    }

    pub(super) fn orderly<F, Fut>(handler: F) -> Self
    where
        F: Fn(Vec<Received>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = OrderStatus> + Send + 'static,
    {
        Self::Orderly(Box::new(move |messages| Box::pin(handler(messages))))
    }

    pub(super) fn is_orderly(&self) -> bool {
        matches!(self, Self::Orderly(_))
    }

    async fn call(&self, messages: Vec<Received>) -> Verdict {
        let ended = match self {
            Self::Concurrent(call) => guarded(|| call(messages)).await.map(|status| match status {
                ConsumeStatus::Success => Verdict::Success,
                other => Verdict::Later(other.level()),
            }),
            Self::Orderly(call) => guarded(|| call(messages)).await.map(|status| match status {
                OrderStatus::Success => Verdict::Success,
                OrderStatus::Suspend => Verdict::Suspend(None),
                OrderStatus::SuspendFor(pause) => Verdict::Suspend(Some(pause)),
            }),
        };
        ended.unwrap_or_else(Verdict::Panicked)
    }
}

impl Inner {
    /// Hands messages of one queue to the handler.
    pub(super) async fn deliver(&self, topic: &str, mut messages: Vec<Received>) -> Verdict {
        for message in &mut messages {
            self.show_origin(message);
            message.message.properties.put(name::CONSUME_START_TIME, now_ms().to_string());
        }
        let traced = self.trace.as_ref().and_then(|trace| {
            trace.before(self.group(), &messages).map(|delivery| (trace, delivery))
        });
        let (count, started) = (messages.len(), Instant::now());
        let verdict = self.handler.call(messages).await;
        let took = started.elapsed();
        if let Verdict::Panicked(text) = &verdict {
            tracing::warn!(target: LOG, topic, text, "a message is delivered again");
        }
        self.stats.consumed(topic, count, took, verdict == Verdict::Success);
        if let Some((trace, delivery)) = traced {
            let overdue = took >= self.settings.consume_timeout;
            trace.after(
                &delivery,
                match &verdict {
                    _ if overdue => Outcome::TimeOut,
                    Verdict::Success => Outcome::Success,
                    Verdict::Later(_) | Verdict::Suspend(_) => Outcome::Failed,
                    Verdict::Panicked(_) => Outcome::Exception,
                },
            );
        }
        verdict
    }

    /// A retry bears the topic it was first sent to.
    fn show_origin(&self, message: &mut Received) {
        let retry = topic::is_retry(message.topic());
        let origin = message.property(name::RETRY_TOPIC).filter(|_| retry).map(str::to_owned);
        if let Some(origin) = origin {
            message.message.topic = origin;
        }
    }
}
