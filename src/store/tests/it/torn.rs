//! Files whose ends did not reach the disk, or not as they were written, at every byte. The log's
//! are in [`crate::recovery`].

use std::fs;
use std::ops::Range;
use std::path::Path;

use store::{NewMessage, Store};

use crate::support::{Place, copy_dir, message, put, read_all, settle};

const COUNT: u8 = 12;

/// A store of which nothing is sure: a machine that lost power before the first checkpoint.
fn lost_power(ext: bool) -> Place {
    let mut place = Place::small();
    place.config.enable_consume_queue_ext = ext;
    let store = place.start();
    for number in 0..COUNT {
        let properties = format!("KEYS\u{1}k{number}\u{2}TAGS\u{1}t\u{2}");
        let body = [number; 20];
        let each = NewMessage { properties: &properties, ..message("Topic", 0, &body) };
        store.append(&each).unwrap();
    }
    settle(&store);
    drop(store);
    fs::remove_file(place.root().join("checkpoint")).unwrap();
    fs::write(place.root().join("abort"), "another boot").unwrap();
    place
}

fn expect_all(store: &Store, what: &str) {
    let bodies: Vec<_> = (0..COUNT).map(|number| vec![number; 20]).collect();
    assert_eq!(read_all(store, "Topic", 0), bodies, "{what}");
    let next = store.max_offset("Topic", 0);
    assert_eq!(put(store, "Topic", 0, &[COUNT; 20]).queue_offset, next, "{what}");
    settle(store);
    assert_eq!(read_all(store, "Topic", 0).len(), usize::from(COUNT) + 1, "{what}");
}

/// Loses bytes from a position on.
type Spoil = fn(&mut Vec<u8>, usize);

/// The ways in which that can happen.
const WAYS: [(&str, Spoil); 4] = [
    ("zeroed", |bytes, at| bytes[at..].fill(0)),
    ("garbled", |bytes, at| {
        let garbage = (0u8..=255).cycle().map(|byte| byte.wrapping_mul(31).wrapping_add(7));
        bytes[at..].iter_mut().zip(garbage).for_each(|(byte, garbage)| *byte = garbage);
    }),
    ("flipped", |bytes, at| bytes[at] ^= 0xA5),
    ("cut", Vec::truncate),
];

/// Opens copies of `origin` with a file spoiled at each of the positions. Several at once: they
/// mostly wait for the disk.
fn spoil_each(
    origin: &Place,
    file: &str,
    positions: Range<usize>,
    check: impl Fn(&Store, &str) + Sync,
) {
    const THREADS: usize = 8;
    let good = origin.file(file);
    let (root, ext) = (origin.root(), origin.config.enable_consume_queue_ext);
    let try_one = |way: &str, spoil: Spoil, at: usize| {
        let mut place = Place::small();
        place.config.enable_consume_queue_ext = ext;
        copy_dir(&root, &place.root());
        let mut bytes = good.clone();
        spoil(&mut bytes, at);
        fs::write(place.root().join(file), bytes).unwrap();
        check(&place.start(), &format!("{file} {way} at {at}"));
    };
    let each = &|first: usize| {
        for at in positions.clone().skip(first).step_by(THREADS) {
            WAYS.iter().for_each(|(way, spoil)| try_one(way, *spoil, at));
        }
    };
    std::thread::scope(|scope| {
        (0..THREADS).for_each(|first| drop(scope.spawn(move || each(first))));
    });
}

fn last_name(place: &Place, folder: &str) -> String {
    format!("{folder}/{}", place.names(folder).pop().unwrap())
}

#[test]
fn a_queue_file_that_ends_at_any_byte_is_made_again() {
    let origin = lost_power(false);
    let file = last_name(&origin, "consumequeue/Topic/0");
    // The second file: two entries, and where the next would be.
    spoil_each(&origin, &file, 0..60, expect_all);
}

#[test]
fn an_extension_file_that_ends_at_any_byte_is_made_again() {
    let origin = lost_power(true);
    let file = last_name(&origin, "consumequeue_ext/Topic/0");
    let used = origin.file(&file).iter().rposition(|byte| *byte != 0).unwrap();
    spoil_each(&origin, &file, used.saturating_sub(60)..used + 4, expect_all);
}

#[test]
fn a_checkpoint_that_ends_at_any_byte_costs_no_message() {
    let place = Place::small();
    let store = place.start();
    for number in 0..COUNT {
        put(&store, "Topic", 0, &[number; 20]);
    }
    settle(&store);
    drop(store);
    spoil_each(&place, "checkpoint", 0..110, expect_all);
}

#[test]
fn an_index_header_that_ends_at_any_byte_costs_no_message() {
    let origin = lost_power(false);
    let kept = |store: &Store, what: &str| {
        expect_all(store, what);
        for number in 0..COUNT {
            let found = store.query("Topic", &format!("k{number}"), 32, 0, i64::MAX);
            assert!(found.messages.len() <= 1, "{what}: k{number}");
        }
    };
    for boot in ["another boot".to_owned(), this_boot()] {
        fs::write(origin.root().join("abort"), boot).unwrap();
        spoil_each(&origin, &last_name(&origin, "index"), 0..40, kept);
    }
}

fn this_boot() -> String {
    fs::read_to_string(Path::new("/proc/sys/kernel/random/boot_id")).unwrap_or_default()
}
