//! A disk that fills up. Needs a small one: a folder on a file system of some 50 MB, named by
//! `STORE_SMALL_DISK`, with nothing else on it.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Live;
use store::{AppendError, NewMessage, NotWritable, Store, StoreConfig};

use crate::support::{eventually, message, read_all, settle, text};

const BALLAST: usize = 12 << 20;

fn open(root: &std::path::Path) -> Arc<Store> {
    let config = StoreConfig {
        store_path_root_dir: text(root),
        store_path_commit_log: text(&root.join("commitlog")),
        maped_file_size_commit_log: 4 << 20,
        max_hash_slot_num: 1000,
        max_index_num: 1_000_000,
        clean_file_forcibly_enable: false,
        ..StoreConfig::default()
    };
    let store = Store::open(Arc::new(Live::new(config)), Arc::new(())).unwrap();
    store.start().unwrap();
    store
}

/// Appends until the store refuses, and then for a while longer.
fn fill(store: &Store, from: usize) -> (usize, u32) {
    let (mut count, mut refusals) = (from, 0);
    let mut body = [0; 600];
    let until = Instant::now() + Duration::from_millis(300);
    while refusals == 0 || Instant::now() < until {
        body[..8].copy_from_slice(&count.to_be_bytes());
        let keys = format!("KEYS\u{1}k{count}\u{2}");
        let new = NewMessage { properties: &keys, ..message("Topic", 0, &body) };
        match store.append(&new) {
            Ok(_) => count += 1,
            Err(AppendError::Full(_) | AppendError::NotWritable(NotWritable::Derived)) => {
                refusals += 1;
            }
            Err(other) => panic!("{other:?}"),
        }
    }
    (count, refusals)
}

fn expect(store: &Store, count: usize) {
    let bodies = read_all(store, "Topic", 0);
    assert_eq!(bodies.len(), count);
    for (number, body) in bodies.iter().enumerate() {
        assert_eq!(body[..8], number.to_be_bytes());
    }
}

#[test]
#[ignore = "needs a small file system in STORE_SMALL_DISK"]
fn a_full_disk_refuses_messages_keeps_the_rest_and_goes_on_when_there_is_space() {
    let disk = PathBuf::from(std::env::var("STORE_SMALL_DISK").expect("STORE_SMALL_DISK"));
    let root = disk.join("store");
    let _ = fs::remove_dir_all(&root);
    let ballast = disk.join("ballast");
    fs::write(&ballast, vec![1; BALLAST]).unwrap();
    let store = open(&root);
    let (count, refusals) = fill(&store, 0);
    assert!(count > 1000 && refusals > 0, "{count} {refusals}");
    fs::remove_file(&ballast).unwrap();
    eventually("messages are taken again", || store.append(&message("Other", 0, b"x")).is_ok());
    settle(&store);
    expect(&store, count);
    fs::write(&ballast, vec![1; BALLAST / 4]).unwrap();
    let (count, _) = fill(&store, count);
    let _ = store.shutdown();
    drop(store);
    // It comes up on the full disk, and catches up when there is space.
    let store = open(&root);
    assert_eq!(store.max_physical_offset(), store.appended().get());
    fs::remove_file(&ballast).unwrap();
    eventually("it caught up", || store.dispatch_behind() == 0);
    assert_eq!(store.max_offset("Topic", 0), count as i64);
    let found = store.query("Topic", &format!("k{}", count - 1), 32, 0, i64::MAX);
    assert_eq!(found.messages.len(), 1);
    fs::remove_dir_all(&root).unwrap();
}
