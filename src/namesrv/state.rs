//! What the handlers share: each piece of state with its one owner.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use config::{Live, Registry};
use observe::{ObserveConfig, OnChange};
use parking_lot::{Mutex, RwLock};
use remoting::Peer;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use crate::config::NamesrvConfig;
use crate::kv::KvStore;
use crate::product::Product;
use crate::registration::Form;
use crate::table::{Event, RouteTable};

/// All state of one name server.
pub(crate) struct State {
    pub(crate) routes: RwLock<RouteTable>,
    pub(crate) kv: Arc<KvStore>,
    pub(crate) config: Arc<Live<NamesrvConfig>>,
    pub(crate) registry: Arc<Registry>,
    /// What operators watch.
    pub(crate) watched: Watched,
    /// Held while the configuration file is written.
    pub(crate) config_file: Arc<Mutex<()>>,
    /// Where unknown topics are looked up in `clusterTest` mode.
    pub(crate) product: Option<Product>,
    /// Held while a large registration is read.
    pub(crate) large_bodies: Mutex<()>,
    /// Writes of files that are under way.
    pub(crate) tasks: TaskTracker,
    brokers: Mutex<HashMap<u64, Weak<Peer>>>,
    digest_key: RandomState,
    started: Instant,
    stopping: AtomicBool,
}

/// The settings of what operators watch, and who is told of their changes.
pub(crate) struct Watched {
    pub(crate) config: Arc<Live<ObserveConfig>>,
    pub(crate) on_change: OnChange,
}

impl State {
    pub(crate) fn new(
        kv: KvStore,
        config: Arc<Live<NamesrvConfig>>,
        registry: Registry,
        watched: Watched,
        product: Option<Product>,
    ) -> Self {
        Self {
            routes: RwLock::default(),
            kv: Arc::new(kv),
            config,
            registry: Arc::new(registry),
            watched,
            config_file: Arc::default(),
            product,
            large_bodies: Mutex::default(),
            tasks: TaskTracker::new(),
            brokers: Mutex::default(),
            digest_key: RandomState::new(),
            started: Instant::now(),
            stopping: AtomicBool::new(false),
        }
    }

    /// Milliseconds since the start: a jump of the wall clock expires nobody.
    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// By what a repeated registration body is recognised; the key is not known to peers.
    pub(crate) fn digest(&self, form: Form, body: &[u8]) -> u64 {
        self.digest_key.hash_one((form, body))
    }

    /// Notes that a broker registers on this connection.
    pub(crate) fn remember(&self, peer: &Arc<Peer>) {
        self.brokers.lock().insert(peer.id(), Arc::downgrade(peer));
    }

    /// A connection is gone, and with it the brokers that registered on it.
    pub(crate) fn connection_closed(&self, connection: u64) {
        let known = self.brokers.lock().remove(&connection).is_some();
        if !known || self.stopping.load(Ordering::Acquire) {
            return;
        }
        let events = self.routes.write().connection_closed(connection);
        log(&events);
    }

    /// Takes silent brokers out and closes their connections.
    pub(crate) fn expire(&self) {
        let now_ms = self.now_ms();
        if !self.routes.read().any_silent(now_ms) {
            return;
        }
        let expired = self.routes.write().expire(now_ms);
        for connection in expired.connections {
            if let Some(peer) = self.brokers.lock().get(&connection).and_then(Weak::upgrade) {
                peer.close();
            }
        }
        log(&expired.events);
    }

    /// Connections that close from now on say nothing about brokers.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }
}

/// Writes events to the log, after the table's lock was given back.
pub(crate) fn log(events: &[Event]) {
    events.iter().for_each(Event::log);
}
