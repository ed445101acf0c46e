//! Queries, times, retention, deletion, extension files, reports.

use std::collections::HashSet;
use std::fs::File;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use protocol::message::Message;
use protocol::properties::Properties;
use store::{Arrival, ArrivalListener, ExtUnit, MessageFilter, NewMessage, ReadStatus, Store};

use crate::support::{Place, StillClock, decoded, message, put, read_all, settle};

fn put_keys(store: &Store, topic: &str, keys: &str, body: &[u8]) {
    let properties = format!("UNIQ_KEY\u{1}u-{keys}\u{2}KEYS\u{1}{keys}\u{2}");
    store.append(&NewMessage { properties: &properties, ..message(topic, 0, body) }).unwrap();
}

fn bodies(store: &Store, topic: &str, key: &str) -> Vec<Vec<u8>> {
    let found = store.query(topic, key, 32, 0, i64::MAX);
    found.messages.iter().map(|record| Message::decode(record).unwrap().body.to_vec()).collect()
}

#[test]
fn keys_are_found_over_several_index_files() {
    let place = Place::small();
    let store = place.start();
    for number in 0..20 {
        put_keys(&store, "Topic", &format!("a{number} all"), format!("body {number}").as_bytes());
    }
    settle(&store);
    assert!(place.names("index").len() > 3);
    assert_eq!(bodies(&store, "Topic", "a7"), [b"body 7"]);
    assert_eq!(bodies(&store, "Topic", "u-a3 all"), [b"body 3"]);
    assert_eq!(bodies(&store, "Topic", "all").len(), 20);
    assert_eq!(store.query("Topic", "all", 5, 0, i64::MAX).messages.len(), 5);
    assert!(bodies(&store, "Other", "a7").is_empty());
    assert!(bodies(&store, "Topic", "a").is_empty());
    let found = store.query("Topic", "all", 1, 0, i64::MAX);
    assert_eq!(found.index_last_update_offset, store.physical_offset("Topic", 0, 19));
    store.shutdown().unwrap();
    drop(store);
    let store = place.start();
    assert_eq!(bodies(&store, "Topic", "a7"), [b"body 7"]);
    put_keys(&store, "Topic", "later", b"later");
    settle(&store);
    assert_eq!(bodies(&store, "Topic", "later"), [b"later"]);
}

#[test]
fn a_query_keeps_to_its_time() {
    let clock = Arc::new(StillClock::default());
    let mut place = Place::full();
    place.config.max_hash_slot_num = 100;
    place.config.max_index_num = 1000;
    place.clock = Arc::clone(&clock) as _;
    let store = place.start();
    for time in [10_000, 20_000, 30_000] {
        clock.set(time);
        put_keys(&store, "Topic", "k", time.to_string().as_bytes());
    }
    settle(&store);
    let times = |begin, end| store.query("Topic", "k", 32, begin, end).messages.len();
    assert_eq!(times(0, 40_000), 3);
    assert_eq!(times(20_000, 30_000), 2);
    assert_eq!(times(15_000, 25_000), 1);
    assert_eq!(times(31_000, 40_000), 0);
}

#[test]
fn an_offset_by_time_is_the_nearest() {
    let clock = Arc::new(StillClock::default());
    let mut place = Place::small();
    place.clock = Arc::clone(&clock) as _;
    let store = place.start();
    assert_eq!(store.offset_by_time("Topic", 0, 5), 0);
    for time in 0..25 {
        clock.set(1000 + time * 100);
        put(&store, "Topic", 0, b"x");
        settle(&store);
    }
    let check = |time, offset| {
        assert_eq!(store.offset_by_time("Topic", 0, time), offset, "at {time}");
    };
    check(0, 0);
    check(1000, 0);
    check(1049, 0);
    check(1050, 0);
    check(1051, 1);
    check(1900, 9);
    // Between two files of the queue only the later one is looked at.
    check(1940, 10);
    check(2949, 20);
    check(3400, 24);
    check(99_999, 24);
    assert_eq!(store.store_time("Topic", 0, 24), 3400);
    assert_eq!(store.store_time("Topic", 0, 25), -1);
    assert_eq!(store.earliest_store_time("Topic", 0), 1000);
    assert_eq!(store.earliest_store_time("None", 0), -1);
    assert_eq!(store.earliest_log_time(), 1000);
}

