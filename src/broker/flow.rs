//! Flow control: limits for each kind of request, in place of the queues in front of 4.4.0's
//! thread pools.
//!
//! Here a request is served where it is read, so that it waits in two places only: behind those
//! that came in the same read, and, once it is served, for the disk, a slave or a message. The
//! first is limited by time (`waitTimeMillsIn…Queue`), the second by number (`…QueueCapacity`).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use protocol::Refusal;
use protocol::codes::response;
use protocol::requests::{BrokerRequest, Lane};
use remoting::Peer;
use tokio::sync::Semaphore;
use tokio::task::JoinError;

use crate::config::BrokerConfig;
use crate::remarks;
use crate::start::Broker;

/// Log target of the queue sizes.
const LOG_WATER_MARK: &str = "RocketmqWaterMark";
/// Who waited for less than this did not wait.
const WAIT_MIN: Duration = Duration::from_millis(1);

/// What waits to be answered.
#[derive(Debug)]
pub(crate) struct Flow {
    /// Sends.
    pub(crate) sends: Waiting,
    /// Ends of transactions.
    pub(crate) ends: Waiting,
    /// What was turned away.
    pub(crate) refused: Refused,
    /// Turns of operators' requests that read much or write; further ones wait.
    pub(crate) jobs: Arc<Semaphore>,
    /// Pulls of messages that may be on the disk only.
    pub(crate) cold_reads: Arc<Semaphore>,
}

/// Requests that were turned away since the start, by the reason.
#[derive(Debug, Default)]
pub(crate) struct Refused {
    /// The log's writer was held up.
    pub(crate) held_up: AtomicU64,
    /// Too many waited.
    pub(crate) too_many: AtomicU64,
    /// They had waited for too long.
    pub(crate) too_late: AtomicU64,
}

impl Flow {
    /// Nothing waits; so many requests of operators and pulls of old messages are worked on at once.
    pub(crate) fn new(jobs: usize, cold_reads: usize) -> Self {
        Self {
            sends: Waiting::default(),
            ends: Waiting::default(),
            refused: Refused::default(),
            jobs: Arc::new(Semaphore::new(jobs)),
            cold_reads: Arc::new(Semaphore::new(cold_reads)),
        }
    }

    /// The answer where too many wait already.
    pub(crate) fn overloaded(&self) -> Refusal {
        self.refused.too_many.fetch_add(1, Ordering::Relaxed);
        busy(remarks::OVERLOADED)
    }
}

/// The result of `work`, which may block, once it is its turn. The work is done to its end even if
/// nobody waits for it any more.
pub(crate) async fn blocking<T: Send + 'static>(
    turns: &Arc<Semaphore>,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    // It is never closed; and if it were, the work would still be done.
    let turn = Arc::clone(turns).acquire_owned().await;
    let done = tokio::task::spawn_blocking(move || {
        let _until_done = turn;
        work()
    });
    done.await
}

/// A number of requests that wait.
#[derive(Debug, Clone, Default)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

/// One of them, until it is dropped.
#[derive(Debug)]
#[must_use = "it counts as long as it lives"]
pub(crate) struct Turn(Arc<AtomicUsize>);

impl Waiting {
    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// One more waits.
    pub(crate) fn enter(&self) -> Turn {
        self.0.fetch_add(1, Ordering::Relaxed);
        Turn(Arc::clone(&self.0))
    }

