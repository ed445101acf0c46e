//! Stores that were not closed, or whose files are not what they should be.

use std::fs;
use std::path::Path;

use protocol::message::{HEAD_LEN, encoded_len};
use store::{NewMessage, Store, StoreError};

use crate::support::{Place, copy_dir, message, put, read_all, settle};

/// A store with `count` messages, left as a crash leaves it.
fn crashed(count: u8) -> Place {
    let place = Place::small();
    let store = place.start();
    for number in 0..count {
        put(&store, "Topic", 0, &[number; 50]);
    }
    settle(&store);
    drop(store);
    assert!(place.root().join("abort").exists());
    place
}

fn expect(store: &Store, count: u8) {
    let bodies: Vec<_> = (0..count).map(|number| vec![number; 50]).collect();
    assert_eq!(read_all(store, "Topic", 0), bodies);
}

#[test]
fn a_closed_store_comes_back_as_it_was() {
    let place = Place::small();
    for round in 0..4 {
        let store = place.start();
        assert_eq!(store.max_offset("Topic", 0), round * 40);
        for _ in 0..40 {
            put(&store, "Topic", 0, &[1; 150]);
        }
        store.shutdown().unwrap();
        assert!(!place.root().join("abort").exists());
    }
    assert_eq!(read_all(&place.open(), "Topic", 0).len(), 160);
}

#[test]
fn a_crashed_store_comes_back_with_everything_that_reached_the_files() {
    for count in [0, 1, 2, 30, 60, 100] {
        let place = crashed(count);
        let store = place.start();
        expect(&store, count);
        assert_eq!(put(&store, "Topic", 0, &[count; 50]).queue_offset, i64::from(count));
        settle(&store);
        expect(&store, count + 1);
    }
}

#[test]
fn lost_queues_and_index_are_made_again_from_the_log() {
    for clean in [true, false] {
        let place = Place::small();
        let store = place.start();
        for number in 0..60 {
            let keys = format!("KEYS\u{1}k{number}\u{2}");
            let body = [number; 50];
            let each = NewMessage { properties: &keys, ..message("Topic", 0, &body) };
            store.append(&each).unwrap();
        }
        settle(&store);
        if clean {
            store.shutdown().unwrap();
        }
        drop(store);
        for folder in ["consumequeue", "index"] {
            fs::remove_dir_all(place.root().join(folder)).unwrap();
        }
        let store = place.start();
        expect(&store, 60);
        for number in [0, 59] {
            let found = store.query("Topic", &format!("k{number}"), 32, 0, i64::MAX);
            assert_eq!(found.messages.len(), 1, "clean: {clean}, k{number}");
        }
        assert_eq!(put(&store, "Topic", 0, b"x").queue_offset, 60);
    }
}

#[test]
fn entries_that_run_ahead_of_the_log_are_cut() {
    let place = crashed(60);
    let names = place.names("commitlog");
    assert!(names.len() >= 3);
    // As if the log's last written pages had not reached the disk, but the queue's had.
    for name in &names[1..] {
        fs::remove_file(place.root().join("commitlog").join(name)).unwrap();
    }
    let store = place.start();
    let left = store.max_offset("Topic", 0);
    assert_eq!(left, 4096 / encoded_len(50, 5, 0) as i64);
    expect(&store, u8::try_from(left).unwrap());
    assert_eq!(put(&store, "Topic", 0, &[u8::try_from(left).unwrap(); 50]).queue_offset, left);
    settle(&store);
    expect(&store, u8::try_from(left).unwrap() + 1);
}

#[test]
fn a_log_that_is_gone_takes_its_queues_along() {
    for clean in [true, false] {
        let place = Place::small();
        let store = place.start();
        put(&store, "Topic", 0, b"x");
        settle(&store);
        if clean {
            store.shutdown().unwrap();
        }
        drop(store);
        fs::remove_dir_all(place.root().join("commitlog")).unwrap();
        let store = place.start();
        assert_eq!(store.max_offset("Topic", 0), 0);
        assert_eq!(put(&store, "Topic", 0, &[0; 50]).queue_offset, 0);
        settle(&store);
        expect(&store, 1);
    }
}