#[test]
fn expired_files_go_and_readers_finish() {
    let mut place = Place::small();
    // Runs at any hour; nothing is younger than this.
    place.config.delete_when = (0..24).map(|h| h.to_string()).collect::<Vec<_>>().join(";");
    place.config.delete_commit_log_files_interval = 0;
    place.config.delete_consume_queue_files_interval = 0;
    // Only when it is asked to.
    place.config.flush_interval_commit_log = 100_000;
    let store = place.start();
    for number in 0..100u8 {
        put_keys(&store, "Topic", &format!("k{number}"), &[number; 200]);
        put(&store, "Old", 0, b"old");
        if number == 3 {
            settle(&store);
        }
    }
    settle(&store);
    let held = store.read("Topic", 0, 0, 1, &());
    assert!(place.names("commitlog").len() > 6);
    assert_eq!(store.clean_now().unwrap(), 0, "nothing is expired");
    let old = SystemTime::now() - Duration::from_secs(73 * 3600);
    for name in &place.names("commitlog")[..4] {
        let path = place.root().join("commitlog").join(name);
        File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    }
    assert_eq!(store.clean_now().unwrap(), 0, "nothing is on the disk yet");
    store.flush().unwrap();
    assert_eq!(store.clean_now().unwrap(), 4);
    let log_min = store.min_physical_offset();
    assert_eq!(log_min, 4 * 4096);
    assert_eq!(place.names("commitlog")[0], format!("{:020}", 4 * 4096));
    assert_eq!(decoded(&held)[0].body, [0; 200], "a slice keeps its file");

    let min = store.min_offset("Topic", 0);
    assert!(min > 0);
    assert!(store.physical_offset("Topic", 0, min) >= log_min);
    assert!(store.read("Topic", 0, min - 1, 1, &()).status == ReadStatus::OffsetTooSmall);
    assert_eq!(store.read("Topic", 0, 0, 1, &()).next_begin_offset, min);
    let left = read_all(&store, "Topic", 0);
    assert_eq!(left.len() as i64, 100 - min);
    assert!(place.names("consumequeue/Topic/0")[0].parse::<i64>().unwrap() > 0);
    assert!(bodies(&store, "Topic", "k0").is_empty());
    assert_eq!(bodies(&store, "Topic", "k99"), [[99; 200]]);
    store.shutdown().unwrap();
    drop(store);
    let store = place.start();
    assert_eq!(store.min_physical_offset(), log_min);
    assert_eq!(store.min_offset("Topic", 0), min);
    assert_eq!(read_all(&store, "Topic", 0), left);
}

#[test]
fn queues_of_deleted_messages_go() {
    let mut place = Place::small();
    place.config.delete_when = (0..24).map(|h| h.to_string()).collect::<Vec<_>>().join(";");
    let store = place.start();
    put(&store, "Old", 0, b"old");
    // Others count on the offsets of this one.
    put(&store, "RMQ_SYS_TRANS_HALF_TOPIC", 0, b"half");
    for _ in 0..40 {
        put(&store, "New", 0, &[0; 200]);
    }
    settle(&store);
    assert_eq!(store.clean_expired_queues().unwrap(), 0);
    let old = SystemTime::now() - Duration::from_secs(73 * 3600);
    let path = place.root().join("commitlog/00000000000000000000");
    File::options().write(true).open(path).unwrap().set_modified(old).unwrap();
    store.flush().unwrap();
    assert_eq!(store.clean_now().unwrap(), 1);
    assert_eq!(store.clean_expired_queues().unwrap(), 1);
    let mut topics = store.topics();
    topics.sort();
    assert_eq!(topics, ["New".into(), "RMQ_SYS_TRANS_HALF_TOPIC".into()]);
    assert_eq!(put(&store, "RMQ_SYS_TRANS_HALF_TOPIC", 0, b"half").queue_offset, 1);
    assert_eq!(put(&store, "Old", 0, b"again").queue_offset, 0);
    settle(&store);
    assert_eq!(read_all(&store, "Old", 0), [b"again"]);
}

#[test]
fn unused_topics_go_but_for_the_schedule() {
    let place = Place::small();
    let store = place.start();
    for topic in ["Kept", "Gone", "SCHEDULE_TOPIC_XXXX"] {
        put(&store, topic, 0, b"x");
        put(&store, topic, 1, b"y");
    }
    settle(&store);
    let keep = HashSet::from(["Kept".to_owned()]);
    assert_eq!(store.clean_unused_topics(&keep).unwrap(), 1);
    assert_eq!(place.names("consumequeue"), ["Kept", "SCHEDULE_TOPIC_XXXX"]);
    assert_eq!(store.read("Gone", 0, 0, 1, &()).status, ReadStatus::NoMessageInQueue);
    assert_eq!(store.queue_ids("Kept"), [0, 1]);
    assert_eq!(put(&store, "Gone", 0, b"new").queue_offset, 0);
    settle(&store);
    assert_eq!(read_all(&store, "Gone", 0), [b"new"]);
}

struct TopicAsMap;

