//! Offsets that only grow and that one can wait for.
//!
//! The store's progress is four of them: `appended`, `flushed`, `replicated`, `dispatched`. A task
//! awaits [`Watermark::wait_for`], a thread calls [`Watermark::wait_blocking`]; both are kept in
//! one list ordered by the offset they want, so that an advance looks at those it serves only.
//! With nobody to serve, an advance is a store, a fence and a load.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering, fence};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

use parking_lot::Mutex;

/// The watermark will not move any more: the store stopped, or a flush failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the store will not get there any more")]
pub struct Closed;

/// How a blocking wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    /// The offset is reached.
    Reached,
    /// The time is over, or the caller was asked to stop.
    Over,
    /// See [`Closed`].
    Closed,
}

/// A monotonic offset.
pub struct Watermark {
    value: AtomicI64,
    /// The lowest offset waited for; `i64::MAX` without waiters.
    wanted: AtomicI64,
    closed: AtomicBool,
    waiters: Mutex<Waiters>,
}

#[derive(Default)]
struct Waiters {
    next_id: u64,
    /// By the offset they want, then in order of arrival.
    queue: BTreeMap<(i64, u64), Waiter>,
}

enum Waiter {
    Task(Waker),
    Thread(Thread),
}

impl Waiter {
    fn wake(self) {
        match self {
            Self::Task(waker) => waker.wake(),
            Self::Thread(thread) => thread.unpark(),
        }
    }
}

impl Watermark {
    /// Starts at `value`.
    #[must_use]
    pub fn new(value: i64) -> Self {
        Self {
            value: AtomicI64::new(value),
            wanted: AtomicI64::new(i64::MAX),
            closed: AtomicBool::new(false),
            waiters: Mutex::default(),
        }
    }

    /// How far it is.
    #[must_use]
    pub fn get(&self) -> i64 {
        self.value.load(Ordering::Acquire)
    }

    /// Whether it moves no more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Moves it, if `to` is further, and wakes those who waited for that.
    pub fn advance(&self, to: i64) {
        if self.value.fetch_max(to, Ordering::AcqRel) < to {
            self.notify();
        }
    }

    /// Moves it without waking anybody; [`notify`](Self::notify) must follow. For a single
    /// advancer that holds a lock it wants to leave first.
    pub(crate) fn set_quietly(&self, to: i64) {
        debug_assert!(to >= self.value.load(Ordering::Relaxed), "a watermark only grows");
        self.value.store(to, Ordering::Release);
    }

    /// Wakes those whose offset is reached.
    pub(crate) fn notify(&self) {
        // Orders the value's store before the load of `wanted`. A waiter does the reverse: stores
        // `wanted`, fence, loads the value. One of the two sees the other.
        fence(Ordering::SeqCst);
        if self.wanted.load(Ordering::Relaxed) <= self.value.load(Ordering::Relaxed) {
            self.wake_reached();
        }
    }

    #[cold]
    fn wake_reached(&self) {
        let reached = {
            let mut waiters = self.waiters.lock();
            let value = self.value.load(Ordering::Acquire);
            let later = match value.checked_add(1) {
                Some(next) => waiters.queue.split_off(&(next, 0)),
                None => BTreeMap::new(),
            };
            let reached = std::mem::replace(&mut waiters.queue, later);
            self.note_wanted(&waiters);
            reached
        };
        reached.into_values().for_each(Waiter::wake);
    }

    /// Ends all waits, present and future ones, that are not reached.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        let all = {
            let mut waiters = self.waiters.lock();
            self.wanted.store(i64::MAX, Ordering::Relaxed);
            std::mem::take(&mut waiters.queue)
        };
        all.into_values().for_each(Waiter::wake);
    }

    fn note_wanted(&self, waiters: &Waiters) {
        let wanted = waiters.queue.keys().next().map_or(i64::MAX, |key| key.0);
        self.wanted.store(wanted, Ordering::Relaxed);
    }

    /// Resolves once the watermark is at `offset` or further. Dropping the future ends the wait.
    pub fn wait_for(&self, offset: i64) -> WaitFor<'_> {
        WaitFor { mark: self, offset, key: None }
    }

    /// Blocks until the watermark is at `offset` or further, `until` has come, or `stop` is set;
    /// whoever sets it also unparks the thread.
    pub fn wait_blocking(
        &self,
        offset: i64,
        until: Option<Instant>,
        stop: Option<&AtomicBool>,
    ) -> Waited {
        let mut key = None;
        let outcome = loop {
            if self.get() >= offset {
                break Waited::Reached;
            }
            if self.is_closed() {
                break Waited::Closed;
            }
            if stop.is_some_and(|stop| stop.load(Ordering::Acquire)) {
                break Waited::Over;
            }
            if key.is_none() {
                key = Some(self.enqueue(offset, Waiter::Thread(thread::current())));
                continue;
            }
            let Some(until) = until else {
                thread::park();
                continue;
            };
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Waited::Over;
            }
            thread::park_timeout(left);
        };
        if let Some(key) = key {
            self.dequeue(key);
        }
        outcome
    }

    /// Puts a waiter into the list. The caller looks at the value again afterwards.
    fn enqueue(&self, offset: i64, waiter: Waiter) -> (i64, u64) {
        let mut waiters = self.waiters.lock();
        let key = (offset, waiters.next_id);
        waiters.next_id += 1;
        waiters.queue.insert(key, waiter);
        self.note_wanted(&waiters);
        drop(waiters);
        fence(Ordering::SeqCst);
        key
    }

    fn dequeue(&self, key: (i64, u64)) {
        let mut waiters = self.waiters.lock();
        waiters.queue.remove(&key);
        self.note_wanted(&waiters);
    }
}

