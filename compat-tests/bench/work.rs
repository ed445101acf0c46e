//! The works that are measured, as frames.

use anyhow::Result;
use compat_tests::conn::Conn;
use compat_tests::wire::Frame;

use crate::load::Template;

/// Topic of all works.
pub(crate) const TOPIC: &str = "BenchTopic";
/// Its queues.
pub(crate) const QUEUES: usize = 8;
/// Topics of [`Work::Spread`].
const TOPICS: usize = 2000;

/// One kind of work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// Messages of this many bytes, one a request.
    Send(usize),
    /// Batches of 32 messages of 128 bytes.
    Batch,
    /// Messages of 128 bytes, to the queues of many topics in turn.
    Spread,
    /// Messages of 128 bytes that are to be delivered a minute later.
    Delayed,
    /// 32 messages of 128 bytes a request, all of them written just before.
    Pull(Filter),
    /// Messages of 128 bytes, each on disk before it is acknowledged.
    SyncSend,
    /// So many messages of 128 bytes a second, received by pulls that wait for them.
    Received(u32),
    /// Messages of 128 bytes to a broker with a slave, which has to have them first or not.
    Replicated(Setting),
    /// Messages of 128 bytes, while so many other connections do nothing.
    Idle(usize),
}

/// How the servers of a work are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// As 4.4.0 is.
    Plain,
    /// SYNC_FLUSH.
    SyncFlush,
    /// With a slave that nobody waits for.
    AsyncMaster,
    /// With a slave that is waited for.
    SyncMaster,
}

/// All settings, in the order of their rows.
pub(crate) const SETTINGS: [Setting; 4] =
    [Setting::Plain, Setting::SyncFlush, Setting::AsyncMaster, Setting::SyncMaster];

impl Setting {
    /// What the broker is told.
    pub(crate) fn properties(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Setting::Plain => &[],
            Setting::SyncFlush => &[("flushDiskType", "SYNC_FLUSH")],
            Setting::AsyncMaster => &[("brokerRole", "ASYNC_MASTER")],
            Setting::SyncMaster => &[("brokerRole", "SYNC_MASTER")],
        }
    }

    /// Whether there is a slave.
    pub(crate) fn has_slave(self) -> bool {
        matches!(self, Setting::AsyncMaster | Setting::SyncMaster)
    }
}

/// What a pull wants; everything that is there passes all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filter {
    /// Everything.
    None,
    /// One of two tags.
    Tags,
    /// An expression over a property.
    Sql,
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
    Row { name: "idle10k", work: Work::Idle(10_000), window: 256, paced: false },
    Row { name: "send1k", work: Work::Send(1024), window: 256, paced: false },
    Row { name: "batch32x128", work: Work::Batch, window: 32, paced: false },
    Row { name: "delay128", work: Work::Delayed, window: 256, paced: false },
    Row { name: "pull32", work: Work::Pull(Filter::None), window: 16, paced: false },
    Row { name: "tags32", work: Work::Pull(Filter::Tags), window: 16, paced: false },
    Row { name: "sql32", work: Work::Pull(Filter::Sql), window: 16, paced: false },
    Row { name: "received5k", work: Work::Received(5000), window: QUEUES, paced: false },
    // Last: the queues are made behind the sends, and go on being made after them.
    Row { name: "topics2000", work: Work::Spread, window: 256, paced: false },
    Row { name: "syncflush1", work: Work::SyncSend, window: 1, paced: false },
    Row { name: "syncflush8", work: Work::SyncSend, window: 8, paced: false },
    Row { name: "syncflush64", work: Work::SyncSend, window: 64, paced: false },
    Row { name: "async64", work: Work::Replicated(Setting::AsyncMaster), window: 64, paced: false },
    Row {
        name: "syncmaster64",
        work: Work::Replicated(Setting::SyncMaster),
        window: 64,
        paced: false,
    },
];

impl Work {
    /// How its servers are set.
    pub(crate) fn setting(self) -> Setting {
        match self {
            Work::SyncSend => Setting::SyncFlush,
            Work::Replicated(setting) => setting,
            _ => Setting::Plain,
        }
    }

    /// Messages a request moves.
    pub(crate) fn messages(self) -> f64 {
        match self {
            Work::Batch | Work::Pull(_) => 32.0,
            _ => 1.0,
        }
    }

