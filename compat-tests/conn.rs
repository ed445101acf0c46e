//! A blocking client that sends raw frames and keeps whatever comes back.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::wire::{Frame, MAX_FRAME};

/// How long a call waits for its answer unless told otherwise.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// What a client observed after it sent something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// An answer.
    Answer(Frame),
    /// Nothing in the time given.
    Silence,
    /// The server closed the connection.
    Closed,
}

/// One connection.
pub struct Conn {
    stream: TcpStream,
    buffer: Vec<u8>,
    inbox: Vec<Frame>,
    closed: bool,
    next_opaque: i32,
}

impl Conn {
    /// Connects to a loopback port.
    pub fn open(port: u16) -> Result<Self> {
        let addr = SocketAddr::from(([127, 0, 0, 1], port));
        let stream = TcpStream::connect_timeout(&addr, Duration::from_secs(3))
            .with_context(|| format!("connect to {addr}"))?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(CALL_TIMEOUT))?;
        Ok(Conn { stream, buffer: Vec::new(), inbox: Vec::new(), closed: false, next_opaque: 1 })
    }

    /// Port of this end.
    pub fn local_port(&self) -> Result<u16> {
        Ok(self.stream.local_addr()?.port())
    }

    /// Sends a request and returns the number its answer will carry.
    pub fn send(&mut self, mut frame: Frame) -> Result<i32> {
        frame.opaque = self.next_opaque;
        self.next_opaque += 1;
        self.write(&frame.encode())?;
        Ok(frame.opaque)
    }

    /// Sends bytes as they are. A connection closed by the other end is not an error here: the
    /// next wait reports it.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        match self.stream.write_all(bytes) {
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => {
                self.closed = true;
                Ok(())
            }
            other => other.context("write"),
        }
    }

    /// Waits for the answer to a request.
    pub fn wait(&mut self, opaque: i32, timeout: Duration) -> Result<Outcome> {
        self.wait_for(timeout, |f| f.is_answer() && f.opaque == opaque)
    }

    /// Waits for a request that the server makes.
    pub fn wait_request(&mut self, code: i32, timeout: Duration) -> Result<Outcome> {
        self.wait_for(timeout, |f| !f.is_answer() && f.code == code)
    }

    /// Waits for the first frame that fits; others are kept for later.
    pub fn wait_for(
        &mut self,
        timeout: Duration,
        fits: impl Fn(&Frame) -> bool,
    ) -> Result<Outcome> {
        let deadline = Instant::now() + timeout;
        loop {
            if let Some(at) = self.inbox.iter().position(&fits) {
                return Ok(Outcome::Answer(self.inbox.remove(at)));
            }
            if self.closed {
                return Ok(Outcome::Closed);
            }
            if !self.fill(deadline)? {
                return Ok(Outcome::Silence);
            }
        }
    }

    /// Whether nothing comes for a while; what comes stays in the inbox.
    pub fn nothing(&mut self, wait: Duration) -> Result<bool> {
        let deadline = Instant::now() + wait;
        while self.inbox.is_empty() && !self.closed {
            if !self.fill(deadline)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Sends a request and takes its answer; anything else is an error.
    pub fn call(&mut self, frame: Frame) -> Result<Frame> {
        let code = frame.code;
        let opaque = self.send(frame)?;
        match self.wait(opaque, CALL_TIMEOUT)? {
            Outcome::Answer(answer) => Ok(answer),
            other => bail!("request {code}: {other:?}"),
        }
    }

    /// As [`Conn::call`], and the answer must be a success.
    pub fn ok(&mut self, frame: Frame) -> Result<Frame> {
        let code = frame.code;
        let answer = self.call(frame)?;
        if answer.code != 0 {
            bail!("request {code} answered {}: {:?}", answer.code, answer.remark);
        }
        Ok(answer)
    }

    /// Reads once; false when the deadline passed first.
    fn fill(&mut self, deadline: Instant) -> Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(false);
        }
        self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))))?;
        let mut chunk = [0; 65536];
        match self.stream.read(&mut chunk) {
            Ok(0) => self.closed = true,
            Ok(n) => self.buffer.extend_from_slice(&chunk[..n]),
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                return Ok(false);
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if matches!(e.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe) => {
                self.closed = true;
            }
            Err(e) => return Err(e).context("read"),
        }
        self.take_frames()?;
        Ok(true)
    }

    fn take_frames(&mut self) -> Result<()> {
        let mut at = 0;
        while let Some(word) = self.buffer.get(at..at + 4) {
            let length = u32::from_be_bytes(word.try_into()?) as usize;
            if length + 4 > MAX_FRAME {
                bail!("the server sent a frame of {length} bytes");
            }
            let Some(bytes) = self.buffer.get(at + 4..at + 4 + length) else { break };
            self.inbox.push(Frame::decode(bytes).context("frame from the server")?);
            at += 4 + length;
        }
        self.buffer.drain(..at);
        Ok(())
    }
}
