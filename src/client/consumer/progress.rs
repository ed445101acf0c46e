//! Which messages of a queue are in the handler, and up to where all are done.

use std::collections::BTreeSet;

/// The progress of one queue. Messages may finish in any order; only what lies before the
/// oldest unfinished one may be committed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    unfinished: BTreeSet<i64>,
    /// Behind the last message handed out.
    next: i64,
}

impl Progress {
    pub(crate) fn starting_at(offset: i64) -> Self {
        Self { unfinished: BTreeSet::new(), next: offset }
    }

    /// A message goes to the handler.
    pub(crate) fn begin(&mut self, offset: i64) {
        self.unfinished.insert(offset);
        self.next = self.next.max(offset + 1);
    }

    /// Everything up to `offset` was looked at, whether or not a message matched.
    pub(crate) fn skip_to(&mut self, offset: i64) {
        self.next = self.next.max(offset);
    }

    /// A message is done with.
    pub(crate) fn finish(&mut self, offset: i64) {
        self.unfinished.remove(&offset);
    }

    /// Messages in the handler or waiting for it.
    pub(crate) fn pending(&self) -> usize {
        self.unfinished.len()
    }

    /// The offset to commit: every message before it is done.
    pub(crate) fn done(&self) -> i64 {
        self.unfinished.first().copied().unwrap_or(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commits_only_what_lies_before_the_oldest_unfinished() {
        let mut progress = Progress::starting_at(5);
        assert_eq!(progress.done(), 5);
        (5..9).for_each(|offset| progress.begin(offset));
        progress.finish(6);
        progress.finish(8);
        assert_eq!((progress.done(), progress.pending()), (5, 2));
        progress.finish(5);
        assert_eq!(progress.done(), 7);
        progress.finish(7);
        assert_eq!((progress.done(), progress.pending()), (9, 0));
        progress.skip_to(20);
        progress.skip_to(3);
        assert_eq!(progress.done(), 20);
    }
}
