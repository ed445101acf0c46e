//! Messages sent over raw connections, and the memory of what was acknowledged.

use std::collections::HashMap;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::conn::{CALL_TIMEOUT, Conn, Outcome};
use crate::launch::wait_until;
use crate::normal::now_ms;
use crate::record::{Record, message_id};
use crate::wire::Frame;

/// A message that the broker acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acked {
    /// Topic.
    pub topic: String,
    /// Queue number.
    pub queue: i32,
    /// Position in the queue.
    pub offset: i64,
    /// Position in the commit log.
    pub physical: i64,
    /// Body.
    pub body: Vec<u8>,
    /// Properties.
    pub properties: String,
}

/// A send of one message, with the header fields a Java client sets.
pub fn send_frame(topic: &str, queue: i32, body: &[u8], properties: &str) -> Frame {
    Frame::request(310)
        .with("a", "traffic")
        .with("b", topic)
        .with("c", "TBW102")
        .with("d", 4)
        .with("e", queue)
        .with("f", 0)
        .with("g", now_ms())
        .with("h", 0)
        .with("i", properties)
        .with("j", 0)
        .with("k", false)
        .with("m", false)
        .body(body)
}

/// A pull that brings its subscription along.
pub fn pull_frame(topic: &str, queue: i32, offset: i64) -> Frame {
    Frame::request(11)
        .with("consumerGroup", "traffic-check")
        .with("topic", topic)
        .with("queueId", queue)
        .with("queueOffset", offset)
        .with("maxMsgNums", 32)
        .with("sysFlag", 4)
        .with("commitOffset", 0)
        .with("suspendTimeoutMillis", 0)
        .with("subscription", "*")
        .with("subVersion", 1)
        .with("expressionType", "TAG")
}

/// What an acknowledged send tells: queue, queue offset and commit log position.
pub fn acknowledged(answer: &Frame) -> Result<(i32, i64, i64)> {
    ensure!(answer.code == 0, "send answered {}: {:?}", answer.code, answer.remark);
    let id = answer.field("msgId").context("no msgId")?;
    let (_, physical) = message_id(id).with_context(|| format!("msgId {id}"))?;
    Ok((answer.number("queueId")? as i32, answer.number("queueOffset")?, physical))
}

/// Sends one message and remembers it.
pub fn send(
    conn: &mut Conn,
    topic: &str,
    queue: i32,
    body: &[u8],
    properties: &str,
) -> Result<Acked> {
    let answer = conn.call(send_frame(topic, queue, body, properties))?;
    let (queue, offset, physical) = acknowledged(&answer)?;
    let (topic, properties) = (topic.to_owned(), properties.to_owned());
    Ok(Acked { topic, queue, offset, physical, body: body.to_vec(), properties })
}

/// Sends without waiting for each answer, until told to stop or the connection ends.
pub struct Pipeline<'a> {
    /// Connection of its own.
    pub conn: Conn,
    /// Topic of all messages.
    pub topic: &'a str,
    /// Queue of all messages.
    pub queue: i32,
    /// Messages on their way at a time.
    pub window: usize,
}

impl Pipeline<'_> {
    /// Returns what was acknowledged. `more` is asked before each message, with the number of
    /// acknowledged ones; a broken connection is an end like any other.
    pub fn run(
        self,
        mut body: impl FnMut(usize) -> Vec<u8>,
        more: impl FnMut(usize) -> bool,
    ) -> Result<Vec<Acked>> {
        self.run_with(|number| (body(number), String::new()), more)
    }

    /// As [`run`](Self::run), with properties beside each body.
    pub fn run_with(
        mut self,
        mut message: impl FnMut(usize) -> (Vec<u8>, String),
        mut more: impl FnMut(usize) -> bool,
    ) -> Result<Vec<Acked>> {
        let mut waiting: HashMap<i32, (Vec<u8>, String)> = HashMap::new();
        let mut acked = Vec::new();
        let mut sent = 0;
        loop {
            while waiting.len() < self.window && more(acked.len()) {
                let (bytes, properties) = message(sent);
                sent += 1;
                match self.conn.send(send_frame(self.topic, self.queue, &bytes, &properties)) {
                    Ok(opaque) => drop(waiting.insert(opaque, (bytes, properties))),
                    Err(_) => return Ok(acked),
                }
            }
            if waiting.is_empty() {
                return Ok(acked);
            }
            match self.conn.wait_for(CALL_TIMEOUT, Frame::is_answer) {
                Ok(Outcome::Answer(answer)) => {
                    let sent = waiting.remove(&answer.opaque).context("a stray answer")?;
                    if matches!(answer.code, 2 | 10) {
                        continue; // Flow control, flush not done in time: no acknowledgement.
                    }
                    let (queue, offset, physical) = acknowledged(&answer)?;
                    let (topic, (body, properties)) = (self.topic.to_owned(), sent);
                    acked.push(Acked { topic, queue, offset, physical, body, properties });
                }
                Ok(Outcome::Closed) => return Ok(acked),
                Ok(Outcome::Silence) => bail!("no answer within {CALL_TIMEOUT:?}"),
                Err(_) => return Ok(acked),
            }
        }
    }
}