/// Opens copies of a crashed store whose log was spoiled at each byte of its last record.
fn spoil_last_record(spoil: impl Fn(&mut [u8], usize)) {
    const COUNT: u8 = 3;
    let origin = crashed(COUNT);
    let len = encoded_len(50, 5, 0);
    let last = usize::from(COUNT - 1) * len;
    let log = "commitlog/00000000000000000000";
    let bytes = origin.file(log);
    for at in last..last + len {
        let place = Place::small();
        copy_dir(&origin.root(), &place.root());
        let mut spoiled = bytes.clone();
        spoil(&mut spoiled, at);
        fs::write(place.root().join(log), &spoiled).unwrap();
        let store = place.start();
        let field = at - last;
        let left = store.max_offset("Topic", 0);
        if spoiled == bytes || left == i64::from(COUNT) {
            // Values that nothing checks; lengths, magic, checksum and body all are.
            let checked = field < 12 || (84..HEAD_LEN + 51).contains(&field);
            assert!(spoiled == bytes || !checked, "spoiled at {field}");
            continue;
        }
        assert_eq!(left, i64::from(COUNT) - 1, "spoiled at {field}");
        expect(&store, COUNT - 1);
        assert_eq!(put(&store, "Topic", 0, &[COUNT - 1; 50]).queue_offset, left);
        settle(&store);
        expect(&store, COUNT);
        drop(store);
        // Once more now and then: it takes a while.
        if field.is_multiple_of(16) {
            expect(&place.start(), COUNT);
        }
    }
}

#[test]
fn a_tail_zeroed_at_any_byte_loses_the_last_record_only() {
    spoil_last_record(|log, at| log[at..].fill(0));
}

#[test]
fn a_tail_garbled_at_any_byte_loses_the_last_record_at_most() {
    spoil_last_record(|log, at| log[at] ^= 0xA5);
}

#[test]
fn a_tail_of_garbage_loses_the_last_record_at_most() {
    spoil_last_record(|log, at| {
        for (number, byte) in log[at..].iter_mut().enumerate() {
            *byte = (number * 31 + 7) as u8;
        }
    });
}

/// Flips a bit in the magic word of the record `number`, each of `len` bytes.
fn damage(place: &Place, number: usize, len: usize) -> Vec<u8> {
    let log = place.root().join("commitlog/00000000000000000000");
    let mut bytes = fs::read(&log).unwrap();
    bytes[number * len + 4] ^= 1;
    fs::write(&log, &bytes).unwrap();
    bytes
}

fn bodies(numbers: impl Iterator<Item = u8>) -> Vec<Vec<u8>> {
    numbers.map(|number| vec![number; 50]).collect()
}

#[test]
fn damage_in_the_middle_costs_one_message() {
    let len = encoded_len(50, 5, 0);
    for lost in [&[][..], &["checkpoint"], &["consumequeue"], &["consumequeue", "checkpoint"]] {
        let place = crashed(100);
        for name in lost {
            let path = place.root().join(name);
            fs::remove_dir_all(&path).or_else(|_| fs::remove_file(&path)).unwrap();
        }
        let damaged = damage(&place, 10, len);
        for round in 0..3 {
            let store = place.start();
            let expected = bodies((0..100).filter(|number| *number != 10).chain(100..100 + round));
            assert_eq!(read_all(&store, "Topic", 0), expected, "{lost:?} round {round}");
            let next = put(&store, "Topic", 0, &[100 + round; 50]);
            assert_eq!(next.queue_offset, 100 + i64::from(round), "{lost:?}: offsets stay");
            settle(&store);
            let info = store.runtime_info(&[]);
            let said = info.iter().any(|(key, _)| key == "commitLogDamagedExtents");
            assert_eq!(said, round == 0, "{lost:?} round {round}: {info:?}");
            store.shutdown().unwrap();
        }
        let kept = place.names("commitlog.setaside");
        assert_eq!(kept, [format!("{:020}", 10 * len)]);
        let kept = place.file(&format!("commitlog.setaside/{}", kept[0]));
        assert_eq!(kept, damaged[10 * len..11 * len]);
    }
}

#[test]
fn the_offset_of_a_damaged_last_message_is_not_given_again() {
    let place = Place::small();
    let store = place.start();
    for number in 0..10 {
        put(&store, "Topic", 0, &[number; 50]);
    }
    put(&store, "Other", 0, &[10; 50]);
    settle(&store);
    drop(store);
    damage(&place, 9, encoded_len(50, 5, 0));
    let store = place.start();
    assert_eq!(put(&store, "Topic", 0, &[9; 50]).queue_offset, 10);
    settle(&store);
    assert_eq!(read_all(&store, "Topic", 0), bodies(0..10));
    assert_eq!(read_all(&store, "Other", 0), bodies(10..11));
}

#[test]
fn damage_up_to_the_end_of_a_file_costs_the_rest_of_that_file() {
    let place = crashed(100);
    let names = place.names("commitlog");
    let log = place.root().join("commitlog").join(&names[1]);
    let bytes = fs::read(&log).unwrap();
    let per_file = 4096 / encoded_len(50, 5, 0);
    for from in [0, 10 * encoded_len(50, 5, 0) + 7] {
        let mut spoiled = bytes.clone();
        spoiled[from..].fill(0xA7);
        fs::write(&log, &spoiled).unwrap();
        let store = place.start();
        let lost = per_file + from / encoded_len(50, 5, 0)..2 * per_file;
        let left = (0..100).filter(|number| !lost.contains(&usize::from(*number)));
        assert_eq!(read_all(&store, "Topic", 0), bodies(left), "from {from}");
        fs::write(&log, &bytes).unwrap();
    }
}

