//! The power goes at random moments, again and again; what was on the disk is there, and nothing
//! else is taken for it. `STORE_DEVICE_SEED` repeats a run, `STORE_DEVICE_ROUNDS` makes it longer.

use std::collections::HashMap;
use std::env;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Live;
use fastrand::Rng;
use protocol::message::records;
use protocol::properties::tags_code;

use super::Device;
use crate::{NewMessage, QueueEntry, Store, StoreConfig};

const ROUNDS: u64 = 24;
const TOPICS: [&str; 3] = ["One", "Two", "TopicWithALongerName"];
const QUEUES: i32 = 2;
const HOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10911);

fn variable(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}

/// What a message was when it was appended, by its number, which its body begins with.
#[derive(Clone)]
struct Sent {
    topic: &'static str,
    queue_id: i32,
    queue_offset: i64,
    physical_offset: i64,
    end: i64,
    body: Vec<u8>,
    properties: String,
    tags: String,
}

struct Run {
    rng: Rng,
    config: StoreConfig,
    sent: HashMap<u64, Sent>,
    /// Numbers of those that were on the disk when the power went.
    synced: Vec<u64>,
    /// Numbers of those that were appended since it came back.
    fresh: Vec<u64>,
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let config = StoreConfig {
            maped_file_size_commit_log: 1000 * rng.i32(8..60),
            maped_file_size_consume_queue: 20 * rng.i32(40..400),
            mapped_file_size_consume_queue_ext: 1024 * rng.i32(4..20),
            enable_consume_queue_ext: rng.bool(),
            max_hash_slot_num: 20,
            max_index_num: rng.i32(20..400),
            flush_interval_commit_log: rng.i32(1..20),
            flush_commit_log_least_pages: rng.i32(0..3),
            flush_interval_consume_queue: rng.i32(1..10),
            flush_consume_queue_thorough_interval: rng.i32(1..40),
            ..StoreConfig::default()
        };
        Self { rng, config, sent: HashMap::new(), synced: Vec::new(), fresh: Vec::new() }
    }

    fn open(&mut self, root: &Path) -> Arc<Store> {
        self.config.store_path_root_dir = root.to_str().unwrap().to_owned();
        self.config.store_path_commit_log = root.join("commitlog").to_str().unwrap().to_owned();
        let config = Arc::new(Live::new(self.config.clone()));
        let store = Store::open(config, Arc::new(())).unwrap();
        store.start().unwrap();
        store
    }

    fn append(&mut self, store: &Store) {
        let number = self.sent.len() as u64;
        let rng = &mut self.rng;
        let topic = *rng.choice(&TOPICS).unwrap();
        let queue_id = rng.i32(0..QUEUES);
        let len = *rng.choice(&[0, 10, 300, 900, 5000]).unwrap();
        let fill = rng.u8(..);
        let mut body = format!("{number} ").into_bytes();
        body.extend((0..rng.usize(0..=len)).map(|at| fill.wrapping_add(at as u8)));
        let tags = format!("tag{}", rng.u8(0..5));
        let notes = "n".repeat(rng.usize(0..600));
        let properties =
            format!("KEYS\u{1}k{number}\u{2}TAGS\u{1}{tags}\u{2}note\u{1}{notes}\u{2}");
        let message = NewMessage {
            topic,
            queue_id,
            flag: 0,
            sys_flag: 0,
            born_timestamp: 1,
            born_host: HOST,
            store_host: HOST,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: &body,
            properties: &properties,
        };
        let done = store.append(&message).unwrap();
        let (queue_offset, physical_offset) = (done.queue_offset, done.physical_offset);
        let end = done.end_offset;
        let sent =
            Sent { topic, queue_id, queue_offset, physical_offset, end, body, properties, tags };
        self.sent.insert(number, sent);
        self.fresh.push(number);
    }

    /// Notes what of this life has to be there from now on.
    fn power_goes(&mut self, flushed: i64) {
        let fresh = std::mem::take(&mut self.fresh);
        self.synced.extend(fresh.into_iter().filter(|number| self.sent[number].end <= flushed));
    }

    fn check(&self, store: &Store) {
        let mut read = HashMap::new();
        for topic in TOPICS {
            for queue_id in 0..QUEUES {
                let entries = all_entries(store, topic, queue_id);
                let mut offset = store.min_offset(topic, queue_id);
                while offset < store.max_offset(topic, queue_id) {
                    let result = store.read(topic, queue_id, offset, 32, &());
                    assert!(result.next_begin_offset > offset, "{topic}/{queue_id}: {result:?}");
                    offset = result.next_begin_offset;
                    for slice in result.slices() {
                        for message in records(slice) {
                            let message = message.expect("a record");
                            let number = self.known(&message);
                            let entry = entries[&message.queue_offset];
                            let tags = tags_code(self.sent[&number].tags.as_bytes());
                            assert_eq!(entry.tags_code, tags, "{message:?}");
                            assert_eq!(entry.physical_offset, message.physical_offset);
                            assert_eq!((message.topic, message.queue_id), (topic, queue_id));
                            read.insert(number, (message.queue_offset, message.physical_offset));
                        }
                    }
                }
            }
        }
        for number in &self.synced {
            let sent = &self.sent[number];
            let found = read.get(number);
            let place = (sent.queue_offset, sent.physical_offset);
            let in_log = store.record_at(sent.physical_offset).unwrap().is_some();
            let (topic, queue_id) = (sent.topic, sent.queue_id);
            let entries = all_entries(store, topic, queue_id);
            let entry = entries.get(&sent.queue_offset);
            assert_eq!(
                found,
                Some(&place),
                "message {number} of {topic}/{queue_id}, in the log: {in_log}, {entry:?}, {store:?}"
            );
        }
    }

    /// The number of a message that was read; it must be as it was sent.
    fn known(&self, message: &protocol::message::Message<'_>) -> u64 {
        let digits = message.body.split(|byte| *byte == b' ').next().unwrap();
        let number: u64 = std::str::from_utf8(digits).unwrap().parse().unwrap();
        let sent = &self.sent[&number];
        assert!(message.body == sent.body, "garbled body of {number}");
        assert_eq!(message.properties.as_bytes(), sent.properties.as_bytes(), "of {number}");
        number
    }
}

