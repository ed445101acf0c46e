//! From born to received: messages sent at a rate, and pulls that are held until they are there.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use compat_tests::conn::Conn;
use compat_tests::record::Record;
use compat_tests::wire::Frame;

use crate::load::{Outcome, frame_length};
use crate::work::{QUEUES, TOPIC, pull_frame, send_frame};

/// Bytes of a body: when the message was due, in microseconds, and filler.
const BODY: usize = 128;
const LENGTH_WORD: usize = 4;
const FOUND: i32 = 0;
/// Nothing there yet, or nothing of it wanted.
const NOT_FOUND: [i32; 2] = [19, 20];
/// How long messages may take that are on their way when sending ends.
const PATIENCE: Duration = Duration::from_secs(20);

/// Sends `rate` messages a second for `length` and receives them all.
pub(crate) fn run(port: u16, rate: f64, length: Duration) -> Result<Outcome> {
    let mut receiver = Receiver::at_the_ends(port)?;
    let started = Instant::now();
    let count = (rate * length.as_secs_f64()) as u64;
    let failed = AtomicBool::new(false);
    let latencies_us = thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let sent = send(port, started, rate, count);
            failed.store(sent.is_err(), Ordering::Release);
            sent
        });
        let received = receiver.take(count, started, &failed);
        sender.join().map_err(|_| anyhow::anyhow!("the sender panicked"))??;
        received
    });
    let elapsed = started.elapsed();
    let mut latencies_us = latencies_us?;
    latencies_us.sort_unstable();
    Ok(Outcome { requests: count, refused: 0, elapsed, latencies_us })
}

/// Writes a message whenever one is due, and drops what is answered.
fn send(port: u16, started: Instant, rate: f64, count: u64) -> Result<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut answers = stream.try_clone()?;
    let drain = thread::spawn(move || -> Result<()> {
        let (mut input, mut seen) = (Vec::new(), 0);
        let mut chunk = vec![0; 1 << 16];
        while seen < count {
            let read = answers.read(&mut chunk)?;
            ensure!(read > 0, "the server closed the connection");
            input.extend_from_slice(&chunk[..read]);
            let mut at = 0;
            while let Some(frame) = whole_frame(&input[at..]) {
                let answer = Frame::decode(&frame[LENGTH_WORD..])?;
                ensure!(answer.code == 0, "refused: {answer:?}");
                (at, seen) = (at + frame.len(), seen + 1);
            }
            input.drain(..at);
        }
        Ok(())
    });
    for number in 0..count {
        let due = Duration::from_secs_f64(number as f64 / rate);
        if let Some(rest) = due.checked_sub(started.elapsed()) {
            thread::sleep(rest);
        }
        let mut body = format!("{:016}", due.as_micros()).into_bytes();
        body.resize(BODY, b'x');
        let queue = usize::try_from(number)? % QUEUES;
        stream.write_all(&send_frame(310, TOPIC, queue, "", body).encode())?;
    }
    drain.join().map_err(|_| anyhow::anyhow!("the reader of answers panicked"))?
}

fn whole_frame(bytes: &[u8]) -> Option<&[u8]> {
    bytes.get(..frame_length(bytes)?)
}

/// A connection with a pull for each queue.
struct Receiver {
    stream: TcpStream,
    offsets: [i64; QUEUES],
}

impl Receiver {
    /// Wants what is sent from now on.
    fn at_the_ends(port: u16) -> Result<Self> {
        let mut conn = Conn::open(port)?;
        let mut offsets = [0; QUEUES];
        for (queue, offset) in offsets.iter_mut().enumerate() {
            let asked = Frame::request(30).with("topic", TOPIC).with("queueId", queue);
            *offset = conn.ok(asked)?.number("offset")?;
        }
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self { stream, offsets })
    }

    fn pull(&mut self, queue: usize) -> Result<()> {
        /// Longer than a run: nothing ends a pull but a message.
        const HELD_MS: u32 = 60_000;
        let mut frame = pull_frame(queue, self.offsets[queue], "TAG", "*", HELD_MS);
        frame.opaque = i32::try_from(queue)?;
        Ok(self.stream.write_all(&frame.encode())?)
    }

    /// How long `count` messages took, in microseconds.
    fn take(&mut self, count: u64, started: Instant, failed: &AtomicBool) -> Result<Vec<u32>> {
        let mut latencies_us = Vec::new();
        let (mut input, mut chunk) = (Vec::new(), vec![0; 1 << 20]);
        (0..QUEUES).try_for_each(|queue| self.pull(queue))?;
        while (latencies_us.len() as u64) < count {
            let read = self.stream.read(&mut chunk).context("receive messages")?;
            ensure!(read > 0, "the server closed the connection");
            let now_us = started.elapsed().as_micros();
            input.extend_from_slice(&chunk[..read]);
            let mut at = 0;
            while let Some(frame) = whole_frame(&input[at..]) {
                let answer = Frame::decode(&frame[LENGTH_WORD..])?;
                at += frame.len();
                for due_us in self.received(&answer)? {
                    let took = now_us.saturating_sub(u128::from(due_us));
                    latencies_us.push(u32::try_from(took).unwrap_or(u32::MAX));
                }
            }
            input.drain(..at);
            ensure!(!failed.load(Ordering::Acquire), "sending failed");
        }
        Ok(latencies_us)
    }

    /// When the messages of an answer were due; asks for the next ones.
    fn received(&mut self, answer: &Frame) -> Result<Vec<u64>> {
        let queue = usize::try_from(answer.opaque)?;
        let mut due = Vec::new();
        if answer.code == FOUND {
            for record in Record::parse_all(&answer.body)? {
                let digits = record.body.get(..16).context("a body of another")?;
                due.push(std::str::from_utf8(digits)?.parse()?);
            }
        } else if !NOT_FOUND.contains(&answer.code) {
            bail!("refused: {answer:?}");
        }
        let offset = self.offsets.get_mut(queue).context("an opaque that was not sent")?;
        *offset = answer.number("nextBeginOffset")?;
        self.pull(queue)?;
        Ok(due)
    }
}
