//! The handle on one connection: who is there, and requests from our side to theirs.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use parking_lot::Mutex;
use protocol::Command;
use tokio::sync::oneshot;

use crate::Limits;

static NEXT_ID: AtomicU64 = AtomicU64::new(1);
/// What [`Peer::waited`] counts from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// Why a call to a peer gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No connection could be made.
    #[error("connect to <{addr}> failed: {source}")]
    Connect {
        /// The peer.
        addr: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection closed before the answer came.
    #[error("the connection to <{0}> is closed")]
    Closed(String),
    /// The answer did not come in time.
    #[error("wait response on the channel <{addr}> timeout, {waited_ms}(ms)")]
    Timeout {
        /// The peer.
        addr: String,
        /// How long the caller waited.
        waited_ms: u128,
    },
    /// Too many calls of ours wait, or too many bytes.
    #[error("too many requests wait on <{0}>")]
    TooManyRequests(String),
}

/// One connection as handlers and callers see it.
pub struct Peer {
    id: u64,
    addr: SocketAddr,
    local_addr: SocketAddr,
    limits: Limits,
    closed: AtomicBool,
    /// When its bytes were read last, in microseconds since [`EPOCH`].
    read_at: AtomicU64,
    /// How long the request being served has waited since then, in microseconds.
    waited: AtomicU64,
    waker: AtomicWaker,
    queue: Mutex<Queue>,
    pending: Mutex<HashMap<i32, oneshot::Sender<Command>>>,
    next_opaque: AtomicI32,
}

/// Requests from our side on their way to the connection's task.
#[derive(Default)]
struct Queue {
    commands: Vec<Command>,
    bytes: usize,
}

/// A moment at which bytes were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadAt(Duration);

impl ReadAt {
    /// How long ago that was.
    pub(crate) fn elapsed(self) -> Duration {
        EPOCH.elapsed().saturating_sub(self.0)
    }
}

/// Roughly what a command without a body takes in memory and on the wire.
pub(crate) const COMMAND_BYTES: usize = 512;

impl Peer {
    pub(crate) fn new(addr: SocketAddr, local_addr: SocketAddr, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            addr,
            local_addr,
            limits,
            closed: AtomicBool::new(false),
            read_at: AtomicU64::new(0),
            waited: AtomicU64::new(0),
            waker: AtomicWaker::new(),
            queue: Mutex::default(),
            pending: Mutex::default(),
            next_opaque: AtomicI32::new(0),
        })
    }

    /// A number no other connection of this process has or had.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The other side's address.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Our side's address; its port tells which listener accepted the connection.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How long the request that is being served has waited behind those read together with it;
    /// the clock is looked at every few requests. To be asked by
    /// [`Service::call`](crate::Service::call) only.
    #[must_use]
    pub fn waited(&self) -> Duration {
        Duration::from_micros(self.waited.load(Ordering::Relaxed))
    }

    /// Bytes were read just now.
    pub(crate) fn note_read(&self) {
        let now = u64::try_from(EPOCH.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.read_at.store(now, Ordering::Relaxed);
        self.waited.store(0, Ordering::Relaxed);
    }

    /// A request that was read then is served now.
    pub(crate) fn note_wait(&self) {
        let waited = u64::try_from(self.read_at().elapsed().as_micros()).unwrap_or(u64::MAX);
        self.waited.store(waited, Ordering::Relaxed);
    }

    /// When bytes were read last.
    pub(crate) fn read_at(&self) -> ReadAt {
        ReadAt(Duration::from_micros(self.read_at.load(Ordering::Relaxed)))
    }

    /// Whether the connection has ended or was told to.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Ends the connection; what is already gathered to be written still is.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Sends a request and waits for its answer.
    ///
    /// # Errors
    /// See [`CallError`]; after a time-out a late answer is dropped.
    pub async fn call(&self, mut command: Command, wait: Duration) -> Result<Command, CallError> {
        let (answer, opaque) = {
            let (sender, receiver) = oneshot::channel();
            let opaque = self.register(sender)?;
            (receiver, opaque)
        };
        let _entry = PendingEntry { peer: self, opaque };
        command.opaque = opaque;
        self.enqueue(command)?;
        match tokio::time::timeout(wait, answer).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(CallError::Closed(self.addr.to_string())),
            Err(_) => {
                Err(CallError::Timeout { addr: self.addr.to_string(), waited_ms: wait.as_millis() })
            }
        }
    }

    /// Sends a request that asks for no answer.
    ///
    /// # Errors
    /// When the connection is closed or too much waits to be written.
    pub fn oneway(&self, command: Command) -> Result<(), CallError> {
        let mut command = command.oneway();
        command.opaque = self.next_opaque.fetch_add(1, Ordering::Relaxed);
        self.enqueue(command)
    }

    fn register(&self, sender: oneshot::Sender<Command>) -> Result<i32, CallError> {
        let mut pending = self.pending.lock();
        if self.is_closed() {
            return Err(CallError::Closed(self.addr.to_string()));
        }
        if pending.len() >= self.limits.calls_pending_max {
            return Err(CallError::TooManyRequests(self.addr.to_string()));
        }
        loop {
            let opaque = self.next_opaque.fetch_add(1, Ordering::Relaxed);
            if let std::collections::hash_map::Entry::Vacant(free) = pending.entry(opaque) {
                free.insert(sender);
                return Ok(opaque);
            }
        }
    }

    fn enqueue(&self, command: Command) -> Result<(), CallError> {
        {
            let mut queue = self.queue.lock();
            if self.is_closed() {
                return Err(CallError::Closed(self.addr.to_string()));
            }
            let bytes = COMMAND_BYTES + command.body.len();
            if queue.bytes + bytes > self.limits.queued_bytes_max {
                return Err(CallError::TooManyRequests(self.addr.to_string()));
            }
            queue.bytes += bytes;
            queue.commands.push(command);
        }
        self.waker.wake();
        Ok(())
    }

    /// Moves what callers queued into `into`; `true` if there was anything.
    pub(crate) fn take_queued(&self, into: &mut Vec<Command>) -> bool {
        let mut queue = self.queue.lock();
        queue.bytes = 0;
        into.append(&mut queue.commands);
        !into.is_empty()
    }

    pub(crate) fn register_waker(&self, waker: &std::task::Waker) {
        self.waker.register(waker);
    }

    /// Hands an answer to the call that waits for it; `false` if none does.
    pub(crate) fn answered(&self, answer: Command) -> bool {
        let waiter = self.pending.lock().remove(&answer.opaque);
        waiter.is_some_and(|waiter| waiter.send(answer).is_ok())
    }

    /// The connection is gone: nobody gets an answer any more.
    pub(crate) fn ended(&self) {
        self.closed.store(true, Ordering::Release);
        self.pending.lock().clear();
        self.queue.lock().commands.clear();
    }
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Peer({} {})", self.id, self.addr)
    }
}

/// Forgets a call when its caller goes away.
struct PendingEntry<'a> {
    peer: &'a Peer,
    opaque: i32,
}

impl Drop for PendingEntry<'_> {
    fn drop(&mut self) {
        self.peer.pending.lock().remove(&self.opaque);
    }
}
