//! What producers and consumers have in common.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use acl::Credentials;
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
    /// Whether a send that is stored, but not as safely as configured, is tried on another broker
    /// (Java: `retryAnotherBrokerWhenNotStoreOK`); the message is then there twice.
    pub retry_not_stored: bool,
    /// Whether brokers that answer late or not at all are left alone for a while (Java:
    /// `sendLatencyFaultEnable`).
    pub fault_tolerance: bool,
    /// Whether what becomes of messages is told to the trace topic.
    pub trace: bool,
    /// The trace topic.
    pub trace_topic: String,
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
            retry_not_stored: false,
            fault_tolerance: false,
            trace: false,
            trace_topic: protocol::topic::TRACE.to_owned(),
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

    /// Signs all requests with an account.
    #[must_use]
    pub fn signed_by(mut self, account: Credentials) -> Self {
        self.connections.hook = Some(Arc::new(move |_, request| account.sign(request)));
        self
    }

    /// Whether nobody chose the instance's name.
    pub(crate) fn is_unnamed(&self) -> bool {
        let pid = std::process::id().to_string();
        self.instance_name.split('#').next() == Some(pid.as_str())
    }
}

/// The settings that builders of producers and consumers have in common, as methods.
macro_rules! common_settings {
    ($builder:ident, $($settings:tt)+) => {
        impl $builder {
            /// Name servers, `host:port;host:port`.
            #[must_use]
            pub fn name_servers(mut self, list: impl Into<String>) -> Self {
                self.$($settings)+.name_servers = list.into();
                self
            }

            /// Tells clients of one address apart; unique in this process unless set.
            #[must_use]
            pub fn instance_name(mut self, name: impl Into<String>) -> Self {
                self.$($settings)+.instance_name = name.into();
                self
            }

            /// Time limit of a request.
            #[must_use]
            pub fn timeout(mut self, timeout: std::time::Duration) -> Self {
                self.$($settings)+.timeout = timeout;
                self
            }

            /// Signs all requests with an account.
            #[must_use]
            pub fn credentials(mut self, account: acl::Credentials) -> Self {
                self.$($settings)+ = self.$($settings)+.clone().signed_by(account);
                self
            }

            /// Encrypts all connections as the `tls.client.*` settings say; test mode trusts
            /// everybody.
            ///
            /// # Errors
            /// When a certificate or key cannot be read.
            pub fn tls(
                mut self,
                settings: &remoting::tls::TlsSettings,
            ) -> Result<Self, crate::ClientError> {
                let tls = settings.client();
                let tls = tls.map_err(|error| crate::ClientError::Invalid(error.to_string()))?;
                self.$($settings)+.connections.tls = Some(tls);
                Ok(self)
            }

            /// Tells what becomes of messages to the trace topic.
            #[must_use]
            pub fn trace(mut self, on: bool) -> Self {
                self.$($settings)+.trace = on;
                self
            }

            /// The trace topic, if it is not the usual one.
            #[must_use]
            pub fn trace_topic(mut self, topic: impl Into<String>) -> Self {
                self.$($settings)+.trace_topic = topic.into();
                self
            }

            /// How often routes are asked for again and brokers hear that we live.
            #[must_use]
            pub fn periods(
                mut self,
                poll_routes: std::time::Duration,
                heartbeat: std::time::Duration,
            ) -> Self {
                self.$($settings)+.poll_routes = poll_routes;
                self.$($settings)+.heartbeat = heartbeat;
                self
            }
        }
    };
}
pub(crate) use common_settings;

/// The first address of this machine that others could know, else loopback.
pub(crate) fn local_ip() -> IpAddr {
    let all = if_addrs::get_if_addrs().unwrap_or_default();
    let v4 = all.iter().map(if_addrs::Interface::ip).find(|ip| ip.is_ipv4() && !ip.is_loopback());
    v4.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST))
}
