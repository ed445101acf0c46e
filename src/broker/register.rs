//! Registration with the name servers: all of them at once, each in its own order.
//!
//! A registration always carries the table as it is when it is sent, so of several that wait for
//! one slow name server only the first is needed; the others find their version already told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use config::Live;
use parking_lot::RwLock;
use protocol::bodies::{
    DataVersion, KvTable, RegisterBrokerBody, TopicConfig, TopicConfigSerializeWrapper,
};
use protocol::codes::response;
use protocol::requests::{
    QueryDataVersion, QueryDataVersionReply, RegisterBroker, RegisterBrokerReply, UnregisterBroker,
};
use protocol::{Command, Ext, ext, json, perm};
use remoting::{CallError, Client};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::BrokerConfig;
use crate::slave::Masters;
use crate::topics::Topics;
use crate::{LOG, now_ms};

/// How long a name server may take to forget us.
const UNREGISTER_WAIT: Duration = Duration::from_secs(3);

/// Who registers.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    /// The cluster.
    pub(crate) cluster: String,
    /// The broker's name.
    pub(crate) name: String,
    /// 0 for a master.
    pub(crate) id: i64,
    /// Where clients reach it.
    pub(crate) addr: String,
    /// Where its slaves fetch from.
    pub(crate) ha_addr: String,
}

/// How a round of registrations is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Round {
    /// Wait for the answers, and take over which topics are ordered.
    Full,
    /// As `Full`, but leave out name servers that know our table, where the settings say so.
    Periodic,
    /// Send the table without waiting for answers: it just changed.
    Oneway,
}

/// One name server.
#[derive(Debug)]
struct Target {
    addr: String,
    /// The version it was last sent; the lock keeps our registrations in order.
    sent: tokio::sync::Mutex<Option<DataVersion>>,
}

/// Keeps the name servers up to date.
pub(crate) struct Registrar {
    identity: Identity,
    client: Client,
    topics: Arc<Topics>,
    config: Arc<Live<BrokerConfig>>,
    targets: RwLock<Vec<Arc<Target>>>,
    filter_servers: ArcSwap<Vec<String>>,
    /// Where our master is, for a slave.
    masters: watch::Sender<Masters>,
    /// The settings say where the master's HA port is.
    ha_set: AtomicBool,
}

