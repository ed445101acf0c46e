//! What the examples share: opening a store, putting messages, and the processor's time.
#![allow(dead_code, reason = "no example uses all of it")]

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Live;
use store::{FlushDiskType, NewMessage, Store, StoreConfig};

const HOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10911);

/// A store with Java's sizes, taking messages.
pub(crate) fn open(dir: &Path, flush: FlushDiskType) -> Arc<Store> {
    let config = StoreConfig {
        store_path_root_dir: dir.to_str().unwrap().to_owned(),
        store_path_commit_log: dir.join("commitlog").to_str().unwrap().to_owned(),
        flush_disk_type: flush,
        ..StoreConfig::default()
    };
    let store = Store::open(Arc::new(Live::new(config)), Arc::new(())).unwrap();
    store.start().unwrap();
    store
}

/// Appends a message; the result is where it ends.
pub(crate) fn put(store: &Store, topic: &str, queue_id: i32, body: &[u8], properties: &str) -> i64 {
    let message = NewMessage {
        topic,
        queue_id,
        flag: 0,
        sys_flag: 0,
        born_timestamp: 1_795_358_558_433,
        born_host: HOST,
        store_host: HOST,
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body,
        properties,
    };
    store.append(&message).unwrap().end_offset
}

/// Waits until everything appended is in its queue.
pub(crate) fn settle(store: &Store) {
    store.dispatched().wait_blocking(store.appended().get(), None, None);
}

/// The arguments: a folder, and numbers, as far as they are given.
pub(crate) fn arguments(folder: &str, numbers: &[usize]) -> (PathBuf, Vec<usize>) {
    let mut given = std::env::args().skip(1);
    let dir = given.next().unwrap_or_else(|| folder.to_owned());
    let number = |default: &usize| given.next().map_or(*default, |text| text.parse().unwrap());
    (PathBuf::from(dir), numbers.iter().map(number).collect())
}

/// Wall clock and processor from here on.
pub(crate) struct Stopwatch(Instant, Duration);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(Instant::now(), cpu())
    }

    /// Seconds of both.
    pub(crate) fn seconds(&self) -> (f64, f64) {
        (self.0.elapsed().as_secs_f64(), (cpu() - self.1).as_secs_f64())
    }
}

/// User and system time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}
