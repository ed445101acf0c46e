//! The topic half of the route table: which broker offers which queues of a topic.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use protocol::bodies::TopicConfig;
use protocol::perm;

use super::{Event, usable_name};

/// Topic × broker rows held at most: 200 brokers of 10 000 topics each.
pub const MAX_ROWS: usize = 2 << 20;
/// Bytes of topic names held at most.
pub const MAX_NAME_BYTES: usize = 64 << 20;
/// Bytes of encoded route answers kept at most; beyond it answers are encoded each time.
pub const MAX_CACHED_BYTES: usize = 64 << 20;

/// What one broker offers of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Broker name.
    pub broker: Arc<str>,
    /// Queues to read from.
    pub read_queue_nums: i32,
    /// Queues to write to.
    pub write_queue_nums: i32,
    /// Permission bits.
    pub perm: i32,
    /// Unit-mode bits.
    pub sys_flag: i32,
}

impl fmt::Display for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "QueueData [brokerName={}, readQueueNums={}, writeQueueNums={}, perm={}, \
             topicSynFlag={}]",
            self.broker, self.read_queue_nums, self.write_queue_nums, self.perm, self.sys_flag
        )
    }
}

#[derive(Debug, Default)]
struct Topic {
    queues: Vec<Queue>,
    /// The encoded route answer, built by the first lookup after a change.
    encoded: OnceLock<Bytes>,
}

/// All topics, with the index from a broker name back to its topics.
#[derive(Debug, Default)]
pub(super) struct Topics {
    map: HashMap<Arc<str>, Topic>,
    of_broker: HashMap<Arc<str>, HashSet<Arc<str>>>,
    rows: usize,
    name_bytes: usize,
    cached_bytes: AtomicUsize,
}

impl Topics {
    /// Takes over what a master says about its topics. Topics it does not mention stay.
    pub(super) fn merge(
        &mut self,
        broker: &Arc<str>,
        rows: Vec<TopicConfig>,
        events: &mut Vec<Event>,
    ) {
        let (mut full, mut unusable) = (0, 0);
        for row in rows {
            if !usable_name(&row.topic_name) {
                unusable += 1;
            } else if !self.merge_row(broker, row, events) {
                full += 1;
            }
        }
        for (count, why) in [(full, "the route table is full"), (unusable, "unusable name")] {
            if count > 0 {
                events.push(Event::TopicsLeftOut { broker: Arc::clone(broker), count, why });
            }
        }
    }

    /// False when there is no room for the row.
    fn merge_row(&mut self, broker: &Arc<str>, row: TopicConfig, events: &mut Vec<Event>) -> bool {
        let queue = Queue {
            broker: Arc::clone(broker),
            read_queue_nums: row.read_queue_nums,
            write_queue_nums: row.write_queue_nums,
            perm: row.perm,
            sys_flag: row.topic_sys_flag,
        };
        let room = self.rows < MAX_ROWS;
        let Some((name, topic)) = get_key_value_mut(&mut self.map, &row.topic_name) else {
            if !room || self.name_bytes + row.topic_name.len() > MAX_NAME_BYTES {
                return false;
            }
            self.insert_new(Arc::from(row.topic_name), queue, events);
            return true;
        };
        if let Some(at) = topic.queues.iter().position(|q| q.broker == *broker) {
            if topic.queues.get(at) == Some(&queue) {
                return true;
            }
            // A changed row moves to the end of the list.
            let old = topic.queues.remove(at);
            events.push(Event::TopicChanged { topic: name, old, new: queue.clone() });
        } else if room {
            self.rows += 1;
            self.of_broker.entry(Arc::clone(broker)).or_default().insert(name);
        } else {
            return false;
        }
        topic.queues.push(queue);
        forget(&self.cached_bytes, topic);
        true
    }

    fn insert_new(&mut self, name: Arc<str>, queue: Queue, events: &mut Vec<Event>) {
        self.rows += 1;
        self.name_bytes += name.len();
        let broker = Arc::clone(&queue.broker);
        self.of_broker.entry(broker).or_default().insert(Arc::clone(&name));
        events.push(Event::NewTopic { topic: Arc::clone(&name), queue: queue.clone() });
        self.map.insert(name, Topic { queues: vec![queue], encoded: OnceLock::new() });
    }

