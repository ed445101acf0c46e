//! The HA port on both ends: bytes between sockets and the state machines of
//! [`store::replicate`], which decide.
//!
//! A master waits for three things at once on each connection: the slave's reports, room in the
//! socket, and more log. What it sends are slices of the mapped log, several transfers a system
//! call. A slave keeps one connection to its master and comes back, later each time, when that
//! ends.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Buf, Bytes};
use parking_lot::Mutex;
use store::Store;
use store::replicate::{Distrust, Receiver, Refusal, ReplicaError, Seat, Sender, Step};
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::time::{Instant, interval, sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::start::Broker;

/// Log target: 4.4.0 writes of replication into `store.log`.
const LOG: &str = "RocketmqStore";
/// Connections at once; more are closed unread.
const CONNECTIONS_MAX: usize = 128;
/// Bytes of reports read at once.
const REPORTS_LEN: usize = 4096;
/// Bytes of the log read at once.
const LOG_READ_LEN: usize = 256 * 1024;
/// Strangers remembered.
const STRANGERS_MAX: usize = 1024;
/// Slices in one write.
const SLICES_MAX: usize = 64;
/// Bytes waiting for a socket beyond which no more are gathered.
const GATHER_MAX: usize = 1024 * 1024;
/// A refused slave waits this long for the end of its connection: one of 4.4.0 comes back at once.
const REFUSED_PAUSE: Duration = Duration::from_secs(5);
/// How long connecting may take.
const CONNECT_WAIT: Duration = Duration::from_secs(3);
/// How long eight bytes may take to leave.
const REPORT_WAIT: Duration = Duration::from_secs(5);
/// The first pause before a slave tries again; each is twice the one before...
const PAUSE_MIN: Duration = Duration::from_millis(250);
/// ...up to this.
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Why a slave's connection ended.
#[derive(Debug, thiserror::Error)]
enum MasterEnd {
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error(
        "its log ended at {0} when this master's was shorter: the two parted before that; empty \
         the slave's store, or make it the master"
    )]
    Stranger(i64),
    #[error("connection lost: {0}")]
    Lost(#[from] io::Error),
    #[error("cannot read the log: {0}")]
    Log(io::Error),
    #[error("stopped")]
    Stopped,
}

/// Why the connection to the master ended.
#[derive(Debug, thiserror::Error)]
enum SlaveEnd {
    #[error(transparent)]
    Distrust(#[from] Distrust),
    #[error(
        "the log differs from the master's at {0}: this slave was a slave of another log, or the \
         master lost its tail; empty this slave's store, or make it the master"
    )]
    Differs(i64),
    #[error("cannot append: {0}")]
    Append(#[from] ReplicaError),
    #[error("cannot read the log: {0}")]
    Log(io::Error),
    #[error("{0}")]
    Lost(#[from] io::Error),
    #[error("the master closed the connection")]
    Closed,
    #[error("the master's address changed")]
    Moved,
    #[error("stopped")]
    Stopped,
}

/// Slaves that had more than this master, and what they reported. A slave of ours compares its log
/// with its master's before it goes on; one of 4.4.0 would go on behind the difference as soon as
/// the master's log is longer than its own.
#[derive(Debug, Default)]
struct Strangers(Mutex<VecDeque<(IpAddr, i64)>>);

impl Strangers {
    fn note(&self, slave: IpAddr, reported: i64) {
        let mut all = self.0.lock();
        if !all.contains(&(slave, reported)) {
            if all.len() == STRANGERS_MAX {
                all.pop_front();
            }
            all.push_back((slave, reported));
        }
    }

    /// Whether a slave that asks for this went ahead of us before, and has not changed since.
    fn knows(&self, slave: IpAddr, asked: i64) -> bool {
        self.0.lock().contains(&(slave, asked))
    }
}

/// Milliseconds since a connection began.
#[derive(Debug, Clone, Copy)]
struct Clock(Instant);

impl Clock {
    fn now(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// How often a connection looks at its clock.
fn tick(store: &Store) -> Duration {
    let rules = store.replica_rules();
    let shortest = rules.heartbeat_ms.min(rules.silence_ms);
    Duration::from_millis((shortest / 4).clamp(10, 1000))
}

/// Serves slaves on `addr` until the broker stops.
pub(crate) fn listen(broker: &Arc<Broker>, addr: SocketAddr) -> io::Result<()> {
    let listener = TcpListener::bind(addr)?;
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    broker.tasks.spawn(accept(Arc::clone(broker), listener));
    Ok(())
}

async fn accept(broker: Arc<Broker>, listener: tokio::net::TcpListener) {
    tracing::info!(target: LOG, "AcceptSocketService service started");
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let strangers = Arc::new(Strangers::default());
    let stop = broker.stop.clone();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(target: LOG, %error, "accept a slave");
                stop.run_until_cancelled(sleep(PAUSE_MIN)).await;
                continue;
            }
        };
        tracing::info!(target: LOG, "HAService receive new connection, /{peer}");
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            tracing::error!(target: LOG, %peer, "more than {CONNECTIONS_MAX} connections, this one is closed");
            continue;
        };
        let (store, stop) = (Arc::clone(&broker.store), stop.clone());
        let strangers = Arc::clone(&strangers);
        broker.tasks.spawn(async move {
            let serving = Serving::new(&store, &stream, peer, &strangers);
            serve(serving, peer, &stop).await;
            drop(place);
        });
    }
    tracing::info!(target: LOG, "AcceptSocketService service end");
}

