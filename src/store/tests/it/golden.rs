//! Stores that a Java 4.4.0 broker wrote, and the same messages written by us.

use std::path::Path;
use std::sync::{Arc, Mutex};

use protocol::message::{Host, MESSAGE_MAGIC, Message, records};
use protocol::properties::Properties;
use serde_json::Value;
use store::{Arrival, ArrivalListener, NewMessage, Store};

use crate::support::{Place, StillClock, copy_dir, decoded, settle};

const SMALL: &str = "tests/golden/store-small";
const MAIN: &str = "tests/golden/store-main";

fn golden(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn lines(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(golden(name)).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A copy of Java's small store, with the settings it was written with.
fn small() -> Place {
    let mut place = Place::small();
    place.config.enable_consume_queue_ext = true;
    copy_dir(&golden(SMALL).join("store"), &place.root());
    place
}

/// The messages of a listing, without the blank record.
fn messages_of(listing: &str) -> Vec<Value> {
    lines(listing).into_iter().filter(|line| line.get("topic").is_some()).collect()
}

fn number(value: &Value, key: &str) -> i64 {
    value[key].as_i64().unwrap_or_else(|| panic!("{key} of {value}"))
}

fn check(read: &Message<'_>, line: &Value) {
    assert_eq!(read.encoded_len() as i64, number(line, "size"));
    assert_eq!(read.physical_offset, number(line, "physicalOffset"));
    assert_eq!(read.queue_offset, number(line, "queueOffset"));
    assert_eq!(i64::from(read.body_crc), number(line, "bodyCRC"));
    assert_eq!(read.store_timestamp, number(line, "storeTimestamp"));
    assert_eq!(read.topic, line["topic"]);
    assert_eq!(read.properties.as_bytes(), line["properties"].as_str().unwrap().as_bytes());
    read.check_body().unwrap();
}

#[test]
fn javas_small_store_opens_and_every_message_is_found_in_every_way() {
    let place = small();
    let store = place.start();
    let listing = messages_of(&format!("{SMALL}/commitlog.decoded.jsonl"));
    let last = listing.last().unwrap();
    assert_eq!(store.max_physical_offset(), number(last, "physicalOffset") + number(last, "size"));
    for line in &listing {
        let (topic, queue_id) = (line["topic"].as_str().unwrap(), number(line, "queueId") as i32);
        let record = store.record_at(number(line, "physicalOffset")).unwrap().unwrap();
        check(&Message::decode(&record).unwrap(), line);
        let offset = number(line, "queueOffset");
        let result = store.read(topic, queue_id, offset, 1, &());
        check(&decoded(&result)[0], line);
        let time = number(line, "storeTimestamp");
        assert_eq!(store.store_time(topic, queue_id, offset), time);
        let by_time = store.offset_by_time(topic, queue_id, time);
        assert_eq!(store.store_time(topic, queue_id, by_time), time);
        let properties = Properties::from(line["properties"].as_str().unwrap());
        let unique = properties.get("UNIQ_KEY").into_iter();
        for key in unique.chain(properties.keys()) {
            let found = store.query(topic, key, 32, 0, i64::MAX);
            assert!(found.messages.contains(&record), "{topic}#{key}");
        }
    }
    let mut topics = store.topics();
    topics.sort();
    assert_eq!(topics, ["GoldenTopic".into(), "SCHEDULE_TOPIC_XXXX".into()]);
    assert_eq!(store.max_offset("GoldenTopic", 0), 20);
    let due: Vec<_> = store.entries("SCHEDULE_TOPIC_XXXX", 1, 0, 10);
    assert_eq!(due[0].tags_code, 1_795_359_075_411);
    store.shutdown().unwrap();
}

#[test]
fn opening_and_closing_javas_store_leaves_its_bytes() {
    let place = small();
    let store = place.start();
    store.shutdown().unwrap();
    drop(store);
    for folder in [
        "commitlog",
        "consumequeue/GoldenTopic/0",
        "consumequeue/SCHEDULE_TOPIC_XXXX/1",
        "consumequeue_ext/GoldenTopic/0",
        "consumequeue_ext/SCHEDULE_TOPIC_XXXX/1",
        "index",
    ] {
        let names = place.names(folder);
        assert!(!names.is_empty());
        for name in names {
            let file = format!("{folder}/{name}");
            let java = std::fs::read(golden(SMALL).join("store").join(&file)).unwrap();
            assert_eq!(place.file(&file), java, "{file}");
        }
    }
    assert_eq!(
        place.names(""),
        ["checkpoint", "commitlog", "consumequeue", "consumequeue_ext", "index", "lock",]
    );
    assert_eq!(place.file("checkpoint").len(), 4096);
    assert_eq!(place.file("lock"), b"lock");
}

#[test]
fn a_store_of_java_goes_on() {
    let place = small();
    let store = place.start();
    let next = store.max_offset("GoldenTopic", 0);
    let sent = NewMessage {
        properties: "KEYS\u{1}mine\u{2}",
        ..crate::support::message("GoldenTopic", 0, b"ours")
    };
    let done = store.append(&sent).unwrap();
    assert_eq!(done.queue_offset, next);
    settle(&store);
    let found = store.query("GoldenTopic", "mine", 32, 0, i64::MAX);
    assert_eq!(found.messages.len(), 1);
    let result = store.read("GoldenTopic", 0, next, 32, &());
    assert_eq!(decoded(&result)[0].body, b"ours");
}

/// Gives the bit maps that Java's filters computed, in the order of the log.
#[derive(Default)]
struct BitMaps(Mutex<Vec<Vec<u8>>>);

impl ArrivalListener for BitMaps {
    fn arrived(&self, _: &Arrival<'_>) {}

    fn bit_map(&self, _: &str, _: Properties<'_>, into: &mut Vec<u8>) {
        let mut maps = self.0.lock().unwrap();
        *into = maps.remove(0);
    }
}

/// Appends the records of a log as they were appended once.
fn append_again(store: &Store, clock: &StillClock, log: &[u8]) {
    for record in records(log) {
        let record = record.unwrap();
        clock.set(record.store_timestamp);
        let message = NewMessage {
            topic: record.topic,
            queue_id: record.queue_id,
            flag: record.flag,
            sys_flag: record.sys_flag,
            born_timestamp: record.born_timestamp,
            born_host: record.born_host.to_addr(),
            store_host: record.store_host.to_addr(),
            reconsume_times: record.reconsume_times,
            prepared_transaction_offset: record.prepared_transaction_offset,
            body: record.body,
            properties: std::str::from_utf8(record.properties.as_bytes()).unwrap(),
        };
        let done = store.append(&message).unwrap();
        assert_eq!(done.physical_offset, record.physical_offset);
        assert_eq!(done.queue_offset, record.queue_offset);
        assert_eq!(Host::from(message.born_host), record.born_host);
        // Names of index files come from the clock.
        settle(store);
    }
}

#[test]
fn the_messages_of_javas_small_store_give_the_same_files() {
    let java = small();
    let java_log: Vec<_> = ["00000000000000000000", "00000000000000004096"]
        .map(|n| java.file(&format!("commitlog/{n}")))
        .into();
    let ext = |topic: &str, id: i32| {
        java.file(&format!("consumequeue_ext/{topic}/{id}/00000000000000000000"))
    };
    let clock = Arc::new(StillClock::default());
    let maps = Arc::new(BitMaps::default());
    let mut place = Place::small();
    place.config.enable_consume_queue_ext = true;
    place.clock = Arc::clone(&clock) as _;
    place.listener = Arc::clone(&maps) as _;
    let mut units = [
        ("GoldenTopic", ext("GoldenTopic", 0)),
        ("SCHEDULE_TOPIC_XXXX", ext("SCHEDULE_TOPIC_XXXX", 1)),
    ];
    let store = place.start();
    for log in &java_log {
        for record in records(log).map_while(Result::ok) {
            let (_, units) = units.iter_mut().find(|(topic, _)| *topic == record.topic).unwrap();
            let unit = store::ExtUnit::decode(units).unwrap();
            let map = unit.bit_map.to_vec();
            units.drain(..unit.encoded_len().unwrap());
            maps.0.lock().unwrap().push(map);
        }
    }
    for log in &java_log {
        let end = log.windows(4).rposition(|each| each == MESSAGE_MAGIC.to_be_bytes()).unwrap();
        let last = Message::decode(&log[end - 4..]).unwrap();
        append_again(&store, &clock, &log[..end - 4 + last.encoded_len()]);
    }
    store.shutdown().unwrap();
    // Behind its two words, Java's blank record is whatever was in a buffer.
    let blank = 3957 + 8;
    let ours = place.file("commitlog/00000000000000000000");
    assert_eq!(ours[..blank], java_log[0][..blank]);
    assert_eq!(place.file("commitlog/00000000000000004096"), java_log[1]);
    assert_eq!(place.names("commitlog"), java.names("commitlog"));
    for folder in [
        "consumequeue/GoldenTopic/0",
        "consumequeue/SCHEDULE_TOPIC_XXXX/1",
        "consumequeue_ext/GoldenTopic/0",
        "consumequeue_ext/SCHEDULE_TOPIC_XXXX/1",
    ] {
        assert_eq!(place.names(folder), java.names(folder));
        for name in place.names(folder) {
            let file = format!("{folder}/{name}");
            assert_eq!(place.file(&file), java.file(&file), "{file}");
        }
    }
    let index = |place: &Place| -> Vec<Vec<u8>> {
        place.names("index").iter().map(|name| place.file(&format!("index/{name}"))).collect()
    };
    assert_eq!(index(&place), index(&java));
}

#[test]
fn the_messages_of_javas_main_store_give_the_same_log_queues_and_index() {
    let log = std::fs::read(golden(MAIN).join("commitlog.first_bytes.bin")).unwrap();
    let clock = Arc::new(StillClock::default());
    let mut place = Place::full();
    place.clock = Arc::clone(&clock) as _;
    let store = place.start();
    let counted = index_end(&log);
    append_again(&store, &clock, &log[..counted]);
    let index = place.names("index");
    let [index] = &index[..] else { panic!("one index file") };
    check_index(&place.file(&format!("index/{index}")));
    append_again(&store, &clock, &log[counted..]);
    for line in lines(&format!("{MAIN}/consumequeue.jsonl")) {
        let (topic, id) = line["queue"].as_str().unwrap().rsplit_once('/').unwrap();
        let [entry] = store.entries(topic, id.parse().unwrap(), number(&line, "index"), 1)[..]
        else {
            panic!("no entry for {line}");
        };
        assert_eq!(entry.physical_offset, number(&line, "phyOffset"));
        assert_eq!(i64::from(entry.size), number(&line, "size"));
        assert_eq!(entry.tags_code, number(&line, "tagsCode"));
    }
    store.shutdown().unwrap();
    drop(store);
    let written = std::fs::File::open(place.root().join("commitlog/00000000000000000000")).unwrap();
    assert_eq!(written.metadata().unwrap().len(), 1 << 30);
    let mut bytes = vec![0; log.len()];
    std::os::unix::fs::FileExt::read_exact_at(&written, &mut bytes, 0).unwrap();
    assert_eq!(bytes, log);
    assert_eq!(place.open().max_physical_offset(), log.len() as i64);
}

/// Where the log was when the index was listed.
fn index_end(log: &[u8]) -> usize {
    let listed: Value =
        serde_json::from_slice(&std::fs::read(golden(MAIN).join("index.sparse.json")).unwrap())
            .unwrap();
    let last = usize::try_from(number(&listed["header"], "endPhyOffset")).unwrap();
    let record = Message::decode(&log[last..]);
    record.map_or(last, |record| last + record.encoded_len())
}

fn check_index(bytes: &[u8]) {
    const SLOTS: usize = 5_000_000;
    let listed: Value =
        serde_json::from_slice(&std::fs::read(golden(MAIN).join("index.sparse.json")).unwrap())
            .unwrap();
    assert_eq!(bytes.len(), 420_000_040);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    assert_eq!(hex(&bytes[..40]), listed["header_hex"].as_str().unwrap());
    let mut used = 0;
    for (slot, raw) in bytes[40..40 + SLOTS * 4].chunks_exact(4).enumerate() {
        if raw != [0; 4] {
            used += 1;
            let newest = i32::from_be_bytes(raw.try_into().unwrap());
            assert_eq!(listed["nonzero_slots"][slot.to_string()], newest, "slot {slot}");
        }
    }
    assert_eq!(used, listed["nonzero_slots"].as_object().unwrap().len());
    for entry in listed["entries"].as_array().unwrap() {
        let at = 40 + SLOTS * 4 + usize::try_from(number(entry, "n")).unwrap() * 20;
        assert_eq!(hex(&bytes[at..at + 20]), entry["hex"].as_str().unwrap());
    }
}
