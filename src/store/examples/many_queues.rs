//! How long a store with very many queues takes: to make them, to stop, to come up again in order
//! and after a crash.
//!
//! `cargo run --release -p store --example many_queues [folder] [queues] [messages in each]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

mod common;

use common::{Stopwatch, arguments, open, put, settle};
use store::FlushDiskType::AsyncFlush;
use store::Store;

const QUEUES_A_TOPIC: usize = 8;

fn step<R>(what: &str, run: impl FnOnce() -> R) -> R {
    let watch = Stopwatch::start();
    let result = run();
    let (wall, used) = watch.seconds();
    println!("{what:40} {wall:9.2} s   {used:9.2} CPU seconds");
    result
}

/// A message for each queue, `times` over.
fn fill(store: &Store, queues: usize, times: usize) {
    for _ in 0..times {
        for queue in 0..queues {
            let topic = format!("Topic{}", queue / QUEUES_A_TOPIC);
            let queue_id = i32::try_from(queue % QUEUES_A_TOPIC).unwrap();
            put(store, &topic, queue_id, &[b'x'; 100], "");
        }
    }
}

fn main() {
    let (dir, numbers) = arguments("/tmp/store-many-queues", &[16_000, 50]);
    let (queues, times) = (numbers[0], numbers[1]);
    let store = open(&dir, AsyncFlush);
    step("append", || fill(&store, queues, times));
    step("the dispatcher is through", || settle(&store));
    step("stop", || store.shutdown().unwrap());
    drop(store);
    let store = step("start after an orderly stop", || open(&dir, AsyncFlush));
    step("one more for each queue", || {
        fill(&store, queues, 1);
        settle(&store);
    });
    // Without a stop the store stays as a killed process leaves it.
    step("crash", || drop(store));
    let store = step("start after a crash", || open(&dir, AsyncFlush));
    let missing = (0..queues).filter(|queue| {
        let topic = format!("Topic{}", queue / QUEUES_A_TOPIC);
        let queue_id = i32::try_from(queue % QUEUES_A_TOPIC).unwrap();
        store.max_offset(&topic, queue_id) != i64::try_from(times + 1).unwrap()
    });
    assert_eq!(missing.count(), 0, "queues lack messages");
    step("stop", || store.shutdown().unwrap());
    std::fs::remove_dir_all(&dir).unwrap();
}
