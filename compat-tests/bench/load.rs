//! A lean load: one connection, a window of requests in flight, frames made beforehand in which
//! only the opaque changes. Costs the machine as little as it can, for it shares the cores with
//! what it measures.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use compat_tests::wire::Frame;

/// First opaque; all of them have the same number of digits, so that they can be patched.
const OPAQUE_BASE: u32 = 1_000_000_000;
const OPAQUE_KEY: &[u8] = b"\"opaque\":";
const CODE_KEY: &[u8] = b"\"code\":";

/// A frame whose opaque can be set in place.
pub(crate) struct Template {
    bytes: Vec<u8>,
    opaque_at: usize,
}

impl Template {
    /// The frame in bytes.
    pub(crate) fn of(mut frame: Frame) -> Result<Self> {
        frame.opaque = i32::try_from(OPAQUE_BASE)?;
        let bytes = frame.encode();
        let at = find(&bytes, OPAQUE_KEY).context("no opaque in the frame")?;
        Ok(Self { bytes, opaque_at: at + OPAQUE_KEY.len() })
    }

    fn append(&self, slot: usize, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let mut number = OPAQUE_BASE + slot as u32;
        for digit in out[start + self.opaque_at..][..10].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

/// How hard to push.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// Requests in flight at most.
    pub(crate) window: usize,
    /// Requests a second; `None` as fast as the window allows.
    pub(crate) rate: Option<f64>,
}

/// What a run did.
pub(crate) struct Outcome {
    /// Requests done.
    pub(crate) requests: u64,
    /// Requests refused with SYSTEM_BUSY, as a server that cannot keep up may.
    pub(crate) refused: u64,
    /// From the first request to the last answer.
    pub(crate) elapsed: Duration,
    /// Sorted, in microseconds. With a rate, from the moment a request was due.
    pub(crate) latencies_us: Vec<u32>,
}

impl Outcome {
    /// The latency that `share` of the requests did not exceed, in microseconds.
    pub(crate) fn percentile(&self, share: f64) -> f64 {
        let last = self.latencies_us.len().saturating_sub(1);
        let at = ((self.latencies_us.len() as f64 * share).ceil() as usize).saturating_sub(1);
        self.latencies_us.get(at.min(last)).copied().unwrap_or(0).into()
    }
}

/// Sends `templates` in turn for `length`, one at least, then waits for what is in flight.
pub(crate) fn run(
    port: u16,
    templates: &[Template],
    pace: Pace,
    length: Duration,
) -> Result<Outcome> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let started = Instant::now();
    let mut load = Load {
        stream,
        templates,
        pace,
        started,
        due: vec![started; pace.window],
        free: (0..pace.window).collect(),
        sent: 0,
        done: 0,
        refused: 0,
        latencies_us: Vec::with_capacity(1 << 20),
        out: Vec::new(),
        input: Vec::new(),
        filled: 0,
    };
    loop {
        load.fill_window()?;
        load.take_answers()?;
        if started.elapsed() >= length {
            break;
        }
    }
    while load.free.len() < pace.window {
        load.take_answers()?;
    }
    let elapsed = started.elapsed();
    let mut latencies_us = load.latencies_us;
    latencies_us.sort_unstable();
    Ok(Outcome { requests: load.done, refused: load.refused, elapsed, latencies_us })
}

struct Load<'a> {
    stream: TcpStream,
    templates: &'a [Template],
    pace: Pace,
    started: Instant,
    /// When the request in each slot was due, or sent.
    due: Vec<Instant>,
    free: Vec<usize>,
    sent: u64,
    done: u64,
    refused: u64,
    latencies_us: Vec<u32>,
    out: Vec<u8>,
    input: Vec<u8>,
    filled: usize,
}

impl Load<'_> {
    /// Writes as many requests as the window, and the rate, allow now.
    fn fill_window(&mut self) -> Result<()> {
        self.out.clear();
        let now = Instant::now();
        while let Some(slot) = self.free.last().copied() {
            let due = match self.pace.rate {
                None => now,
                Some(rate) => self.started + Duration::from_secs_f64(self.sent as f64 / rate),
            };
            if due > now {
                if self.out.is_empty() && self.free.len() == self.pace.window {
                    std::thread::sleep(due - now);
                    return self.fill_window();
                }
                break;
            }
            self.free.pop();
            self.due[slot] = due;
            let template = &self.templates[self.sent as usize % self.templates.len()];
            template.append(slot, &mut self.out);
            self.sent += 1;
        }
        Ok(self.stream.write_all(&self.out)?)
    }

    /// Reads once, unless nothing is in flight, and books every whole answer.
    fn take_answers(&mut self) -> Result<()> {
        const READ_BYTES: usize = 1 << 20;
        if self.free.len() == self.pace.window {
            return Ok(());
        }
        if self.input.len() < self.filled + READ_BYTES {
            self.input.resize(self.filled + READ_BYTES, 0);
        }
        let read = self.stream.read(&mut self.input[self.filled..]).context("read answers")?;
        ensure!(read > 0, "the server closed the connection");
        self.filled += read;
        let now = Instant::now();
        let mut at = 0;
        while let Some(length) = frame_length(&self.input[at..self.filled]) {
            if self.filled - at < length {
                break;
            }
            let header = header_of(&self.input[at..at + length])?;
            let (slot, accepted) = checked_slot(header, self.pace.window)?;
            if accepted {
                let waited = now.saturating_duration_since(self.due[slot]);
                self.latencies_us.push(u32::try_from(waited.as_micros()).unwrap_or(u32::MAX));
                self.done += 1;
            } else {
                self.refused += 1;
            }
            self.free.push(slot);
            at += length;
        }
        self.input.copy_within(at..self.filled, 0);
        self.filled -= at;
        Ok(())
    }
}

/// Bytes of the frame that begins here, as far as its length is there.
pub(crate) fn frame_length(bytes: &[u8]) -> Option<usize> {
    let word = bytes.get(..4)?.try_into().ok()?;
    Some(4 + u32::from_be_bytes(word) as usize)
}

fn header_of(frame: &[u8]) -> Result<&[u8]> {
    let word: [u8; 4] = frame.get(4..8).context("short frame")?.try_into()?;
    let length = (u32::from_be_bytes(word) & 0xFF_FFFF) as usize;
    frame.get(8..8 + length).context("short frame")
}

/// The slot of an answer, and whether the request was done; anything but success and SYSTEM_BUSY
/// is an error.
fn checked_slot(header: &[u8], window: usize) -> Result<(usize, bool)> {
    const SYSTEM_BUSY: u32 = 2;
    let code = number_after(header, CODE_KEY)?;
    if code != 0 && code != SYSTEM_BUSY {
        bail!("refused: {}", String::from_utf8_lossy(header));
    }
    let slot = number_after(header, OPAQUE_KEY)?.checked_sub(OPAQUE_BASE).context("opaque")?;
    ensure!((slot as usize) < window, "an opaque that was not sent");
    Ok((slot as usize, code == 0))
}

fn number_after(header: &[u8], key: &[u8]) -> Result<u32> {
    let at = find(header, key).context("malformed answer")? + key.len();
    let digits = header[at..].iter().take_while(|b| b.is_ascii_digit());
    Ok(digits.fold(0u32, |n, d| n.wrapping_mul(10).wrapping_add(u32::from(d - b'0'))))
}

fn find(bytes: &[u8], key: &[u8]) -> Option<usize> {
    bytes.windows(key.len()).position(|window| window == key)
}
