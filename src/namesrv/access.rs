//! Access control where `aclEnable` says so, which 4.4.0 does not know for name servers: the rules
//! of `plain_acl.yml`, taken again whenever the file changes.

use std::sync::Arc;

use ::config::Env;
use acl::{FILE_PROPERTY, LOOK_PERIOD, Look, RulesFile};
use protocol::{Command, Refusal};
use remoting::Peer;
use tokio_util::sync::CancellationToken;

use crate::config::{AccessConfig, NamesrvConfig};
use crate::{LOG, StartError};

/// The rules in force and where they come from.
#[derive(Debug)]
pub(crate) struct Access(RulesFile);

impl Access {
    /// Reads the rules, where requests are to be checked.
    ///
    /// # Errors
    /// There are no usable rules: a name server must not start without those it was asked for.
    pub(crate) fn open(
        wanted: &AccessConfig,
        config: &NamesrvConfig,
    ) -> Result<Option<Self>, StartError> {
        if !wanted.acl_enable {
            return Ok(None);
        }
        let named = Env::current().property(FILE_PROPERTY);
        let file = RulesFile::open(acl::Server::NameServer, &config.rocketmq_home, named);
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
        self.0.rules().check(command.code, &command.ext, &command.body, ip).map_err(|error| {
            tracing::info!(target: LOG, peer = %peer.addr(), code = command.code, %error, "request not allowed");
            error.into()
        })
    }

    /// Takes up what has changed in the file. May block.
    fn look(&self) {
        let file = self.0.path().display();
        match self.0.look() {
            Look::Nothing => {}
            Look::Applied => tracing::info!(target: LOG, %file, "the access rules have changed"),
            Look::Kept(error) => {
                tracing::error!(target: LOG, %file, %error, "the access rules cannot be used, those before stay in force");
            }
            Look::Missing(error) => {
                tracing::error!(target: LOG, %file, %error, "the access rules cannot be read, those before stay in force");
            }
        }
    }
}

/// Looks at the file until stopped. Nothing in it can end it but that.
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