    fn is_full(&self, capacity: impl FnOnce() -> i32) -> bool {
        let waiting = self.len();
        waiting > 0 && waiting >= usize::try_from(capacity()).unwrap_or(0)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Turns a request away before anything else is done with it, if it would have to wait for too
/// long or with too many others.
pub(crate) fn admit(broker: &Broker, peer: &Peer, code: i32) -> Result<(), Refusal> {
    let Some(lane) = BrokerRequest::lane_of(code) else { return Ok(()) };
    let flow = &broker.flow;
    let waiting = match lane {
        Lane::Send => {
            if broker.store.is_page_cache_busy() {
                flow.refused.held_up.fetch_add(1, Ordering::Relaxed);
                return Err(busy(remarks::REJECTED));
            }
            if flow.sends.is_full(|| broker.config.load().send_thread_pool_queue_capacity) {
                return Err(flow.overloaded());
            }
            flow.sends.len()
        }
        Lane::Transaction => {
            if flow.ends.is_full(|| broker.config.load().end_transaction_pool_queue_capacity) {
                return Err(flow.overloaded());
            }
            flow.ends.len()
        }
        Lane::Pull | Lane::Heartbeat => 0,
        _ => return Ok(()),
    };
    let waited = peer.waited();
    if waited < WAIT_MIN {
        return Ok(());
    }
    let config = broker.config.load();
    match limit(&config, lane) {
        Some(limit) if config.broker_fast_failure_enable && waited >= limit => {
            flow.refused.too_late.fetch_add(1, Ordering::Relaxed);
            Err(busy(remarks::waited_too_long(waited, waiting)))
        }
        _ => Ok(()),
    }
}

/// How long a request may wait to be served.
fn limit(config: &BrokerConfig, lane: Lane) -> Option<Duration> {
    let ms = match lane {
        Lane::Send => config.wait_time_mills_in_send_queue,
        Lane::Pull => config.wait_time_mills_in_pull_queue,
        Lane::Heartbeat => config.wait_time_mills_in_heartbeat_queue,
        Lane::Transaction => config.wait_time_mills_in_transaction_queue,
        _ => return None,
    };
    Some(Duration::from_millis(u64::try_from(ms).unwrap_or(0)))
}

fn busy(remark: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(response::SYSTEM_BUSY, remark)
}

/// Writes how many wait, as 4.4.0 does each second.
pub(crate) fn log(broker: &Broker) {
    let line = |name: &str, size: usize| {
        tracing::info!(target: LOG_WATER_MARK, "[WATERMARK] {name} Queue Size: {size} SlowTimeMills: 0");
    };
    line("Send", broker.flow.sends.len());
    line("Pull", 0);
    line("Query", 0);
    line("Transaction", broker.flow.ends.len());
}

#[cfg(test)]
mod tests {
    use protocol::codes::request;

    use super::*;

    #[test]
    fn whoever_waits_counts_until_answered() {
        let waiting = Waiting::default();
        assert!(!waiting.is_full(|| panic!("nobody waits, so nobody asks")));
        let turns = [waiting.enter(), waiting.enter()];
        assert_eq!(waiting.len(), 2);
        for (capacity, full) in [(3, false), (2, true), (1, true), (0, true), (-1, true)] {
            assert_eq!(waiting.is_full(|| capacity), full, "{capacity}");
        }
        drop(turns);
        assert_eq!(waiting.len(), 0);
    }

    #[test]
    fn requests_are_limited_as_their_pools_were() {
        let lane = BrokerRequest::lane_of;
        for code in [
            request::SEND_MESSAGE,
            request::SEND_MESSAGE_V2,
            request::SEND_BATCH_MESSAGE,
            request::CONSUMER_SEND_MSG_BACK,
        ] {
            assert_eq!(lane(code), Some(Lane::Send));
        }
        assert_eq!(lane(request::PULL_MESSAGE), Some(Lane::Pull));
        assert_eq!(lane(request::HEART_BEAT), Some(Lane::Heartbeat));
        assert_eq!(lane(request::END_TRANSACTION), Some(Lane::Transaction));
        let config = BrokerConfig::default();
        let ms = |lane| limit(&config, lane).map(|limit| limit.as_millis());
        assert_eq!(ms(Lane::Send), Some(200));
        assert_eq!(ms(Lane::Pull), Some(5000));
        assert_eq!(ms(Lane::Heartbeat), Some(31_000));
        assert_eq!(ms(Lane::Transaction), Some(3000));
        assert_eq!(ms(Lane::Admin), None);
    }
}
