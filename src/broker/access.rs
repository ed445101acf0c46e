//! Access control where `aclEnable` says so: the rules of `plain_acl.yml`, taken again whenever
//! the file changes. Without it nothing here is asked or started.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use acl::{Acl, Perm, Reload};
use config::Env;
use protocol::{Command, Ext, Refusal};
use remoting::Peer;
use tokio_util::sync::CancellationToken;

use crate::LOG;
use crate::config::BrokerConfig;
use crate::settings::StartError;

/// System property with the place of the file below the installation folder.
const FILE_PROPERTY: &str = "rocketmq.acl.plain.file";
/// Its place where nobody says otherwise.
const FILE_DEFAULT: &str = "/conf/plain_acl.yml";
/// How often the file is looked at.
const PERIOD: Duration = Duration::from_millis(500);

/// The rules in force and where they come from.
#[derive(Debug)]
pub(crate) struct Access {
    rules: Acl,
    file: PathBuf,
}

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
        let name = Env::current().property(FILE_PROPERTY).unwrap_or(FILE_DEFAULT);
        let file = Path::new(&config.rocketmq_home).join(name.trim_start_matches('/'));
        let bad = |reason: String| StartError::Access { file: file.clone(), reason };
        let content = std::fs::read(&file).map_err(|error| bad(error.to_string()))?;
        let rules = Acl::new(acl::Server::Broker, &content);
        let rules = rules.map_err(|error| bad(error.to_string()))?;
        Ok(Some(Self { rules, file }))
    }

    /// Checks a request before anything else is done with it.
    ///
    /// # Errors
    /// The answer to a request that is not allowed.
    pub(crate) fn check(&self, peer: &Peer, command: &Command) -> Result<(), Refusal> {
        let ip = peer.addr().ip().to_canonical();
        let checked = self.rules.check(command.code, &command.ext, &command.body, ip);
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
        let checked = self.rules.check_topic(ext, ip, topic, needed);
        checked.map_err(|error| refused(peer, None, error))
    }

    fn reload(&self, content: &[u8]) {
        match self.rules.reload(content) {
            Reload::Unchanged => {}
            Reload::Applied => {
                tracing::info!(target: LOG, file = %self.file.display(), "The plain acl yml changed, reload the context");
            }
            Reload::Kept(error) => {
                tracing::error!(target: LOG, file = %self.file.display(), %error, "the access rules cannot be used, those before stay in force");
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
    let mut missing = false;
    let mut ticks = tokio::time::interval(PERIOD);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        match read(&access.file).await {
            Ok(content) => {
                missing = false;
                access.reload(&content);
            }
            Err(error) if !missing => {
                missing = true;
                tracing::error!(target: LOG, file = %access.file.display(), %error, "the access rules cannot be read, those before stay in force");
            }
            Err(_) => {}
        }
    }
}

async fn read(file: &Path) -> io::Result<Vec<u8>> {
    let file = file.to_owned();
    tokio::task::spawn_blocking(move || std::fs::read(file)).await?
}
