//! Access control where `aclEnable` says so: the rules of `plain_acl.yml`, taken again whenever
//! the file changes. Without it nothing here is asked or started.

use std::sync::Arc;

use acl::{FILE_PROPERTY, LOOK_PERIOD, Look, Perm, RulesFile};
use config::Env;
use protocol::{Command, Ext, Refusal};
use remoting::Peer;
use tokio_util::sync::CancellationToken;

use crate::LOG;
use crate::config::BrokerConfig;
use crate::settings::StartError;

/// The rules in force and where they come from.
#[derive(Debug)]
pub(crate) struct Access(RulesFile);

impl Access {
    /// Reads the rules, where requests are to be checked.
    ///
    /// # Errors
    /// There are no usable rules: the broker must not start.
    pub(crate) fn open(config: &BrokerConfig) -> Result<Option<Self>, StartError> {
        if !config.acl_enable {
            tracing::info!(target: LOG, "The broker dose not enable acl");
            return Ok(None);
        }
        let named = Env::current().property(FILE_PROPERTY);
        let file = RulesFile::open(acl::Server::Broker, &config.rocketmq_home, named);
        let file =
            file.map_err(|error| StartError::Access { file: error.file, reason: error.reason })?;
        Ok(Some(Self(file)))
    }

    /// Checks a request before anything else is done with it.
    ///
    /// # Errors
    /// The answer to a request that is not allowed.
    pub(crate) fn check(&self, peer: &Peer, command: &Command) -> Result<(), Refusal> {
        let ip = peer.addr().ip().to_canonical();
        let checked = self.0.rules().check(command.code, &command.ext, &command.body, ip);
        checked.map_err(|error| refused(peer, Some(command.code), error))
    }

    /// Checks a topic that shows only while a request is served.
    ///
    /// # Errors
    /// The answer to a request that is not allowed.
    pub(crate) fn check_topic(
        &self,
        peer: &Peer,
        ext: &Ext,
        topic: &str,
        needed: Perm,
    ) -> Result<(), Refusal> {
        let ip = peer.addr().ip().to_canonical();
        let checked = self.0.rules().check_topic(ext, ip, topic, needed);
        checked.map_err(|error| refused(peer, None, error))
    }

    /// Takes up what has changed in the file. May block.
    fn look(&self) {
        let file = self.0.path().display();
        match self.0.look() {
            Look::Nothing => {}
            Look::Applied => {
                tracing::info!(target: LOG, %file, "The plain acl yml changed, reload the context")
            }
            Look::Kept(error) => {
                tracing::error!(target: LOG, %file, %error, "the access rules cannot be used, those before stay in force");
            }
            Look::Missing(error) => {
                tracing::error!(target: LOG, %file, %error, "the access rules cannot be read, those before stay in force");
            }
        }
    }
}

#[cold]
fn refused(peer: &Peer, code: Option<i32>, error: acl::AclError) -> Refusal {
    tracing::info!(target: LOG, peer = %peer.addr(), code, %error, "request not allowed");
    error.into()
}

/// Looks at the file until stopped.
pub(crate) async fn watch(access: Arc<Access>, stop: CancellationToken) {
    let mut ticks = tokio::time::interval(LOOK_PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        let access = Arc::clone(&access);
        if let Err(error) = tokio::task::spawn_blocking(move || access.look()).await {
            tracing::error!(target: LOG, %error, "look at the access rules");
        }
    }
}
