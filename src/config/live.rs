//! Settings that change while others read them.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::{ArcSwap, Guard};

/// A value that is read as a snapshot and replaced whole.
///
/// Load it before an await and never hold the guard across one.
#[derive(Debug)]
pub struct Live<T> {
    current: ArcSwap<T>,
    /// Keeps two updates from losing each other's change; readers never take it.
    writer: Mutex<()>,
}

impl<T> Live<T> {
    /// Starts with `value`.
    pub fn new(value: T) -> Self {
        Self { current: ArcSwap::from_pointee(value), writer: Mutex::new(()) }
    }

    /// The present value, for a short look.
    pub fn load(&self) -> Guard<Arc<T>> {
        self.current.load()
    }

    /// The present value, to keep.
    pub fn snapshot(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// Changes a copy and puts it in place.
    pub fn update<R>(&self, change: impl FnOnce(&mut T) -> R) -> R
    where
        T: Clone,
    {
        let _one_at_a_time = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = T::clone(&self.current.load());
        let result = change(&mut next);
        self.current.store(Arc::new(next));
        result
    }
}

impl<T: Default> Default for Live<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Live<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_keep_their_snapshot() {
        let live = Live::new(1);
        let before = live.snapshot();
        let old = live.update(|v| std::mem::replace(v, 2));
        assert_eq!((*before, old, **live.load()), (1, 1, 2));
    }

    #[test]
    fn concurrent_updates_all_count() {
        let live = Live::new(0);
        std::thread::scope(|s| {
            for _ in 0..4 {
                s.spawn(|| (0..250).for_each(|_| live.update(|v| *v += 1)));
            }
        });
        assert_eq!(*live.snapshot(), 1000);
    }
}