#[test]
fn a_tail_that_was_cut_does_not_come_back() {
    let place = crashed(20);
    let log = place.root().join("commitlog/00000000000000000000");
    let len = encoded_len(50, 5, 0);
    let mut bytes = fs::read(&log).unwrap();
    for number in 10..20 {
        bytes[number * len + 4] ^= 1;
    }
    fs::write(&log, &bytes).unwrap();
    let store = place.start();
    expect(&store, 10);
    // A record as long as the damaged one ends exactly where the next old one began.
    put(&store, "Topic", 0, &[10; 50]);
    settle(&store);
    drop(store);
    expect(&place.start(), 11);
}

#[test]
fn a_damaged_record_that_no_recovery_looks_at_is_not_served() {
    let len = encoded_len(50, 5, 0);
    for (at, byte) in [(4, 1), (84, 0xFF), (encoded_len(20, 0, 0), 1), (0, 0xFF)] {
        let place = Place::small();
        let store = place.start();
        for number in 0..10 {
            put(&store, "Topic", 0, &[number; 50]);
        }
        store.shutdown().unwrap();
        let log = place.root().join("commitlog/00000000000000000000");
        let mut bytes = fs::read(&log).unwrap();
        bytes[3 * len + at] ^= byte;
        fs::write(&log, &bytes).unwrap();
        let store = place.start();
        let left = bodies((0..10).filter(|number| *number != 3));
        assert_eq!(read_all(&store, "Topic", 0), left, "damaged at {at}");
        assert_eq!(store.max_offset("Topic", 0), 10);
        let info = store.runtime_info(&[]);
        let reads = info.iter().find(|(key, _)| key == "commitLogDamagedReads");
        assert!(reads.is_some(), "damaged at {at}: {info:?}");
        store.shutdown().unwrap();
        // Queues are made again over it.
        fs::remove_dir_all(place.root().join("consumequeue")).unwrap();
        let store = place.start();
        assert_eq!(read_all(&store, "Topic", 0), left, "again, damaged at {at}");
        assert_eq!(store.max_offset("Topic", 0), 10, "again, damaged at {at}");
    }
}

#[test]
fn a_deleted_topic_does_not_come_back_after_a_crash() {
    let place = Place::small();
    let store = place.start();
    for number in 0..30 {
        put(&store, "Deleted", 0, &[number; 50]);
        put(&store, "Topic", 0, &[number; 50]);
    }
    store.shutdown().unwrap();
    let store = place.start();
    store.delete_topic("Deleted").unwrap();
    put(&store, "Topic", 0, &[30; 50]);
    settle(&store);
    drop(store);

    let store = place.start();
    expect(&store, 31);
    assert_eq!(store.max_offset("Deleted", 0), 0);
    assert_eq!(place.names("consumequeue"), ["Topic"]);
}

#[test]
fn a_second_store_on_the_folder_is_refused() {
    let place = Place::small();
    let store = place.start();
    assert!(matches!(place.try_open(), Err(StoreError::Locked(_))));
    store.shutdown().unwrap();
    place.try_open().unwrap();
}

