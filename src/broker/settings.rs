//! What a broker is started with, and what follows from it before anything runs.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::sync::Arc;

use acl::{Credentials, ToolsFile};
use config::{Env, Live, Properties};
use filter::BloomFilter;
use observe::{ObserveConfig, OnChange, Requests};
use protocol::Encoding;
use protocol::requests::BrokerRequest;
use remoting::tls::TlsSettings;
use remoting::{ClientConfig, ClientOptions, ServerConfig, ServerOptions};
use store::{StoreConfig, StoreError};

use crate::config::{BrokerConfig, BrokerConfigs};
use crate::flow::Flow;
use crate::handlers::send::record_host;
use crate::locks;
use crate::persist::LoadError;
use crate::register::Identity;
use crate::topics::Rules;

/// Threads that may block are not without end.
const PLACES_MAX: usize = 256;
/// System property with the life of a queue lock, ms.
const LOCK_LIFE_PROPERTY: &str = "rocketmq.broker.rebalance.lockMaxLiveTime";
/// The HA listener is on the port this much above the configured one.
pub(crate) const HA_PORT_ABOVE: u16 = 1;
/// The VIP listener is on the port this much below.
pub(crate) const VIP_PORT_BELOW: u16 = 2;
/// How often free ports are looked for where port 0 is configured.
const PORT_TRIES: usize = 64;

/// Everything a broker is started with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// What it decides.
    pub broker: BrokerConfig,
    /// Its listeners.
    pub server: ServerConfig,
    /// Its calls to others.
    pub client: ClientConfig,
    /// Its store.
    pub store: StoreConfig,
    /// What operators watch. Who started the broker serves it; requests are measured where a port
    /// is given.
    pub observe: ObserveConfig,
    /// Told when that is changed at run time.
    pub on_observe_change: OnChange,
    /// The file the settings came from, rewritten when they are changed at run time.
    pub config_file: Option<PathBuf>,
    /// Keys of that file that no table has; kept, shown and written back.
    pub extra_properties: Properties,
    /// How headers are written (`rocketmq.serialize.type`).
    pub encoding: Encoding,
    /// The `tls.*` system properties.
    pub tls: TlsSettings,
    /// Address to listen on: all of them unless changed.
    pub listen_on: IpAddr,
}

impl From<BrokerConfigs> for Settings {
    /// The tables, JSON headers, and TLS after the system properties of this process; a TLS
    /// settings file that cannot be read counts as absent.
    fn from(configs: BrokerConfigs) -> Self {
        let property = |name: &str| Env::current().property(name).map(str::to_owned);
        let tls =
            TlsSettings::load(property).unwrap_or_else(|_| TlsSettings::from_lookup(property));
        Self {
            broker: configs.broker,
            server: configs.server,
            client: configs.client,
            store: configs.store,
            observe: configs.observe,
            on_observe_change: OnChange::default(),
            config_file: None,
            extra_properties: Properties::default(),
            encoding: Encoding::default(),
            tls,
            listen_on: Ipv4Addr::UNSPECIFIED.into(),
        }
    }
}

/// A broker cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A setting makes no sense.
    #[error("{key}: {reason}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// A table of the store's `config` folder is damaged.
    #[error(transparent)]
    Table(#[from] LoadError),
    /// The store does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A port cannot be listened on.
    #[error("listen on port {port}: {source}")]
    Listen {
        /// The port.
        port: u16,
        /// The system's answer.
        source: io::Error,
    },
    /// The open transactions cannot be read.
    #[error("read the open transactions: {0}")]
    Transactions(io::Error),
    /// Requests are to be checked, and there are no rules to check them by.
    #[error("aclEnable: {}: {reason}", file.display())]
    Access {
        /// The file that should have them.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Requests are to be signed, and there is no account to sign them with.
    #[error("accountFile: {}: {reason}", file.display())]
    Account {
        /// The file that should have it.
        file: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// TLS is configured but its files cannot be used.
    #[error("TLS: {0}")]
    Tls(io::Error),
}

impl StartError {
    /// The exit code 4.4.0 ends with: 253 where loading fails, 255 for everything else.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Table(_) | Self::Config { .. } => 253,
            Self::Store(StoreError::Corrupt { .. } | StoreError::Config { .. }) => 253,
            Self::Store(_)
            | Self::Listen { .. }
            | Self::Tls(_)
            | Self::Access { .. }
            | Self::Account { .. }
            | Self::Transactions(_) => 255,
        }
    }
}

/// How long a queue lock lives without being renewed.
pub(crate) fn lock_life_ms() -> i64 {
    let life = Env::current().property(LOCK_LIFE_PROPERTY).and_then(|ms| ms.parse().ok());
    life.unwrap_or(locks::LIFE_MS_DEFAULT)
}

/// Limits in place of the thread pools that may be slow.
pub(crate) fn flow(config: &BrokerConfig) -> Flow {
    let (jobs, cold) = (config.admin_broker_thread_pool_nums, config.pull_message_thread_pool_nums);
    Flow::new(places(jobs), places(cold))
}

/// At least one place and never too many, whatever number of threads is set.
fn places(threads: i32) -> usize {
    usize::try_from(threads).unwrap_or(0).clamp(1, PLACES_MAX)
}

