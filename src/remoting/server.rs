//! The listening side: accept, tell TLS from plain, hand each connection its task.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use protocol::Encoding;
use socket2::{Domain, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{self, Shared};
use crate::peer::Peer;
use crate::tls::{ServerTls, TlsMode};
use crate::transport::Transport;
use crate::{LOG, Limits, Observer, ServerConfig, Service};

/// First byte of a TLS handshake record.
const TLS_HANDSHAKE: u8 = 0x16;
/// How long a TLS handshake may take.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept (no descriptors left, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How a server treats its connections.
#[derive(Clone, Default)]
pub struct ServerOptions {
    /// Bounds of one connection.
    pub limits: Limits,
    /// How replies are written (`rocketmq.serialize.type`).
    pub encoding: Encoding,
    /// Which connections may or must be encrypted.
    pub tls: ServerTls,
    /// Who is told how each request went; nothing is measured for nobody.
    pub observer: Option<Arc<dyn Observer>>,
}

impl ServerOptions {
    /// The options that a configuration file gives.
    #[must_use]
    pub fn from_config(settings: &ServerConfig) -> Self {
        let limits = Limits::from_env(config::Env::current());
        let mut options = Self { limits, ..Self::default() };
        let idle = u64::try_from(settings.server_channel_max_idle_time_seconds).unwrap_or(0).max(1);
        options.limits.idle = Duration::from_secs(idle);
        let calls = usize::try_from(settings.server_async_semaphore_value).unwrap_or(0).max(1);
        options.limits.calls_pending_max = calls;
        options
    }
}

/// One listener and its connections.
pub struct Server {
    local_addr: SocketAddr,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Server {
    /// Listens on `addr` and serves until [`Server::shutdown`]. Must run inside a runtime.
    ///
    /// # Errors
    /// What the system says of the address: in use, not ours, no permission.
    pub fn bind(
        addr: SocketAddr,
        options: ServerOptions,
        service: Arc<dyn Service>,
    ) -> io::Result<Self> {
        Self::bind_draining(addr, options, service, Duration::from_secs(3))
    }

    /// As [`Server::bind`], with the time that connections get at the end to finish answering.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_draining(
        addr: SocketAddr,
        options: ServerOptions,
        service: Arc<dyn Service>,
        drain: Duration,
    ) -> io::Result<Self> {
        let listener = listen(addr)?;
        let local_addr = listener.local_addr()?;
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        let shared = Arc::new(Shared {
            service,
            limits: options.limits,
            encoding: options.encoding,
            observer: options.observer,
            stop: stop.clone(),
            drain,
        });
        tasks.spawn(accept(listener, shared, options.tls, tasks.clone()));
        Ok(Self { local_addr, stop, tasks })
    }

    /// Where it listens; the port that the system chose where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How many connections there are, those that are being set up included.
    #[must_use]
    pub fn connections(&self) -> usize {
        // One of the tasks is the listener's.
        self.tasks.len().saturating_sub(1)
    }

    /// Stops accepting and reading, lets connections finish answering, waits for their end.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Listens on `addr`; the IPv4 wildcard means both protocols, as Java's wildcard does, where the
/// machine has IPv6.
fn listen(addr: SocketAddr) -> io::Result<TcpListener> {
    if addr.ip() == Ipv4Addr::UNSPECIFIED {
        let both = (Ipv6Addr::UNSPECIFIED, addr.port()).into();
        match listen_on(both) {
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {}
            result => return result,
        }
    }
    listen_on(addr)
}

fn listen_on(addr: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: i32 = 1024;
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, None)?;
    if addr.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// An IPv4 address that came through an IPv6 socket, as IPv4.
fn canonical(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

async fn accept(listener: TcpListener, shared: Arc<Shared>, tls: ServerTls, tasks: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = shared.stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, addr)) => {
                let addr = canonical(addr);
                tasks.spawn(serve(stream, addr, Arc::clone(&shared), tls.clone()));
            }
            Err(error) => {
                tracing::error!(target: LOG, %error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, addr: SocketAddr, shared: Arc<Shared>, tls: ServerTls) {
    let opened = tokio::select! {
        opened = open(stream, addr, &shared.limits, &tls) => opened,
        () = shared.stop.cancelled() => return,
    };
    match opened {
        Ok((transport, peer)) => {
            tracing::debug!(target: LOG, peer = %addr, "connection accepted");
            connection::run(transport, peer, shared).await;
        }
        Err(error) => tracing::warn!(target: LOG, peer = %addr, %error, "connection refused"),
    }
}

/// Decides by the first byte whether the connection is encrypted.
async fn open(
    stream: TcpStream,
    addr: SocketAddr,
    limits: &Limits,
    tls: &ServerTls,
) -> io::Result<(Transport, Arc<Peer>)> {
    stream.set_nodelay(true)?;
    let peer = Peer::new(addr, canonical(stream.local_addr()?), limits.clone());
    if tls.mode == TlsMode::Disabled {
        return Ok((Transport::Plain(stream), peer));
    }
    let mut first = [0];
    let peeked = tokio::time::timeout(limits.idle, stream.peek(&mut first)).await;
    let peeked = peeked.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    let encrypted = peeked == 1 && first == [TLS_HANDSHAKE];
    if !encrypted {
        if tls.mode == TlsMode::Enforcing && peeked == 1 {
            return Err(io::Error::other("plain connection while tls.server.mode is enforcing"));
        }
        return Ok((Transport::Plain(stream), peer));
    }
    let acceptor = TlsAcceptor::from(tls.server_config()?);
    let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, acceptor.accept(stream)).await;
    let stream = handshake.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
    Ok((Transport::Tls(Box::new(TlsStream::Server(stream))), peer))
}
