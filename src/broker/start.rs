//! A broker put together: all owners, the tasks that keep them up, and the listeners.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use config::{Env, Live, Properties};
use filter::BloomFilter;
use parking_lot::Mutex;
use protocol::Encoding;
use protocol::properties;
use remoting::tls::TlsSettings;
use remoting::{Client, ClientConfig, ClientOptions, Peer, Server, ServerConfig, ServerOptions};
use store::{Arrival, ArrivalListener, BrokerRole, Store, StoreConfig, StoreError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clients::{Consumers, Producers};
use crate::config::{BrokerConfig, BrokerConfigs};
use crate::delay::{self, Delay};
use crate::dispatch::Dispatch;
use crate::filters::Filters;
use crate::groups::Groups;
use crate::handlers::send::record_host;
use crate::hold::Hold;
use crate::locks::{self, Locks};
use crate::offsets::Offsets;
use crate::persist::{self, LoadError};
use crate::register::{Identity, Registrar, Round};
use crate::stats::Stats;
use crate::topics::{Rules, Topics};
use crate::wants::Wants;
use crate::{LOG, address_server, now_ms};

/// System property with the life of a queue lock, ms.
const LOCK_LIFE_PROPERTY: &str = "rocketmq.broker.rebalance.lockMaxLiveTime";
/// The VIP listener is on the port this much below the configured one.
const VIP_PORT_BELOW: u16 = 2;
/// The HA listener is on the port this much above.
const HA_PORT_ABOVE: u16 = 1;
/// How often a free pair of ports is looked for where port 0 is configured.
const PORT_TRIES: usize = 64;
/// When periodic work first runs, and the period of looking after clients.
const FIRST: Duration = Duration::from_secs(10);
/// How often the address server is asked for name servers, where it is.
const ADDRESS_SERVER_PERIOD: Duration = Duration::from_secs(120);
/// How often filters are written.
const FILTER_PERIOD: Duration = Duration::from_secs(10);
/// Period of forgetting clients that are silent, and of small upkeep.
const HOUSEKEEPING: Duration = Duration::from_secs(10);

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
    /// The file the settings came from, rewritten when they are changed at run time.
    pub config_file: Option<PathBuf>,
    /// Keys of that file that no table has; kept, shown and written back.
    pub extra_properties: Properties,
    /// How headers are written (`rocketmq.serialize.type`).
    pub encoding: Encoding,
    /// The `tls.*` system properties.
    pub tls: TlsSettings,
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
            config_file: None,
            extra_properties: Properties::default(),
            encoding: Encoding::default(),
            tls,
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
            Self::Store(_) | Self::Listen { .. } | Self::Tls(_) => 255,
        }
    }
}

/// A running broker: the owners of all its state.
pub struct Broker {
    pub(crate) config: Arc<Live<BrokerConfig>>,
    pub(crate) server_config: Arc<Live<ServerConfig>>,
    pub(crate) client_config: Arc<Live<ClientConfig>>,
    pub(crate) store_config: Arc<Live<StoreConfig>>,
    pub(crate) config_file: Option<PathBuf>,
    pub(crate) extra_properties: Properties,
    /// Our address as records hold it.
    pub(crate) store_host: SocketAddrV4,
    pub(crate) store: Arc<Store>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) offsets: Arc<Offsets>,
    pub(crate) producers: Producers<Arc<Peer>>,
    pub(crate) consumers: Consumers<Arc<Peer>>,
    pub(crate) filters: Arc<Filters>,
    pub(crate) locks: Locks,
    pub(crate) hold: Arc<Hold<Wants>>,
    pub(crate) delay: Arc<Delay>,
    pub(crate) stats: Stats,
    pub(crate) registrar: Arc<Registrar>,
    pub(crate) client: Client,
    pub(crate) tasks: TaskTracker,
    pub(crate) stop: CancellationToken,
    /// The listeners; they hold the broker, so they are taken out when it stops.
    pub(crate) servers: Mutex<Vec<Server>>,
    local_addr: SocketAddr,
}

impl Broker {
    /// Opens the store, listens, and registers with the name servers; done after the first round
    /// of registrations.
    ///
    /// # Errors
    /// See [`StartError`]. Nothing runs then.
    pub async fn start(settings: Settings) -> Result<Arc<Self>, StartError> {
        let port = listen_port(&settings)?;
        let options = server_options(&settings);
        let broker = Arc::new(Self::open(settings, port)?);
        broker.store.start()?;
        if let Err(error) = broker.listen(port, &options) {
            broker.servers.lock().clear();
            broker.store.shutdown();
            return Err(error);
        }
        broker.spawn_tasks();
        broker.registrar.register(Round::Full).await;
        Ok(broker)
    }

    /// Where clients connect.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// The address clients are told, `brokerIP1:listenPort`.
    #[must_use]
    pub fn addr(&self) -> &str {
        &self.identity().addr
    }