impl ArrivalListener for TopicAsMap {
    fn arrived(&self, _: &Arrival<'_>) {}

    fn bit_map(&self, topic: &str, properties: Properties<'_>, into: &mut Vec<u8>) {
        into.extend_from_slice(topic.as_bytes());
        into.extend_from_slice(properties.get("n").unwrap_or_default().as_bytes());
    }
}

struct WantsMap(&'static [u8]);

impl MessageFilter for WantsMap {
    fn matches_queue(&self, tags_code: Option<i64>, ext: Option<&ExtUnit<'_>>) -> bool {
        assert_eq!(tags_code, Some(0));
        ext.is_some_and(|unit| unit.bit_map == self.0 && unit.store_timestamp > 0)
    }
}

#[test]
fn extension_units_follow_their_queue() {
    let mut place = Place::small();
    place.config.enable_consume_queue_ext = true;
    place.listener = Arc::new(TopicAsMap);
    let store = place.start();
    let put_one = |store: &Store, number: i32| {
        let properties = format!("n\u{1}{number}\u{2}");
        store.append(&NewMessage { properties: &properties, ..message("T", 0, b"x") }).unwrap();
    };
    (0..300).for_each(|number| put_one(&store, number));
    settle(&store);
    assert_eq!(place.names("consumequeue_ext/T/0").len(), 2);
    let find = |store: &Store, map| {
        let result = store.read("T", 0, 0, 32, &WantsMap(map));
        decoded(&result).iter().map(|each| each.queue_offset).collect::<Vec<_>>()
    };
    // One file of the queue holds ten entries.
    assert_eq!(find(&store, b"T7"), [7]);
    assert_eq!(store.entries("T", 0, 299, 1)[0].tags_code, 0);
    drop(store);
    let store = place.start();
    assert_eq!(find(&store, b"T7"), [7]);
    put_one(&store, 300);
    settle(&store);
    assert_eq!(store.entries("T", 0, 300, 1)[0].tags_code, 0);
    store.delete_topic("T").unwrap();
    assert!(place.names("consumequeue_ext").is_empty());
}

#[test]
fn delayed_messages_say_when_they_are_due() {
    let clock = Arc::new(StillClock::default());
    clock.set(50_000);
    let mut place = Place::small();
    place.clock = Arc::clone(&clock) as _;
    let store = place.start();
    for (level, queue_id) in [("2", 1), ("99", 17), ("x", 0), ("0", 0)] {
        let properties = format!("DELAY\u{1}{level}\u{2}TAGS\u{1}TagA\u{2}");
        let delayed =
            NewMessage { properties: &properties, ..message("SCHEDULE_TOPIC_XXXX", queue_id, b"") };
        store.append(&delayed).unwrap();
    }
    settle(&store);
    let code =
        |queue_id, offset| store.entries("SCHEDULE_TOPIC_XXXX", queue_id, offset, 1)[0].tags_code;
    assert_eq!(code(1, 0), 55_000);
    assert_eq!(code(17, 0), 50_000 + 7_200_000);
    assert_eq!(code(0, 0), 2_598_919);
    assert_eq!(code(0, 1), 2_598_919);
    assert_eq!(store.delays().max(), 18);
}

#[test]
fn a_queue_may_begin_late() {
    let place = Place::small();
    let store = place.start();
    for number in 0..25 {
        put(&store, "T", 0, &[number]);
    }
    settle(&store);
    store.shutdown().unwrap();
    drop(store);
    // The first two files of the queue are lost; the log's first file goes to a backup.
    let queue = place.root().join("consumequeue/T/0");
    for name in &place.names("consumequeue/T/0")[..2] {
        std::fs::remove_file(queue.join(name)).unwrap();
    }
    let store = place.start();
    assert_eq!((store.min_offset("T", 0), store.max_offset("T", 0)), (20, 25));
    assert_eq!(put(&store, "T", 0, b"next").queue_offset, 25);
    settle(&store);
    assert_eq!(read_all(&store, "T", 0).len(), 6);
}

#[test]
fn runtime_info_has_javas_keys() {
    let place = Place::small();
    let store = place.start();
    put(&store, "SCHEDULE_TOPIC_XXXX", 1, b"abc");
    settle(&store);
    let info = store.runtime_info(&[(2, 0)]);
    let get = |key: &str| {
        let found = info.iter().find(|(each, _)| each == key);
        found.unwrap_or_else(|| panic!("{key}")).1.as_str()
    };
    assert_eq!(get("commitLogMinOffset"), "0");
    assert_eq!(get("commitLogMaxOffset"), store.max_physical_offset().to_string());
    assert_eq!(get("scheduleMessageOffset_2"), "0,1");
    assert_eq!(get("putMessageTimesTotal"), "1");
    assert!(get("commitLogDiskRatio").parse::<f64>().unwrap() > 0.0);
    for key in [
        "bootTimestamp",
        "runtime",
        "putMessageEntireTimeMax",
        "putMessageSizeTotal",
        "putMessageDistributeTime",
        "putMessageAverageSize",
        "dispatchMaxBuffer",
        "getMessageEntireTimeMax",
        "putTps",
        "getFoundTps",
        "getMissTps",
        "getTotalTps",
        "getTransferedTps",
        "consumeQueueDiskRatio",
    ] {
        get(key);
    }
}
