//! Appending and reading back.

use protocol::batch::{Item, encode_item};
use protocol::message::{BLANK_MAGIC, Message, encoded_len};
use protocol::sysflag::message as flags;
use store::{
    AppendError, BrokerRole, ExtUnit, Illegal, MessageFilter, NewMessage, NotWritable, ReadStatus,
};

use crate::support::{HOST, Place, decoded, eventually, message, put, read_all, settle};

#[test]
fn what_is_appended_is_read_back_field_by_field() {
    let place = Place::small();
    let store = place.start();
    let sent = NewMessage {
        flag: 7,
        sys_flag: flags::COMPRESSED,
        born_timestamp: 123,
        reconsume_times: 2,
        prepared_transaction_offset: 99,
        properties: "TAGS\u{1}TagA\u{2}KEYS\u{1}k1 k2\u{2}",
        ..message("Topic", 3, "héllo".as_bytes())
    };
    let done = store.append(&sent).unwrap();
    assert_eq!((done.queue_offset, done.physical_offset), (0, 0));
    settle(&store);
    let result = store.read("Topic", 3, 0, 32, &());
    assert_eq!(result.status, ReadStatus::Found);
    assert_eq!(result.next_begin_offset, 1);
    let [read] = decoded(&result)[..] else { panic!("one message") };
    assert_eq!(read.topic, "Topic");
    assert_eq!(read.queue_id, 3);
    assert_eq!((read.flag, read.sys_flag), (7, flags::COMPRESSED));
    assert_eq!((read.born_timestamp, read.store_timestamp), (123, done.store_timestamp));
    assert_eq!((read.born_host, read.store_host), (HOST.into(), HOST.into()));
    assert_eq!((read.reconsume_times, read.prepared_transaction_offset), (2, 99));
    assert_eq!(read.body, "héllo".as_bytes());
    assert_eq!(read.properties.get("TAGS"), Some("TagA"));
    read.check_body().unwrap();
    let record = store.record_at(done.physical_offset).unwrap().unwrap();
    assert_eq!(Message::decode(&record).unwrap(), read);
    assert_eq!(record.len() as i64, done.end_offset);
    assert!(store.record_at(1).unwrap().is_none());
    assert!(store.record_at(done.end_offset).unwrap().is_none());
}

#[test]
fn files_roll_with_a_blank_record_and_nothing_is_split() {
    let place = Place::small();
    let store = place.start();
    let bodies: Vec<_> = (0..60).map(|n| vec![n; 100 + usize::from(n) * 3]).collect();
    for body in &bodies {
        put(&store, "Topic", 0, body);
    }
    settle(&store);
    assert_eq!(read_all(&store, "Topic", 0), bodies);
    let log = place.file("commitlog/00000000000000000000");
    assert_eq!(log.len(), 4096);
    let magic = BLANK_MAGIC.to_be_bytes();
    let blank = log.windows(4).position(|each| each == magic).unwrap() - 4;
    let left = i32::from_be_bytes(log[blank..blank + 4].try_into().unwrap());
    assert_eq!(blank + usize::try_from(left).unwrap(), 4096);
    assert!(place.names("consumequeue/Topic/0").len() >= 6);
    store.shutdown().unwrap();
    // The file made ahead is gone.
    let last = place.names("commitlog").pop().unwrap();
    assert!(last.parse::<i64>().unwrap() < store.max_physical_offset());
}

#[test]
fn a_record_exactly_as_long_as_a_file_allows_fits() {
    let place = Place::small();
    let store = place.start();
    let body = vec![1; 4096 - 8 - encoded_len(0, 5, 0)];
    put(&store, "Topic", 0, b"first");
    let done = put(&store, "Topic", 0, &body);
    assert_eq!((done.physical_offset, done.end_offset), (4096, 8192 - 8));
    let too_long = [&body[..], b"x"].concat();
    let refused = store.append(&message("Topic", 0, &too_long));
    assert!(matches!(refused, Err(AppendError::Illegal(Illegal::TooLong(4089)))));
    let done = put(&store, "Topic", 0, b"next");
    assert_eq!(done.physical_offset, 8192);
    settle(&store);
    assert_eq!(read_all(&store, "Topic", 0), [&b"first"[..], &body, b"next"]);
}

#[test]
fn half_messages_take_no_queue_offset() {
    let place = Place::small();
    let store = place.start();
    put(&store, "Topic", 0, b"one");
    let half = NewMessage { sys_flag: flags::TRANSACTION_PREPARED, ..message("Topic", 0, b"half") };
    assert_eq!(store.append(&half).unwrap().queue_offset, 0);
    let back = NewMessage { sys_flag: flags::TRANSACTION_ROLLBACK, ..half };
    assert_eq!(store.append(&back).unwrap().queue_offset, 0);
    let commit = NewMessage { sys_flag: flags::TRANSACTION_COMMIT, ..message("Topic", 0, b"two") };
    assert_eq!(store.append(&commit).unwrap().queue_offset, 1);
    settle(&store);
    assert_eq!(read_all(&store, "Topic", 0), [b"one", b"two"]);
}