fn all_entries(store: &Store, topic: &str, queue_id: i32) -> HashMap<i64, QueueEntry> {
    let mut found = HashMap::new();
    let mut offset = store.min_offset(topic, queue_id);
    while offset < store.max_offset(topic, queue_id) {
        let part = store.entries(topic, queue_id, offset, usize::MAX);
        assert!(!part.is_empty(), "{topic}/{queue_id} at {offset}");
        for entry in part {
            found.insert(offset, entry);
            offset += 1;
        }
    }
    found
}

fn settle(store: &Store) {
    let until = Some(Instant::now() + Duration::from_secs(20));
    store.dispatched().wait_blocking(store.appended().get(), until, None);
}

#[test]
fn what_was_synced_outlives_the_power() {
    let seed = variable("STORE_DEVICE_SEED").unwrap_or_else(|| fastrand::u64(..));
    eprintln!("STORE_DEVICE_SEED={seed}");
    let rounds = variable("STORE_DEVICE_ROUNDS").unwrap_or(ROUNDS);
    let mut done = 0;
    let mut era = 0;
    while done < rounds {
        era += 1;
        let dir = tempfile::tempdir().unwrap();
        let mut run = Run::new(seed.wrapping_add(era));
        let lives = run.rng.u64(1..12);
        let mut root = dir.path().join("0");
        fs::create_dir(&root).unwrap();
        for life in 1..=lives {
            let device = Device::attach(&root);
            let store = run.open(&root);
            run.check(&store);
            let count = *run.rng.choice(&[0, 3, 40, 200]).unwrap();
            for _ in 0..count {
                run.append(&store);
                match run.rng.u8(0..40) {
                    0 => store.flush().unwrap(),
                    1 => std::thread::park_timeout(Duration::from_millis(run.rng.u64(0..20))),
                    _ => {}
                }
            }
            if run.rng.bool() {
                settle(&store);
            }
            let flushed = store.flushed().get();
            let next = dir.path().join(life.to_string());
            device.image(&next, &mut run.rng);
            run.power_goes(flushed);
            device.detach();
            drop(store);
            // The machine was started anew.
            if next.join("abort").exists() {
                fs::write(next.join("abort"), "another boot").unwrap();
            }
            fs::remove_dir_all(&root).unwrap();
            root = next;
        }
        let store = run.open(&root);
        run.check(&store);
        done += lives;
    }
}