    /// Who we are to name servers.
    pub(crate) fn identity(&self) -> &Identity {
        self.registrar.identity()
    }

    /// Has the name servers told that the topic table changed.
    pub(crate) fn announce(&self, round: Round) {
        let registrar = Arc::clone(&self.registrar);
        self.tasks.spawn(async move { registrar.register(round).await });
    }

    fn open(settings: Settings, port: u16) -> Result<Self, StartError> {
        let identity = identity(&settings, port);
        let store_host = store_host(&settings.broker.broker_ip1, port)?;
        let folder = Path::new(&settings.store.store_path_root_dir).join("config");
        let levels = delay::levels(&settings.store.message_delay_level)?;
        let now = now_ms();
        let topics = Arc::new(Topics::load(&folder, &rules(&settings.broker), now)?);
        let offsets = Arc::new(Offsets::load(&folder)?);
        let groups = Arc::new(Groups::load(&folder, now)?);
        let delay = Arc::new(Delay::load(&folder, levels)?);
        let bloom = bloom(&settings.broker)?;
        let filters = Arc::new(Filters::load(&folder, bloom, now)?);
        let client = Client::new(client_options(&settings)?);
        let servers = settings.broker.namesrv_addr.clone();
        if !servers.is_empty() {
            tracing::info!(target: LOG, "Set user specified name server address: {servers}");
        }
        let config = Arc::new(Live::new(settings.broker));
        let store_config = Arc::new(Live::new(settings.store));
        store_config.update(|config| config.bit_map_length_consume_queue_ext = bloom.bit_count());
        let hold = Arc::new(Hold::default());
        let arrivals = Arrivals {
            hold: Arc::clone(&hold),
            delay: Arc::clone(&delay),
            filters: Arc::clone(&filters),
            config: Arc::clone(&config),
        };
        let store = Store::open(Arc::clone(&store_config), Arc::new(arrivals))?;
        let registrar = Registrar::new(
            identity,
            client.clone(),
            Arc::clone(&topics),
            Arc::clone(&config),
            &servers,
        );
        let life = Env::current().property(LOCK_LIFE_PROPERTY).and_then(|ms| ms.parse().ok());
        Ok(Self {
            config,
            server_config: Arc::new(Live::new(settings.server)),
            client_config: Arc::new(Live::new(settings.client)),
            store_config,
            config_file: settings.config_file,
            extra_properties: settings.extra_properties,
            store_host,
            store,
            topics,
            groups,
            offsets,
            producers: Producers::default(),
            consumers: Consumers::default(),
            filters,
            locks: Locks::new(life.unwrap_or(locks::LIFE_MS_DEFAULT)),
            hold,
            delay,
            stats: Stats::default(),
            registrar: Arc::new(registrar),
            client,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            servers: Mutex::default(),
            local_addr: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
        })
    }

    fn listen(self: &Arc<Self>, port: u16, options: &ServerOptions) -> Result<(), StartError> {
        for port in [port, port.saturating_sub(VIP_PORT_BELOW)] {
            let addr = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port);
            let service = Arc::new(Dispatch(Arc::clone(self)));
            let server = Server::bind(addr, options.clone(), service)
                .map_err(|source| StartError::Listen { port, source })?;
            self.servers.lock().push(server);
        }
        Ok(())
    }

    fn spawn_tasks(self: &Arc<Self>) {
        let stop = || self.stop.clone();
        let (config, store_config) = (self.config.load(), self.store_config.load());
        let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1));
        self.tasks.spawn(persist::keep_on_change(Arc::clone(&self.topics), stop()));
        self.tasks.spawn(persist::keep_on_change(Arc::clone(&self.groups), stop()));
        let period = ms(config.flush_consumer_offset_interval.into());
        self.tasks.spawn(persist::keep_every(Arc::clone(&self.offsets), FIRST, period, stop()));
        let broker = Arc::clone(self);
        self.tasks.spawn(every(FIRST, FILTER_PERIOD, stop(), move || {
            let broker = Arc::clone(&broker);
            async move { broker.keep_filters().await }
        }));
        let period = ms(store_config.flush_delay_offset_interval);
        let (delay, store) = (Arc::clone(&self.delay), Arc::clone(&self.store));
        self.tasks.spawn(delay::keep(delay, store, FIRST, period, stop()));
        if store_config.broker_role != BrokerRole::Slave {
            let store = Arc::clone(&self.store);
            self.tasks.spawn(Arc::clone(&self.delay).run(store, stop()));
        }
        let period = ms(config.register_name_server_period.clamp(10_000, 60_000).into());
        let broker = Arc::clone(self);
        self.tasks.spawn(every(FIRST, period, stop(), move || {
            let registrar = Arc::clone(&broker.registrar);
            async move { registrar.register(Round::Periodic).await }
        }));
        if config.namesrv_addr.is_empty() && config.fetch_namesrv_addr_by_address_server {
            let registrar = Arc::clone(&self.registrar);
            self.tasks.spawn(every(FIRST, ADDRESS_SERVER_PERIOD, stop(), move || {
                let registrar = Arc::clone(&registrar);
                async move { address_server::refresh(&registrar).await }
            }));
        }
        let broker = Arc::clone(self);
        self.tasks.spawn(every(FIRST, HOUSEKEEPING, stop(), move || {
            broker.look_after_clients();
            std::future::ready(())
        }));
    }

    /// Forgets filters that nobody needs any more, and writes the others.
    pub(crate) async fn keep_filters(&self) {
        let span_ms = self.config.load().filter_data_clean_time_span;
        self.filters.clean(now_ms(), span_ms);
        persist::keep_if_changed(&self.filters).await;
    }

    /// Forgets clients that are silent, and their locks.
    fn look_after_clients(&self) {
        let now = now_ms();
        self.locks.sweep(now);
        let (mut silent, emptied) = self.consumers.sweep(now);
        for group in emptied {
            self.filters.unregistered(&group, now);
        }
        silent.extend(self.producers.sweep(now));
        for peer in silent {
            peer.close();
        }
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("identity", self.identity()).finish_non_exhaustive()
    }
}