/// Serves one slave to the end of its connection.
async fn serve(serving: Serving<'_>, peer: SocketAddr, stop: &CancellationToken) {
    let end = serving.run(stop).await;
    match end {
        Ok(never) => match never {},
        Err(MasterEnd::Refused(Refusal::Silent(ms))) => {
            tracing::warn!(target: LOG, "ha housekeeping, found this connection[/{peer}] expired, {ms}");
        }
        Err(why @ (MasterEnd::Refused(_) | MasterEnd::Stranger(_))) => {
            tracing::error!(target: LOG, "slave[/{peer}] refused: {why}");
            stop.run_until_cancelled(sleep(REFUSED_PAUSE)).await;
        }
        Err(end) => tracing::info!(target: LOG, "slave[/{peer}] gone: {end}"),
    }
}

/// One slave's connection.
struct Serving<'a> {
    store: &'a Store,
    stream: &'a TcpStream,
    peer: SocketAddr,
    clock: Clock,
    sender: Sender,
    seat: Option<Seat>,
    strangers: &'a Strangers,
    /// What waits for the socket.
    outbox: VecDeque<Bytes>,
    waiting: usize,
}

impl<'a> Serving<'a> {
    fn new(
        store: &'a Store,
        stream: &'a TcpStream,
        peer: SocketAddr,
        strangers: &'a Strangers,
    ) -> Self {
        let clock = Clock(Instant::now());
        Self {
            store,
            stream,
            peer,
            clock,
            sender: Sender::new(store.replica_rules(), clock.now()),
            seat: None,
            strangers,
            outbox: VecDeque::new(),
            waiting: 0,
        }
    }

    async fn run(
        mut self,
        stop: &CancellationToken,
    ) -> Result<std::convert::Infallible, MasterEnd> {
        self.stream.set_nodelay(true)?;
        let mut ticks = interval(tick(self.store));
        loop {
            self.gather()?;
            let idle = self.outbox.is_empty();
            let interest =
                if idle { Interest::READABLE } else { Interest::READABLE | Interest::WRITABLE };
            // Without a request there is nothing to wait for but the request.
            let next = if idle { self.sender.next() } else { None };
            let (store, stream) = (self.store, self.stream);
            let more = store.appended().wait_for(next.map_or(i64::MAX, |next| next + 1));
            tokio::select! {
                ready = stream.ready(interest) => {
                    let ready = ready?;
                    if ready.is_readable() {
                        self.read()?;
                    }
                    if ready.is_writable() {
                        self.write()?;
                    }
                }
                _ = more, if next.is_some() => self.send_now()?,
                _ = ticks.tick() => self.look_at_clock()?,
                () = stop.cancelled() => return Err(MasterEnd::Stopped),
            }
        }
    }

