use std::net::{Ipv4Addr, SocketAddrV4};
use std::time::{Duration, Instant};

use super::*;
use crate::format::checkpoint::Mark;
use crate::watermark::Waited;

const RETRY: Duration = Duration::from_millis(20);

fn open(dir: &Path) -> Arc<Store> {
    open_with(dir, |_| {})
}

fn open_with(dir: &Path, change: impl FnOnce(&mut StoreConfig)) -> Arc<Store> {
    let text = |path: PathBuf| path.to_str().unwrap().to_owned();
    let mut config = StoreConfig {
        store_path_root_dir: text(dir.to_path_buf()),
        store_path_commit_log: text(dir.join("commitlog")),
        maped_file_size_commit_log: 4096,
        max_index_num: 10,
        max_hash_slot_num: 7,
        flush_interval_commit_log: 100_000,
        ..StoreConfig::default()
    };
    change(&mut config);
    let store = Store::open(Arc::new(Live::new(config)), Arc::new(())).unwrap();
    store.start().unwrap();
    store
}

fn put(store: &Store) -> Result<Appended, AppendError> {
    put_to(store, 0)
}

fn put_to(store: &Store, queue_id: i32) -> Result<Appended, AppendError> {
    let host = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
    store.append(&NewMessage {
        topic: "T",
        queue_id,
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
fn a_failed_sync_of_the_whole_file_system_ends_all_writing() {
    let dir = tempfile::tempdir().unwrap();
    let device = crate::device::Device::attach(dir.path());
    let store = open_with(dir.path(), |config| {
        config.flush_interval_consume_queue = 1;
        config.flush_consume_queue_thorough_interval = 1;
    });
    for queue_id in 0..20 {
        put_to(&store, queue_id).unwrap();
    }
    store.dispatched().wait_blocking(store.appended().get(), None, None);
    store.flush().unwrap();
    let marked = store.appended().get();
    let until = Instant::now() + Duration::from_secs(20);
    while Mark::decode(&fs::read(dir.path().join("checkpoint")).unwrap()) != Some(Mark(marked)) {
        assert!(Instant::now() < until, "the checkpoint never says what is on the disk");
        std::thread::park_timeout(Duration::from_millis(1));
    }
    device.break_down_as_a_whole();
    // One round of the flusher may find too few.
    while store.poisoned().is_none() {
        assert!(Instant::now() < until, "the store goes on writing");
        for queue_id in 0..20 {
            let _ = put_to(&store, queue_id);
        }
        store.flushed().wait_blocking(i64::MAX, Some(Instant::now() + RETRY), None);
    }
    assert!(store.poisoned().is_some_and(|why| why.contains("file system")));
    assert!(matches!(put(&store), Err(AppendError::Poisoned)));
    assert!(matches!(store.shutdown(), Err(StoreError::Poisoned(_))));
    let checkpoint = fs::read(dir.path().join("checkpoint")).unwrap();
    assert_eq!(Mark::decode(&checkpoint), Some(Mark(marked)), "and it stays where it was");
    assert!(dir.path().join("abort").exists());
    device.detach();
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