/// The Bloom filter that the settings ask for.
pub(crate) fn bloom(config: &BrokerConfig) -> Result<BloomFilter, StartError> {
    let (percent, expected) =
        (config.max_error_rate_of_bloom_filter, config.expect_consumer_num_use_filter);
    BloomFilter::new(percent, expected).map_err(|error| StartError::Config {
        key: "maxErrorRateOfBloomFilter",
        reason: error.to_string(),
    })
}

pub(crate) fn rules(config: &BrokerConfig) -> Rules {
    let trace = config.trace_topic_enable.then(|| config.msg_trace_topic_name.clone());
    Rules {
        cluster: config.broker_cluster_name.clone(),
        cluster_topic: config.cluster_topic_enable,
        broker: config.broker_name.clone(),
        broker_topic: config.broker_topic_enable,
        auto_create: config.auto_create_topic_enable,
        auto_create_queues: config.default_topic_queue_nums,
        trace_topic: trace,
    }
}

pub(crate) fn identity(settings: &Settings, port: u16) -> Identity {
    let config = &settings.broker;
    Identity {
        cluster: config.broker_cluster_name.clone(),
        name: config.broker_name.clone(),
        id: config.broker_id,
        addr: format!("{}:{port}", config.broker_ip1),
        ha_addr: format!("{}:{}", config.broker_ip2, port.saturating_add(HA_PORT_ABOVE)),
    }
}

/// `brokerIP1` and the port, as records hold them.
pub(crate) fn store_host(ip: &str, port: u16) -> Result<SocketAddrV4, StartError> {
    let bad = |reason: String| StartError::Config { key: "brokerIP1", reason };
    let mut found = format!("{ip}:{port}")
        .to_socket_addrs()
        .map_err(|error| bad(format!("`{ip}` is no address of this machine: {error}")))?;
    let addr = found.next().ok_or_else(|| bad(format!("`{ip}` has no address")))?;
    Ok(record_host(addr))
}

/// The configured port, or a free one whose neighbours one above and two below are free.
pub(crate) fn listen_port(settings: &Settings) -> Result<u16, StartError> {
    let port = u16::try_from(settings.server.listen_port).map_err(|_| StartError::Config {
        key: "listenPort",
        reason: format!("{} is no port", settings.server.listen_port),
    })?;
    if port != 0 {
        return Ok(port);
    }
    let probe = |port: u16| TcpListener::bind((settings.listen_on, port));
    let failed = |source| StartError::Listen { port: 0, source };
    for _ in 0..PORT_TRIES {
        let main = probe(0).map_err(failed)?;
        let port = main.local_addr().map_err(failed)?.port();
        if let Some((vip, ha)) =
            port.checked_sub(VIP_PORT_BELOW).zip(port.checked_add(HA_PORT_ABOVE))
            && probe(vip).is_ok()
            && probe(ha).is_ok()
        {
            return Ok(port);
        }
    }
    Err(failed(io::ErrorKind::AddrInUse.into()))
}

pub(crate) fn server_options(settings: &Settings) -> ServerOptions {
    let mut options = ServerOptions::from_config(&settings.server);
    options.encoding = settings.encoding;
    options.tls = settings.tls.server();
    options
}

/// Sets what follows from other settings.
pub(crate) fn derive(config: &Live<StoreConfig>, bloom: BloomFilter, port: u16) {
    config.update(|config| {
        config.bit_map_length_consume_queue_ext = bloom.bit_count();
        // Whatever the settings say, as in 4.4.0.
        config.ha_listen_port = i32::from(port.saturating_add(HA_PORT_ABOVE));
    });
}

/// Counters of requests, where somebody wants to see them.
pub(crate) fn requests(settings: &Settings) -> Option<Arc<Requests>> {
    settings.observe.endpoint()?;
    Some(Arc::new(Requests::new(BrokerRequest::TABLE)))
}

pub(crate) fn client_options(settings: &Settings) -> Result<ClientOptions, StartError> {
    let mut options = ClientOptions::from_config(&settings.client);
    options.encoding = settings.encoding;
    if settings.client.use_tls {
        options.tls = Some(settings.tls.client().map_err(StartError::Tls)?);
    }
    if let Some(account) = account(&settings.broker)? {
        options.hook = Some(Arc::new(move |_: &str, request| account.sign(request)));
    }
    Ok(options)
}

/// What the broker signs its own requests with.
fn account(config: &BrokerConfig) -> Result<Option<Credentials>, StartError> {
    if config.account_file.is_empty() {
        return Ok(None);
    }
    let file = PathBuf::from(&config.account_file);
    let read = std::fs::read(&file).map_err(|error| error.to_string());
    let parsed = read.and_then(|content| ToolsFile::parse(&content).map_err(|e| e.to_string()));
    match parsed {
        Ok(ToolsFile::Account(account)) => Ok(Some(account)),
        Ok(ToolsFile::Empty | ToolsFile::Blank) => {
            let reason = "an accessKey and a secretKey are wanted".to_owned();
            Err(StartError::Account { file, reason })
        }
        Err(reason) => Err(StartError::Account { file, reason }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slow_requests_are_limited_as_their_pools_were() {
        assert_eq!([-1, 0, 1, 7, 100_000].map(places), [1, 1, 1, 7, PLACES_MAX]);
    }
}