impl fmt::Debug for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Watermark({})", self.get())
    }
}

/// Future of [`Watermark::wait_for`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct WaitFor<'a> {
    mark: &'a Watermark,
    offset: i64,
    key: Option<(i64, u64)>,
}

impl WaitFor<'_> {
    fn outcome(&self) -> Option<Result<(), Closed>> {
        if self.mark.get() >= self.offset {
            return Some(Ok(()));
        }
        self.mark.is_closed().then_some(Err(Closed))
    }

    fn forget(&mut self) {
        if let Some(key) = self.key.take() {
            self.mark.dequeue(key);
        }
    }
}

impl Future for WaitFor<'_> {
    type Output = Result<(), Closed>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Some(outcome) = self.outcome() {
            self.forget();
            return Poll::Ready(outcome);
        }
        // A new entry each time: the task may have moved to another waker.
        self.forget();
        self.key = Some(self.mark.enqueue(self.offset, Waiter::Task(cx.waker().clone())));
        match self.outcome() {
            Some(outcome) => {
                self.forget();
                Poll::Ready(outcome)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for WaitFor<'_> {
    fn drop(&mut self) {
        self.forget();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;
    use std::time::Duration;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn poll(future: &mut WaitFor<'_>, count: &Arc<Count>) -> Poll<Result<(), Closed>> {
        let waker = Arc::clone(count).into();
        Pin::new(future).poll(&mut Context::from_waker(&waker))
    }

    #[test]
    fn only_the_reached_are_woken() {
        let mark = Watermark::new(0);
        let (near, far) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (mut at_5, mut at_9) = (mark.wait_for(5), mark.wait_for(9));
        assert!(poll(&mut at_5, &near).is_pending());
        assert!(poll(&mut at_9, &far).is_pending());
        mark.advance(4);
        assert_eq!(near.0.load(Ordering::SeqCst), 0);
        mark.advance(5);
        assert_eq!((near.0.load(Ordering::SeqCst), far.0.load(Ordering::SeqCst)), (1, 0));
        assert_eq!(poll(&mut at_5, &near), Poll::Ready(Ok(())));
        mark.advance(100);
        assert_eq!(poll(&mut at_9, &far), Poll::Ready(Ok(())));
        assert_eq!(mark.wanted.load(Ordering::SeqCst), i64::MAX);
    }

    #[test]
    fn it_never_goes_back() {
        let mark = Watermark::new(7);
        mark.advance(3);
        assert_eq!(mark.get(), 7);
        let count = Arc::new(Count::default());
        assert_eq!(poll(&mut mark.wait_for(7), &count), Poll::Ready(Ok(())));
    }

    #[test]
    fn a_dropped_wait_leaves_nothing() {
        let mark = Watermark::new(0);
        let count = Arc::new(Count::default());
        let mut wait = mark.wait_for(5);
        assert!(poll(&mut wait, &count).is_pending());
        assert!(poll(&mut wait, &count).is_pending());
        assert_eq!(mark.waiters.lock().queue.len(), 1);
        drop(wait);
        assert!(mark.waiters.lock().queue.is_empty());
        mark.advance(10);
        assert_eq!(count.0.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn closing_ends_waits_but_not_reached_ones() {
        let mark = Watermark::new(0);
        let count = Arc::new(Count::default());
        let mut wait = mark.wait_for(5);
        assert!(poll(&mut wait, &count).is_pending());
        mark.advance(4);
        mark.close();
        assert_eq!(poll(&mut wait, &count), Poll::Ready(Err(Closed)));
        assert_eq!(poll(&mut mark.wait_for(4), &count), Poll::Ready(Ok(())));
        assert_eq!(mark.wait_blocking(5, None, None), Waited::Closed);
        assert_eq!(mark.wait_blocking(4, None, None), Waited::Reached);
    }

    #[test]
    fn threads_wait_with_an_end() {
        let mark = Watermark::new(0);
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(mark.wait_blocking(1, Some(soon), None), Waited::Over);
        assert!(mark.waiters.lock().queue.is_empty());
        let stop = AtomicBool::new(true);
        assert_eq!(mark.wait_blocking(1, None, Some(&stop)), Waited::Over);
    }

    #[test]
    fn no_wake_is_lost_between_threads() {
        const ROUNDS: i64 = 20_000;
        let (ping, pong) = (Watermark::new(0), Watermark::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 1..=ROUNDS {
                    assert_eq!(ping.wait_blocking(round, None, None), Waited::Reached);
                    pong.set_quietly(round);
                    pong.notify();
                }
            });
            for round in 1..=ROUNDS {
                ping.set_quietly(round);
                ping.notify();
                assert_eq!(pong.wait_blocking(round, None, None), Waited::Reached);
            }
        });
    }
}