    /// The frames to send in turn.
    pub(crate) fn templates(self, port: u16) -> Result<Vec<Template>> {
        match self {
            Work::Send(bytes) => (0..QUEUES).map(|queue| send(queue, bytes)).collect(),
            Work::SyncSend | Work::Replicated(_) | Work::Idle(_) | Work::Received(_) => {
                (0..QUEUES).map(|queue| send(queue, 128)).collect()
            }
            Work::Spread => {
                make_topics(port)?;
                let queues = (0..QUEUES).flat_map(|q| (0..TOPICS).map(move |t| (t, q)));
                queues
                    .map(|(t, q)| Template::of(send_frame(310, &spread(t), q, "", body(128))))
                    .collect()
            }
            Work::Delayed => (0..QUEUES)
                .map(|q| Template::of(send_frame(310, TOPIC, q, "DELAY\u{1}5\u{2}", body(128))))
                .collect(),
            Work::Batch => (0..QUEUES).map(batch).collect(),
            Work::Pull(filter) => pulls(port, filter),
        }
    }
}

fn spread(number: usize) -> String {
    format!("{TOPIC}{number:04}")
}

/// The topics of [`Work::Spread`]; those that are there stay as they are.
fn make_topics(port: u16) -> Result<()> {
    let mut conn = Conn::open(port)?;
    for number in 0..TOPICS {
        let asked = Frame::request(17)
            .with("topic", spread(number))
            .with("defaultTopic", "TBW102")
            .with("readQueueNums", QUEUES)
            .with("writeQueueNums", QUEUES)
            .with("perm", 6)
            .with("topicFilterType", "SINGLE_TAG")
            .with("topicSysFlag", 0)
            .with("order", false);
        conn.ok(asked)?;
    }
    Ok(())
}

fn body(bytes: usize) -> Vec<u8> {
    vec![b'x'; bytes]
}

/// A message to send.
pub(crate) fn send_frame(code: i32, topic: &str, queue: usize, more: &str, body: Vec<u8>) -> Frame {
    let properties = format!(
        "UNIQ_KEY\u{1}7F0000010A0B18B4AAC2123456780000\u{2}WAIT\u{1}true\u{2}TAGS\u{1}TagA\u{2}{more}"
    );
    Frame::request(code)
        .with("a", "bench_producer")
        .with("b", topic)
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
    Template::of(send_frame(310, TOPIC, queue, "", body(bytes)))
}

fn batch(queue: usize) -> Result<Template> {
    let properties = b"UNIQ_KEY\x017F0000010A0B18B4AAC2123456780000\x02WAIT\x01true\x02";
    let mut all = Vec::new();
    for _ in 0..32 {
        let total = 22 + 128 + properties.len();
        all.extend_from_slice(&u32::try_from(total)?.to_be_bytes());
        all.extend_from_slice(&[0; 12]);
        all.extend_from_slice(&128u32.to_be_bytes());
        all.extend_from_slice(&body(128));
        all.extend_from_slice(&u16::try_from(properties.len())?.to_be_bytes());
        all.extend_from_slice(properties);
    }
    Template::of(send_frame(320, TOPIC, queue, "", all))
}

/// Pulls over the newest messages of each queue, so that all of them are in memory.
fn pulls(port: u16, filter: Filter) -> Result<Vec<Template>> {
    const BACK: i64 = 20_000;
    const STEP: usize = 32;
    let mut conn = Conn::open(port)?;
    let mut templates = Vec::new();
    for queue in 0..QUEUES {
        let asked = Frame::request(30).with("topic", TOPIC).with("queueId", queue);
        let end = conn.ok(asked)?.number("offset")? - STEP as i64;
        for offset in ((end - BACK).max(0)..end).step_by(STEP) {
            templates.push(Template::of(pull(queue, offset, filter))?);
        }
    }
    Ok(templates)
}

fn pull(queue: usize, offset: i64, filter: Filter) -> Frame {
    let (kind, expression) = match filter {
        Filter::None => ("TAG", "*"),
        Filter::Tags => ("TAG", "TagA || TagB"),
        Filter::Sql => ("SQL92", "TAGS IN ('TagA', 'TagB')"),
    };
    pull_frame(queue, offset, kind, expression, 0)
}

/// A pull of up to 32 messages with a filter of its own; it is held where `held_ms` says so.
pub(crate) fn pull_frame(
    queue: usize,
    offset: i64,
    kind: &str,
    expression: &str,
    held_ms: u32,
) -> Frame {
    const SUSPEND: i32 = 1 << 1;
    const SUBSCRIPTION: i32 = 1 << 2;
    let suspend = if held_ms > 0 { SUSPEND } else { 0 };
    Frame::request(11)
        .with("consumerGroup", "bench_consumer")
        .with("topic", TOPIC)
        .with("queueId", queue)
        .with("queueOffset", offset)
        .with("maxMsgNums", 32)
        .with("sysFlag", SUBSCRIPTION | suspend)
        .with("commitOffset", 0)
        .with("suspendTimeoutMillis", held_ms)
        .with("subscription", expression)
        .with("subVersion", 0)
        .with("expressionType", kind)
}