    /// Takes up more of the log where the socket has little to do.
    fn gather(&mut self) -> Result<(), MasterEnd> {
        while self.waiting < GATHER_MAX && self.outbox.len() < SLICES_MAX {
            let view = self.store.log_view();
            let Some(mut span) = self.sender.span(view)? else { return Ok(()) };
            let found = self.store.log_bytes(span.offset, span.len).map_err(MasterEnd::Log)?;
            let Some(bytes) = found else {
                let missing = format!("nothing at {}, below the end {}", span.offset, view.end);
                return Err(MasterEnd::Log(io::Error::other(missing)));
            };
            span.len = bytes.len();
            self.put(Bytes::copy_from_slice(&span.head().encode()));
            self.put(bytes);
            self.sender.sending(span);
        }
        Ok(())
    }

    fn put(&mut self, bytes: Bytes) {
        self.waiting += bytes.len();
        self.outbox.push_back(bytes);
    }

    /// The log grew while the socket had nothing to do: most likely it takes it at once.
    fn send_now(&mut self) -> Result<(), MasterEnd> {
        self.gather()?;
        self.write()
    }

    fn write(&mut self) -> Result<(), MasterEnd> {
        while !self.outbox.is_empty() {
            let slices: Vec<_> =
                self.outbox.iter().take(SLICES_MAX).map(|part| IoSlice::new(part)).collect();
            let mut written = match self.stream.try_write_vectored(&slices) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::WriteZero).into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            self.sender.wrote(self.clock.now());
            self.waiting -= written;
            while let Some(part) = self.outbox.front_mut() {
                if part.len() > written {
                    part.advance(written);
                    break;
                }
                written -= part.len();
                self.outbox.pop_front();
            }
            self.gather()?;
        }
        Ok(())
    }

    fn read(&mut self) -> Result<(), MasterEnd> {
        let mut buffer = [0; REPORTS_LEN];
        loop {
            let read = match self.stream.try_read(&mut buffer) {
                Ok(0) => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error.into()),
            };
            let bytes = buffer.get(..read).unwrap_or_default();
            let now = self.clock.now();
            let progress = self.sender.received(bytes, self.store.log_view(), now);
            if let (None, Err(Refusal::Beyond { reported, .. })) = (&self.seat, &progress) {
                self.strangers.note(self.peer.ip(), *reported);
            }
            let progress = progress?;
            if let Some((asked, from)) = progress.started {
                let peer = self.peer;
                if self.strangers.knows(peer.ip(), asked) {
                    return Err(MasterEnd::Stranger(asked));
                }
                tracing::info!(target: LOG, "slave[/{peer}] request offset {asked}");
                tracing::info!(target: LOG, "master transfer data from {from} to slave[/{peer}], and slave request {asked}");
                self.seat = Some(self.store.seat_slave(asked));
            }
            if let Some(seat) = &self.seat {
                if let Some(offset) = progress.reported {
                    seat.reported(offset);
                }
                if let Some(offset) = progress.acknowledged {
                    seat.acknowledged(offset);
                }
            }
        }
    }

    fn look_at_clock(&mut self) -> Result<(), MasterEnd> {
        let now = self.clock.now();
        self.sender.check_alive(now)?;
        if self.outbox.is_empty()
            && let Some(beat) = self.sender.heartbeat(now)
        {
            self.put(Bytes::copy_from_slice(&beat));
            self.write()?;
        }
        Ok(())
    }
}