fn batch_of(bodies: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, body) in bodies.iter().enumerate() {
        let properties = format!("KEYS\u{1}k{number}\u{2}");
        let flag = i32::try_from(number).unwrap();
        encode_item(&Item { flag, body, properties: properties.as_str().into() }, &mut out);
    }
    out
}

#[test]
fn a_batch_becomes_consecutive_records() {
    let place = Place::small();
    let store = place.start();
    put(&store, "Topic", 0, b"before");
    let body = batch_of(&[b"a", b"", b"ccc"]);
    let outer = NewMessage {
        properties: "WAIT\u{1}false\u{2}",
        reconsume_times: 4,
        prepared_transaction_offset: 5,
        ..message("Topic", 0, &body)
    };
    let done = store.append_batch(&outer).unwrap();
    assert_eq!(done.queue_offset, 1);
    assert_eq!(done.physical_offsets.len(), 3);
    settle(&store);
    let result = store.read("Topic", 0, 1, 32, &());
    // Neighbours in the log come as one slice.
    assert_eq!(result.messages.len(), 1);
    for (number, read) in decoded(&result).iter().enumerate() {
        assert_eq!(read.physical_offset, done.physical_offsets[number]);
        assert_eq!(read.queue_offset, 1 + number as i64);
        assert_eq!(usize::try_from(read.flag).unwrap(), number);
        assert_eq!(read.properties.get("KEYS"), Some(format!("k{number}").as_str()));
        assert_eq!(read.properties.get("WAIT"), None);
        assert_eq!((read.reconsume_times, read.prepared_transaction_offset), (4, 0));
        read.check_body().unwrap();
    }
    assert_eq!(done.end_offset, store.appended().get());
    assert_eq!(read_all(&store, "Topic", 0), [&b"before"[..], b"a", b"", b"ccc"]);
}

#[test]
fn batches_that_break_a_rule_store_nothing() {
    let mut place = Place::small();
    place.config.max_message_size = 1000;
    let store = place.start();
    let good = batch_of(&[b"a", b"b"]);
    let check = |message: NewMessage<'_>, expected: Illegal| match store.append_batch(&message) {
        Err(AppendError::Illegal(illegal)) => assert_eq!(illegal, expected),
        other => panic!("{other:?}"),
    };
    let outer = message("Topic", 0, &good);
    check(NewMessage { sys_flag: flags::TRANSACTION_PREPARED, ..outer }, Illegal::BatchKind);
    check(NewMessage { properties: "DELAY\u{1}3\u{2}", ..outer }, Illegal::BatchKind);
    check(NewMessage { body: b"", ..outer }, Illegal::BatchEmpty);
    check(NewMessage { body: &[0; 1001], ..outer }, Illegal::BatchBodyTooLong(1001));
    let many = batch_of(&[&[0; 60][..]; 11]);
    check(NewMessage { body: &many, ..outer }, Illegal::BatchTooLong(7 * encoded_len(60, 5, 8)));
    let cut = &good[..good.len() - 1];
    let at = good.len() / 2;
    check(NewMessage { body: cut, ..outer }, protocol::batch::BadBatch { at }.into());
    assert_eq!(store.appended().get(), 0);
    store.append_batch(&outer).unwrap();
}

#[test]
fn messages_that_break_a_rule_store_nothing() {
    let mut place = Place::small();
    place.config.max_message_size = 1000;
    let store = place.start();
    let long_topic = "t".repeat(128);
    let long_properties = "p".repeat(32_768);
    let check = |message: NewMessage<'_>, expected: Illegal| match store.append(&message) {
        Err(AppendError::Illegal(illegal)) => assert_eq!(illegal, expected),
        other => panic!("{other:?}"),
    };
    check(message(&long_topic, 0, b""), Illegal::TopicTooLong);
    check(
        NewMessage { properties: &long_properties, ..message("T", 0, b"") },
        Illegal::PropertiesTooLong,
    );
    check(message("T", 0, &[0; 1000]), Illegal::TooLong(1092));
    for topic in ["", ".", "..", "../x", "/etc/passwd", "a/b", "nul\0"] {
        check(message(topic, 0, b""), Illegal::TopicName);
    }
    check(message("T", -1, b""), Illegal::TopicName);
    assert_eq!(store.appended().get(), 0);
    assert_eq!(store.stats().put_failures(), 11);
    assert!(place.names("consumequeue").is_empty());
    put(&store, "T", 0, b"fine");
}

