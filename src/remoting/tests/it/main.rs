//! Connections over real sockets: a small service on port 0 and raw or pooled clients.

// Helpers outside #[test] functions may unwrap too.
#![allow(clippy::unwrap_used)]

mod encryption;
mod observer;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use protocol::codes::response;
use protocol::frame::{MAX_FRAME, decode_frame, to_bytes};
use protocol::{Command, Reply};
use remoting::{
    Answer, CallError, Client, ClientOptions, CloseReason, Limits, Peer, Server, ServerOptions,
    Service,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

const ECHO: i32 = 1;
const LATER: i32 = 2;
const PANIC: i32 = 3;
const PIECES: i32 = 4;
const CALL_BACK: i32 = 5;
const WHO: i32 = 6;
const PANIC_LATER: i32 = 7;
const WAIT: Duration = Duration::from_secs(10);

struct Sample {
    release: watch::Receiver<bool>,
    served: AtomicUsize,
    closed: mpsc::UnboundedSender<CloseReason>,
}

impl Service for Sample {
    fn call(&self, peer: &Arc<Peer>, command: &mut Command) -> Answer {
        self.served.fetch_add(1, Ordering::SeqCst);
        let body = std::mem::take(&mut command.body);
        match command.code {
            ECHO => Answer::Now(Reply::ok().body(body)),
            LATER => {
                let mut release = self.release.clone();
                Answer::Later(Box::pin(async move {
                    let _ = release.wait_for(|go| *go).await;
                    Reply::ok().body(body)
                }))
            }
            PANIC => panic!("a handler's bug"),
            PANIC_LATER => {
                let mut release = self.release.clone();
                Answer::Later(Box::pin(async move {
                    let _ = release.wait_for(|go| *go).await;
                    panic!("a waiting handler's bug")
                }))
            }
            WHO => Answer::Now(Reply::ok().remark(peer.addr().to_string())),
            PIECES => Answer::Now(Reply::ok().body(vec![body.clone(), body])),
            CALL_BACK => {
                let peer = Arc::clone(peer);
                Answer::Later(Box::pin(async move {
                    let answer = peer.call(Command::request(77).body(body), WAIT).await;
                    Reply::ok().body(answer.unwrap().body)
                }))
            }
            other => Answer::Now(Reply::error(3, format!(" request type {other} not supported"))),
        }
    }

    fn closed(&self, _: &Arc<Peer>, why: CloseReason) {
        let _ = self.closed.send(why);
    }
}

struct Fixture {
    server: Server,
    addr: String,
    sample: Arc<Sample>,
    release: watch::Sender<bool>,
    closed: mpsc::UnboundedReceiver<CloseReason>,
}

fn start(limits: Limits) -> Fixture {
    let (release, released) = watch::channel(false);
    let (sender, closed) = mpsc::unbounded_channel();
    let sample =
        Arc::new(Sample { release: released, served: AtomicUsize::new(0), closed: sender });
    let options = ServerOptions { limits, ..ServerOptions::default() };
    let service = Arc::clone(&sample) as Arc<dyn Service>;
    let server = Server::bind(([127, 0, 0, 1], 0).into(), options, service).unwrap();
    let addr = server.local_addr().to_string();
    Fixture { server, addr, sample, release, closed }
}

fn request(code: i32, opaque: i32, body: impl Into<Bytes>) -> Bytes {
    let mut command = Command::request(code).body(body);
    command.opaque = opaque;
    to_bytes(&command)
}

async fn read_one(stream: &mut TcpStream, buffer: &mut BytesMut) -> Command {
    let mut command = Command::default();
    while !decode_frame(buffer, MAX_FRAME, &mut command).unwrap() {
        let read = tokio::time::timeout(WAIT, stream.read_buf(buffer)).await.unwrap().unwrap();
        assert_ne!(read, 0, "closed by the server");
    }
    command
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_any_order_on_their_opaque() {
    let fixture = start(Limits::default());
    let mut stream = TcpStream::connect(&fixture.addr).await.unwrap();
    let mut wire = BytesMut::new();
    wire.extend_from_slice(&request(LATER, 0, "late"));
    for opaque in 1..500 {
        wire.extend_from_slice(&request(ECHO, opaque, format!("body {opaque}")));
    }
    stream.write_all(&wire).await.unwrap();
    let mut buffer = BytesMut::new();
    for opaque in 1..500 {
        let reply = read_one(&mut stream, &mut buffer).await;
        assert!(reply.is_response());
        assert_eq!(reply.opaque, opaque);
        assert_eq!(reply.body, format!("body {opaque}"));
    }
    fixture.release.send(true).unwrap();
    let late = read_one(&mut stream, &mut buffer).await;
    assert_eq!((late.opaque, &late.body[..]), (0, &b"late"[..]));
}

#[tokio::test]
async fn frames_cut_anywhere_and_large_bodies_arrive_whole() {
    let fixture = start(Limits::default());
    let mut stream = TcpStream::connect(&fixture.addr).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for byte in request(ECHO, 7, "drop by drop") {
        stream.write_all(&[byte]).await.unwrap();
    }
    let mut buffer = BytesMut::new();
    assert_eq!(read_one(&mut stream, &mut buffer).await.body, "drop by drop");
    let large: Vec<u8> = (0..5_000_000u32).map(|n| n as u8).collect();
    let client = Client::new(ClientOptions::default());
    let command = Command::request(PIECES).body(large.clone());
    let reply = client.call(&fixture.addr, command, WAIT).await.unwrap();
    assert!(reply.body == [&large[..], &large[..]].concat());
}

#[tokio::test]
async fn a_panicking_handler_answers_and_the_connection_lives_on() {
    let fixture = start(Limits::default());
    let client = Client::new(ClientOptions::default());
    let reply = client.call(&fixture.addr, Command::request(PANIC), WAIT).await.unwrap();
    assert_eq!(reply.code, response::SYSTEM_ERROR);
    let reply = client.call(&fixture.addr, Command::request(ECHO).body("x"), WAIT).await.unwrap();
    assert_eq!(reply.body, "x");
}

#[tokio::test]
async fn a_waiting_handler_that_panics_answers_and_the_others_go_on() {
    let fixture = start(Limits::default());
    let mut stream = TcpStream::connect(&fixture.addr).await.unwrap();
    let wire = [request(PANIC_LATER, 1, ""), request(LATER, 2, "still here")].concat();
    stream.write_all(&wire).await.unwrap();
    fixture.release.send(true).unwrap();
    let mut buffer = BytesMut::new();
    let mut answers = Vec::new();
    for _ in 0..2 {
        let reply = read_one(&mut stream, &mut buffer).await;
        answers.push((reply.opaque, reply.code, reply.body));
    }
    answers.sort_by_key(|(opaque, ..)| *opaque);
    assert_eq!(answers[0], (1, response::SYSTEM_ERROR, Bytes::new()));
    assert_eq!(answers[1], (2, response::SUCCESS, Bytes::from_static(b"still here")));
    stream.write_all(&request(ECHO, 3, "on it goes")).await.unwrap();
    assert_eq!(read_one(&mut stream, &mut buffer).await.body, "on it goes");
}

#[tokio::test]
async fn what_is_no_frame_closes_that_connection_only() {
    let mut fixture = start(Limits::default());
    for garbage in
        [&b"\x7f\xff\xff\xff"[..], b"GET / HTTP/1.1\r\n\r\n", b"\0\0\0\x08\x05\0\0\0abcd"]
    {
        let mut stream = TcpStream::connect(&fixture.addr).await.unwrap();
        stream.write_all(garbage).await.unwrap();
        let closed = tokio::time::timeout(WAIT, fixture.closed.recv()).await.unwrap();
        assert_eq!(closed, Some(CloseReason::Error), "{garbage:?}");
    }
    let client = Client::new(ClientOptions::default());
    client.call(&fixture.addr, Command::request(ECHO), WAIT).await.unwrap();
}

#[tokio::test]
async fn oneway_requests_get_no_answer() {
    let fixture = start(Limits::default());
    let client = Client::new(ClientOptions::default());
    client.oneway(&fixture.addr, Command::request(ECHO)).await.unwrap();
    let reply = client.call(&fixture.addr, Command::request(ECHO).body("2"), WAIT).await.unwrap();
    assert_eq!(reply.body, "2");
    assert_eq!(fixture.sample.served.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn servers_call_their_clients() {
    struct Twice;
    impl Service for Twice {
        fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
            assert_eq!(command.code, 77);
            Answer::Now(Reply::ok().body(command.body.repeat(2)))
        }
    }
    let fixture = start(Limits::default());
    let options = ClientOptions { service: Some(Arc::new(Twice)), ..ClientOptions::default() };
    let client = Client::new(options);
    let command = Command::request(CALL_BACK).body("ab");
    let reply = client.call(&fixture.addr, command, WAIT).await.unwrap();
    assert_eq!(reply.body, "abab");
}

#[tokio::test]
async fn a_call_that_is_not_answered_times_out_and_the_connection_stays() {
    let fixture = start(Limits::default());
    let client = Client::new(ClientOptions::default());
    let short = Duration::from_millis(30);
    let late = client.call(&fixture.addr, Command::request(LATER), short).await;
    assert!(matches!(late, Err(CallError::Timeout { .. })), "{late:?}");
    fixture.release.send(true).unwrap();
    client.call(&fixture.addr, Command::request(ECHO), WAIT).await.unwrap();
}

#[tokio::test]
async fn idle_connections_are_closed() {
    let limits = Limits { idle: Duration::from_millis(50), ..Limits::default() };
    let mut fixture = start(limits);
    let mut stream = TcpStream::connect(&fixture.addr).await.unwrap();
    let closed = tokio::time::timeout(WAIT, fixture.closed.recv()).await.unwrap();
    assert_eq!(closed, Some(CloseReason::Idle));
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
}

#[tokio::test]
async fn a_peer_that_does_not_read_is_not_read_either() {
    let limits = Limits { in_flight_bytes_max: 1 << 20, ..Limits::default() };
    let fixture = start(limits);
    let stream = TcpStream::connect(&fixture.addr).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    const REQUESTS: i32 = 3_000;
    let writer = tokio::spawn(async move {
        for opaque in 0..REQUESTS {
            write.write_all(&request(ECHO, opaque, vec![7; 32 * 1024])).await.unwrap();
        }
        write
    });
    // Sockets and our bound are full long before 96 MiB: the count of served requests stops.
    let mut seen = 0;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let served = fixture.sample.served.load(Ordering::SeqCst);
        if served == seen && served > 0 {
            break;
        }
        seen = served;
    }
    assert!(seen < REQUESTS as usize / 2, "{seen} served with nobody reading");
    let mut buffer = BytesMut::new();
    let mut command = Command::default();
    let mut got = 0;
    while got < REQUESTS {
        while decode_frame(&mut buffer, MAX_FRAME, &mut command).unwrap() {
            assert_eq!(command.opaque, got);
            got += 1;
        }
        if got < REQUESTS {
            assert_ne!(read.read_buf(&mut buffer).await.unwrap(), 0);
        }
    }
    writer.await.unwrap();
}

#[tokio::test]
async fn shutdown_answers_what_is_in_flight() {
    let mut fixture = start(Limits::default());
    let mut stream = TcpStream::connect(&fixture.addr).await.unwrap();
    stream.write_all(&request(LATER, 9, "last words")).await.unwrap();
    while fixture.sample.served.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let stop = async { fixture.server.shutdown().await };
    let release = async {
        fixture.release.send(true).unwrap();
    };
    tokio::time::timeout(WAIT, async { tokio::join!(stop, release) }).await.unwrap();
    let reply = read_one(&mut stream, &mut BytesMut::new()).await;
    assert_eq!(reply.body, "last words");
    assert_eq!(fixture.closed.recv().await, Some(CloseReason::Closed));
}

/// A socket closed over unread requests resets the connection, and with it go answers on their way.
#[tokio::test]
async fn requests_unread_at_the_stop_cost_no_answer() {
    let fixture = start(Limits::default());
    let mut stream = TcpStream::connect(&fixture.addr).await.unwrap();
    let body = vec![7; 4 << 20];
    stream.write_all(&request(LATER, 1, body.clone())).await.unwrap();
    while fixture.sample.served.load(Ordering::SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
    let client = async {
        // The listener is gone once the server has begun to stop.
        while TcpStream::connect(&fixture.addr).await.is_ok() {
            tokio::task::yield_now().await;
        }
        for opaque in 2..100 {
            stream.write_all(&request(ECHO, opaque, "too late")).await.unwrap();
        }
        fixture.release.send(true).unwrap();
        let mut buffer = BytesMut::new();
        let reply = read_one(&mut stream, &mut buffer).await;
        assert_eq!((reply.opaque, reply.body.len()), (1, body.len()));
        let end = tokio::time::timeout(WAIT, stream.read_buf(&mut buffer)).await.unwrap();
        assert_eq!(end.expect("closed in order, not reset"), 0);
        drop(stream);
    };
    tokio::time::timeout(WAIT, async { tokio::join!(fixture.server.shutdown(), client) })
        .await
        .unwrap();
    assert_eq!(fixture.sample.served.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_peer_that_never_closes_its_side_is_not_waited_for() {
    let mut fixture = start(Limits::default());
    let stream = TcpStream::connect(&fixture.addr).await.unwrap();
    let client = Client::new(ClientOptions::default());
    client.call(&fixture.addr, Command::request(ECHO), WAIT).await.unwrap();
    tokio::time::timeout(WAIT, fixture.server.shutdown()).await.unwrap();
    assert_eq!(fixture.closed.recv().await, Some(CloseReason::Closed));
    drop(stream);
}

#[tokio::test]
async fn a_client_connects_again_after_the_server_closed() {
    let fixture = start(Limits::default());
    let client = Client::new(ClientOptions::default());
    let first = client.peer(&fixture.addr).await.unwrap();
    first.close();
    let second = client.peer(&fixture.addr).await.unwrap();
    assert_ne!(first.id(), second.id());
    client.call(&fixture.addr, Command::request(ECHO), WAIT).await.unwrap();
    let refused = client.call("127.0.0.1:1", Command::request(ECHO), WAIT).await;
    assert!(matches!(refused, Err(CallError::Connect { .. })));
}

#[tokio::test]
async fn the_wildcard_serves_both_protocols_and_names_peers_plainly() {
    let (sender, _closed) = mpsc::unbounded_channel();
    let (_release, released) = watch::channel(false);
    let sample =
        Arc::new(Sample { release: released, served: AtomicUsize::new(0), closed: sender });
    let server = Server::bind(([0, 0, 0, 0], 0).into(), ServerOptions::default(), sample).unwrap();
    let port = server.local_addr().port();
    let client = Client::new(ClientOptions::default());
    for host in ["127.0.0.1", "[::1]"] {
        if host == "[::1]" && std::net::TcpListener::bind("[::1]:0").is_err() {
            continue;
        }
        let addr = format!("{host}:{port}");
        let reply = client.call(&addr, Command::request(WHO), WAIT).await.unwrap();
        let peer: std::net::SocketAddr = reply.remark.unwrap().parse().unwrap();
        assert_eq!(peer.is_ipv4(), host == "127.0.0.1");
    }
}