    /// Takes the write permission of one broker's queues away; answers how many topics it has.
    pub(super) fn wipe_write(&mut self, broker: &str) -> usize {
        let Some(names) = self.of_broker.get(broker) else { return 0 };
        for name in names {
            if let Some(topic) = self.map.get_mut(name) {
                for queue in topic.queues.iter_mut().filter(|q| *q.broker == *broker) {
                    queue.perm &= !perm::WRITE;
                }
                forget(&self.cached_bytes, topic);
            }
        }
        names.len()
    }

    /// Forgets the encoded answers that mention this broker.
    pub(super) fn invalidate(&mut self, broker: &str) {
        for name in self.of_broker.get(broker).into_iter().flatten() {
            if let Some(topic) = self.map.get_mut(name) {
                forget(&self.cached_bytes, topic);
            }
        }
    }

    /// Takes a broker name out of every topic; topics left without a broker go too.
    pub(super) fn remove_broker(&mut self, broker: &str, lost: bool, events: &mut Vec<Event>) {
        for name in self.of_broker.remove(broker).unwrap_or_default() {
            let Some(topic) = self.map.get_mut(&name) else { continue };
            forget(&self.cached_bytes, topic);
            for queue in topic.queues.extract_if(.., |q| *q.broker == *broker) {
                self.rows -= 1;
                events.push(Event::QueueRemoved { topic: Arc::clone(&name), queue, lost });
            }
            if topic.queues.is_empty() {
                self.map.remove(&name);
                self.name_bytes -= name.len();
                events.push(Event::TopicRemoved { topic: name, lost });
            }
        }
    }

    /// Removes a topic as a whole.
    pub(super) fn remove(&mut self, name: &str) {
        let Some(mut topic) = self.map.remove(name) else { return };
        forget(&self.cached_bytes, &mut topic);
        self.rows -= topic.queues.len();
        self.name_bytes -= name.len();
        for queue in &topic.queues {
            if let Some(names) = self.of_broker.get_mut(&queue.broker) {
                names.remove(name);
                if names.is_empty() {
                    self.of_broker.remove(&queue.broker);
                }
            }
        }
    }

    pub(super) fn queues(&self, topic: &str) -> Option<&[Queue]> {
        self.map.get(topic).map(|t| t.queues.as_slice())
    }

    /// The encoded answer of a topic: the kept one, or a new one from `encode`.
    pub(super) fn encoded(
        &self,
        topic: &str,
        encode: impl FnOnce(&[Queue]) -> Option<Bytes>,
    ) -> Option<Bytes> {
        let topic = self.map.get(topic)?;
        if let Some(kept) = topic.encoded.get() {
            return Some(kept.clone());
        }
        let fresh = encode(&topic.queues)?;
        if self.cached_bytes.load(Ordering::Relaxed) + fresh.len() <= MAX_CACHED_BYTES
            && topic.encoded.set(fresh.clone()).is_ok()
        {
            self.cached_bytes.fetch_add(fresh.len(), Ordering::Relaxed);
        }
        Some(fresh)
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    /// Every topic with the rows of its brokers.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &[Queue])> {
        self.map.iter().map(|(name, topic)| (name, topic.queues.as_slice()))
    }

    /// The topics one broker name offers.
    pub(super) fn of_broker(&self, broker: &str) -> impl Iterator<Item = &Arc<str>> {
        self.of_broker.get(broker).into_iter().flatten()
    }

    #[cfg(test)]
    pub(super) fn cached_bytes(&self) -> usize {
        self.cached_bytes.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn sizes(&self) -> (usize, usize, usize) {
        (self.map.len(), self.rows, self.name_bytes)
    }
}

/// The stored name together with the topic, so that the index shares the allocation.
fn get_key_value_mut<'a>(
    map: &'a mut HashMap<Arc<str>, Topic>,
    name: &str,
) -> Option<(Arc<str>, &'a mut Topic)> {
    let name = Arc::clone(map.get_key_value(name)?.0);
    let topic = map.get_mut(&name)?;
    Some((name, topic))
}

fn forget(cached_bytes: &AtomicUsize, topic: &mut Topic) {
    if let Some(old) = topic.encoded.take() {
        cached_bytes.fetch_sub(old.len(), Ordering::Relaxed);
    }
}
