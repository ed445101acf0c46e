//! How long a store with very many queues takes: to make them, to stop, to come up again in order
//! and after a crash.
//!
//! `cargo run --release -p store --example many_queues [folder] [queues] [messages in each]`
//!
//! Two more numbers take it apart, for a look at a store between the steps: 1 fills the folder and
//! dies, 2 only starts on it and says how long that took; then the bytes of a message.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

mod common;

use std::path::Path;
use std::process::Command;

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
fn fill(store: &Store, queues: usize, times: usize, bytes: usize) {
    let body = vec![b'x'; bytes];
    for _ in 0..times {
        for queue in 0..queues {
            let topic = format!("Topic{}", queue / QUEUES_A_TOPIC);
            let queue_id = i32::try_from(queue % QUEUES_A_TOPIC).unwrap();
            put(store, &topic, queue_id, &body, "");
        }
    }
}

/// Each queue has so many messages.
fn check(store: &Store, queues: usize, times: usize) {
    let lacks = |queue: &usize| {
        let topic = format!("Topic{}", queue / QUEUES_A_TOPIC);
        let queue_id = i32::try_from(queue % QUEUES_A_TOPIC).unwrap();
        store.max_offset(&topic, queue_id) != i64::try_from(times).unwrap()
    };
    assert_eq!((0..queues).filter(lacks).count(), 0, "queues lack messages");
}

/// Fills a store from a process that is then killed.
fn fill_and_crash(dir: &Path, queues: usize, times: usize) {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.arg(dir).args([queues.to_string(), times.to_string(), "1".to_owned()]);
    assert!(!child.status().unwrap().success(), "killed");
}

fn main() {
    let (dir, numbers) = arguments("/tmp/store-many-queues", &[16_000, 50, 0, 100]);
    let (queues, times, bytes) = (numbers[0], numbers[1], numbers[3]);
    if numbers[2] == 2 {
        let store = step("start", || open(&dir, AsyncFlush));
        step("stop", || store.shutdown().unwrap());
        return;
    }
    if numbers[2] == 1 {
        let store = open(&dir, AsyncFlush);
        step("a message for each queue", || {
            fill(&store, queues, times, bytes);
            settle(&store);
        });
        std::process::abort();
    }
    fill_and_crash(&dir, queues, 1);
    let store = step("start, queues younger than checkpoint", || open(&dir, AsyncFlush));
    check(&store, queues, 1);
    step("append", || fill(&store, queues, times, bytes));
    step("the dispatcher is through", || settle(&store));
    step("stop", || store.shutdown().unwrap());
    drop(store);
    let store = step("start after an orderly stop", || open(&dir, AsyncFlush));
    check(&store, queues, times + 1);
    drop(store);
    fill_and_crash(&dir, queues, 1);
    let store = step("start after a crash", || open(&dir, AsyncFlush));
    check(&store, queues, times + 2);
    step("stop", || store.shutdown().unwrap());
    step("remove", || std::fs::remove_dir_all(&dir).unwrap());
}
