//! What the hot paths cost, on one thread: each is done over and over, and the best of many rounds
//! is printed.
//!
//! `cargo run --release -p store --example hot_paths [path]`
//!
//! `hot_paths --count 1000 send-frame` does one path so often and no more, in the function
//! `counted`: `scripts/instructions.sh` counts instructions there.
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

mod common;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use filter::Expression;
use protocol::frame::{self, MAX_FRAME};
use protocol::properties::Properties;
use protocol::requests::{PullMessage, SendMessageV2};
use protocol::{Command, Encoding, Ext, Reply, ext};
use store::{FlushDiskType, Store};

const TOPIC: &str = "TopicTest";
const QUEUES: i32 = 8;
const PROPERTIES: &str =
    "UNIQ_KEY\u{1}7F0000010A0B18B4AAC2123456780000\u{2}WAIT\u{1}true\u{2}TAGS\u{1}TagA";

/// One hot path, ready to be done a number of times.
type Path = Box<dyn FnMut(u32)>;
/// Makes a path ready.
type Ready = fn() -> Path;

/// Names of the paths, and what makes each ready.
const PATHS: [(&str, Ready); 9] = [
    ("send-frame", || decode(send(Encoding::Json), |_| ())),
    ("send-header", || decode(send(Encoding::Json), send_header)),
    ("send-header-binary", || decode(send(Encoding::Rocketmq), send_header)),
    ("pull-frame", || decode(pull(), |_| ())),
    ("pull-header", || {
        decode(pull(), |command| {
            black_box(ext::from_ext::<PullMessage<'_>>(&command.ext).unwrap());
        })
    }),
    ("send-answer", || Box::new(answer)),
    ("append-128", append),
    ("read-32", read),
    ("filter-sql", sql),
];

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--count", count, wanted] => {
            let (_, ready) = PATHS.iter().find(|(name, _)| *name == wanted).unwrap();
            let mut path = ready();
            // What is made at the first time is made now.
            path(1);
            counted(&mut path, count.parse().unwrap());
        }
        ["--list"] => PATHS.iter().for_each(|(name, _)| println!("{name}")),
        [wanted] => time(wanted),
        _ => time(""),
    }
}

#[inline(never)]
fn counted(path: &mut Path, count: u32) {
    path(count);
}

fn time(wanted: &str) {
    const COUNT: u32 = 10_000;
    const ROUNDS: u32 = 100;
    for (name, ready) in PATHS.iter().filter(|(name, _)| name.contains(wanted)) {
        let mut path = ready();
        let rounds = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            path(COUNT);
            start.elapsed()
        });
        let best = rounds.min().unwrap_or_default();
        println!("{name:20} {:6} ns", best.as_nanos() / u128::from(COUNT));
    }
}

fn decode(frame: Vec<u8>, then: impl Fn(&Command) + 'static) -> Path {
    let mut command = Command::default();
    let mut buffer = BytesMut::with_capacity(frame.len());
    Box::new(move |count| {
        for _ in 0..count {
            buffer.reserve(frame.len());
            buffer.extend_from_slice(black_box(&frame));
            assert_eq!(frame::decode_frame(&mut buffer, MAX_FRAME, &mut command), Ok(true));
            then(&command);
        }
    })
}

fn send_header(command: &Command) {
    black_box(ext::from_ext::<SendMessageV2<'_>>(&command.ext).unwrap());
}

/// A store in a folder that goes with it.
fn open() -> (Arc<Store>, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    (common::open(dir.path(), FlushDiskType::AsyncFlush), dir)
}

fn put(store: &Store, count: u32) {
    for number in 0..count {
        let queue_id = number.cast_signed() % QUEUES;
        black_box(common::put(store, TOPIC, queue_id, &[b'x'; 128], PROPERTIES));
    }
}

/// Encodes a record, finds its queue and puts it into the log.
fn append() -> Path {
    let (store, dir) = open();
    Box::new(move |count| {
        put(&store, count);
        let _kept = &dir;
    })
}

/// Finds a queue and 32 of its messages.
fn read() -> Path {
    const MESSAGES: u32 = 10_000;
    let (store, dir) = open();
    put(&store, MESSAGES);
    common::settle(&store);
    Box::new(move |count| {
        for number in 0..count {
            let offset = i64::from(number * 32 % 1000);
            let found = store.read(TOPIC, 1, offset, 32, &());
            assert_eq!(found.message_count, 32);
        }
        let _kept = &dir;
    })
}

/// Asks an expression about the properties of a message.
fn sql() -> Path {
    let expression =
        Expression::compile("TAGS IN ('TagA', 'TagB') AND (a IS NULL OR a > 5)").unwrap();
    Box::new(move |count| {
        for _ in 0..count {
            let properties = Properties::from(black_box(PROPERTIES));
            assert!(expression.matches(|name| properties.get(name)));
        }
    })
}

fn answer(count: u32) {
    let mut out = BytesMut::with_capacity(1024);
    for opaque in 0..count {
        let mut reply = Reply { ext: Ext::with_capacity(128), ..Reply::ok() };
        reply.ext.push("MSG_REGION", "DefaultRegion");
        reply.ext.push("TRACE_ON", "true");
        reply.ext.push("msgId", "7F00000100002A9F00000000000003E8");
        reply.ext.push_int("queueId", 3);
        reply.ext.push_int("queueOffset", 1_234_567);
        out.clear();
        frame::encode_reply_head(&reply, opaque.cast_signed(), Encoding::Json, &mut out);
        black_box(&out);
    }
}

/// As the stock client of 4.4.0 sends a message without keys.
fn send(encoding: Encoding) -> Vec<u8> {
    let header = SendMessageV2 {
        producer_group: "please_rename_unique_group_name",
        topic: TOPIC,
        default_topic: "TBW102",
        default_topic_queue_nums: 4,
        queue_id: 3,
        sys_flag: 0,
        born_timestamp: 1_795_358_558_433,
        flag: 0,
        properties: Some(PROPERTIES),
        reconsume_times: 0,
        unit_mode: false,
        max_reconsume_times: None,
        batch: false,
    };
    let mut command = Command::of(&header).unwrap();
    (command.opaque, command.encoding) = (1_234_567, encoding);
    frame::to_bytes(&command).to_vec()
}

fn pull() -> Vec<u8> {
    let header = PullMessage {
        consumer_group: "please_rename_unique_group_name_4",
        topic: TOPIC,
        queue_id: 3,
        queue_offset: 1_234_567,
        max_msg_nums: 32,
        sys_flag: 3,
        commit_offset: 1_234_535,
        suspend_timeout_millis: 15_000,
        subscription: Some("*"),
        sub_version: 1_795_358_558_433,
        expression_type: Some("TAG"),
    };
    let mut command = Command::of(&header).unwrap();
    command.opaque = 1_234_567;
    frame::to_bytes(&command).to_vec()
}
