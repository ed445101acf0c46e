//! Sockets: framing, the server and the client side of connections, TLS, connection life.
//!
//! Knows frames, not meanings: a request code is a number here. One task drives one connection,
//! in both directions and for both sides: it reads what is there, runs the [`Service`] inline
//! for each frame, gathers the replies and writes them with one vectored call. A handler that
//! has to wait answers [`Answer::Later`]; its future lives in the connection's task and dies
//! with the connection.
//!
//! Invariants:
//! - nothing is reserved for a length before its bytes arrive, and no length beyond the limit is
//!   waited for;
//! - what one peer can make us hold is bounded by [`Limits`]; beyond it we stop reading;
//! - a malformed frame or a panicking handler ends or answers that one connection, no other.

pub mod client;
pub mod config;
mod connection;
mod outbox;
mod peer;
pub mod server;
pub mod tls;
mod transport;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use protocol::frame::MAX_FRAME;
use protocol::{Command, Reply};

pub use client::{Client, ClientOptions};
pub use config::{ClientConfig, ServerConfig};
pub use peer::{CallError, Peer};
pub use server::{Server, ServerOptions};

/// Log target of this crate, as RocketMQ names the logger.
pub(crate) const LOG: &str = "RocketmqRemoting";

/// What a handler answers.
// The large variant is the common one; boxing it would cost the hot path an allocation.
#[allow(clippy::large_enum_variant)]
pub enum Answer {
    /// At once.
    Now(Reply),
    /// When the future is done. It is dropped when the connection closes.
    Later(Pin<Box<dyn Future<Output = Reply> + Send>>),
    /// Never: the request asks for no answer.
    Never,
}

impl From<Reply> for Answer {
    fn from(reply: Reply) -> Self {
        Self::Now(reply)
    }
}

/// Why a connection ended (Java: the event types of `ChannelEventListener`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CloseReason {
    /// One of the two sides closed it.
    Closed,
    /// Nothing was read or written for too long.
    Idle,
    /// The socket failed or the peer sent what is no frame.
    Error,
}

/// What a server, or a client that servers may call, does with requests.
pub trait Service: Send + Sync + 'static {
    /// Serves one request, inline on the connection's task: must not block. `command.body` may
    /// be taken. The answer to a one-way request is dropped.
    fn call(&self, peer: &Arc<Peer>, command: &mut Command) -> Answer;

    /// A connection is up.
    fn connected(&self, _peer: &Arc<Peer>) {}

    /// A connection is gone; called exactly once for each.
    fn closed(&self, _peer: &Arc<Peer>, _why: CloseReason) {}
}

/// Told how each request to a server went, for those who measure. Called on the connection's task:
/// must not block.
pub trait Observer: Send + Sync + 'static {
    /// A request was served.
    fn served(&self, request: &Served);
}

/// How a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Served {
    /// Its code.
    pub code: i32,
    /// The code of its answer, which is not sent where none was asked for.
    pub response: i32,
    /// Whether the answer had to be waited for.
    pub later: bool,
    /// From the read that completed it until the answer was ready to be written.
    pub took: Duration,
}

/// Bounds of what one connection may hold.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Longest frame in bytes, its length word included.
    pub frame_bytes_max: usize,
    /// Bytes of requests being served plus bytes of replies not yet written; beyond it nothing
    /// more is read.
    pub in_flight_bytes_max: usize,
    /// Calls from our side that wait for an answer (Java: the async semaphores).
    pub calls_pending_max: usize,
    /// Bytes of requests from our side not yet written.
    pub queued_bytes_max: usize,
    /// A connection on which nothing is read and nothing written for this long is closed.
    pub idle: Duration,
}

/// System property with the longest frame in bytes.
const FRAME_MAX_PROPERTY: &str = "com.rocketmq.remoting.frameMaxLength";

impl Limits {
    /// The defaults, with what system properties say.
    pub(crate) fn from_env(env: &::config::Env) -> Self {
        let max = env.int_property(FRAME_MAX_PROPERTY, MAX_FRAME as i32);
        // Less than a header's length word could carry nothing at all.
        let frame_bytes_max = usize::try_from(max).unwrap_or(0).max(64);
        Self { frame_bytes_max, ..Self::default() }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes_max: MAX_FRAME,
            in_flight_bytes_max: 32 * 1024 * 1024,
            calls_pending_max: 65_535,
            queued_bytes_max: 64 * 1024 * 1024,
            idle: Duration::from_secs(120),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_frame_is_a_system_property() {
        let env = ::config::Env::empty();
        assert_eq!(Limits::from_env(&env).frame_bytes_max, MAX_FRAME);
        let env = env.with_property(FRAME_MAX_PROPERTY, "1000000");
        assert_eq!(Limits::from_env(&env).frame_bytes_max, 1_000_000);
        let env = ::config::Env::empty().with_property(FRAME_MAX_PROPERTY, "-5");
        assert_eq!(Limits::from_env(&env).frame_bytes_max, 64);
    }
}
