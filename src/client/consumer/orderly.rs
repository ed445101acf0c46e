//! Consuming the messages of a queue one after the other (Java:
//! `ConsumeMessageOrderlyService`).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::handler::Verdict;
use super::reader::Reader;
use crate::clock::now_ms;
use crate::{LOG, Received};

/// Bounds of the pause of a queue.
const PAUSE_MIN: Duration = Duration::from_millis(10);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Pause before a lock is tried again.
const LOCK_PAUSE: Duration = Duration::from_millis(100);

impl Reader {
    pub(super) async fn consume_in_order(self: Arc<Self>) {
        loop {
            let oldest = self.progress.lock().oldest(self.inner.settings.handler_batch);
            if oldest.is_empty() {
                tokio::select! {
                    () = self.arrived.notified() => continue,
                    () = self.stop.cancelled() => return,
                }
            }
            let slots = Arc::clone(&self.inner.slots);
            let slot = tokio::select! {
                biased;
                () = self.stop.cancelled() => return,
                slot = slots.acquire_owned() => slot,
            };
            if slot.is_err() {
                return;
            }
            if !self.is_locked() {
                drop(slot);
                self.pause(LOCK_PAUSE).await;
                continue;
            }
            let pause = self.consume_oldest(oldest).await;
            drop(slot);
            if let Some(pause) = pause {
                self.pause(pause).await;
            }
            if self.stop.is_cancelled() {
                return;
            }
        }
    }

    /// One call of the handler; the pause before the next one if messages are left.
    async fn consume_oldest(&self, oldest: Vec<(Arc<Received>, i32)>) -> Option<Duration> {
        let mut messages = Vec::with_capacity(oldest.len());
        for (message, tries) in oldest {
            let mut message = (*message).clone();
            message.reconsume_times = message.reconsume_times.saturating_add(tries);
            self.progress.lock().begin(message.queue_offset, Instant::now());
            messages.push(message);
        }
        self.last_consume_ms.store(now_ms(), Ordering::Relaxed);
        let verdict = self.inner.deliver(&self.queue.topic, messages.clone()).await;
        if self.is_gone() {
            return None;
        }
        let pause = match verdict {
            Verdict::Success => {
                messages.iter().for_each(|message| self.finish_in_order(message));
                return None;
            }
            Verdict::Suspend(pause) => pause.unwrap_or(self.inner.settings.suspend),
            Verdict::Later(_) | Verdict::Panicked(_) => self.inner.settings.suspend,
        };
        let mut left = false;
        for message in &messages {
            left |= !self.give_up(message).await;
        }
        left.then(|| pause.clamp(PAUSE_MIN, PAUSE_MAX))
    }

    /// Sends a message that was delivered too often to the dead letter queue; `false` if it is
    /// to be tried again.
    async fn give_up(&self, message: &Received) -> bool {
        if message.reconsume_times < self.inner.deliveries_max() {
            return false;
        }
        match self.inner.send_again(message, message.reconsume_times).await {
            Ok(()) => {
                self.finish_in_order(message);
                true
            }
            Err(error) => {
                tracing::warn!(target: LOG, queue = %self.queue, %error, "not given up");
                false
            }
        }
    }

    fn finish_in_order(&self, message: &Received) {
        self.progress.lock().finish(message.queue_offset);
        self.room.notify_one();
    }
}
