//! Access control where `aclEnable` says so, which 4.4.0 does not know for name servers: the rules
//! of `plain_acl.yml`, taken again whenever the file changes.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use ::config::Env;
use acl::{Acl, Reload};
use protocol::{Command, Refusal};
use remoting::Peer;
use tokio_util::sync::CancellationToken;

use crate::config::{AccessConfig, NamesrvConfig};
use crate::{LOG, StartError};

/// System property with the place of the file below the installation folder, as for a broker.
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
    /// There are no usable rules: a name server must not start without those it was asked for.
    pub(crate) fn open(
        wanted: &AccessConfig,
        config: &NamesrvConfig,
    ) -> Result<Option<Self>, StartError> {
        if !wanted.acl_enable {
            return Ok(None);
        }
        let name = Env::current().property(FILE_PROPERTY).unwrap_or(FILE_DEFAULT);
        let file = Path::new(&config.rocketmq_home).join(name.trim_start_matches('/'));
        let bad = |reason: String| StartError::Access { file: file.clone(), reason };
        let content = std::fs::read(&file).map_err(|error| bad(error.to_string()))?;
        let rules = Acl::new(acl::Server::NameServer, &content);
        let rules = rules.map_err(|error| bad(error.to_string()))?;
        Ok(Some(Self { rules, file }))
    }

    /// Checks a request before anything else is done with it.
    ///
    /// # Errors
    /// The answer to a request that is not allowed.
    pub(crate) fn check(&self, peer: &Peer, command: &Command) -> Result<(), Refusal> {
        let ip = peer.addr().ip().to_canonical();
        self.rules.check(command.code, &command.ext, &command.body, ip).map_err(|error| {
            tracing::info!(target: LOG, peer = %peer.addr(), code = command.code, %error, "request not allowed");
            error.into()
        })
    }

    fn reload(&self, content: &[u8]) {
        let file = self.file.display();
        match self.rules.reload(content) {
            Reload::Unchanged => {}
            Reload::Applied => tracing::info!(target: LOG, %file, "the access rules have changed"),
            Reload::Kept(error) => {
                tracing::error!(target: LOG, %file, %error, "the access rules cannot be used, those before stay in force");
            }
        }
    }
}

/// Looks at the file until stopped. Nothing in it can end it but that.
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
