//! The name server: which brokers there are, which topics they offer, and key-value
//! configuration.
//!
//! Invariants:
//! - [`table::RouteTable`] is a plain value that knows neither sockets nor clocks; one lock around
//!   it is held for lookups and changes, never while something is parsed, written or awaited;
//! - a registration equal to the last one of its broker is recognised by a digest and read no
//!   further; the answer of a route lookup is encoded once a change;
//! - what peers can make it hold is bounded by the constants of [`table`] and [`kv`];
//! - nothing that comes over the wire decides where a file is written.
//!
//! It does not know how brokers keep messages, nor what clients do with a route.

mod access;
pub mod config;
mod figures;
mod files;
mod handlers;
mod housekeeping;
pub mod kv;
mod product;
pub mod registration;
mod state;
pub mod table;

use std::borrow::Cow;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ::config::{Live, Properties, Registry};
use observe::{ObserveConfig, OnChange, Requests};
use protocol::Encoding;
use protocol::requests::NamesrvRequest;
use remoting::tls::ServerTls;
use remoting::{Observer, Server, ServerConfig, ServerOptions};
use tokio_util::sync::CancellationToken;

use access::Access;
pub use config::{AccessConfig, NamesrvConfig, NamesrvConfigs};
use handlers::Handlers;
use product::Product;
use state::{State, Watched};

/// The log target of the name server, which ends in `namesrv.log`.
pub(crate) const LOG: &str = "RocketmqNamesrv";

/// What a name server is started with.
#[derive(Clone)]
pub struct Settings {
    /// Its own settings.
    pub config: NamesrvConfig,
    /// The settings of its sockets; port 0 takes any free port.
    pub server: ServerConfig,
    /// What operators watch. Who started the name server serves it; requests are measured where
    /// a port is given.
    pub observe: ObserveConfig,
    /// Told when that is changed at run time.
    pub on_observe_change: OnChange,
    /// What it checks.
    pub access: AccessConfig,
    /// What else the `-c` file says: shown, changed and written back with the rest.
    pub extra_properties: Properties,
    /// Address to listen on: all of them unless changed.
    pub listen_on: IpAddr,
    /// How answers are written (`rocketmq.serialize.type`).
    pub encoding: Encoding,
    /// Encryption.
    pub tls: ServerTls,
    /// Name servers to ask for unknown topics when `clusterTest` is on (Java: those of
    /// `rocketmq.namesrv.addr`).
    pub product_name_servers: Vec<String>,
}

impl Settings {
    /// Plain settings: all interfaces, JSON, no encryption.
    pub fn new(configs: NamesrvConfigs) -> Self {
        Self {
            config: configs.namesrv,
            server: configs.server,
            observe: configs.observe,
            on_observe_change: OnChange::default(),
            access: configs.access,
            extra_properties: Properties::new(),
            listen_on: Ipv4Addr::UNSPECIFIED.into(),
            encoding: Encoding::default(),
            tls: ServerTls::default(),
            product_name_servers: Vec::new(),
        }
    }
}

/// Why a name server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The key-value configuration is there but unusable.
    #[error(transparent)]
    Kv(#[from] kv::LoadError),
    /// Requests are to be checked, but there are no usable rules.
    #[error("access rules {file}: {reason}", file = file.display())]
    Access {
        /// Where they should be.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// `listenPort` is no port.
    #[error("listenPort {0} is not between 0 and 65535")]
    Port(i32),
    /// The port cannot be listened on.
    #[error("listen on {addr}: {source}")]
    Listen {
        /// Where.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A running name server.
pub struct Namesrv {
    server: Server,
    /// How requests go, where that is measured.
    requests: Option<Arc<Requests>>,
    state: Arc<State>,
    stop: CancellationToken,
}

impl Namesrv {
    /// Loads the key-value configuration and listens. Must run inside a tokio runtime.
    pub fn start(settings: Settings) -> Result<Self, StartError> {
        let port = settings.server.listen_port;
        let port = u16::try_from(port).map_err(|_| StartError::Port(port))?;
        let tables: [&dyn ::config::Table; 3] =
            [&settings.config, &settings.server, &settings.observe];
        for line in ::config::lines(&tables, false) {
            tracing::info!(target: LOG, "{line}");
        }
        let mut options = ServerOptions::from_config(&settings.server);
        options.encoding = settings.encoding;
        options.tls = settings.tls;
        let requests =
            settings.observe.endpoint().map(|_| Arc::new(Requests::new(NamesrvRequest::TABLE)));
        options.observer = requests.clone().map(|requests| requests as Arc<dyn Observer>);

        let access = Access::open(&settings.access, &settings.config)?.map(Arc::new);
        let kv = kv::KvStore::load(PathBuf::from(&settings.config.kv_config_path))?;
        let product = settings.config.cluster_test.then(|| {
            Product::new(&settings.product_name_servers, &settings.config.product_env_name)
        });
        let config = Arc::new(Live::new(settings.config));
        let observe = Arc::new(Live::new(settings.observe));
        let tables = vec![
            Arc::clone(&config) as Arc<dyn ::config::LiveTable>,
            Arc::new(Live::new(settings.server)),
            observe.clone(),
        ];
        let registry = Registry::new(tables, &settings.extra_properties);
        let watched = Watched { config: observe, on_change: settings.on_observe_change };
        let state = Arc::new(State::new(kv, config, registry, watched, product.flatten()));

        let addr = SocketAddr::new(settings.listen_on, port);
        let handlers = Handlers { state: Arc::clone(&state), access: access.clone() };
        let server = Server::bind(addr, options, Arc::new(handlers))
            .map_err(|source| StartError::Listen { addr, source })?;
        let stop = CancellationToken::new();
        state.tasks.spawn(housekeeping::run(Arc::clone(&state), stop.clone()));
        if let Some(access) = access {
            state.tasks.spawn(access::watch(access, stop.clone()));
        }
        Ok(Self { server, requests, state, stop })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Stops accepting, answers what is in flight, and waits for files being written.
    pub async fn shutdown(&self) {
        tracing::info!(target: LOG, "shutdown hook was invoked, 1 times.");
        let begun = Instant::now();
        self.state.stop();
        self.stop.cancel();
        self.server.shutdown().await;
        if let Some(product) = &self.state.product {
            product.shutdown().await;
        }
        self.state.tasks.close();
        self.state.tasks.wait().await;
        let spent = begun.elapsed().as_millis();
        tracing::info!(target: LOG, "shutdown hook done, consuming time total(ms): {spent}");
    }
}

impl Drop for Namesrv {
    fn drop(&mut self) {
        self.state.stop();
        self.stop.cancel();
    }
}

/// Foreign text for one line of the log.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        text.escape_debug().to_string().into()
    } else {
        text.into()
    }
}
