//! The slaves that are connected to a master.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::inner::Inner;

/// What each connected slave reported last.
#[derive(Debug, Default)]
pub(crate) struct Seats {
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    next_id: u64,
    reported: BTreeMap<u64, i64>,
}

impl Seats {
    pub(crate) fn count(&self) -> usize {
        self.table.lock().reported.len()
    }

    /// The end of the log that is nearest to ours; `None` without slaves.
    pub(crate) fn nearest(&self) -> Option<i64> {
        self.table.lock().reported.values().copied().max()
    }
}

/// A connected slave, for as long as this lives.
pub struct Seat {
    inner: Arc<Inner>,
    id: u64,
}

impl Seat {
    pub(super) fn take(inner: &Arc<Inner>, reported: i64) -> Self {
        let mut table = inner.slaves.table.lock();
        let id = table.next_id;
        table.next_id += 1;
        table.reported.insert(id, reported);
        drop(table);
        Self { inner: Arc::clone(inner), id }
    }

    /// The slave said where its log ends.
    pub fn reported(&self, offset: i64) {
        self.inner.slaves.table.lock().reported.insert(self.id, offset);
    }

    /// The slave has everything up to `offset` as this master sent it.
    pub fn acknowledged(&self, offset: i64) {
        self.inner.replicated.advance(offset);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.inner.slaves.table.lock().reported.remove(&self.id);
    }
}

impl fmt::Debug for Seat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seat").field("id", &self.id).finish_non_exhaustive()
    }
}