/// Runs `work` first after `first`, then every `period`, until stopped.
async fn every<F: Future<Output = ()>>(
    first: Duration,
    period: Duration,
    stop: CancellationToken,
    mut work: impl FnMut() -> F,
) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        work().await;
    }
}

/// What the store tells of new queue entries: it wakes held pulls and the delivery of delays.
struct Arrivals {
    hold: Arc<Hold<Wants>>,
    delay: Arc<Delay>,
    filters: Arc<Filters>,
    config: Arc<Live<BrokerConfig>>,
}

impl ArrivalListener for Arrivals {
    fn arrived(&self, arrival: &Arrival<'_>) {
        if arrival.topic == protocol::topic::SCHEDULE {
            self.delay.arrived();
        }
        if self.hold.is_empty() || !self.config.load().long_polling_enable {
            return;
        }
        let Arrival { topic, queue_id, next_offset, tags_code, .. } = *arrival;
        self.hold.arrived(topic, queue_id, next_offset, |wants| {
            wants.by_entry(Some(tags_code), arrival.store_timestamp, arrival.bit_map)
                && wants.by_properties(arrival.properties)
        });
    }

    fn bit_map(&self, topic: &str, properties: properties::Properties<'_>, into: &mut Vec<u8>) {
        if self.config.load().enable_calc_filter_bit_map {
            self.filters.bit_map(topic, |name| properties.get(name), into);
        }
    }
}

/// The Bloom filter that the settings ask for.
fn bloom(config: &BrokerConfig) -> Result<BloomFilter, StartError> {
    let (percent, expected) =
        (config.max_error_rate_of_bloom_filter, config.expect_consumer_num_use_filter);
    BloomFilter::new(percent, expected).map_err(|error| StartError::Config {
        key: "maxErrorRateOfBloomFilter",
        reason: error.to_string(),
    })
}

fn rules(config: &BrokerConfig) -> Rules {
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

fn identity(settings: &Settings, port: u16) -> Identity {
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
fn store_host(ip: &str, port: u16) -> Result<SocketAddrV4, StartError> {
    let bad = |reason: String| StartError::Config { key: "brokerIP1", reason };
    let mut found = format!("{ip}:{port}")
        .to_socket_addrs()
        .map_err(|error| bad(format!("`{ip}` is no address of this machine: {error}")))?;
    let addr = found.next().ok_or_else(|| bad(format!("`{ip}` has no address")))?;
    Ok(record_host(addr))
}

/// The configured port, or a free one that has a free one two below it.
fn listen_port(settings: &Settings) -> Result<u16, StartError> {
    let port = u16::try_from(settings.server.listen_port).map_err(|_| StartError::Config {
        key: "listenPort",
        reason: format!("{} is no port", settings.server.listen_port),
    })?;
    if port != 0 {
        return Ok(port);
    }
    let probe = |port: u16| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
    let failed = |source| StartError::Listen { port: 0, source };
    for _ in 0..PORT_TRIES {
        let main = probe(0).map_err(failed)?;
        let port = main.local_addr().map_err(failed)?.port();
        if let Some(vip) = port.checked_sub(VIP_PORT_BELOW)
            && probe(vip).is_ok()
        {
            return Ok(port);
        }
    }
    Err(failed(io::ErrorKind::AddrInUse.into()))
}

fn server_options(settings: &Settings) -> ServerOptions {
    let mut options = ServerOptions::from_config(&settings.server);
    options.encoding = settings.encoding;
    options.tls = settings.tls.server();
    options
}

fn client_options(settings: &Settings) -> Result<ClientOptions, StartError> {
    let mut options = ClientOptions::from_config(&settings.client);
    options.encoding = settings.encoding;
    if settings.client.use_tls {
        options.tls = Some(settings.tls.client().map_err(StartError::Tls)?);
    }
    Ok(options)
}
