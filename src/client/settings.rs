//! What producers and consumers have in common.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use remoting::ClientOptions;

/// Settings of one client (Java: `ClientConfig` and the fields of `DefaultMQProducer`).
#[derive(Clone)]
pub struct Settings {
    /// Producer or consumer group.
    pub group: String,
    /// Name servers, `host:port;host:port`.
    pub name_servers: String,
    /// Tells clients of one address apart; unique in this process unless set.
    pub instance_name: String,
    /// Address in the client id.
    pub client_ip: IpAddr,
    /// Time limit of a request.
    pub timeout: Duration,
    /// Tries after a failed send, each on another broker if there is one.
    pub retries: usize,
    /// Bodies from this length on are compressed.
    pub compress_from_bytes: usize,
    /// Longest message body.
    pub message_bytes_max: usize,
    /// Queues of topics that a broker creates on the first send.
    pub default_topic_queues: i32,
    /// How often routes are asked for again.
    pub poll_routes: Duration,
    /// How often brokers hear that we live.
    pub heartbeat: Duration,
    /// Connections: encryption, signing, encoding.
    pub connections: ClientOptions,
}

impl Settings {
    /// The defaults of 4.4.0 for `group`.
    #[must_use]
    pub fn new(group: impl Into<String>, name_servers: impl Into<String>) -> Self {
        static INSTANCES: AtomicU32 = AtomicU32::new(0);
        let number = INSTANCES.fetch_add(1, Ordering::Relaxed);
        let pid = std::process::id();
        Self {
            group: group.into(),
            name_servers: name_servers.into(),
            instance_name: if number == 0 { pid.to_string() } else { format!("{pid}#{number}") },
            client_ip: local_ip(),
            timeout: Duration::from_secs(3),
            retries: 2,
            compress_from_bytes: 4096,
            message_bytes_max: 4 * 1024 * 1024,
            default_topic_queues: 4,
            poll_routes: Duration::from_secs(30),
            heartbeat: Duration::from_secs(30),
            connections: ClientOptions::default(),
        }
    }

    /// `ip@instance`, under which brokers know this client.
    #[must_use]
    pub fn client_id(&self) -> String {
        format!("{}@{}", self.client_ip, self.instance_name)
    }
}

/// The first address of this machine that others could know, else loopback.
pub(crate) fn local_ip() -> IpAddr {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let v4 = all.iter().map(if_addrs::Interface::ip).find(|ip| ip.is_ipv4() && !ip.is_loopback());
    v4.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
