//! What a slave copies from its master besides the log: topics, groups, and how far consumers and
//! delay levels are. 4.4.0 does so every minute; here every ten seconds, so that a slave whose
//! master is lost knows its topics, and as soon as a master is known.

use std::sync::Arc;
use std::time::Duration;

use protocol::bodies::{
    ConsumerOffsetSerializeWrapper, DelayOffset, SubscriptionGroupWrapper,
    TopicConfigSerializeWrapper,
};
use protocol::codes::response;
use protocol::requests::{
    GetAllConsumerOffset, GetAllDelayOffset, GetAllSubscriptionGroupConfig, GetAllTopicConfig,
};
use protocol::{Request, json};
use remoting::CallError;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::LOG;
use crate::settings::VIP_PORT_BELOW;
use crate::start::Broker;

/// How often.
const PERIOD: Duration = Duration::from_secs(10);
/// How long the master may take for each table.
const WAIT: Duration = Duration::from_secs(3);

/// Where the master of a slave is.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Masters {
    /// Its HA port.
    pub(crate) ha: Option<String>,
    /// Its listener.
    pub(crate) addr: Option<String>,
}

#[derive(Debug, thiserror::Error)]
enum SyncError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error("CODE: {0}  DESC: {1}")]
    Refused(i32, String),
    #[error(transparent)]
    Header(#[from] protocol::ext::Error),
    #[error(transparent)]
    Body(#[from] json::Error),
}

/// Copies until the broker stops.
pub(crate) async fn run(broker: Arc<Broker>) {
    let stop = broker.stop.clone();
    let mut told = broker.masters();
    loop {
        let master = told.borrow_and_update().addr.clone();
        if let Some(master) = &master {
            stop.run_until_cancelled(copy_all(&broker, master)).await;
        }
        let moved = async {
            if told.wait_for(|masters| masters.addr != master).await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = tokio::time::sleep(PERIOD) => {}
            () = moved => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn copy_all(broker: &Arc<Broker>, master: &str) {
    let vip = vip_of(master);
    match table::<_, TopicConfigSerializeWrapper>(broker, &vip, &GetAllTopicConfig).await {
        Ok(topics) => {
            if broker.topics.replace_all(topics) {
                tracing::info!(target: LOG, "Update slave topic config from master, {master}");
            }
        }
        Err(error) => tracing::error!(target: LOG, %error, "SyncTopicConfig Exception, {master}"),
    }
    match table::<_, ConsumerOffsetSerializeWrapper>(broker, master, &GetAllConsumerOffset).await {
        Ok(offsets) => {
            broker.offsets.replace(offsets);
            tracing::info!(target: LOG, "Update slave consumer offset from master, {master}");
        }
        Err(error) => {
            tracing::error!(target: LOG, %error, "SyncConsumerOffset Exception, {master}");
        }
    }
    match table::<_, DelayOffset>(broker, master, &GetAllDelayOffset).await {
        Ok(offsets) => {
            broker.delay.replace(offsets);
            tracing::info!(target: LOG, "Update slave delay offset from master, {master}");
        }
        Err(error) => tracing::error!(target: LOG, %error, "SyncDelayOffset Exception, {master}"),
    }
    let groups = &GetAllSubscriptionGroupConfig;
    match table::<_, SubscriptionGroupWrapper>(broker, master, groups).await {
        Ok(groups) => {
            if broker.groups.replace_all(groups) {
                tracing::info!(target: LOG, "Update slave Subscription Group from master, {master}");
            }
        }
        Err(error) => {
            tracing::error!(target: LOG, %error, "SyncSubscriptionGroup Exception, {master}");
        }
    }
}

/// The master's VIP listener, which 4.4.0 asks for topics.
fn vip_of(addr: &str) -> String {
    let vip = addr.rsplit_once(':').and_then(|(host, port)| {
        let port = port.parse::<u16>().ok()?.checked_sub(VIP_PORT_BELOW)?;
        Some(format!("{host}:{port}"))
    });
    vip.unwrap_or_else(|| addr.to_owned())
}

async fn table<R: Request + Serialize, B: DeserializeOwned>(
    broker: &Broker,
    addr: &str,
    header: &R,
) -> Result<B, SyncError> {
    let answer = broker.client.call(addr, broker.ask(header)?, WAIT).await?;
    if answer.code != response::SUCCESS {
        return Err(SyncError::Refused(answer.code, answer.remark.unwrap_or_default()));
    }
    Ok(json::from_slice(&answer.body)?)
}