/// Reads a whole queue.
pub fn read_queue(conn: &mut Conn, topic: &str, queue: i32) -> Result<Vec<Record>> {
    read_queue_from(conn, topic, queue, 0)
}

/// Reads a queue from an offset to its end.
pub fn read_queue_from(conn: &mut Conn, topic: &str, queue: i32, from: i64) -> Result<Vec<Record>> {
    let mut records = Vec::new();
    let mut offset = from;
    loop {
        let answer = conn.call(pull_frame(topic, queue, offset))?;
        match answer.code {
            0 => {
                records.extend(Record::parse_all(&answer.body)?);
                offset = answer.number("nextBeginOffset")?;
            }
            19 => return Ok(records),
            21 if records.is_empty() && answer.number("minOffset")? > 0 => {
                offset = answer.number("nextBeginOffset")?;
            }
            other => bail!("pull of {topic}/{queue} at {offset}: {other} {:?}", answer.remark),
        }
    }
}

/// Every acknowledged message is where it was acknowledged to be, and positions in each queue
/// run without gaps. Returns how many messages there are in all.
pub fn verify(conn: &mut Conn, acked: &[Acked]) -> Result<usize> {
    verify_queues(conn, acked, true)
}

/// As [`verify`], looking at each queue from the first of these messages on only.
pub fn verify_newest(conn: &mut Conn, acked: &[Acked]) -> Result<usize> {
    verify_queues(conn, acked, false)
}

fn verify_queues(conn: &mut Conn, acked: &[Acked], from_start: bool) -> Result<usize> {
    let mut queues: HashMap<(&str, i32), Vec<&Acked>> = HashMap::new();
    for message in acked {
        queues.entry((&message.topic, message.queue)).or_default().push(message);
    }
    let mut all = 0;
    for ((topic, queue), messages) in queues {
        let first = messages.iter().map(|m| m.offset).min().unwrap_or(0);
        let last = messages.iter().map(|m| m.offset).max().unwrap_or(0);
        wait_until("the queues to be built", Duration::from_secs(20), || {
            let asked = Frame::request(30).with("topic", topic).with("queueId", queue);
            Ok(conn.ok(asked)?.number("offset")? > last)
        })?;
        let from = if from_start { 0 } else { first };
        let records = read_queue_from(conn, topic, queue, from)?;
        for (i, record) in (from..).zip(&records) {
            ensure!(record.queue_offset == i, "{topic}/{queue}: gap at {i}: {record:?}");
        }
        for message in messages {
            let at = usize::try_from(message.offset - from).ok();
            let record = at.and_then(|at| records.get(at));
            let record = record.with_context(|| format!("lost: {message:?}"))?;
            ensure!(
                record.body == message.body
                    && record.physical_offset == message.physical
                    && record.properties == message.properties,
                "another message lies there: {message:?}, found {record:?}"
            );
        }
        all += records.len();
    }
    Ok(all)
}

/// The message is found by its commit log position.
pub fn verify_by_id(conn: &mut Conn, message: &Acked) -> Result<()> {
    let answer = conn.ok(Frame::request(33).with("offset", message.physical))?;
    let records = Record::parse_all(&answer.body)?;
    ensure!(records.len() == 1 && records[0].body == message.body, "{message:?}: {records:?}");
    Ok(())
}

/// The message is found by a key.
pub fn verify_by_key(conn: &mut Conn, message: &Acked, key: &str) -> Result<()> {
    let query = || {
        Frame::request(12)
            .with("topic", &message.topic)
            .with("key", key)
            .with("maxNum", 64)
            .with("beginTimestamp", 0)
            .with("endTimestamp", i64::MAX)
    };
    wait_until(&format!("the index entry of {key}"), Duration::from_secs(10), || {
        let answer = conn.call(query())?;
        if answer.code != 0 {
            return Ok(false);
        }
        let records = Record::parse_all(&answer.body)?;
        Ok(records.iter().any(|r| r.physical_offset == message.physical))
    })
}
