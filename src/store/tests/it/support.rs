//! A store in a folder of its own, and what tests want to do with it.

use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use config::Live;
use protocol::message::{Message, records};
use store::{
    Appended, ArrivalListener, Clock, NewMessage, ReadResult, Store, StoreConfig, SystemClock,
    Waited,
};
use tempfile::TempDir;

/// Longest a test waits for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Time that stands still until told.
#[derive(Debug, Default)]
pub(crate) struct StillClock(AtomicI64);

impl StillClock {
    pub(crate) fn set(&self, now_ms: i64) {
        self.0.store(now_ms, Ordering::SeqCst);
    }
}

impl Clock for StillClock {
    fn now_ms(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// A folder and the settings to open it with.
pub(crate) struct Place {
    dir: TempDir,
    pub(crate) config: StoreConfig,
    pub(crate) listener: Arc<dyn ArrivalListener>,
    pub(crate) clock: Arc<dyn Clock>,
}

impl Place {
    /// An empty folder; log files of 4 KiB, queue files of ten entries, a small index.
    pub(crate) fn small() -> Self {
        let mut place = Self::full();
        place.config.maped_file_size_commit_log = 4096;
        place.config.maped_file_size_consume_queue = 200;
        place.config.mapped_file_size_consume_queue_ext = 4096;
        place.config.max_hash_slot_num = 7;
        place.config.max_index_num = 10;
        place
    }

    /// An empty folder with Java's sizes.
    pub(crate) fn full() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let root = dir.path().join("store");
        let config = StoreConfig {
            store_path_commit_log: text(&root.join("commitlog")),
            store_path_root_dir: text(&root),
            ..StoreConfig::default()
        };
        Self { dir, config, listener: Arc::new(()), clock: Arc::new(SystemClock) }
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    pub(crate) fn try_open(&self) -> Result<Arc<Store>, store::StoreError> {
        let config = Arc::new(Live::new(self.config.clone()));
        Store::open_with(config, Arc::clone(&self.listener), Arc::clone(&self.clock))
    }

    pub(crate) fn open(&self) -> Arc<Store> {
        self.try_open().expect("open")
    }

    pub(crate) fn start(&self) -> Arc<Store> {
        let store = self.open();
        store.start().expect("start");
        store
    }

    /// The bytes of a file below the root.
    pub(crate) fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.root().join(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// Names below a folder of the root, in order.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root().join(folder)) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn text(path: &Path) -> String {
    path.to_str().expect("path is text").to_owned()
}

pub(crate) fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

pub(crate) const HOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10911);

pub(crate) fn message<'a>(topic: &'a str, queue_id: i32, body: &'a [u8]) -> NewMessage<'a> {
    NewMessage {
        topic,
        queue_id,
        flag: 0,
        sys_flag: 0,
        born_timestamp: 1,
        born_host: HOST,
        store_host: HOST,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body,
        properties: "",
    }
}

pub(crate) fn put(store: &Store, topic: &str, queue_id: i32, body: &[u8]) -> Appended {
    store.append(&message(topic, queue_id, body)).expect("append")
}

/// Waits until everything appended is in its queue.
pub(crate) fn settle(store: &Store) {
    settle_within(store, PATIENCE);
}

/// The same, for what takes longer.
pub(crate) fn settle_within(store: &Store, patience: Duration) {
    let until = Some(Instant::now() + patience);
    let waited = store.dispatched().wait_blocking(store.appended().get(), until, None);
    assert_eq!(waited, Waited::Reached, "dispatcher");
}

/// Waits until something holds.
pub(crate) fn eventually(what: &str, holds: impl Fn() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < until, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Everything a queue holds, by reads that follow `next_begin_offset`.
pub(crate) fn read_all(store: &Store, topic: &str, queue_id: i32) -> Vec<Vec<u8>> {
    let mut offset = store.min_offset(topic, queue_id);
    let mut bodies = Vec::new();
    while offset < store.max_offset(topic, queue_id) {
        let result = store.read(topic, queue_id, offset, 32, &());
        bodies.extend(decoded(&result).iter().map(|each| each.body.to_vec()));
        assert!(result.next_begin_offset > offset, "reads go on: {result:?}");
        offset = result.next_begin_offset;
    }
    bodies
}

/// The messages of a read.
pub(crate) fn decoded(result: &ReadResult) -> Vec<Message<'_>> {
    let all: Result<Vec<_>, _> = result.slices().flat_map(records).collect();
    let all = all.expect("records");
    assert_eq!(all.len(), result.message_count);
    assert_eq!(result.slices().map(<[u8]>::len).sum::<usize>(), result.total_bytes);
    all
}
