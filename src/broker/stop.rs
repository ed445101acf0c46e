//! An ordered end: answer what is in flight, leave the routes, put everything on disk.

use std::sync::Arc;

use tokio::task::JoinSet;

use crate::LOG;
use crate::delay;
use crate::persist::{Kept, keep_blocking, keep_if_changed};
use crate::start::Broker;

impl Broker {
    /// Stops serving, unregisters, and writes everything down; the store goes last. A second call
    /// waits for nothing and does nothing.
    pub async fn shutdown(&self) {
        let servers = std::mem::take(&mut *self.servers.lock());
        if servers.is_empty() {
            return;
        }
        let mut closing = JoinSet::new();
        self.hold.close();
        for server in servers {
            closing.spawn(async move { server.shutdown().await });
        }
        while closing.join_next().await.is_some() {}
        // First, so that no registration comes after the farewell.
        self.stop.cancel();
        self.registrar.unregister().await;
        self.tasks.close();
        self.tasks.wait().await;
        self.client.shutdown().await;
        keep_if_changed(&self.topics).await;
        keep_if_changed(&self.groups).await;
        let transactions = Arc::clone(&self.transactions);
        let kept = tokio::task::spawn_blocking(move || transactions.keep_progress()).await;
        if let Err(error) = kept {
            tracing::error!(target: LOG, %error, "keep the progress of transactions");
        }
        keep_blocking(&self.offsets).await;
        self.keep_filters().await;
        let (delay, store) = (Arc::clone(&self.delay), Arc::clone(&self.store));
        let stopped = tokio::task::spawn_blocking(move || {
            if delay.changes().pending() {
                delay::keep_now(&delay, &store);
            }
            if let Err(error) = store.shutdown() {
                tracing::error!(target: LOG, %error, "stop the store");
            }
        });
        if let Err(error) = stopped.await {
            tracing::error!(target: LOG, %error, "stop the store");
        }
    }
}