/// Why a registration failed.
#[derive(Debug, thiserror::Error)]
enum RegisterError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("CODE: {0}  DESC: {1}")]
    Refused(i32, String),
    #[error(transparent)]
    Header(#[from] ext::Error),
    #[error(transparent)]
    Body(#[from] json::Error),
}

impl Registrar {
    /// Registers nothing yet; the name servers are those of the settings.
    pub(crate) fn new(
        identity: Identity,
        client: Client,
        topics: Arc<Topics>,
        config: Arc<Live<BrokerConfig>>,
    ) -> Self {
        let servers = config.load().namesrv_addr.clone();
        if !servers.is_empty() {
            tracing::info!(target: LOG, "Set user specified name server address: {servers}");
        }
        let registrar = Self {
            identity,
            client,
            topics,
            config,
            targets: RwLock::default(),
            filter_servers: ArcSwap::default(),
            masters: watch::Sender::default(),
            ha_set: AtomicBool::new(false),
        };
        registrar.set_servers(&servers);
        registrar
    }

    /// Who we are to name servers.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// Where our master is, as it becomes known.
    pub(crate) fn masters(&self) -> watch::Receiver<Masters> {
        self.masters.subscribe()
    }

    /// The master's HA port is there, whatever name servers say.
    pub(crate) fn set_ha_master(&self, addr: &str) {
        self.ha_set.store(true, Ordering::Relaxed);
        self.masters.send_modify(|masters| masters.ha = Some(addr.to_owned()));
    }

    /// Takes over what a name server says about our master; one that does not know it is not
    /// asked to forget it.
    fn learn(&self, answer: &Ext) {
        let Ok(reply) = ext::from_ext::<RegisterBrokerReply>(answer) else { return };
        let known = |addr: Option<String>| addr.filter(|addr| !addr.is_empty());
        let (ha, addr) = (known(reply.ha_server_addr), known(reply.master_addr));
        let ha = ha.filter(|_| !self.ha_set.load(Ordering::Relaxed));
        self.masters.send_if_modified(|masters| {
            let before = masters.clone();
            masters.ha = ha.or_else(|| masters.ha.take());
            masters.addr = addr.or_else(|| masters.addr.take());
            *masters != before
        });
    }

    /// Replaces the name servers (a list with `;` between); those that stay keep their state.
    pub(crate) fn set_servers(&self, servers: &str) {
        let names = servers.split(';').map(str::trim).filter(|addr| !addr.is_empty());
        let mut targets = self.targets.write();
        let next = names.map(|addr| {
            let known = targets.iter().find(|target| target.addr == addr);
            known.map_or_else(
                || Arc::new(Target { addr: addr.to_owned(), sent: tokio::sync::Mutex::default() }),
                Arc::clone,
            )
        });
        *targets = next.collect();
    }

    /// Replaces the filter servers that registrations name.
    pub(crate) fn set_filter_servers(&self, addrs: Vec<String>) {
        self.filter_servers.store(Arc::new(addrs));
    }

    /// Registers with all name servers; done when each answered, failed or took too long.
    pub(crate) async fn register(self: &Arc<Self>, round: Round) {
        let targets: Vec<_> = self.targets.read().clone();
        let mut running = JoinSet::new();
        for target in targets {
            let registrar = Arc::clone(self);
            running.spawn(async move { registrar.register_one(&target, round).await });
        }
        let mut told = false;
        while let Some(done) = running.join_next().await {
            // One name server's word is enough, as in 4.4.0.
            if let Ok(Some(orders)) = done
                && !std::mem::replace(&mut told, true)
            {
                self.topics.set_ordered(|topic| orders.table.contains_key(topic), now_ms());
            }
        }
    }

    /// Registers with one name server; returns its order configuration if it has one.
    async fn register_one(&self, target: &Target, round: Round) -> Option<KvTable> {
        let wait = self.timeout();
        let done = tokio::time::timeout(wait, self.try_register(target, round, wait)).await;
        match done {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => {
                tracing::warn!(target: LOG, %error, "registerBroker Exception, {}", target.addr);
                None
            }
            Err(_) => {
                tracing::warn!(target: LOG, "registerBroker Exception, {}: no answer within {wait:?}", target.addr);
                None
            }
        }
    }

    async fn try_register(
        &self,
        target: &Target,
        round: Round,
        wait: Duration,
    ) -> Result<Option<KvTable>, RegisterError> {
        let mut sent = target.sent.lock().await;
        let (command, version) = self.command()?;
        if round == Round::Oneway {
            if *sent != Some(version) {
                self.client.oneway(&target.addr, command).await?;
                *sent = Some(version);
                tracing::info!(target: LOG, "register broker to name server {} OK", target.addr);
            }
            return Ok(None);
        }
        if round == Round::Periodic
            && !self.config.load().force_register
            && !self.is_outdated(target, version, wait).await
        {
            return Ok(None);
        }
        let answer = self.client.call(&target.addr, command, wait).await?;
        if answer.code != response::SUCCESS {
            return Err(RegisterError::Refused(answer.code, answer.remark.unwrap_or_default()));
        }
        *sent = Some(version);
        drop(sent);
        self.learn(&answer.ext);
        tracing::info!(target: LOG, "register broker to name server {} OK", target.addr);
        let orders = (!answer.body.is_empty()).then(|| json::from_slice(&answer.body));
        Ok(orders.transpose()?)
    }

    /// Whether a name server knows another version of our table; one that does not say counts as
    /// outdated.
    async fn is_outdated(&self, target: &Target, version: DataVersion, wait: Duration) -> bool {
        let Identity { cluster, name, id, addr, .. } = &self.identity;
        let header = QueryDataVersion {
            broker_name: name.clone(),
            broker_addr: addr.clone(),
            cluster_name: cluster.clone(),
            broker_id: *id,
        };
        let Ok(command) = Command::of(&header) else { return true };
        let command = command.body(json::to_vec(&version));
        let answer = match self.client.call(&target.addr, command, wait).await {
            Ok(answer) if answer.code == response::SUCCESS => answer,
            _ => return true,
        };
        let changed = ext::from_ext::<QueryDataVersionReply>(&answer.ext);
        let known: Option<DataVersion> = json::from_slice(&answer.body).ok();
        changed.map_or(true, |reply| reply.changed) || known.is_some_and(|known| known != version)
    }

    /// Takes us out of all routes.
    pub(crate) async fn unregister(self: &Arc<Self>) {
        let targets: Vec<_> = self.targets.read().clone();
        let mut running = JoinSet::new();
        for target in targets {
            let registrar = Arc::clone(self);
            running.spawn(async move { registrar.unregister_one(&target.addr).await });
        }
        while running.join_next().await.is_some() {}
    }

    async fn unregister_one(&self, server: &str) {
        let Identity { cluster, name, id, addr, .. } = &self.identity;
        let header = UnregisterBroker {
            broker_name: name.clone(),
            broker_addr: addr.clone(),
            cluster_name: cluster.clone(),
            broker_id: *id,
        };
        let Ok(command) = Command::of(&header) else { return };
        let call = self.client.call(server, command, UNREGISTER_WAIT);
        match tokio::time::timeout(UNREGISTER_WAIT, call).await {
            Ok(Ok(answer)) if answer.code == response::SUCCESS => {
                tracing::info!(target: LOG, "unregisterBroker OK, NamesrvAddr: {server}");
            }
            Ok(Ok(answer)) => {
                tracing::warn!(target: LOG, code = answer.code, "unregisterBroker Exception, {server}");
            }
            Ok(Err(error)) => {
                tracing::warn!(target: LOG, %error, "unregisterBroker Exception, {server}");
            }
            Err(_) => {
                tracing::warn!(target: LOG, "unregisterBroker Exception, {server}: no answer")
            }
        }
    }

    fn timeout(&self) -> Duration {
        let ms = self.config.load().register_broker_timeout_mills;
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }

    fn command(&self) -> Result<(Command, DataVersion), ext::Error> {
        let (compressed, permission) = {
            let config = self.config.load();
            (config.compressed_register, config.broker_permission)
        };
        let wrapper = self.wrapper(permission);
        let version = wrapper.data_version;
        let body = RegisterBrokerBody {
            filter_server_list: self.filter_servers.load().to_vec(),
            topic_config_serialize_wrapper: wrapper,
        };
        let body = if compressed { body.to_compressed() } else { json::to_vec(&body) };
        let Identity { cluster, name, id, addr, ha_addr } = &self.identity;
        let header = RegisterBroker {
            broker_name: name.clone(),
            broker_addr: addr.clone(),
            cluster_name: cluster.clone(),
            ha_server_addr: Some(ha_addr.clone()),
            broker_id: *id,
            compressed,
            body_crc32: RegisterBrokerBody::crc32(&body),
        };
        Ok((Command::of(&header)?.body(body), version))
    }

    /// The topic table as name servers get it: where the broker may not be both read and written,
    /// every topic has the broker's permission.
    fn wrapper(&self, permission: i32) -> TopicConfigSerializeWrapper {
        let table = self.topics.table();
        if perm::is_readable(permission) && perm::is_writeable(permission) {
            return table.to_wrapper();
        }
        let restricted = table.topics.iter().map(|(name, config)| {
            let (read, write) = (config.read_queue_nums, config.write_queue_nums);
            (name.to_string(), TopicConfig::new(name.to_string(), read, write, permission))
        });
        TopicConfigSerializeWrapper {
            data_version: table.version,
            topic_config_table: restricted.collect(),
        }
    }
}

impl std::fmt::Debug for Registrar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registrar").field("identity", &self.identity).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
