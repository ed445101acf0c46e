//! Many threads at once, and waiting for progress.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use protocol::properties::Properties;
use store::{Arrival, ArrivalListener, FlushDiskType, NewMessage, Waited};

use crate::support::{Place, decoded, eventually, message, put, read_all, settle};

/// Topic, queue, next offset, tags code and tags of an arrival.
type Told = (String, i32, i64, i64, Option<String>);

#[derive(Default)]
struct Seen(Mutex<Vec<Told>>);

impl ArrivalListener for Seen {
    fn arrived(&self, a: &Arrival<'_>) {
        let tags = a.properties.get("TAGS").map(str::to_owned);
        self.0.lock().unwrap().push((
            a.topic.to_owned(),
            a.queue_id,
            a.next_offset,
            a.tags_code,
            tags,
        ));
    }

    fn bit_map(&self, topic: &str, properties: Properties<'_>, into: &mut Vec<u8>) {
        if properties.get("TAGS").is_some() {
            into.extend_from_slice(topic.as_bytes());
        }
    }
}

#[test]
fn appenders_share_queues_without_gaps_while_readers_follow() {
    const THREADS: usize = 4;
    const EACH: usize = 500;
    let mut place = Place::small();
    place.config.max_index_num = 5000;
    let store = place.start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            let (mut offset, mut count) = (0, 0);
            while count < THREADS * EACH {
                let result = store.read("Shared", 0, offset, 32, &());
                for (number, each) in decoded(&result).iter().enumerate() {
                    assert_eq!(each.queue_offset, offset + number as i64);
                    each.check_body().unwrap();
                    count += 1;
                }
                offset = result.next_begin_offset;
            }
            done.store(true, Ordering::SeqCst);
        });
        for number in 0..THREADS {
            let store = &store;
            scope.spawn(move || {
                for each in 0..EACH {
                    let body = vec![u8::try_from(number).unwrap(); each % 200];
                    put(store, "Shared", 0, &body);
                    put(store, "Own", i32::try_from(number).unwrap(), &body);
                }
            });
        }
        reader.join().unwrap();
    });
    assert!(done.load(Ordering::SeqCst));
    settle(&store);
    assert_eq!(store.max_offset("Shared", 0), (THREADS * EACH) as i64);
    for number in 0..THREADS {
        let own = read_all(&store, "Own", i32::try_from(number).unwrap());
        assert_eq!(own.len(), EACH);
        for (each, body) in own.iter().enumerate() {
            assert_eq!(body.len(), each % 200);
        }
    }
    assert_eq!(store.stats().put_messages(), (2 * THREADS * EACH) as u64);
}

#[test]
fn arrivals_come_in_order_and_can_be_pulled() {
    let seen = Arc::new(Seen::default());
    let mut place = Place::small();
    place.listener = Arc::clone(&seen) as Arc<dyn ArrivalListener>;
    let store = place.start();
    put(&store, "A", 1, b"x");
    let tagged = NewMessage { properties: "TAGS\u{1}TagA\u{2}", ..message("A", 1, b"y") };
    store.append(&tagged).unwrap();
    put(&store, "B", 0, b"z");
    settle(&store);
    let expected = [
        ("A".to_owned(), 1, 1, 0, None),
        ("A".to_owned(), 1, 2, 2_598_919, Some("TagA".to_owned())),
        ("B".to_owned(), 0, 1, 0, None),
    ];
    assert_eq!(*seen.0.lock().unwrap(), expected);
}

#[test]
fn an_idle_dispatcher_wakes_at_once() {
    let place = Place::small();
    let store = place.start();
    put(&store, "Warm", 0, b"x");
    settle(&store);
    let mut waits: Vec<_> = (0..50)
        .map(|_| {
            // Long enough for the dispatcher to fall asleep.
            thread::park_timeout(Duration::from_millis(3));
            let start = Instant::now();
            put(&store, "Warm", 0, b"x");
            settle(&store);
            start.elapsed()
        })
        .collect();
    waits.sort();
    assert!(waits[25] < Duration::from_millis(1), "median {:?}", waits[25]);
}

#[test]
fn with_sync_flush_the_disk_follows_at_once() {
    let mut place = Place::small();
    place.config.flush_disk_type = FlushDiskType::SyncFlush;
    let store = place.start();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..20 {
                    let end = put(&store, "Topic", 0, &[1; 300]).end_offset;
                    let until = Instant::now() + Duration::from_secs(20);
                    let waited = store.flushed().wait_blocking(end, Some(until), None);
                    assert_eq!(waited, Waited::Reached);
                    assert!(store.flushed().get() >= end);
                }
            });
        }
    });
    assert_eq!(store.flush_behind(), 0);
}

#[test]
fn with_async_flush_the_disk_follows_by_time_and_amount() {
    let mut place = Place::full();
    place.config.flush_interval_commit_log = 1;
    place.config.flush_commit_log_least_pages = 4;
    place.config.flush_commit_log_thorough_interval = 100_000;
    let store = place.start();
    put(&store, "Topic", 0, &[1; 100]);
    settle(&store);
    thread::park_timeout(Duration::from_millis(30));
    assert_eq!(store.flushed().get(), 0, "less than the least pages");
    put(&store, "Topic", 0, &[1; 20_000]);
    eventually("flushed", || store.flush_behind() == 0);
    put(&store, "Topic", 0, &[1; 100]);
    store.flush().unwrap();
    assert_eq!(store.flush_behind(), 0);
}

#[test]
fn waits_end_when_the_store_stops() {
    let mut place = Place::full();
    place.config.flush_interval_commit_log = 100_000;
    let store = place.start();
    let end = put(&store, "Topic", 0, b"x").end_offset;
    thread::scope(|scope| {
        let reached = scope.spawn(|| store.flushed().wait_blocking(end, None, None));
        let never = scope.spawn(|| store.flushed().wait_blocking(end + 1, None, None));
        store.shutdown().unwrap();
        assert_eq!(reached.join().unwrap(), Waited::Reached);
        assert_eq!(never.join().unwrap(), Waited::Closed);
    });
}

#[test]
fn topics_come_and_go_under_load() {
    let place = Place::small();
    let store = place.start();
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::SeqCst) {
                put(&store, "Gone", 0, &[7; 50]);
            }
        });
        for _ in 0..30 {
            store.delete_topic("Gone").unwrap();
            thread::yield_now();
        }
        stop.store(true, Ordering::SeqCst);
    });
    store.delete_topic("Gone").unwrap();
    for number in 0..20 {
        assert_eq!(put(&store, "Gone", 0, &[9]).queue_offset, number);
    }
    settle(&store);
    assert_eq!(read_all(&store, "Gone", 0), vec![vec![9]; 20]);
}
