//! The endpoint with metrics and health of a server process, where one is configured.

use std::sync::Arc;

use observe::{Endpoint, ObserveConfig, Source};

use crate::launch::{Exit, code};

/// It listens before the server starts, so that a long recovery can be told from a dead process.
pub(crate) struct Watch(Option<Endpoint>);

impl Watch {
    /// Listens, where a port is configured.
    pub(crate) async fn start(config: &ObserveConfig) -> Result<Self, Exit> {
        let Some(addr) = config.endpoint() else { return Ok(Self(None)) };
        let bound = Endpoint::bind(addr).await.map_err(|error| {
            tracing::error!("metricsPort: listen on {addr}: {error}");
            Exit::failing(code::FAILED, format_args!("metricsPort: listen on {addr}: {error}"))
        });
        bound.map(|endpoint| Self(Some(endpoint)))
    }

    /// The server has started.
    pub(crate) fn started(&self, server: Arc<dyn Source>) {
        if let Some(endpoint) = &self.0 {
            endpoint.started(server);
        }
    }

    /// Keeps answering while the server stops, but not that it is ready.
    pub(crate) async fn while_stopping(&self, stop: impl Future<Output = ()>) {
        if let Some(endpoint) = &self.0 {
            endpoint.stopping();
        }
        stop.await;
        if let Some(endpoint) = &self.0 {
            endpoint.shutdown().await;
        }
    }
}