/// Follows the master until the broker stops.
pub(crate) async fn follow(broker: Arc<Broker>) {
    tracing::info!(target: LOG, "HAClient service started");
    let stop = broker.stop.clone();
    let mut told = broker.masters();
    let mut pause = PAUSE_MIN;
    let mut last: Option<String> = None;
    while !stop.is_cancelled() {
        let master = told.borrow_and_update().ha.clone();
        let Some(master) = master else {
            tokio::select! {
                changed = told.changed() => if changed.is_err() { break },
                () = stop.cancelled() => break,
            }
            continue;
        };
        if last.as_ref() != Some(&master) {
            let old = last.as_deref().unwrap_or("null");
            tracing::info!(target: LOG, "update master address, OLD: {old} NEW: {master}");
            last = Some(master.clone());
            pause = PAUSE_MIN;
        }
        let mut got_some = false;
        let moved = async {
            let _ = told.wait_for(|masters| masters.ha.as_ref() != Some(&master)).await;
        };
        let session = tokio::select! {
            end = session(&broker.store, &master, &mut got_some) => end,
            () = moved => Err(SlaveEnd::Moved),
            () = stop.cancelled() => Err(SlaveEnd::Stopped),
        };
        let Err(end) = session;
        if got_some {
            pause = PAUSE_MIN;
        }
        match end {
            SlaveEnd::Stopped => break,
            SlaveEnd::Moved => continue,
            SlaveEnd::Lost(_) | SlaveEnd::Closed => {
                tracing::info!(target: LOG, "HAClient, connection to master[{master}]: {end}");
            }
            SlaveEnd::Distrust(Distrust::Silent(_)) => {
                tracing::warn!(target: LOG, "HAClient, housekeeping, found this connection[{master}] expired: {end}");
            }
            _ => {
                tracing::error!(target: LOG, "HAClient, dispatchReadRequest error, master[{master}]: {end}");
                pause = PAUSE_MAX;
            }
        }
        stop.run_until_cancelled(sleep(pause)).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
    tracing::info!(target: LOG, "HAClient service end");
}

/// One connection to the master; it may be dropped at any await: what is in the log by then is
/// whole.
async fn session(
    store: &Store,
    master: &str,
    got_some: &mut bool,
) -> Result<std::convert::Infallible, SlaveEnd> {
    let connected = timeout(CONNECT_WAIT, TcpStream::connect(master)).await;
    let stream = connected.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    stream.set_nodelay(true)?;
    let clock = Clock(Instant::now());
    // What is not dispatched yet is not among the queues' newest records.
    let _ = timeout(CONNECT_WAIT, store.dispatched().wait_for(store.appended().get())).await;
    let (end, ask) = (store.appended().get(), store.replica_ask());
    let mut receiver = Receiver::new(store.replica_rules(), end, ask, clock.now());
    write_all(&stream, &receiver.hello()).await?;
    let mut buffer = vec![0; LOG_READ_LEN];
    let mut ticks = interval(tick(store));
    loop {
        tokio::select! {
            ready = stream.readable() => {
                ready?;
                match stream.try_read(&mut buffer) {
                    Ok(0) => return Err(SlaveEnd::Closed),
                    Ok(read) => {
                        let bytes = buffer.get(..read).unwrap_or_default();
                        let taken = receiver.received(bytes, clock.now());
                        store_all(store, &mut receiver, got_some)?;
                        taken?;
                    }
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            _ = ticks.tick() => receiver.check_alive(clock.now())?,
        }
        if let Some(report) = receiver.report(clock.now()) {
            write_all(&stream, &report).await?;
        }
    }
}

/// Stores what is whole.
fn store_all(store: &Store, receiver: &mut Receiver, got_some: &mut bool) -> Result<(), SlaveEnd> {
    while let Some(step) = receiver.step()? {
        let len = match step {
            Step::Compare { offset, bytes } => {
                if !store.log_holds(offset, bytes).map_err(SlaveEnd::Log)? {
                    return Err(SlaveEnd::Differs(offset));
                }
                bytes.len()
            }
            Step::Append { offset, bytes } => {
                store.append_replicated(offset, bytes)?;
                *got_some = true;
                bytes.len()
            }
        };
        receiver.done(len);
    }
    Ok(())
}

async fn write_all(stream: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    let writing = async {
        while !bytes.is_empty() {
            stream.writable().await?;
            match stream.try_write(bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    timeout(REPORT_WAIT, writing).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
}
