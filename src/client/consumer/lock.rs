//! Locks on queues, which brokers keep for one member of a group at a time: who consumes in order
//! needs them (Java: `RebalanceImpl.lock`, `lockAll`, `unlock`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use protocol::bodies::{
    LockBatchRequestBody, LockBatchResponseBody, MessageQueue, UnlockBatchRequestBody,
};
use protocol::json;
use protocol::requests::{LockBatchMq, UnlockBatchMq};

use super::Inner;
use super::reader::Reader;
use crate::clock::now_ms;
use crate::{ClientError, LOG};

/// How long we trust a lock that was not renewed; brokers keep it twice as long.
pub(super) const LOCK_LIFE: Duration = Duration::from_secs(30);

impl Reader {
    /// Whether the queue is ours alone, as far as it has to be.
    pub(super) fn is_locked(&self) -> bool {
        !self.inner.locks_queues()
            || self.locked_until.lock().is_some_and(|until| Instant::now() < until)
    }
}

impl Inner {
    /// Whether queues are locked at all: when consuming in order, unless everybody gets all.
    pub(super) fn locks_queues(&self) -> bool {
        self.handler.is_orderly() && !self.settings.is_broadcast()
    }

    /// Locks queues; those that are ours now.
    pub(super) async fn lock(
        &self,
        queues: Vec<MessageQueue>,
    ) -> Result<BTreeSet<MessageQueue>, ClientError> {
        let mut locked = BTreeSet::new();
        for (addr, mq_set) in self.by_master(queues).await {
            let body = LockBatchRequestBody {
                client_id: self.instance.client_id().to_owned(),
                consumer_group: self.group().to_owned(),
                mq_set,
            };
            let (_, answer) = self.instance.ask(&addr, &LockBatchMq, json::to_vec(&body)).await?;
            let body: LockBatchResponseBody = json::from_slice(&answer.body)
                .map_err(|error| ClientError::Malformed(error.to_string()))?;
            locked.extend(body.lock_ok_mq_set);
        }
        Ok(locked)
    }

    /// Releases queues for other members.
    pub(super) async fn unlock(&self, queues: Vec<MessageQueue>) {
        if !self.locks_queues() {
            return;
        }
        for (addr, mq_set) in self.by_master(queues).await {
            let body = UnlockBatchRequestBody {
                client_id: self.instance.client_id().to_owned(),
                consumer_group: self.group().to_owned(),
                mq_set,
            };
            let unlocked = self.instance.ask(&addr, &UnlockBatchMq, json::to_vec(&body)).await;
            if let Err(error) = unlocked {
                tracing::warn!(target: LOG, addr, %error, "queues not released");
            }
        }
    }

    async fn by_master(
        &self,
        queues: Vec<MessageQueue>,
    ) -> BTreeMap<String, BTreeSet<MessageQueue>> {
        let mut all: BTreeMap<String, BTreeSet<MessageQueue>> = BTreeMap::new();
        for queue in queues {
            if let Ok(addr) = self.addr(&queue).await {
                all.entry(addr).or_default().insert(queue);
            }
        }
        all
    }

    /// Renews the locks on all our queues; a queue that went to somebody else is given up.
    pub(super) async fn renew_locks(self: &Arc<Self>) {
        let readers: Vec<Arc<Reader>> = {
            let leaving = self.leaving.lock();
            self.readers.lock().values().chain(leaving.values()).cloned().collect()
        };
        let mut by_broker: BTreeMap<String, Vec<Arc<Reader>>> = BTreeMap::new();
        for reader in readers {
            by_broker.entry(reader.queue.broker_name.clone()).or_default().push(reader);
        }
        for readers in by_broker.into_values() {
            let asked = Instant::now();
            let queues = readers.iter().map(|reader| reader.queue.clone()).collect();
            match self.lock(queues).await {
                Ok(locked) => {
                    for reader in readers {
                        self.renewed(&reader, locked.contains(&reader.queue), asked).await;
                    }
                }
                // Nobody else can have them either while their broker is away.
                Err(error) => tracing::warn!(target: LOG, %error, "locks not renewed"),
            }
        }
    }

    async fn renewed(&self, reader: &Arc<Reader>, locked: bool, asked: Instant) {
        if locked {
            *reader.locked_until.lock() = Some(asked + LOCK_LIFE);
            reader.last_lock_ms.store(now_ms(), Ordering::Relaxed);
            return;
        }
        tracing::warn!(target: LOG, queue = %reader.queue, "the lock went to somebody else");
        let same = |other: &mut Arc<Reader>| Arc::ptr_eq(other, reader);
        self.readers.lock().extract_if(|_, other| same(other)).for_each(drop);
        reader.abandon(Duration::ZERO).await;
        self.members.changed();
    }
}
