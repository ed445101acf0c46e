//! `clusterTest` mode: a topic unknown here is looked up in the name servers of production.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use protocol::Command;
use protocol::codes::response;
use protocol::requests::GetRouteInfoByTopic;
use remoting::{Client, ClientOptions};

use crate::LOG;

/// How long one name server may take.
const WAIT: Duration = Duration::from_secs(3);

/// The name servers of production.
#[derive(Clone)]
pub(crate) struct Product {
    client: Client,
    addresses: Arc<[String]>,
    name: Arc<str>,
}

impl Product {
    /// `None` without an address.
    pub(crate) fn new(addresses: &[String], name: &str) -> Option<Self> {
        (!addresses.is_empty()).then(|| Self {
            client: Client::new(ClientOptions::default()),
            addresses: addresses.into(),
            name: name.into(),
        })
    }

    /// The body of the first answer that has a route.
    pub(crate) async fn route(&self, topic: &str) -> Option<Bytes> {
        let header = GetRouteInfoByTopic { topic: topic.to_owned() };
        for address in self.addresses.iter() {
            let request = Command::of(&header).ok()?;
            match self.client.call(address, request, WAIT).await {
                Ok(answer) if answer.code == response::SUCCESS => return Some(answer.body),
                Ok(_) => {}
                Err(error) => tracing::debug!(target: LOG, %error, "ask production"),
            }
        }
        let name = &self.name;
        tracing::info!(
            target: LOG,
            "get route info by topic from product environment failed. envName={name},"
        );
        None
    }

    pub(crate) async fn shutdown(&self) {
        self.client.shutdown().await;
    }
}
