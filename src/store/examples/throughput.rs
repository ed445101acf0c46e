//! How fast one store takes and gives messages, without a network around it.
//!
//! `cargo run --release -p store --example throughput [folder] [million messages] [threads]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

mod common;

use std::time::{Duration, Instant};

use common::{Stopwatch, arguments, open, settle};
use store::{FlushDiskType, Store};

const TOPIC: &str = "BenchmarkTest";
const QUEUES: i32 = 4;

fn put(store: &Store, queue_id: i32, body: &[u8], properties: &str) -> i64 {
    common::put(store, TOPIC, queue_id, body, properties)
}

fn report(what: &str, count: usize, watch: &Stopwatch) {
    let (wall, used) = watch.seconds();
    let per = |seconds: f64| count as f64 / seconds / 1000.0;
    println!("{what:32} {:9.0} k/s   {:9.0} k per CPU second", per(wall), per(used));
}

fn append(dir: &std::path::Path, size: usize, count: usize, threads: usize) {
    let dir = dir.join(format!("async-{size}"));
    let store = open(&dir, FlushDiskType::AsyncFlush);
    let body = vec![b'x'; size];
    let watch = Stopwatch::start();
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
    report(&format!("append {size} B, {threads} threads"), count, &watch);
    settle(&store);
    report(&format!("append {size} B, dispatched"), count, &watch);
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
    let watch = Stopwatch::start();
    let mut count = 0;
    let mut bytes = 0;
    for queue_id in 0..QUEUES {
        let mut offset = 0;
        while offset < store.max_offset(TOPIC, queue_id) {
            let result = store.read(TOPIC, queue_id, offset, 32, &());
            count += result.message_count;
            bytes += result.total_bytes;
            offset = result.next_begin_offset;
        }
    }
    report(&format!("read {size} B, 32 a read"), count, &watch);
    println!("    {} MiB", bytes >> 20);
}

fn sync(dir: &std::path::Path, threads: usize) {
    let store = open(&dir.join(format!("sync-{threads}")), FlushDiskType::SyncFlush);
    let count = 2000;
    let watch = Stopwatch::start();
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
    report(&format!("sync flush, {threads} waiters"), count, &watch);
    store.shutdown().unwrap();
}

fn main() {
    let (dir, numbers) = arguments("/tmp/store-throughput", &[1, 1]);
    let (count, threads) = (numbers[0] * 1_000_000, numbers[1]);
    append(&dir, 128, count, threads);
    append(&dir, 1024, count, threads);
    sync(&dir, 1);
    sync(&dir, 16);
    std::fs::remove_dir_all(&dir).unwrap();
}
