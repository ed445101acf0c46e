//! Pulls that found nothing and wait for a message: long polling.
//!
//! A held pull is a future of its connection; here only stands what wakes it. The store's
//! dispatcher tells every new entry; where nobody waits on a queue of the same shard that costs
//! one hash and two loads. Whoever is woken leaves the table at once and never comes back: the
//! pull is answered whatever it finds then.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Shards of the table: queues that share one share a lock.
const SHARDS: usize = 64;

/// The held pulls of a broker; `F` says what a pull wants.
#[derive(Debug)]
pub(crate) struct Hold<F> {
    shards: Vec<Shard<F>>,
    hasher: RandomState,
    count: AtomicUsize,
    closed: AtomicBool,
}

#[derive(Debug)]
struct Shard<F> {
    waiting: AtomicUsize,
    /// Waiters by the hash of topic and queue.
    table: Mutex<HashMap<u64, Vec<Arc<Waiter<F>>>>>,
}

#[derive(Debug)]
struct Waiter<F> {
    topic: Box<str>,
    queue_id: i32,
    /// The offset it asked for: a message here or later wakes it.
    offset: i64,
    wants: F,
    wake: Notify,
}

/// A place in the table, given up when dropped.
#[derive(Debug)]
pub(crate) struct Held<F> {
    hold: Arc<Hold<F>>,
    hash: u64,
    waiter: Arc<Waiter<F>>,
}

impl<F> Default for Hold<F> {
    fn default() -> Self {
        let shard = || Shard { waiting: AtomicUsize::new(0), table: Mutex::default() };
        Self {
            shards: std::iter::repeat_with(shard).take(SHARDS).collect(),
            hasher: RandomState::new(),
            count: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        }
    }
}

impl<F> Hold<F> {
    /// How many pulls are held.
    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether anybody waits for an entry that was published before this call. With the fence of
    /// [`enter`](Self::enter) either we see the waiter here or it sees the entry.
    pub(crate) fn is_awaited(&self) -> bool {
        fence(Ordering::SeqCst);
        self.len() > 0
    }

    /// Wakes everybody; from now on whoever enters is woken at once.
    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for shard in &self.shards {
            let waiters: Vec<_> = shard.table.lock().drain().flat_map(|(_, list)| list).collect();
            self.forget(shard, waiters.len());
            waiters.iter().for_each(|waiter| waiter.wake.notify_one());
        }
    }

    /// Takes a place for a pull. The caller must look at the queue's end once more before it
    /// waits: what arrived before this call wakes nobody.
    pub(crate) fn enter(
        self: &Arc<Self>,
        topic: &str,
        queue_id: i32,
        offset: i64,
        wants: F,
    ) -> Held<F> {
        let hash = self.hasher.hash_one((topic, queue_id));
        let waiter =
            Arc::new(Waiter { topic: topic.into(), queue_id, offset, wants, wake: Notify::new() });
        let shard = self.shard(hash);
        let mut table = shard.table.lock();
        table.entry(hash).or_default().push(Arc::clone(&waiter));
        shard.waiting.fetch_add(1, Ordering::SeqCst);
        self.count.fetch_add(1, Ordering::Relaxed);
        drop(table);
        fence(Ordering::SeqCst);
        if self.closed.load(Ordering::SeqCst) {
            waiter.wake.notify_one();
        }
        Held { hold: Arc::clone(self), hash, waiter }
    }

    /// A message is in its queue, which now ends at `end`: wakes those who asked for an offset
    /// before that and want it.
    pub(crate) fn arrived(
        &self,
        topic: &str,
        queue_id: i32,
        end: i64,
        wanted: impl Fn(&F) -> bool,
    ) {
        if !self.is_awaited() {
            return;
        }
        let hash = self.hasher.hash_one((topic, queue_id));
        let shard = self.shard(hash);
        if shard.waiting.load(Ordering::SeqCst) == 0 {
            return;
        }
        let mut table = shard.table.lock();
        let Some(waiters) = table.get_mut(&hash) else { return };
        let before = waiters.len();
        waiters.retain(|waiter| {
            let wake = waiter.queue_id == queue_id
                && *waiter.topic == *topic
                && end > waiter.offset
                && wanted(&waiter.wants);
            if wake {
                waiter.wake.notify_one();
            }
            !wake
        });
        let gone = before - waiters.len();
        if waiters.is_empty() {
            table.remove(&hash);
        }
        self.forget(shard, gone);
    }

    fn shard(&self, hash: u64) -> &Shard<F> {
        // The remainder is below the number of shards.
        &self.shards[hash as usize % SHARDS]
    }

    fn forget(&self, shard: &Shard<F>, gone: usize) {
        shard.waiting.fetch_sub(gone, Ordering::SeqCst);
        self.count.fetch_sub(gone, Ordering::Relaxed);
    }
}

