//! Which messages of a queue are read and not yet done, and up to where all are done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::Received;

/// The progress of one queue. Messages may finish in any order; only what lies before the
/// oldest unfinished one may be committed.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    unfinished: BTreeMap<i64, Pending>,
    bytes: usize,
    /// Behind the last message read.
    next: i64,
}

#[derive(Debug)]
struct Pending {
    message: Arc<Received>,
    /// When it went to the handler.
    begun: Option<Instant>,
    /// How often the handler had it here.
    tries: i32,
}

impl Progress {
    pub(crate) fn starting_at(offset: i64) -> Self {
        Self { next: offset, ..Self::default() }
    }

    /// A message was read.
    pub(crate) fn add(&mut self, message: Received) -> Arc<Received> {
        let (offset, message) = (message.queue_offset, Arc::new(message));
        let pending = Pending { message: Arc::clone(&message), begun: None, tries: 0 };
        self.bytes += message.body().len();
        if let Some(twice) = self.unfinished.insert(offset, pending) {
            self.bytes -= twice.message.body().len();
        }
        self.next = self.next.max(offset + 1);
        message
    }

    /// Everything up to `offset` was looked at, whether or not a message matched.
    pub(crate) fn skip_to(&mut self, offset: i64) {
        self.next = self.next.max(offset);
    }

    /// The queue has no messages where we were: it goes on at `offset`, be it before.
    pub(crate) fn restart_at(&mut self, offset: i64) {
        *self = Self::starting_at(offset);
    }

    /// A message goes to the handler; `false` if it is done already.
    pub(crate) fn begin(&mut self, offset: i64, now: Instant) -> bool {
        let Some(pending) = self.unfinished.get_mut(&offset) else {
            return false;
        };
        pending.begun = Some(now);
        pending.tries += 1;
        true
    }

    /// A message is done with; `false` if it was already.
    pub(crate) fn finish(&mut self, offset: i64) -> bool {
        let done = self.unfinished.remove(&offset);
        if let Some(done) = &done {
            self.bytes -= done.message.body().len();
        }
        done.is_some()
    }

    /// The oldest messages, at most `count`, with how often the handler had each here.
    pub(crate) fn oldest(&self, count: usize) -> Vec<(Arc<Received>, i32)> {
        let oldest = self.unfinished.values().take(count);
        oldest.map(|pending| (Arc::clone(&pending.message), pending.tries)).collect()
    }

    /// Messages that have been in the handler for too long.
    pub(crate) fn overdue(&self, limit: Duration, now: Instant) -> Vec<Arc<Received>> {
        let overdue = self.unfinished.values().filter(|pending| {
            pending.begun.is_some_and(|begun| now.saturating_duration_since(begun) >= limit)
        });
        overdue.map(|pending| Arc::clone(&pending.message)).collect()
    }

    /// Messages in the handler, with how long.
    pub(crate) fn in_handler(&self, now: Instant) -> Vec<(i64, Duration)> {
        let begun = self.unfinished.iter().filter_map(|(offset, pending)| {
            Some((*offset, now.saturating_duration_since(pending.begun?)))
        });
        begun.collect()
    }

    /// Messages read and not done.
    pub(crate) fn pending(&self) -> usize {
        self.unfinished.len()
    }

    /// Bytes of their bodies.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The offsets of the oldest and the newest of them.
    pub(crate) fn ends(&self) -> Option<(i64, i64)> {
        let (first, _) = self.unfinished.first_key_value()?;
        let (last, _) = self.unfinished.last_key_value()?;
        Some((*first, *last))
    }

    /// How far the newest is ahead of the oldest.
    pub(crate) fn span(&self) -> i64 {
        self.ends().map_or(0, |(first, last)| last - first)
    }

    /// The offset to commit: every message before it is done.
    pub(crate) fn done(&self) -> i64 {
        self.unfinished.first_key_value().map_or(self.next, |(offset, _)| *offset)
    }
}

#[cfg(test)]
mod tests {
    use protocol::message::Host;

    use super::*;
    use crate::Message;

    fn message(queue_offset: i64) -> Received {
        let host = Host::from(std::net::SocketAddrV4::new([127, 0, 0, 1].into(), 1));
        Received {
            message: Message::new("T", "", vec![1; 10]),
            broker_name: String::new(),
            queue_id: 0,
            queue_offset,
            physical_offset: 0,
            store_size: 0,
            sys_flag: 0,
            body_crc: 0,
            born_timestamp: 0,
            born_host: host,
            store_timestamp: 0,
            store_host: host,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
        }
    }

    #[test]
    fn commits_only_what_lies_before_the_oldest_unfinished() {
        let mut progress = Progress::starting_at(5);
        assert_eq!(progress.done(), 5);
        (5..9).for_each(|offset| drop(progress.add(message(offset))));
        assert_eq!((progress.bytes(), progress.span()), (40, 3));
        assert!(progress.finish(6) && progress.finish(8) && !progress.finish(8));
        assert_eq!((progress.done(), progress.pending(), progress.bytes()), (5, 2, 20));
        progress.finish(5);
        assert_eq!(progress.done(), 7);
        progress.finish(7);
        assert_eq!((progress.done(), progress.pending(), progress.bytes()), (9, 0, 0));
        progress.skip_to(20);
        progress.skip_to(3);
        assert_eq!(progress.done(), 20);
        progress.restart_at(4);
        assert_eq!(progress.done(), 4);
    }

    #[test]
    fn only_messages_in_the_handler_grow_overdue() {
        let (mut progress, now) = (Progress::starting_at(0), Instant::now());
        (0..3).for_each(|offset| drop(progress.add(message(offset))));
        assert!(progress.begin(1, now) && !progress.begin(7, now));
        let late = now + Duration::from_secs(60);
        let overdue = progress.overdue(Duration::from_secs(60), late);
        assert_eq!(overdue.iter().map(|m| m.queue_offset).collect::<Vec<_>>(), [1]);
        assert!(progress.overdue(Duration::from_secs(61), late).is_empty());
        assert_eq!(progress.in_handler(late), [(1, Duration::from_secs(60))]);
        let tries: Vec<_> = progress.oldest(2).iter().map(|(_, tries)| *tries).collect();
        assert_eq!(tries, [0, 1]);
    }
}
