//! Flow control: what is turned away, and with which words.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::BytesMut;
use protocol::Command;
use protocol::frame::{decode_frame, encode_command};
use protocol::requests::PullMessage;
use store::FlushDiskType;

use crate::harness::*;

const OVERLOAD: &str = "[OVERLOAD]system busy, start flow control for a while";

/// Writes all requests at once and reads as many answers, which come in the order of `opaque`.
fn pipeline(addr: &str, requests: &[Command]) -> Vec<Command> {
    let mut out = BytesMut::new();
    for (opaque, request) in (0..).zip(requests) {
        encode_command(&Command { opaque, ..request.clone() }, &mut out);
    }
    let mut stream = TcpStream::connect(addr).unwrap();
    stream.set_read_timeout(Some(LONG)).unwrap();
    let mut writer = stream.try_clone().unwrap();
    let sent = std::thread::spawn(move || writer.write_all(&out));
    let (mut input, mut answers) = (BytesMut::new(), Vec::new());
    let mut buffer = vec![0; 64 * 1024];
    while answers.len() < requests.len() {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "closed after {} answers", answers.len());
        input.extend_from_slice(&buffer[..read]);
        let mut answer = Command::default();
        while decode_frame(&mut input, 1 << 24, &mut answer).unwrap() {
            answers.push(std::mem::take(&mut answer));
        }
    }
    sent.join().unwrap().unwrap();
    answers.sort_by_key(|answer| answer.opaque);
    answers
}

fn sends(count: usize) -> Vec<Command> {
    let command = Command::of(&send_header("T")).unwrap().body("x".repeat(100));
    vec![command; count]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_sends_wait_for_the_disk() {
    let f = Fixture::with(|s| {
        s.store.flush_disk_type = FlushDiskType::SyncFlush;
        s.broker.send_thread_pool_queue_capacity = 1;
    })
    .await;
    f.send("T", "makes the topic", "").await;
    let addr = f.addr.clone();
    let answers = tokio::task::spawn_blocking(move || pipeline(&addr, &sends(50))).await.unwrap();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.code == 2).collect();
    assert!(answers.iter().any(|answer| answer.code == 0), "{answers:?}");
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|answer| remark(answer) == OVERLOAD), "{refused:?}");
    assert_eq!(f.send("T", "afterwards", "").await.code, 0);
    f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sends_that_waited_too_long_are_not_stored() {
    for enabled in [true, false] {
        let f = Fixture::with(|s| {
            s.broker.wait_time_mills_in_send_queue = 1;
            s.broker.broker_fast_failure_enable = enabled;
        })
        .await;
        f.send("T", "makes the topic", "").await;
        let addr = f.addr.clone();
        let answers =
            tokio::task::spawn_blocking(move || pipeline(&addr, &sends(3000))).await.unwrap();
        let stored = answers.iter().filter(|answer| answer.code == 0).count();
        let refused: Vec<_> = answers.iter().filter(|answer| answer.code != 0).collect();
        assert_eq!(refused.is_empty(), !enabled, "{:?}", refused.first());
        for answer in refused {
            let text = "[TIMEOUT_CLEAN_QUEUE]broker busy, start flow control for a while, period \
                        in queue: ";
            assert_eq!(answer.code, 2, "{answer:?}");
            assert!(remark(answer).starts_with(text), "{answer:?}");
            assert!(remark(answer).ends_with("ms, size of queue: 0"), "{answer:?}");
        }
        f.filled("T", i64::try_from(stored).unwrap() + 1).await;
        f.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_so_many_pulls_are_held() {
    let f = Fixture::with(|s| s.broker.pull_thread_pool_queue_capacity = 1).await;
    f.send("T", "x", "").await;
    f.filled("T", 1).await;
    let header = PullMessage {
        sys_flag: OWN | HOLD,
        suspend_timeout_millis: 15_000,
        ..pull_header("g", "T", 1)
    };
    let held = f.request(&header);
    let others = async {
        let deadline = tokio::time::Instant::now() + LONG;
        let second = PullMessage { suspend_timeout_millis: 1, ..header };
        loop {
            let answer = f.request(&second).await;
            if answer.code == 2 {
                assert_eq!(remark(&answer), OVERLOAD);
                break;
            }
            assert!(tokio::time::Instant::now() < deadline, "{answer:?}");
        }
        // What finds something is served all the same.
        assert_eq!(f.pull("T", 0).await.code, 0);
        f.send("T", "y", "").await;
    };
    let (answer, ()) = tokio::join!(held, others);
    assert_eq!(bodies(&answer), ["y"]);
    f.stop().await;
}
