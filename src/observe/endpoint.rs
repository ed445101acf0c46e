//! The HTTP endpoint: `/metrics` for scrapers, `/healthz` and `/readyz` for those who start and
//! stop processes.
//!
//! A connection carries one request and has a few seconds for it. The figures are gathered on a
//! thread that may block, for one scraper at a time.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{ALLOW, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Mutex, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{LOG, Scrape, process};

/// Connections at once; further ones wait in the listener's queue.
const CONNECTIONS_MAX: usize = 32;
/// How long a request may take to arrive.
const REQUEST_TIME: Duration = Duration::from_millis(if cfg!(test) { 50 } else { 5000 });
/// How long a connection may take altogether.
const CONNECTION_TIME: Duration = Duration::from_secs(30);
/// Bytes of a request.
const REQUEST_BYTES_MAX: usize = 16 * 1024;
/// Pause after a failed accept (no descriptors left, mostly).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

const TEXT: &str = "text/plain; charset=utf-8";
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A server that can be looked at.
pub trait Source: Send + Sync + 'static {
    /// Adds its figures. May read files and take its time.
    fn collect(&self, scrape: &mut Scrape);

    /// Whether it should go on as it is; if not, what only a new start can mend.
    ///
    /// # Errors
    /// What that is.
    fn alive(&self) -> Result<(), String>;

    /// Whether it does what clients want of it now.
    ///
    /// # Errors
    /// What it does not do.
    fn ready(&self) -> Result<(), String>;
}

