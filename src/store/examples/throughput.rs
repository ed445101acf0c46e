//! How fast one store takes and gives messages, without a network around it.
//!
//! `cargo run --release -p store --example throughput [folder] [million messages] [threads]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::net::{Ipv4Addr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use config::Live;
use store::{FlushDiskType, NewMessage, Store, StoreConfig};

const HOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10911);
const QUEUES: i32 = 4;

fn open(dir: &std::path::Path, flush: FlushDiskType) -> Arc<Store> {
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

fn put(store: &Store, queue_id: i32, body: &[u8], properties: &str) -> i64 {
    let message = NewMessage {
        topic: "BenchmarkTest",
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

/// User and system time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks: u64 = fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 10)
}

fn report(what: &str, count: usize, start: Instant, cpu_start: Duration) {
    let (wall, used) = (start.elapsed().as_secs_f64(), (cpu() - cpu_start).as_secs_f64());
    let per = |seconds: f64| count as f64 / seconds / 1000.0;
    println!("{what:32} {:9.0} k/s   {:9.0} k per CPU second", per(wall), per(used));
}

fn append(dir: &std::path::Path, size: usize, count: usize, threads: usize) {
    let dir = dir.join(format!("async-{size}"));
    let store = open(&dir, FlushDiskType::AsyncFlush);
    let body = vec![b'x'; size];
    let (start, cpu_start) = (Instant::now(), cpu());
    let latencies: Vec<Duration> = std::thread::scope(|scope| {
        let work = |number: usize| {
            let (store, body) = (&store, &body);
            scope.spawn(move || {
                let mut slowest = Vec::new();
                for each in 0..count / threads {
                    let properties = format!(
                        "UNIQ_KEY\u{1}C00002023D865FFD2B27{number:04X}{each:08X}\u{2}WAIT\u{1}true\u{2}TAGS\u{1}TagA\u{2}"
                    );
                    let begin = Instant::now();
                    let queue_id = i32::try_from(each).unwrap() % QUEUES;
                    put(store, queue_id, body, &properties);
                    slowest.push(begin.elapsed());
                }
                slowest
            })
        };
        let handles: Vec<_> = (0..threads).map(work).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    report(&format!("append {size} B, {threads} threads"), count, start, cpu_start);
    store.dispatched().wait_blocking(store.appended().get(), None, None);
    report(&format!("append {size} B, dispatched"), count, start, cpu_start);
    let mut sorted = latencies;
    sorted.sort_unstable();
    let at = |share: f64| sorted[((sorted.len() - 1) as f64 * share) as usize];
    println!("    p50 {:?} p99 {:?} p99.9 {:?} max {:?}", at(0.5), at(0.99), at(0.999), at(1.0));
    read(&store, size);
    let begin = Instant::now();
    store.shutdown().unwrap();
    println!("    shutdown {:?}", begin.elapsed());
    drop(store);
    let begin = Instant::now();
    let store = open(&dir, FlushDiskType::AsyncFlush);
    println!("    open {:?}", begin.elapsed());
    store.shutdown().unwrap();
}

fn read(store: &Store, size: usize) {
    let (start, cpu_start) = (Instant::now(), cpu());
    let mut count = 0;
    let mut bytes = 0;
    for queue_id in 0..QUEUES {
        let mut offset = 0;
        while offset < store.max_offset("BenchmarkTest", queue_id) {
            let result = store.read("BenchmarkTest", queue_id, offset, 32, &());
            count += result.message_count;
            bytes += result.total_bytes;
            offset = result.next_begin_offset;
        }
    }
    report(&format!("read {size} B, 32 a read"), count, start, cpu_start);
    println!("    {} MiB", bytes >> 20);
}

fn sync(dir: &std::path::Path, threads: usize) {
    let store = open(&dir.join(format!("sync-{threads}")), FlushDiskType::SyncFlush);
    let count = 2000;
    let (start, cpu_start) = (Instant::now(), cpu());
    std::thread::scope(|scope| {
        for _ in 0..threads {
            let store = &store;
            scope.spawn(move || {
                for each in 0..count / threads {
                    let queue_id = i32::try_from(each).unwrap() % QUEUES;
                    let end = put(store, queue_id, &[b'x'; 1024], "");
                    store.flushed().wait_blocking(end, None, None);
                }
            });
        }
    });
    report(&format!("sync flush, {threads} waiters"), count, start, cpu_start);
    store.shutdown().unwrap();
}

fn main() {
    let mut args = std::env::args().skip(1);
    let dir = args.next().unwrap_or_else(|| "/tmp/store-throughput".to_owned());
    let count = args.next().map_or(1_000_000, |text| text.parse::<usize>().unwrap() * 1_000_000);
    let threads = args.next().map_or(1, |text| text.parse().unwrap());
    let dir = std::path::PathBuf::from(dir);
    append(&dir, 128, count, threads);
    append(&dir, 1024, count, threads);
    sync(&dir, 1);
    sync(&dir, 16);
    std::fs::remove_dir_all(&dir).unwrap();
}
