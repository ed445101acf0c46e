use std::net::{Ipv4Addr, SocketAddrV4};

use super::*;
use crate::watermark::Waited;

fn open(dir: &Path) -> Arc<Store> {
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let config = StoreConfig {
        store_path_root_dir: text(dir.to_path_buf()),
        store_path_commit_log: text(dir.join("commitlog")),
        maped_file_size_commit_log: 4096,
        max_index_num: 10,
        max_hash_slot_num: 7,
        flush_interval_commit_log: 100_000,
        ..StoreConfig::default()
    };
    let store = Store::open(Arc::new(Live::new(config)), Arc::new(())).unwrap();
    store.start().unwrap();
    store
}

fn put(store: &Store) -> Result<Appended, AppendError> {
    let host = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
    store.append(&NewMessage {
        topic: "T",
        queue_id: 0,
        flag: 0,
        sys_flag: 0,
        born_timestamp: 0,
        born_host: host,
        store_host: host,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: b"x",
        properties: "",
    })
}

#[test]
fn a_failed_flush_ends_all_writing_and_is_told_to_everybody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let end = put(&store).unwrap().end_offset;
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| store.flushed().wait_blocking(end, None, None));
        let failed = StoreError::io("flush", dir.path(), std::io::Error::from_raw_os_error(5));
        store.inner.log.poison(&failed);
        assert_eq!(waiting.join().unwrap(), Waited::Closed);
    });
    assert!(matches!(put(&store), Err(AppendError::Poisoned)));
    assert!(matches!(store.flush(), Err(StoreError::Poisoned(_))));
    // What is in memory can still be read.
    store.dispatched().wait_blocking(end, None, None);
    assert_eq!(store.read("T", 0, 0, 1, &()).message_count, 1);
    assert!(matches!(store.shutdown(), Err(StoreError::Poisoned(_))));
    assert!(dir.path().join("abort").exists());
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.max_offset("T", 0), 1);
    put(&store).unwrap();
}

#[test]
fn queues_that_nobody_uses_are_unmapped_and_come_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let end = put(&store).unwrap().end_offset;
    store.dispatched().wait_blocking(end, None, None);
    store.flush().unwrap();
    let queue = store.inner.queues.find("T", 0).unwrap();
    assert_eq!(queue.release(false), 0, "used since the last look");
    assert_eq!(queue.release(false), 1, "and not since this one");
    assert_eq!(queue.release(false), 0, "nothing is left to unmap");
    assert_eq!(store.read("T", 0, 0, 1, &()).message_count, 1);
    assert_eq!(queue.release(true), 1, "in any case");
    let end = put(&store).unwrap().end_offset;
    store.dispatched().wait_blocking(end, None, None);
    assert_eq!(store.read("T", 0, 0, 8, &()).message_count, 2);
    store.shutdown().unwrap();
}
