//! The works that are measured, as frames.

use anyhow::Result;
use compat_tests::conn::Conn;
use compat_tests::wire::Frame;

use crate::load::Template;

/// Topic of all works.
pub(crate) const TOPIC: &str = "BenchTopic";
const QUEUES: usize = 8;

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Messages of this many bytes, one a request.
    Send(usize),
    /// Batches of 32 messages of 128 bytes.
    Batch,
    /// 32 messages of 128 bytes a request, all of them written just before.
    Pull,
    /// Messages of 128 bytes, each on disk before it is acknowledged.
    SyncSend,
}

/// A row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// Name on the command line and in the table.
    pub(crate) name: &'static str,
    /// What is done.
    pub(crate) work: Work,
    /// Requests in flight.
    pub(crate) window: usize,
    /// At half of the rate that Java reached in the row of the same work before it.
    pub(crate) paced: bool,
}

/// All rows, in order.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "send128", work: Work::Send(128), window: 256, paced: false },
    Row { name: "send128-paced", work: Work::Send(128), window: 4096, paced: true },
    Row { name: "send1k", work: Work::Send(1024), window: 256, paced: false },
    Row { name: "batch32x128", work: Work::Batch, window: 32, paced: false },
    Row { name: "pull32", work: Work::Pull, window: 16, paced: false },
    Row { name: "syncflush1", work: Work::SyncSend, window: 1, paced: false },
    Row { name: "syncflush8", work: Work::SyncSend, window: 8, paced: false },
    Row { name: "syncflush64", work: Work::SyncSend, window: 64, paced: false },
];

impl Work {
    /// Messages a request moves.
    pub(crate) fn messages(self) -> f64 {
        match self {
            Work::Batch | Work::Pull => 32.0,
            Work::Send(_) | Work::SyncSend => 1.0,
        }
    }

    /// The frames to send in turn.
    pub(crate) fn templates(self, port: u16) -> Result<Vec<Template>> {
        match self {
            Work::Send(bytes) => (0..QUEUES).map(|queue| send(queue, bytes)).collect(),
            Work::SyncSend => (0..QUEUES).map(|queue| send(queue, 128)).collect(),
            Work::Batch => (0..QUEUES).map(batch).collect(),
            Work::Pull => pulls(port),
        }
    }
}

fn send_frame(code: i32, queue: usize, body: Vec<u8>) -> Frame {
    let properties =
        "UNIQ_KEY\u{1}7F0000010A0B18B4AAC2123456780000\u{2}WAIT\u{1}true\u{2}TAGS\u{1}TagA\u{2}";
    Frame::request(code)
        .with("a", "bench_producer")
        .with("b", TOPIC)
        .with("c", "TBW102")
        .with("d", QUEUES)
        .with("e", queue)
        .with("f", 0)
        .with("g", 1_700_000_000_000_i64)
        .with("h", 0)
        .with("i", properties)
        .with("j", 0)
        .with("k", false)
        .with("m", code == 320)
        .body(body)
}

fn send(queue: usize, bytes: usize) -> Result<Template> {
    Template::of(send_frame(310, queue, vec![b'x'; bytes]))
}

fn batch(queue: usize) -> Result<Template> {
    let properties = b"UNIQ_KEY\x017F0000010A0B18B4AAC2123456780000\x02WAIT\x01true\x02";
    let mut body = Vec::new();
    for _ in 0..32 {
        let total = 22 + 128 + properties.len();
        body.extend_from_slice(&u32::try_from(total)?.to_be_bytes());
        body.extend_from_slice(&[0; 12]);
        body.extend_from_slice(&128u32.to_be_bytes());
        body.extend_from_slice(&[b'x'; 128]);
        body.extend_from_slice(&u16::try_from(properties.len())?.to_be_bytes());
        body.extend_from_slice(properties);
    }
    Template::of(send_frame(320, queue, body))
}

/// Pulls over the newest messages of each queue, so that all of them are in memory.
fn pulls(port: u16) -> Result<Vec<Template>> {
    const BACK: i64 = 20_000;
    const STEP: usize = 32;
    let mut conn = Conn::open(port)?;
    let mut templates = Vec::new();
    for queue in 0..QUEUES {
        let asked = Frame::request(30).with("topic", TOPIC).with("queueId", queue);
        let end = conn.ok(asked)?.number("offset")? - STEP as i64;
        for offset in ((end - BACK).max(0)..end).step_by(STEP) {
            templates.push(Template::of(pull(queue, offset))?);
        }
    }
    Ok(templates)
}

fn pull(queue: usize, offset: i64) -> Frame {
    Frame::request(11)
        .with("consumerGroup", "bench_consumer")
        .with("topic", TOPIC)
        .with("queueId", queue)
        .with("queueOffset", offset)
        .with("maxMsgNums", 32)
        .with("sysFlag", 4)
        .with("commitOffset", 0)
        .with("suspendTimeoutMillis", 0)
        .with("subscription", "*")
        .with("subVersion", 0)
        .with("expressionType", "TAG")
}
