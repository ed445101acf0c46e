//! The calling side: one pooled connection per address.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use protocol::codes::response;
use protocol::{Command, Encoding, Reply};
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::{TlsConnector, TlsStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connection::{self, Shared};
use crate::peer::{CallError, Peer};
use crate::transport::Transport;
use crate::{Answer, ClientConfig, Limits, Service};

/// Changes a request before it leaves, with the address it goes to: ACL signing.
pub type RequestHook = dyn Fn(&str, &mut Command) + Send + Sync;

/// How a client treats its connections.
#[derive(Clone)]
pub struct ClientOptions {
    /// Bounds of one connection.
    pub limits: Limits,
    /// How requests are written (`rocketmq.serialize.type`).
    pub encoding: Encoding,
    /// How long a connection may take to come up.
    pub connect_timeout: Duration,
    /// Encrypts all connections.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// Serves requests that servers send; without one they are answered code 3.
    pub service: Option<Arc<dyn Service>>,
    /// Runs on each request.
    pub hook: Option<Arc<RequestHook>>,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            encoding: Encoding::default(),
            connect_timeout: Duration::from_secs(3),
            tls: None,
            service: None,
            hook: None,
        }
    }
}

impl ClientOptions {
    /// The options that a configuration file gives.
    #[must_use]
    pub fn from_config(settings: &ClientConfig) -> Self {
        let limits = Limits::from_env(config::Env::current());
        let mut options = Self { limits, ..Self::default() };
        let positive = |value: i64| u64::try_from(value).unwrap_or(0).max(1);
        options.connect_timeout =
            Duration::from_millis(positive(settings.connect_timeout_millis.into()));
        options.limits.idle =
            Duration::from_secs(positive(settings.client_channel_max_idle_time_seconds.into()));
        options
    }
}

/// Refuses what servers send to a client without a service, as a Java client does.
struct NoService;

impl Service for NoService {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        let remark = format!(" request type {} not supported", command.code);
        Answer::Now(Reply::error(response::REQUEST_CODE_NOT_SUPPORTED, remark))
    }
}

/// Connections to any number of servers. Cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    options: ClientOptions,
    shared: Arc<Shared>,
    tasks: TaskTracker,
    connections: Mutex<HashMap<String, Slot>>,
}

/// The connection to one address; locked while it is being made, so that callers share it.
type Slot = Arc<tokio::sync::Mutex<Option<Arc<Peer>>>>;

impl Client {
    /// A client with no connection yet.
    #[must_use]
    pub fn new(options: ClientOptions) -> Self {
        let shared = Shared {
            service: options.service.clone().unwrap_or_else(|| Arc::new(NoService)),
            limits: options.limits.clone(),
            encoding: options.encoding,
            observer: None,
            stop: CancellationToken::new(),
            drain: Duration::from_secs(1),
        };
        let inner = Inner {
            options,
            shared: Arc::new(shared),
            tasks: TaskTracker::new(),
            connections: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Sends a request to `addr` (`host:port`) and waits for its answer; connecting counts.
    ///
    /// # Errors
    /// See [`CallError`]. An answer with another code than success is no error here.
    pub async fn call(
        &self,
        addr: &str,
        mut command: Command,
        wait: Duration,
    ) -> Result<Command, CallError> {
        let started = tokio::time::Instant::now();
        let connected = tokio::time::timeout(wait, self.peer(addr)).await;
        let peer = connected.unwrap_or_else(|_| {
            Err(CallError::Timeout { addr: addr.to_owned(), waited_ms: wait.as_millis() })
        })?;
        self.prepare(addr, &mut command);
        peer.call(command, wait.saturating_sub(started.elapsed())).await
    }

    /// Sends a request that asks for no answer.
    ///
    /// # Errors
    /// When there is no connection and none can be made.
    pub async fn oneway(&self, addr: &str, mut command: Command) -> Result<(), CallError> {
        let peer = self.peer(addr).await?;
        command.flag |= protocol::command::FLAG_ONEWAY;
        self.prepare(addr, &mut command);
        peer.oneway(command)
    }

    fn prepare(&self, addr: &str, command: &mut Command) {
        command.encoding = self.inner.options.encoding;
        if let Some(hook) = &self.inner.options.hook {
            hook(addr, command);
        }
    }

    /// The connection to `addr`, made if there is none.
    ///
    /// # Errors
    /// When it cannot be made in time.
    pub async fn peer(&self, addr: &str) -> Result<Arc<Peer>, CallError> {
        let slot = {
            let mut connections = self.inner.connections.lock();
            match connections.get(addr) {
                Some(slot) => Arc::clone(slot),
                None => Arc::clone(connections.entry(addr.to_owned()).or_default()),
            }
        };
        let mut held = slot.lock().await;
        if let Some(peer) = held.as_ref().filter(|peer| !peer.is_closed()) {
            return Ok(Arc::clone(peer));
        }
        let connecting = self.connect(addr);
        let connected = tokio::time::timeout(self.inner.options.connect_timeout, connecting).await;
        let connected = connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
        match connected {
            Ok(peer) => Ok(Arc::clone(held.insert(peer))),
            Err(source) => {
                *held = None;
                Err(CallError::Connect { addr: addr.to_owned(), source })
            }
        }
    }

    async fn connect(&self, addr: &str) -> io::Result<Arc<Peer>> {
        let inner = &self.inner;
        let stream = TcpStream::connect(addr).await?;
        stream.set_nodelay(true)?;
        let peer =
            Peer::new(stream.peer_addr()?, stream.local_addr()?, inner.options.limits.clone());
        let transport = match &inner.options.tls {
            None => Transport::Plain(stream),
            Some(config) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let name = ServerName::IpAddress(peer.addr().ip().into());
                let stream = connector.connect(name, stream).await?;
                Transport::Tls(Box::new(TlsStream::Client(stream)))
            }
        };
        let task = connection::run(transport, Arc::clone(&peer), Arc::clone(&inner.shared));
        inner.tasks.spawn(task);
        Ok(peer)
    }

    /// Closes the connection to `addr`, if there is one.
    pub fn close(&self, addr: &str) {
        let slot = self.inner.connections.lock().remove(addr);
        // A connection that is just being made is not closed: its caller goes on with it.
        if let Some(held) = slot.as_ref().and_then(|slot| slot.try_lock().ok())
            && let Some(peer) = held.as_ref()
        {
            peer.close();
        }
    }

    /// Ends all connections after what is queued has been written.
    pub async fn shutdown(&self) {
        self.inner.shared.stop.cancel();
        self.inner.tasks.close();
        self.inner.tasks.wait().await;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}
