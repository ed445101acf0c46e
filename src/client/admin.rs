//! What operators ask of name servers and brokers (Java: `DefaultMQAdminExt`).
//!
//! Lists come in the order of the answer. Nothing is cached: each call sees the cluster as it is.

use std::sync::Arc;
use std::time::Duration;

use protocol::bodies::{BrokerData, ClusterInfo, TopicRouteData};
use protocol::codes::response;
use protocol::requests::{
    GetAllTopicListFromNameserver, GetBrokerClusterInfo, GetRouteInfoByTopic,
};
use protocol::{Command, Request, json};
use remoting::CallError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::names::typed;
use crate::route::MASTER_ID;
use crate::{ClientError, Instance, Settings};

mod groups;
mod messages;
mod offsets;
mod pull;
mod servers;
mod topics;
mod track;

pub use offsets::{ResetQueue, ResetRequest};
pub use track::{MessageTrack, TrackType};

/// Time limit of an admin call in 4.4.0.
pub const ADMIN_TIMEOUT: Duration = Duration::from_secs(5);
/// Calls that a broker computes long on or passes on to a client get so many times the limit.
const LONG: u32 = 3;
/// How far below a broker's port its second door is, which 4.4.0 keeps for few clients.
const VIP_STEP: u16 = 2;

/// A way to ask and change what clusters hold.
///
/// ```no_run
/// # async fn demo() -> Result<(), client::ClientError> {
/// use client::{Admin, Settings};
///
/// let admin = Admin::start(Settings::new("my_tool", "127.0.0.1:9876"), false).await?;
/// for (queue, offsets) in admin.topic_stats("TopicTest").await?.offset_table {
///     println!("{queue}: {} to {}", offsets.min_offset, offsets.max_offset);
/// }
/// admin.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Admin {
    instance: Arc<Instance>,
    vip_channel: bool,
}

/// Names as a server lists them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Names {
    topic_list: Vec<String>,
    group_list: Vec<String>,
}

impl Admin {
    /// Starts without asking anything. With `vip_channel` brokers are called on their second
    /// port, as 4.4.0 does, and on the first one where that is closed.
    ///
    /// # Errors
    /// When there is no name server address.
    pub async fn start(settings: Settings, vip_channel: bool) -> Result<Self, ClientError> {
        Ok(Self { instance: Instance::tool(settings).await?, vip_channel })
    }

    /// Ends all connections.
    pub async fn shutdown(&self) {
        self.instance.shutdown().await;
    }

    /// The name servers it was given.
    #[must_use]
    pub fn name_servers(&self) -> &[String] {
        self.instance.names().all()
    }

    /// All topics the name server knows.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn topics(&self) -> Result<Vec<String>, ClientError> {
        Ok(self.read_name_server::<Names, _>(&GetAllTopicListFromNameserver).await?.topic_list)
    }

    /// All clusters and brokers.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn clusters(&self) -> Result<ClusterInfo, ClientError> {
        self.read_name_server(&GetBrokerClusterInfo).await
    }

    /// The brokers and queues of a topic.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them for topics that do not exist.
    pub async fn route(&self, topic: &str) -> Result<TopicRouteData, ClientError> {
        self.read_name_server(&GetRouteInfoByTopic { topic: topic.to_owned() }).await
    }

    /// The addresses to ask about a topic, one a broker name.
    async fn addresses(&self, topic: &str) -> Result<Vec<String>, ClientError> {
        let route = self.route(topic).await?;
        Ok(route.broker_datas.iter().filter_map(some_address).map(str::to_owned).collect())
    }

    fn limit(&self) -> Duration {
        self.instance.settings().timeout
    }

    async fn ask_name_server<R: Request>(&self, request: &R) -> Result<Command, ClientError> {
        let asked = self.instance.names().ask(self.instance.remoting(), request, self.limit());
        Ok(asked.await?.1)
    }

    async fn read_name_server<T, R>(&self, request: &R) -> Result<T, ClientError>
    where
        T: DeserializeOwned,
        R: Request,
    {
        read(&self.ask_name_server(request).await?)
    }

    /// Asks every name server; the last failure when one fails, else what they remark.
    async fn ask_name_servers<R: Request>(
        &self,
        request: &R,
        body: &[u8],
    ) -> Result<Vec<String>, ClientError> {
        let mut result = Ok(Vec::new());
        for addr in self.name_servers() {
            match self.instance.ask(addr, request, body.to_vec()).await {
                Ok((_, answer)) => {
                    if let Ok(remarks) = &mut result {
                        remarks.extend(answer.remark);
                    }
                }
                Err(error) => result = Err(error),
            }
        }
        result
    }

    /// Asks a broker.
    async fn ask<R: Request>(
        &self,
        addr: &str,
        request: &R,
        body: Vec<u8>,
    ) -> Result<(R::Reply, Command), ClientError> {
        let command = Command::of(request)?.body(body);
        typed::<R>(self.call(addr, command, self.limit()).await?)
    }

    /// Asks a broker for a body.
    async fn read<T, R>(&self, addr: &str, request: &R) -> Result<T, ClientError>
    where
        T: DeserializeOwned,
        R: Request,
    {
        read(&self.ask(addr, request, Vec::new()).await?.1)
    }

    /// Asks a broker for a body that takes it long.
    async fn read_slowly<T, R>(&self, addr: &str, request: &R) -> Result<T, ClientError>
    where
        T: DeserializeOwned,
        R: Request,
    {
        let answer = self.call(addr, Command::of(request)?, self.limit() * LONG).await?;
        read(&typed::<R>(answer)?.1)
    }

    async fn call(
        &self,
        addr: &str,
        command: Command,
        wait: Duration,
    ) -> Result<Command, ClientError> {
        let remoting = self.instance.remoting();
        if let Some(vip) = self.vip_address(addr) {
            match remoting.call(&vip, command.clone(), wait).await {
                // That port may be behind a firewall; the other one serves the same requests.
                Err(CallError::Connect { .. }) => {}
                answered => return Ok(answered?),
            }
        }
        Ok(remoting.call(addr, command, wait).await?)
    }

    fn vip_address(&self, addr: &str) -> Option<String> {
        let (host, port) = addr.rsplit_once(':').filter(|_| self.vip_channel)?;
        let port = port.parse::<u16>().ok()?.checked_sub(VIP_STEP)?;
        Some(format!("{host}:{port}"))
    }
}

/// The body of an answer.
fn read<T: DeserializeOwned>(answer: &Command) -> Result<T, ClientError> {
    json::from_slice(&answer.body).map_err(|error| ClientError::Malformed(error.to_string()))
}

/// The master's address, else that of another broker of the name.
fn some_address(broker: &BrokerData) -> Option<&str> {
    let addrs = &broker.broker_addrs;
    addrs.get(&MASTER_ID).or_else(|| addrs.values().next()).map(String::as_str)
}

/// No client of the group is there to tell.
fn not_online(what: &str) -> ClientError {
    ClientError::Absent { code: Some(response::CONSUMER_NOT_ONLINE), what: what.to_owned() }
}