impl<F> Held<F> {
    /// Waits until a message this pull wants arrives. Safe to drop and call again.
    pub(crate) async fn woken(&self) {
        self.waiter.wake.notified().await;
    }
}

impl<F> Drop for Held<F> {
    fn drop(&mut self) {
        let shard = self.hold.shard(self.hash);
        let mut table = shard.table.lock();
        let Some(waiters) = table.get_mut(&self.hash) else { return };
        let before = waiters.len();
        waiters.retain(|waiter| !Arc::ptr_eq(waiter, &self.waiter));
        let gone = before - waiters.len();
        if waiters.is_empty() {
            table.remove(&self.hash);
        }
        self.hold.forget(shard, gone);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn woken(held: &Held<i64>) -> bool {
        use std::future::Future;
        use std::task::{Context, Waker};
        let mut future = std::pin::pin!(held.woken());
        future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    fn arrive(hold: &Hold<i64>, topic: &str, queue_id: i32, end: i64, tag: i64) {
        hold.arrived(topic, queue_id, end, |wants| *wants == tag);
    }

    #[test]
    fn only_a_wanted_message_of_the_queue_wakes() {
        let hold = Arc::new(Hold::default());
        let held = hold.enter("T", 0, 5, 1);
        arrive(&hold, "T", 1, 9, 1);
        arrive(&hold, "U", 0, 9, 1);
        arrive(&hold, "T", 0, 5, 1);
        arrive(&hold, "T", 0, 6, 2);
        assert!(!woken(&held));
        arrive(&hold, "T", 0, 7, 1);
        assert!(woken(&held));
        assert_eq!(hold.len(), 0);
        drop(held);
        assert_eq!(hold.len(), 0);
    }

    #[test]
    fn all_who_want_it_wake_and_the_others_stay() {
        let hold = Arc::new(Hold::default());
        let both: Vec<_> = (0..2).map(|_| hold.enter("T", 0, 0, 1)).collect();
        let other = hold.enter("T", 0, 0, 2);
        let ahead = hold.enter("T", 0, 10, 1);
        arrive(&hold, "T", 0, 1, 1);
        assert!(both.iter().all(woken));
        assert!(!woken(&other) && !woken(&ahead));
        assert_eq!(hold.len(), 2);
    }

    #[test]
    fn closing_wakes_all_now_and_later() {
        let hold = Arc::new(Hold::default());
        let before = hold.enter("T", 0, 0, 1);
        assert!(!woken(&before));
        hold.close();
        assert!(woken(&before) && woken(&hold.enter("T", 0, 0, 1)));
        drop(before);
        assert_eq!(hold.len(), 0);
    }

    #[test]
    fn who_goes_leaves_nothing_behind() {
        let hold = Arc::new(Hold::default());
        for queue_id in 0..1000 {
            let held = hold.enter("T", queue_id, 0, 1);
            assert_eq!(hold.len(), 1);
            drop(held);
        }
        assert_eq!(hold.len(), 0);
        assert!(hold.shards.iter().all(|shard| shard.table.lock().is_empty()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_arrival_is_missed() {
        let hold = Arc::new(Hold::default());
        let end = Arc::new(std::sync::atomic::AtomicI64::new(0));
        let (writer_hold, writer_end) = (Arc::clone(&hold), Arc::clone(&end));
        let writer = std::thread::spawn(move || {
            for next in 1..=20_000 {
                writer_end.store(next, Ordering::Release);
                arrive(&writer_hold, "T", 0, next, 1);
            }
        });
        let mut offset = 0;
        while offset < 20_000 {
            let held = hold.enter("T", 0, offset, 1);
            if end.load(Ordering::Acquire) <= offset {
                held.woken().await;
            }
            let now = end.load(Ordering::Acquire);
            assert!(now > offset);
            offset = now;
        }
        writer.join().unwrap();
    }
}
