//! A broker put together: all owners, the tasks that keep them up, and the listeners.

use std::net::{SocketAddr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;

use config::Live;
use observe::Requests;
use parking_lot::Mutex;
use protocol::{Command, Encoding, Request, ext};
use remoting::{Client, Observer, Peer, Server, ServerOptions};
use store::{BrokerRole, Store, StoreConfig};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::access::Access;
use crate::arrivals::Arrivals;
use crate::clients::{Consumers, Producers};
use crate::config::BrokerConfig;
use crate::configuration::{Configuration, Tables};
use crate::delay::{self, Delay};
use crate::dispatch::Dispatch;
use crate::filter_servers::FilterServers;
use crate::filters::Filters;
use crate::flow::Flow;
use crate::groups::Groups;
use crate::hold::Hold;
use crate::locks::Locks;
use crate::offsets::Offsets;
use crate::register::{Identity, Registrar, Round};
use crate::settings::{self, HA_PORT_ABOVE, Settings, StartError, VIP_PORT_BELOW};
use crate::slave::Masters;
use crate::stats::Stats;
use crate::topics::Topics;
use crate::transaction::Transactions;
use crate::wants::Wants;
use crate::{LOG, now_ms, replicate_net};

/// A running broker: the owners of all its state.
pub struct Broker {
    pub(crate) config: Arc<Live<BrokerConfig>>,
    pub(crate) store_config: Arc<Live<StoreConfig>>,
    /// The four tables as operators see and change them.
    pub(crate) configuration: Configuration,
    /// How we write headers.
    encoding: Encoding,
    /// Our address as records hold it.
    pub(crate) store_host: SocketAddrV4,
    pub(crate) store: Arc<Store>,
    pub(crate) topics: Arc<Topics>,
    pub(crate) groups: Arc<Groups>,
    pub(crate) offsets: Arc<Offsets>,
    pub(crate) producers: Producers<Arc<Peer>>,
    pub(crate) consumers: Consumers<Arc<Peer>>,
    pub(crate) filters: Arc<Filters>,
    pub(crate) filter_servers: FilterServers<Arc<Peer>>,
    pub(crate) locks: Locks,
    pub(crate) hold: Arc<Hold<Wants>>,
    pub(crate) delay: Arc<Delay>,
    pub(crate) transactions: Arc<Transactions>,
    pub(crate) flow: Flow,
    /// Who may do what, where requests are checked.
    pub(crate) access: Option<Arc<Access>>,
    pub(crate) stats: Stats,
    /// How requests go, where that is measured.
    pub(crate) requests: Option<Arc<Requests>>,
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
        let port = settings::listen_port(&settings)?;
        let mut options = settings::server_options(&settings);
        let broker = Arc::new(Self::open(settings, port)?);
        let requests = broker.requests.clone();
        options.observer = requests.map(|requests| requests as Arc<dyn Observer>);
        broker.store.start()?;
        if let Err(error) = broker.listen(port, &options) {
            broker.servers.lock().clear();
            if let Err(error) = broker.store.shutdown() {
                tracing::error!(target: LOG, %error, "close the store again");
            }
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

    /// A request of ours to a client, written as this broker writes headers.
    pub(crate) fn ask<R: Request>(&self, header: &R) -> Result<Command, ext::Error> {
        Ok(Command { encoding: self.encoding, ..Command::of(header)? })
    }

    /// Where the master of this slave is, as it becomes known.
    pub(crate) fn masters(&self) -> watch::Receiver<Masters> {
        self.registrar.masters()
    }

    /// Has the name servers told that the topic table changed.
    pub(crate) fn announce(&self, round: Round) {
        let (registrar, stop) = (Arc::clone(&self.registrar), self.stop.clone());
        self.tasks.spawn(async move {
            stop.run_until_cancelled(registrar.register(round)).await;
        });
    }

    fn open(settings: Settings, port: u16) -> Result<Self, StartError> {
        let identity = settings::identity(&settings, port);
        let store_host = settings::store_host(&settings.broker.broker_ip1, port)?;
        let folder = Path::new(&settings.store.store_path_root_dir).join("config");
        let access = Access::open(&settings.broker)?;
        let levels = delay::levels(&settings.store.message_delay_level)?;
        let now = now_ms();
        let topics = Arc::new(Topics::load(&folder, &settings::rules(&settings.broker), now)?);
        let offsets = Arc::new(Offsets::load(&folder)?);
        let groups = Arc::new(Groups::load(&folder, now)?);
        let delay = Arc::new(Delay::load(&folder, levels)?);
        let bloom = settings::bloom(&settings.broker)?;
        let filters = Arc::new(Filters::load(&folder, bloom, now)?);
        let client = Client::new(settings::client_options(&settings)?);
        let requests = settings::requests(&settings);
        let config = Arc::new(Live::new(settings.broker));
        let store_config = Arc::new(Live::new(settings.store));
        settings::derive(&store_config, bloom, port);
        let hold = Arc::new(Hold::default());
        let arrivals = Arrivals {
            hold: Arc::clone(&hold),
            delay: Arc::clone(&delay),
            filters: Arc::clone(&filters),
            config: Arc::clone(&config),
        };
        let store = Store::open(Arc::clone(&store_config), Arc::new(arrivals))?;
        let transactions = Transactions::new(Arc::clone(&store), Arc::clone(&offsets), store_host);
        if store_config.load().broker_role != BrokerRole::Slave {
            transactions.load().map_err(StartError::Transactions)?;
        }
        let registrar =
            Registrar::new(identity, client.clone(), Arc::clone(&topics), Arc::clone(&config));
        let tables = Tables {
            broker: Arc::clone(&config),
            server: Arc::new(Live::new(settings.server)),
            client: Arc::new(Live::new(settings.client)),
            store: Arc::clone(&store_config),
            observe: Arc::new(Live::new(settings.observe)),
            on_observe_change: settings.on_observe_change,
        };
        let file = settings.config_file.unwrap_or_else(|| folder.join("broker.properties"));
        let configuration = Configuration::new(tables, &settings.extra_properties, file, now);
        Ok(Self {
            flow: settings::flow(&config.load()),
            config,
            store_config,
            configuration,
            encoding: settings.encoding,
            store_host,
            store,
            topics,
            groups,
            offsets,
            producers: Producers::default(),
            consumers: Consumers::default(),
            filters,
            filter_servers: FilterServers::default(),
            locks: Locks::new(settings::lock_life_ms()),
            hold,
            delay,
            transactions: Arc::new(transactions),
            access: access.map(Arc::new),
            stats: Stats::default(),
            requests,
            registrar: Arc::new(registrar),
            client,
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
            servers: Mutex::default(),
            local_addr: SocketAddr::new(settings.listen_on, port),
        })
    }

    fn listen(self: &Arc<Self>, port: u16, options: &ServerOptions) -> Result<(), StartError> {
        for port in [port, port.saturating_sub(VIP_PORT_BELOW)] {
            let addr = SocketAddr::new(self.local_addr.ip(), port);
            let service = Arc::new(Dispatch(Arc::clone(self)));
            let server = Server::bind(addr, options.clone(), service)
                .map_err(|source| StartError::Listen { port, source })?;
            self.servers.lock().push(server);
        }
        let port = port.saturating_add(HA_PORT_ABOVE);
        let addr = SocketAddr::new(self.local_addr.ip(), port);
        replicate_net::listen(self, addr).map_err(|source| StartError::Listen { port, source })
    }
}

impl std::fmt::Debug for Broker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Broker").field("identity", self.identity()).finish_non_exhaustive()
    }
}