#[test]
fn a_store_that_does_not_run_takes_nothing() {
    let mut place = Place::small();
    let store = place.open();
    let refused = |store: &store::Store| match store.append(&message("T", 0, b"")) {
        Err(AppendError::NotWritable(why)) => why,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused(&store), NotWritable::Stopped);
    store.start().unwrap();
    put(&store, "T", 0, b"");
    store.shutdown().unwrap();
    store.shutdown().unwrap();
    assert_eq!(refused(&store), NotWritable::Stopped);
    drop(store);
    place.config.broker_role = BrokerRole::Slave;
    assert_eq!(refused(&place.start()), NotWritable::Slave);
}

#[test]
fn reads_outside_the_queue_say_where_to_go() {
    let place = Place::small();
    let store = place.start();
    let check = |offset, status: ReadStatus, next| {
        let result = store.read("Topic", 0, offset, 32, &());
        assert_eq!((result.status, result.next_begin_offset), (status, next), "from {offset}");
        assert!(result.messages.is_empty());
    };
    check(5, ReadStatus::NoMessageInQueue, 0);
    for body in [b"a", b"b", b"c"] {
        put(&store, "Topic", 0, body);
    }
    settle(&store);
    check(3, ReadStatus::OffsetOverflowOne, 3);
    check(4, ReadStatus::OffsetOverflowBadly, 0);
    check(-1, ReadStatus::OffsetTooSmall, 0);
    let result = store.read("Topic", 1, 0, 32, &());
    assert_eq!(result.status.name(), "NO_MESSAGE_IN_QUEUE");
}

#[test]
fn one_read_gives_no_more_than_its_limits() {
    let mut place = Place::full();
    place.config.max_transfer_bytes_on_message_in_memory = 1000;
    place.config.max_transfer_count_on_message_in_memory = 5;
    let store = place.start();
    for _ in 0..10 {
        put(&store, "Count", 0, b"x");
        put(&store, "Bytes", 0, &[0; 300]);
    }
    put(&store, "Big", 0, &[0; 5000]);
    settle(&store);
    let read = |topic, max| store.read(topic, 0, 0, max, &());
    assert_eq!(read("Count", 3).message_count, 3);
    assert_eq!(read("Count", 32).message_count, 5);
    assert_eq!(read("Count", 32).next_begin_offset, 5);
    assert_eq!(read("Bytes", 32).message_count, 2);
    assert_eq!(read("Big", 32).message_count, 1);
    // A first message is given even to those who want none.
    assert_eq!(read("Count", 0).message_count, 1);
}

struct Tag(i64);

impl MessageFilter for Tag {
    fn matches_queue(&self, tags_code: Option<i64>, _: Option<&ExtUnit<'_>>) -> bool {
        tags_code.is_none_or(|code| code == self.0)
    }
}

#[test]
fn a_filter_passes_over_up_to_eight_hundred_messages_a_read() {
    let mut place = Place::full();
    place.config.message_index_enable = false;
    let store = place.start();
    for number in 0..1000 {
        let tags = if number == 850 { "TAGS\u{1}B\u{2}" } else { "TAGS\u{1}A\u{2}" };
        store.append(&NewMessage { properties: tags, ..message("Topic", 0, b"x") }).unwrap();
    }
    settle(&store);
    let first = store.read("Topic", 0, 0, 32, &Tag(66));
    assert_eq!((first.status, first.next_begin_offset), (ReadStatus::NoMatchedMessage, 800));
    let second = store.read("Topic", 0, 800, 32, &Tag(66));
    assert_eq!(second.status, ReadStatus::Found);
    assert_eq!(decoded(&second)[0].queue_offset, 850);
    assert_eq!(second.next_begin_offset, 1000);
    let many = store.read("Topic", 0, 0, 900, &Tag(66));
    assert_eq!((many.message_count, many.next_begin_offset), (1, 900));
}

#[test]
fn a_slice_outlives_the_store() {
    let place = Place::small();
    let store = place.start();
    put(&store, "Topic", 0, b"kept");
    settle(&store);
    let result = store.read("Topic", 0, 0, 1, &());
    store.shutdown().unwrap();
    drop(store);
    std::fs::remove_dir_all(place.root()).unwrap();
    assert_eq!(decoded(&result)[0].body, b"kept");
}

#[test]
fn a_prepared_file_that_somebody_deletes_is_made_again() {
    let place = Place::small();
    let store = place.start();
    put(&store, "Topic", 0, &[1; 3000]);
    let next = place.root().join("commitlog/00000000000000004096");
    eventually("the next file is made", || next.exists());
    std::fs::remove_file(&next).unwrap();
    let done = put(&store, "Topic", 0, &[2; 3000]);
    assert_eq!(done.physical_offset, 4096);
    assert!(next.exists());
    settle(&store);
    let last = place.root().join("commitlog/00000000000000008192");
    eventually("the file after is made", || last.exists());
    std::fs::remove_file(&last).unwrap();
    store.shutdown().unwrap();
    drop(store);
    assert_eq!(read_all(&place.open(), "Topic", 0), [[1; 3000], [2; 3000]]);
}