fn corrupt(place: &Place) -> String {
    match place.try_open() {
        Err(error @ StoreError::Corrupt { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn files_of_another_size_are_an_error_and_stay_as_they_are() {
    let mut place = crashed(60);
    let before = place.file("commitlog/00000000000000000000");
    place.config.maped_file_size_commit_log = 8192;
    let error = corrupt(&place);
    assert!(error.contains("4096") && error.contains("8192"), "{error}");
    place.config.maped_file_size_commit_log = 4096;
    place.config.maped_file_size_consume_queue = 400;
    corrupt(&place);
    place.config.maped_file_size_consume_queue = 200;
    assert_eq!(place.file("commitlog/00000000000000000000"), before);
    expect(&place.start(), 60);
}

#[test]
fn a_last_file_cut_short_is_filled_up() {
    let place = crashed(20);
    let log = place.root().join("commitlog/00000000000000000000");
    let len = encoded_len(50, 5, 0);
    let file = fs::File::options().write(true).open(&log).unwrap();
    file.set_len((15 * len + 30) as u64).unwrap();
    let next = place.root().join("commitlog/00000000000000004096");
    if next.exists() {
        fs::remove_file(next).unwrap();
    }
    let store = place.start();
    expect(&store, 15);
    assert_eq!(fs::metadata(&log).unwrap().len(), 4096);
}

#[test]
fn strange_names_are_left_alone() {
    let place = crashed(20);
    let root = place.root();
    fs::create_dir(root.join("index")).unwrap();
    for name in ["commitlog/readme.txt", "consumequeue/stray", "index/x", "consumequeue/Topic/0/x"]
    {
        fs::write(root.join(name), b"not ours").unwrap();
    }
    for name in ["consumequeue/Topic/x", "consumequeue/Topic/-1", "commitlog/folder"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    let store = place.start();
    expect(&store, 20);
    assert_eq!(store.queue_ids("Topic"), [0]);
    store.shutdown().unwrap();
    assert_eq!(place.file("commitlog/readme.txt"), b"not ours");
}

#[test]
fn an_index_that_cannot_be_read_costs_lookups_only() {
    let place = Place::small();
    let store = place.start();
    let keyed = NewMessage { properties: "KEYS\u{1}k\u{2}", ..message("Topic", 0, &[0; 50]) };
    store.append(&keyed).unwrap();
    settle(&store);
    store.shutdown().unwrap();
    drop(store);
    let name = place.names("index").pop().unwrap();
    let path = place.root().join("index").join(name);
    let mut bytes = fs::read(&path).unwrap();
    bytes[36..40].copy_from_slice(&[0x7F, 0, 0, 0]);
    fs::write(&path, &bytes).unwrap();
    fs::write(place.root().join("index/20200101000000000"), b"short").unwrap();
    let store = place.start();
    expect(&store, 1);
    assert!(store.query("Topic", "k", 32, 0, i64::MAX).messages.is_empty());
    store.append(&keyed).unwrap();
    settle(&store);
    assert_eq!(store.query("Topic", "k", 32, 0, i64::MAX).messages.len(), 1);
}

#[test]
fn a_missing_or_short_checkpoint_means_more_work_not_less_data() {
    for content in [None, Some(&b"xx"[..])] {
        let place = crashed(60);
        let path = place.root().join("checkpoint");
        match content {
            Some(content) => fs::write(&path, content).unwrap(),
            None => fs::remove_file(&path).unwrap(),
        }
        expect(&place.start(), 60);
    }
}

#[test]
fn settings_that_make_no_sense_are_named() {
    let check = |change: fn(&mut store::StoreConfig), key: &str| {
        let mut place = Place::small();
        change(&mut place.config);
        match place.try_open() {
            Err(StoreError::Config { key: named, .. }) => assert_eq!(named, key),
            other => panic!("{other:?}"),
        }
        assert!(!Path::new(&place.root()).exists());
    };
    check(|c| c.message_delay_level = "1x".to_owned(), "messageDelayLevel");
    check(|c| c.maped_file_size_commit_log = 0, "mapedFileSizeCommitLog");
    check(|c| c.maped_file_size_consume_queue = -20, "mapedFileSizeConsumeQueue");
    check(|c| c.max_hash_slot_num = 0, "maxHashSlotNum");
    check(|c| c.max_index_num = 1, "maxIndexNum");
}

#[test]
fn numbers_that_cannot_be_do_not_stop_the_store() {
    // The head's numbers are covered by no checksum: each may be anything.
    for (field, len) in [(12, 4), (20, 8), (28, 8), (36, 4), (40, 8), (56, 8), (76, 8)] {
        for byte in [0x00, 0x7F, 0x80, 0xFF] {
            let place = crashed(3);
            let log = place.root().join("commitlog/00000000000000000000");
            let mut bytes = fs::read(&log).unwrap();
            let at = encoded_len(50, 5, 0) + field;
            bytes[at..at + len].fill(byte);
            fs::write(&log, &bytes).unwrap();
            for folder in ["consumequeue", "index"] {
                let _ = fs::remove_dir_all(place.root().join(folder));
            }
            let store = place.start();
            put(&store, "Topic", 0, b"next");
            settle(&store);
            let _ = store.read("Topic", 0, 0, 32, &());
            let _ = store.offset_by_time("Topic", 0, 5);
            store.shutdown().unwrap();
        }
    }
}

#[test]
fn garbled_queue_entries_do_not_stop_reads() {
    let place = crashed(10);
    let queue = place.root().join("consumequeue/Topic/0/00000000000000000000");
    let good = fs::read(&queue).unwrap();
    for (at, len) in [(0, 8), (8, 4), (12, 8), (0, 20)] {
        for byte in [0x7F, 0x80, 0xFF, 0x01] {
            let mut bytes = good.clone();
            bytes[4 * 20 + at..4 * 20 + at + len].fill(byte);
            fs::write(&queue, &bytes).unwrap();
            let store = place.open();
            for offset in -1..12 {
                let _ = store.read("Topic", 0, offset, 32, &());
                let _ = store.store_time("Topic", 0, offset);
                let _ = store.is_on_disk("Topic", 0, offset);
            }
            let _ = store.offset_by_time("Topic", 0, i64::MAX);
            let _ = store.clean_expired_queues();
        }
    }
}
