//! The task of one connection, the same for both sides.
//!
//! One `poll` goes round: what callers queued, replies of handlers that waited, what the socket
//! has, what the socket takes; until nothing moves. So pipelined requests share their reads and
//! their writes.

use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use futures_util::stream::{FuturesUnordered, StreamExt};
use protocol::codes::response;
use protocol::frame::{FrameError, decode_frame, missing_bytes};
use protocol::{Command, Encoding, Reply};
use tokio::time::{Instant, Sleep};
use tokio_util::io::poll_read_buf;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use crate::outbox::Outbox;
use crate::peer::{COMMAND_BYTES, Peer, ReadAt};
use crate::transport::Transport;
use crate::{Answer, CloseReason, LOG, Limits, Observer, Served, Service};

/// Read buffers start with this and double while reads fill them.
const READ_BYTES_MIN: usize = 4 * 1024;
/// Largest read; also the step in which the buffer grows for a long frame as its bytes arrive.
const READ_BYTES_MAX: usize = 256 * 1024;
/// How long a peer may take to close its side after we closed ours.
const LINGER: Duration = Duration::from_secs(1);
/// Bytes that are thrown away at once while we wait for that.
const DISCARDED_BYTES: usize = 16 * 1024;
/// Requests served between two looks at the clock: together they take far less than a wait that
/// anybody would complain about.
const CLOCK_EVERY: usize = 8;
/// Rounds before the task lets others run.
const ROUNDS_MAX: usize = 32;

/// What all connections of a server or a client share.
pub(crate) struct Shared {
    pub(crate) service: Arc<dyn Service>,
    pub(crate) limits: Limits,
    /// How replies are written, whatever the requests came in.
    pub(crate) encoding: Encoding,
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) stop: CancellationToken,
    /// How long a connection may go on answering once it is told to stop.
    pub(crate) drain: Duration,
}

/// Drives `transport` until it ends, then tells the service.
pub(crate) async fn run(transport: Transport, peer: Arc<Peer>, shared: Arc<Shared>) {
    shared.service.connected(&peer);
    let mut told = Farewell { peer: &peer, service: &shared.service, why: CloseReason::Error };
    let connection = Connection {
        transport,
        peer: Arc::clone(&peer),
        input: BytesMut::new(),
        read_bytes: READ_BYTES_MIN,
        command: Command::default(),
        queued: Vec::new(),
        outbox: Outbox::default(),
        stalled: false,
        later: FuturesUnordered::new(),
        later_bytes: 0,
        active: Instant::now(),
        timer: Box::pin(tokio::time::sleep(shared.limits.idle)),
        stop: Box::pin(shared.stop.clone().cancelled_owned()),
        phase: Phase::Open,
        shared: Arc::clone(&shared),
    };
    told.why = connection.await;
}

/// Tells the service that the connection is gone, also when its task is dropped or panics.
struct Farewell<'a> {
    peer: &'a Arc<Peer>,
    service: &'a Arc<dyn Service>,
    why: CloseReason,
}

impl Drop for Farewell<'_> {
    fn drop(&mut self) {
        self.peer.ended();
        self.service.closed(self.peer, self.why);
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Open,
    /// We stop: nothing more is read, what waits is answered and written until the timer ends.
    Draining,
    /// The peer closed its side or was told to go: what is gathered is written, then we go.
    Leaving(CloseReason),
    /// All is written and our side is closed. What the peer still sends is thrown away until it
    /// closes its side or the timer ends: a socket closed over unread bytes takes back what the
    /// peer has not received yet, the last answers.
    Closing(CloseReason),
}

struct Connection {
    transport: Transport,
    peer: Arc<Peer>,
    input: BytesMut,
    read_bytes: usize,
    command: Command,
    queued: Vec<Command>,
    outbox: Outbox,
    /// Frames may lie in `input` that there was no room to serve.
    stalled: bool,
    later: FuturesUnordered<Later>,
    later_bytes: usize,
    active: Instant,
    timer: Pin<Box<Sleep>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    phase: Phase,
    shared: Arc<Shared>,
}