/// The listener and its connections.
pub struct Endpoint {
    local_addr: SocketAddr,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

#[derive(Default)]
struct Shared {
    source: OnceLock<Arc<dyn Source>>,
    stopping: AtomicBool,
    /// Held while figures are gathered, also when nobody waits for them any more.
    scraping: Arc<Mutex<()>>,
}

impl Endpoint {
    /// Listens; until there is a source the server counts as starting. Must run inside a runtime.
    ///
    /// # Errors
    /// What the system says of the address.
    pub async fn bind(addr: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind(addr).await?;
        let endpoint = Self {
            local_addr: listener.local_addr()?,
            shared: Arc::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        };
        let (shared, tasks) = (Arc::clone(&endpoint.shared), endpoint.tasks.clone());
        endpoint.tasks.spawn(accept(listener, shared, endpoint.stop.clone(), tasks));
        tracing::info!(target: LOG, addr = %endpoint.local_addr, "metrics and health are served");
        Ok(endpoint)
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The server has started and can be asked. Once only.
    pub fn started(&self, source: Arc<dyn Source>) {
        let _ = self.shared.source.set(source);
    }

    /// The server is about to stop: it is not ready any more.
    pub fn stopping(&self) {
        self.shared.stopping.store(true, Ordering::Release);
    }

    /// Ends the endpoint.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for Endpoint {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
) {
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let next = async || {
        // Never closed, so it is always given.
        let permit = Arc::clone(&room).acquire_owned().await.ok();
        (listener.accept().await, permit)
    };
    while let Some((accepted, permit)) = stop.run_until_cancelled(next()).await {
        match accepted {
            Ok((stream, _)) => {
                let (shared, stop) = (Arc::clone(&shared), stop.clone());
                tasks.spawn(async move {
                    stop.run_until_cancelled(serve(stream, shared)).await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::error!(target: LOG, %error, "accept a scraper");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    let service = service_fn(|request: Request<Incoming>| {
        let shared = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(answer(&shared, request.method(), request.uri().path()).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIME)
        .max_buf_size(REQUEST_BYTES_MAX)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    match tokio::time::timeout(CONNECTION_TIME, connection).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(target: LOG, %error, "serve a scraper"),
        Err(_) => tracing::debug!(target: LOG, "a scraper took too long"),
    }
}

type Page = Response<Full<Bytes>>;

async fn answer(shared: &Arc<Shared>, method: &Method, path: &str) -> Page {
    if method != Method::GET && method != Method::HEAD {
        let mut refused = page(StatusCode::METHOD_NOT_ALLOWED, TEXT, "GET only\n".to_owned());
        refused.headers_mut().insert(ALLOW, hyper::header::HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match path {
        "/metrics" => metrics(shared).await,
        "/healthz" => health(shared.source.get().map_or(Ok(()), |source| source.alive())),
        "/readyz" => health(ready(shared)),
        "/" => page(StatusCode::OK, TEXT, "/metrics\n/healthz\n/readyz\n".to_owned()),
        _ => page(StatusCode::NOT_FOUND, TEXT, "no such page\n".to_owned()),
    }
}

fn ready(shared: &Shared) -> Result<(), String> {
    if shared.stopping.load(Ordering::Acquire) {
        return Err("stopping".to_owned());
    }
    let source = shared.source.get().ok_or_else(|| "starting".to_owned())?;
    source.ready()
}

fn health(state: Result<(), String>) -> Page {
    match state {
        Ok(()) => page(StatusCode::OK, TEXT, "ok\n".to_owned()),
        Err(why) => page(StatusCode::SERVICE_UNAVAILABLE, TEXT, format!("{why}\n")),
    }
}

async fn metrics(shared: &Arc<Shared>) -> Page {
    let turn = Arc::clone(&shared.scraping).lock_owned().await;
    let shared = Arc::clone(shared);
    let gathered = tokio::task::spawn_blocking(move || {
        let _turn = turn;
        let mut scrape = Scrape::default();
        process::collect(&mut scrape);
        if let Some(source) = shared.source.get() {
            source.collect(&mut scrape);
        }
        scrape.text()
    });
    match gathered.await {
        Ok(text) => page(StatusCode::OK, EXPOSITION, text),
        Err(error) => {
            tracing::error!(target: LOG, %error, "gather metrics");
            page(StatusCode::INTERNAL_SERVER_ERROR, TEXT, "see the log\n".to_owned())
        }
    }
}

fn page(status: StatusCode, kind: &'static str, text: String) -> Page {
    let mut page = Response::new(Full::new(Bytes::from(text)));
    *page.status_mut() = status;
    page.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    page
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;
    use crate::Metric;

    /// Ready while `true`; alive always.
    struct Lamp(AtomicBool);

    impl Source for Lamp {
        fn collect(&self, scrape: &mut Scrape) {
            scrape.set(Metric::NamesrvBrokers, &[], 7.0);
        }

        fn alive(&self) -> Result<(), String> {
            Ok(())
        }

        fn ready(&self) -> Result<(), String> {
            if self.0.load(Ordering::Relaxed) { Ok(()) } else { Err("dark".to_owned()) }
        }
    }

    async fn endpoint() -> Endpoint {
        Endpoint::bind("127.0.0.1:0".parse().unwrap()).await.unwrap()
    }

    /// Sends these bytes; status and body of the answer.
    async fn send(endpoint: &Endpoint, request: &str) -> (String, String) {
        let mut stream = TcpStream::connect(endpoint.local_addr()).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.lines().next().unwrap_or_default();
        let status = status.strip_prefix("HTTP/1.1 ").unwrap_or(status);
        (status.to_owned(), body.to_owned())
    }

    async fn get(endpoint: &Endpoint, path: &str) -> (String, String) {
        send(endpoint, &format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n")).await
    }

    #[tokio::test]
    async fn readiness_follows_the_life_of_the_server() {
        let endpoint = endpoint().await;
        let unavailable = |why: &str| ("503 Service Unavailable".to_owned(), format!("{why}\n"));
        let ok = ("200 OK".to_owned(), "ok\n".to_owned());
        assert_eq!(get(&endpoint, "/healthz").await, ok);
        assert_eq!(get(&endpoint, "/readyz").await, unavailable("starting"));
        let lamp = Arc::new(Lamp(AtomicBool::new(true)));
        endpoint.started(lamp.clone());
        assert_eq!(get(&endpoint, "/readyz").await, ok);
        lamp.0.store(false, Ordering::Relaxed);
        assert_eq!(get(&endpoint, "/readyz").await, unavailable("dark"));
        assert_eq!(get(&endpoint, "/healthz").await, ok);
        endpoint.stopping();
        assert_eq!(get(&endpoint, "/readyz").await, unavailable("stopping"));
        let addr = endpoint.local_addr();
        endpoint.shutdown().await;
        assert!(TcpStream::connect(addr).await.is_err());
    }

    #[tokio::test]
    async fn figures_of_the_process_come_before_and_those_of_the_server_after_its_start() {
        let endpoint = endpoint().await;
        let (status, text) = get(&endpoint, "/metrics").await;
        assert_eq!(status, "200 OK");
        assert!(text.contains("\nprocess_open_fds ") && !text.contains("rocketmq_namesrv_brokers"));
        endpoint.started(Arc::new(Lamp(AtomicBool::new(true))));
        let (_, text) = get(&endpoint, "/metrics?x=1").await;
        assert!(text.contains("\nrocketmq_namesrv_brokers 7\n"), "{text}");
    }

    #[tokio::test]
    async fn nothing_but_short_reads_is_served() {
        let endpoint = endpoint().await;
        assert_eq!(get(&endpoint, "/etc").await.0, "404 Not Found");
        let post = "POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(send(&endpoint, post).await.0, "405 Method Not Allowed");
        let head = send(&endpoint, "HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert_eq!(head, ("200 OK".to_owned(), String::new()));
        let long = format!("GET /{} HTTP/1.1\r\n", "x".repeat(2 * REQUEST_BYTES_MAX));
        let (status, _) = send(&endpoint, &long).await;
        assert!(status.starts_with('4'), "{status}");
    }

    #[tokio::test]
    async fn who_says_nothing_is_cut_off() {
        let endpoint = endpoint().await;
        let mut silent = Vec::new();
        for _ in 0..2 * CONNECTIONS_MAX {
            silent.push(TcpStream::connect(endpoint.local_addr()).await.unwrap());
        }
        for mut stream in silent {
            let mut rest = Vec::new();
            let _ = stream.read_to_end(&mut rest).await;
        }
        assert_eq!(get(&endpoint, "/healthz").await.0, "200 OK");
    }
}
