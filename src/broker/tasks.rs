//! What a broker does by the clock.

use std::sync::Arc;
use std::time::Duration;

use store::BrokerRole;
use tokio_util::sync::CancellationToken;

use crate::register::Round;
use crate::start::Broker;
use crate::{
    LOG, access, address_server, delay, flow, now_ms, persist, replicate_net, slave, stats,
    transaction,
};

/// When periodic work first runs.
const FIRST: Duration = Duration::from_secs(10);
/// How often the address server is asked for name servers, where it is.
const ADDRESS_SERVER_PERIOD: Duration = Duration::from_secs(120);
/// How often filters are written.
const FILTER_PERIOD: Duration = Duration::from_secs(10);
/// How often the log says how far queues are behind.
const LAG_PERIOD: Duration = Duration::from_secs(60);
/// How often a master says how far its slave is behind.
const SLAVE_LINE_PERIOD: Duration = Duration::from_secs(60);
/// A shorter `haMasterAddress` is none.
const ADDRESS_LEN_MIN: usize = 6;
/// How often the number of waiting requests is logged.
const WATER_MARK_PERIOD: Duration = Duration::from_secs(1);
/// How often clients are looked after.
const CLIENT_PERIOD: Duration = Duration::from_secs(10);

impl Broker {
    /// Starts all of it; it ends with the token.
    pub(crate) fn spawn_tasks(self: &Arc<Self>) {
        let stop = || self.stop.clone();
        let (config, store_config) = (self.config.load(), self.store_config.load());
        let ms = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0).max(1));
        self.tasks.spawn(persist::keep_on_change(Arc::clone(&self.topics), stop()));
        self.tasks.spawn(persist::keep_on_change(Arc::clone(&self.groups), stop()));
        let period = ms(config.flush_consumer_offset_interval.into());
        self.tasks.spawn(persist::keep_every(Arc::clone(&self.offsets), FIRST, period, stop()));
        let broker = Arc::clone(self);
        self.tasks.spawn(every(FIRST, FILTER_PERIOD, stop(), move || {
            let broker = Arc::clone(&broker);
            async move { broker.keep_filters().await }
        }));
        let period = ms(store_config.flush_delay_offset_interval);
        let (delay, store) = (Arc::clone(&self.delay), Arc::clone(&self.store));
        self.tasks.spawn(delay::keep(delay, store, FIRST, period, stop()));
        if store_config.broker_role != BrokerRole::Slave {
            let store = Arc::clone(&self.store);
            self.tasks.spawn(Arc::clone(&self.delay).run(store, stop()));
            let period = ms(config.transaction_check_interval);
            self.tasks.spawn(transaction::run(Arc::clone(self), period, stop()));
            let store = Arc::clone(&self.store);
            self.tasks.spawn(every(FIRST, SLAVE_LINE_PERIOD, stop(), move || {
                tracing::info!(target: LOG, "Slave fall behind master: {} bytes", store.slave_behind());
                std::future::ready(())
            }));
        } else {
            let by_hand = &store_config.ha_master_address;
            if by_hand.len() >= ADDRESS_LEN_MIN {
                self.registrar.set_ha_master(by_hand);
            }
            self.tasks.spawn(replicate_net::follow(Arc::clone(self)));
            self.tasks.spawn(slave::run(Arc::clone(self)));
        }
        let period = ms(config.register_name_server_period.clamp(10_000, 60_000).into());
        let broker = Arc::clone(self);
        self.tasks.spawn(every(FIRST, period, stop(), move || {
            let registrar = Arc::clone(&broker.registrar);
            let stop = broker.stop.clone();
            async move {
                stop.run_until_cancelled(registrar.register(Round::Periodic)).await;
            }
        }));
        if config.namesrv_addr.is_empty() && config.fetch_namesrv_addr_by_address_server {
            let registrar = Arc::clone(&self.registrar);
            self.tasks.spawn(every(FIRST, ADDRESS_SERVER_PERIOD, stop(), move || {
                let registrar = Arc::clone(&registrar);
                async move { address_server::refresh(&registrar).await }
            }));
        }
        let broker = Arc::clone(self);
        self.tasks.spawn(every(FIRST, CLIENT_PERIOD, stop(), move || {
            broker.look_after_clients();
            std::future::ready(())
        }));
        let store = Arc::clone(&self.store);
        self.tasks.spawn(every(FIRST, LAG_PERIOD, stop(), move || {
            tracing::info!(target: LOG, "dispatch behind commit log {} bytes", store.dispatch_behind());
            std::future::ready(())
        }));
        let broker = Arc::clone(self);
        self.tasks.spawn(every(FIRST, WATER_MARK_PERIOD, stop(), move || {
            flow::log(&broker);
            std::future::ready(())
        }));
        if let Some(access) = &self.access {
            self.tasks.spawn(access::watch(Arc::clone(access), stop()));
        }
        self.tasks.spawn(stats::keep(Arc::clone(self), stop()));
    }

    /// Forgets filters that nobody needs any more, and writes the others.
    pub(crate) async fn keep_filters(&self) {
        let span_ms = self.config.load().filter_data_clean_time_span;
        self.filters.clean(now_ms(), span_ms);
        persist::keep_if_changed(&self.filters).await;
    }

    /// Forgets clients that are silent, and their locks.
    fn look_after_clients(&self) {
        let now = now_ms();
        self.locks.sweep(now);
        let (mut silent, emptied) = self.consumers.sweep(now);
        for group in emptied {
            self.filters.unregistered(&group, now);
        }
        silent.extend(self.producers.sweep(now));
        if let Some((gone, left)) = self.filter_servers.sweep(now) {
            self.registrar.set_filter_servers(left);
            silent.extend(gone);
        }
        for peer in silent {
            peer.close();
        }
    }
}

/// Runs `work` first after `first`, then every `period`, until stopped.
async fn every<F: Future<Output = ()>>(
    first: Duration,
    period: Duration,
    stop: CancellationToken,
    mut work: impl FnMut() -> F,
) {
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + first, period);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        work().await;
    }
}
