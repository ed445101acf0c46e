//! What the broker counts, where it happens: the totals that everything else is derived from.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of one broker since its start.
#[derive(Debug, Default)]
pub(crate) struct Stats {
    put_messages: AtomicU64,
    put_bytes: AtomicU64,
    got_messages: AtomicU64,
    got_bytes: AtomicU64,
    sent_back: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Totals {
    /// Messages stored.
    pub(crate) put_messages: u64,
    /// Bytes of their records.
    pub(crate) put_bytes: u64,
    /// Messages handed to consumers.
    pub(crate) got_messages: u64,
    /// Bytes of their records.
    pub(crate) got_bytes: u64,
    /// Messages given back for a later try.
    pub(crate) sent_back: u64,
}

impl Stats {
    /// A send stored `messages` of `bytes` in `topic`.
    pub(crate) fn put(&self, topic: &str, messages: u64, bytes: u64) {
        let _ = topic;
        self.put_messages.fetch_add(messages, Ordering::Relaxed);
        self.put_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A pull of `group` got `messages` of `bytes` from a queue of `topic`.
    pub(crate) fn got(&self, group: &str, topic: &str, messages: u64, bytes: u64) {
        let _ = (group, topic);
        self.got_messages.fetch_add(messages, Ordering::Relaxed);
        self.got_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// `group` gave a message of `topic` back.
    pub(crate) fn sent_back(&self, group: &str, topic: &str) {
        let _ = (group, topic);
        self.sent_back.fetch_add(1, Ordering::Relaxed);
    }

    /// How far `group` is behind the newest message, in bytes and in time.
    pub(crate) fn behind(&self, group: &str, topic: &str, queue_id: i32, bytes: i64, ms: i64) {
        let _ = (group, topic, queue_id, bytes, ms);
    }

    /// The counters now.
    pub(crate) fn totals(&self) -> Totals {
        Totals {
            put_messages: self.put_messages.load(Ordering::Relaxed),
            put_bytes: self.put_bytes.load(Ordering::Relaxed),
            got_messages: self.got_messages.load(Ordering::Relaxed),
            got_bytes: self.got_bytes.load(Ordering::Relaxed),
            sent_back: self.sent_back.load(Ordering::Relaxed),
        }
    }
}
