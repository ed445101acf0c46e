//! What the headers of the hot paths cost: each path is done over and over, and the best of many
//! rounds is printed.
//!
//! `cargo run --release -p protocol --example hot_paths [path]`
#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "a tool for developers")]

use std::hint::black_box;
use std::time::Instant;

use bytes::BytesMut;
use protocol::frame::{self, MAX_FRAME};
use protocol::requests::{PullMessage, SendMessageV2};
use protocol::{Command, Encoding, Reply, ext};

/// One hot path, done a number of times.
type Path = (&'static str, fn(u32));

const PATHS: [Path; 6] = [
    ("frame of a send", |count| decode(&send(Encoding::Json), count, |_| ())),
    ("send, with its fields", |count| {
        decode(&send(Encoding::Json), count, |command| {
            black_box(ext::from_ext::<SendMessageV2<'_>>(&command.ext).unwrap());
        });
    }),
    ("send, binary, with its fields", |count| {
        decode(&send(Encoding::Rocketmq), count, |command| {
            black_box(ext::from_ext::<SendMessageV2<'_>>(&command.ext).unwrap());
        });
    }),
    ("frame of a pull", |count| decode(&pull(), count, |_| ())),
    ("pull, with its fields", |count| {
        decode(&pull(), count, |command| {
            black_box(ext::from_ext::<PullMessage<'_>>(&command.ext).unwrap());
        });
    }),
    ("answer to a send", answer),
];

fn main() {
    const COUNT: u32 = 10_000;
    const ROUNDS: u32 = 300;
    let wanted = std::env::args().nth(1).unwrap_or_default();
    for (name, path) in PATHS.iter().filter(|(name, _)| name.contains(&wanted)) {
        let rounds = (0..ROUNDS).map(|_| {
            let start = Instant::now();
            path(COUNT);
            start.elapsed()
        });
        let best = rounds.min().unwrap_or_default();
        println!("{name:32} {:4} ns", best.as_nanos() / u128::from(COUNT));
    }
}

fn decode(frame: &[u8], count: u32, then: impl Fn(&Command)) {
    let mut command = Command::default();
    let mut buffer = BytesMut::with_capacity(frame.len());
    for _ in 0..count {
        buffer.reserve(frame.len());
        buffer.extend_from_slice(black_box(frame));
        assert_eq!(frame::decode_frame(&mut buffer, MAX_FRAME, &mut command), Ok(true));
        then(&command);
    }
}

fn answer(count: u32) {
    let mut out = BytesMut::with_capacity(1024);
    for opaque in 0..count {
        let mut reply = Reply::ok();
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
        topic: "TopicTest",
        default_topic: "TBW102",
        default_topic_queue_nums: 4,
        queue_id: 3,
        sys_flag: 0,
        born_timestamp: 1_795_358_558_433,
        flag: 0,
        properties: Some(
            "UNIQ_KEY\u{1}7F0000010A0B18B4AAC2123456780000\u{2}WAIT\u{1}true\u{2}TAGS\u{1}TagA",
        ),
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
        topic: "TopicTest",
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