impl Future for Connection {
    type Output = CloseReason;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<CloseReason> {
        let this = self.get_mut();
        this.peer.register_waker(cx.waker());
        if let Some(why) = this.check_life(cx) {
            return Poll::Ready(why);
        }
        for _ in 0..ROUNDS_MAX {
            let round = match this.round(cx) {
                Ok(round) => round,
                Err(why) => return Poll::Ready(why),
            };
            match round {
                Round::Moved => this.active = Instant::now(),
                Round::Still => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

enum Round {
    Moved,
    Still,
}

impl Connection {
    /// Idle time, orders to stop and to close.
    fn check_life(&mut self, cx: &mut Context<'_>) -> Option<CloseReason> {
        if self.phase == Phase::Open && self.stop.as_mut().poll(cx).is_ready() {
            self.phase = Phase::Draining;
            self.timer.as_mut().reset(Instant::now() + self.shared.drain);
        }
        while self.timer.as_mut().poll(cx).is_ready() {
            match self.phase {
                Phase::Open => {}
                Phase::Draining => return Some(CloseReason::Closed),
                Phase::Leaving(why) | Phase::Closing(why) => return Some(why),
            }
            let until = self.active + self.shared.limits.idle;
            if Instant::now() >= until {
                tracing::warn!(target: LOG, peer = %self.peer.addr(), "idle connection closed");
                self.leave(CloseReason::Idle);
                continue;
            }
            self.timer.as_mut().reset(until);
        }
        None
    }

    /// One go at everything; `Err` when the connection is over.
    fn round(&mut self, cx: &mut Context<'_>) -> Result<Round, CloseReason> {
        if let Phase::Closing(why) = self.phase {
            return self.discard(cx, why);
        }
        let mut moved = self.take_queued();
        moved |= self.take_later(cx);
        if self.phase == Phase::Open && self.peer.is_closed() {
            self.leave(CloseReason::Closed);
        }
        if self.phase == Phase::Open && self.has_room() {
            if self.stalled {
                self.serve_frames()?;
                moved = true;
            } else {
                moved |= self.read(cx)?;
            }
        }
        moved |= self.write(cx)?;
        if self.outbox.len() == 0 && !moved {
            match self.phase {
                Phase::Leaving(why) => return Ok(self.close_our_side(why)),
                Phase::Draining if self.later.is_empty() => {
                    return Ok(self.close_our_side(CloseReason::Closed));
                }
                _ => {}
            }
        }
        Ok(if moved { Round::Moved } else { Round::Still })
    }

    fn close_our_side(&mut self, why: CloseReason) -> Round {
        self.phase = Phase::Closing(why);
        self.timer.as_mut().reset(Instant::now() + LINGER);
        // Whoever still calls this peer is told that it is gone.
        self.peer.close();
        Round::Moved
    }

    /// Closes our side, and reads on until the peer has closed its own.
    fn discard(&mut self, cx: &mut Context<'_>, why: CloseReason) -> Result<Round, CloseReason> {
        match self.transport.poll_shutdown(cx) {
            Poll::Pending => return Ok(Round::Still),
            Poll::Ready(Err(_)) => return Err(why),
            Poll::Ready(Ok(())) => {}
        }
        self.input.clear();
        self.input.reserve(DISCARDED_BYTES);
        match poll_read_buf(Pin::new(&mut self.transport), cx, &mut self.input) {
            Poll::Pending => Ok(Round::Still),
            Poll::Ready(Ok(0) | Err(_)) => Err(why),
            Poll::Ready(Ok(_)) => Ok(Round::Moved),
        }
    }

    fn leave(&mut self, why: CloseReason) {
        self.phase = Phase::Leaving(why);
        self.timer.as_mut().reset(Instant::now() + self.shared.drain);
    }

    fn has_room(&self) -> bool {
        self.outbox.len() + self.later_bytes < self.shared.limits.in_flight_bytes_max
    }

    fn take_queued(&mut self) -> bool {
        if self.outbox.len() >= self.shared.limits.queued_bytes_max {
            // The peer does not read: what callers queue is bounded where they queue it.
            return false;
        }
        let moved = self.peer.take_queued(&mut self.queued);
        for command in self.queued.drain(..) {
            self.outbox.push_command(&command);
        }
        moved
    }

    fn take_later(&mut self, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        while !self.later.is_empty() {
            let Poll::Ready(Some(done)) = self.later.poll_next_unpin(cx) else {
                break;
            };
            moved = true;
            self.later_bytes -= done.bytes;
            self.observe(done.code, done.reply.code, Some(done.read_at));
            if !done.oneway {
                self.outbox.push_reply(done.reply, done.opaque, done.encoding);
            }
        }
        moved
    }

    /// Reads once and serves every whole frame; `true` if there was anything.
    fn read(&mut self, cx: &mut Context<'_>) -> Result<bool, CloseReason> {
        if self.input.is_empty() && self.transport.poll_read_ready(cx).is_pending() {
            // An idle connection holds no buffers.
            self.input = BytesMut::new();
            self.outbox.release();
            return Ok(false);
        }
        self.make_room();
        match poll_read_buf(Pin::new(&mut self.transport), cx, &mut self.input) {
            Poll::Pending => Ok(false),
            Poll::Ready(Err(error)) => {
                tracing::debug!(target: LOG, peer = %self.peer.addr(), %error, "read");
                Err(CloseReason::Error)
            }
            Poll::Ready(Ok(0)) => {
                self.leave(CloseReason::Closed);
                Ok(true)
            }
            Poll::Ready(Ok(read)) => {
                if read >= self.read_bytes {
                    self.read_bytes = (self.read_bytes * 2).min(READ_BYTES_MAX);
                }
                self.peer.note_read();
                self.serve_frames()?;
                Ok(true)
            }
        }
    }

    /// Room for one read: a step, or what the frame at the front lacks if that is more, but
    /// never more than a step ahead of what has arrived.
    fn make_room(&mut self) {
        let lacks = missing_bytes(&self.input).unwrap_or(0);
        let step = self.read_bytes.max(lacks.min(READ_BYTES_MAX));
        if self.input.capacity() - self.input.len() < step {
            self.input.reserve(step);
        }
    }

    /// Serves whole frames while there is room; small requests may have large answers, and one read
    /// brings thousands of them.
    fn serve_frames(&mut self) -> Result<(), CloseReason> {
        let mut command = std::mem::take(&mut self.command);
        let mut count = 0usize;
        let served = loop {
            self.stalled = !self.has_room();
            if self.stalled {
                break Ok(());
            }
            match decode_frame(&mut self.input, self.shared.limits.frame_bytes_max, &mut command) {
                Ok(true) => {
                    count += 1;
                    if count.is_multiple_of(CLOCK_EVERY) {
                        self.peer.note_wait();
                    }
                    self.serve(&mut command);
                }
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.command = command;
        served.map_err(|error| self.refuse(&error))
    }

    fn refuse(&self, error: &FrameError) -> CloseReason {
        tracing::warn!(target: LOG, peer = %self.peer.addr(), %error, "bad frame, connection closed");
        CloseReason::Error
    }

    fn serve(&mut self, command: &mut Command) {
        if command.is_response() {
            let answer = std::mem::take(command);
            let (opaque, code) = (answer.opaque, answer.code);
            if !self.peer.answered(answer) {
                tracing::debug!(target: LOG, peer = %self.peer.addr(), opaque, code, "answer nobody waits for");
            }
            return;
        }
        let (opaque, oneway, code) = (command.opaque, command.is_oneway(), command.code);
        // What a waiting handler may keep of it: it could be a copy of every field.
        let bytes = COMMAND_BYTES + command.ext.text_len() + command.body.len();
        let encoding = self.shared.encoding;
        let call = AssertUnwindSafe(|| self.shared.service.call(&self.peer, command));
        let answer = catch_unwind(call)
            .unwrap_or_else(|_| Answer::Now(panicked(self.peer.addr(), command.code)));
        match answer {
            Answer::Now(reply) => {
                self.observe(code, reply.code, None);
                if !oneway {
                    self.outbox.push_reply(reply, opaque, encoding);
                }
            }
            Answer::Never => {}
            Answer::Later(future) => {
                self.later_bytes += bytes;
                let (addr, read_at) = (self.peer.addr(), self.peer.read_at());
                let later = Later { future, opaque, encoding, oneway, bytes, addr, code, read_at };
                self.later.push(later);
            }
        }
    }

    /// Tells the observer, if there is one, of an answer; `waited_since` for one that had to wait.
    fn observe(&self, code: i32, response: i32, waited_since: Option<ReadAt>) {
        if let Some(observer) = &self.shared.observer {
            let took = waited_since.unwrap_or_else(|| self.peer.read_at()).elapsed();
            observer.served(&Served { code, response, later: waited_since.is_some(), took });
        }
    }

    /// Writes what the socket takes; `true` if it took anything.
    fn write(&mut self, cx: &mut Context<'_>) -> Result<bool, CloseReason> {
        let mut moved = false;
        while self.outbox.len() > 0 {
            let written = self.transport.poll_write(cx, &self.outbox.slices());
            match written {
                Poll::Pending => return Ok(moved),
                Poll::Ready(Ok(0)) => return Err(CloseReason::Error),
                Poll::Ready(Ok(written)) => self.outbox.advance(written),
                Poll::Ready(Err(error)) => {
                    tracing::debug!(target: LOG, peer = %self.peer.addr(), %error, "write");
                    return Err(CloseReason::Error);
                }
            }
            moved = true;
        }
        match self.transport.poll_flush(cx) {
            Poll::Ready(Err(_)) => Err(CloseReason::Error),
            _ => Ok(moved),
        }
    }
}

/// The reply of a handler that waits.
struct Later {
    future: Pin<Box<dyn Future<Output = Reply> + Send>>,
    opaque: i32,
    encoding: Encoding,
    oneway: bool,
    bytes: usize,
    /// Who asked for what, for the log.
    addr: SocketAddr,
    code: i32,
    read_at: ReadAt,
}

struct Done {
    reply: Reply,
    opaque: i32,
    encoding: Encoding,
    oneway: bool,
    bytes: usize,
    code: i32,
    read_at: ReadAt,
}

impl Future for Later {
    type Output = Done;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Done> {
        let poll = AssertUnwindSafe(|| self.future.as_mut().poll(cx));
        let reply = match catch_unwind(poll) {
            Ok(polled) => ready!(polled),
            Err(_) => panicked(self.addr, self.code),
        };
        let Self { opaque, encoding, oneway, bytes, code, read_at, .. } = *self;
        Poll::Ready(Done { reply, opaque, encoding, oneway, bytes, code, read_at })
    }
}

/// The answer where a handler has a bug; the others of the connection go on.
#[cold]
fn panicked(addr: SocketAddr, code: i32) -> Reply {
    tracing::error!(target: LOG, peer = %addr, code, "handler panicked");
    Reply::error(response::SYSTEM_ERROR, "internal error, see the server's log")
}
