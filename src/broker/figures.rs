//! The figures of a broker for whoever scrapes it. They are read where they are kept; nothing here
//! is counted twice.

mod groups;
mod runtime;

use std::sync::atomic::Ordering;

use observe::{Metric, Scrape, Source};
use protocol::topic;
use store::NotWritable;

use crate::start::Broker;
use crate::stats::Span;

/// The labels that say which broker it is.
struct Who<'a> {
    cluster: &'a str,
    broker: &'a str,
    addr: &'a str,
}

impl Source for Broker {
    fn collect(&self, scrape: &mut Scrape) {
        let identity = self.identity();
        let who = Who { cluster: &identity.cluster, broker: &identity.name, addr: &identity.addr };
        if let Some(requests) = &self.requests {
            requests.collect(scrape);
        }
        let role = if identity.id == 0 { "master" } else { "slave" };
        scrape.set(Metric::BuildInfo, &[env!("CARGO_PKG_VERSION"), role], 1.0);
        connections(self, scrape);
        rates(self, &who, scrape);
        topics(self, &who, scrape);
        groups::collect(self, &who, scrape);
        runtime::collect(self, &who, scrape);
        store(self, &who, scrape);
        waiting(self, &who, scrape);
    }

    fn alive(&self) -> Result<(), String> {
        match self.store.poisoned() {
            Some(why) => Err(format!("the store stopped writing: {why}")),
            None => Ok(()),
        }
    }

    fn ready(&self) -> Result<(), String> {
        self.alive()?;
        match self.store.check_writable() {
            Ok(()) | Err(NotWritable::Slave) => Ok(()),
            Err(why) => Err(why.to_string()),
        }
    }
}

fn connections(broker: &Broker, scrape: &mut Scrape) {
    for server in broker.servers.lock().iter() {
        let port = server.local_addr().port().to_string();
        scrape.set(Metric::Connections, &[&port], server.connections() as f64);
    }
}

/// What the statistics count.
fn rates(broker: &Broker, who: &Who<'_>, scrape: &mut Scrape) {
    let Who { cluster, broker: name, addr } = *who;
    let stats = &broker.stats;
    let (put, got) = stats.broker_tps();
    scrape.set(Metric::BrokerTps, &[cluster, addr, name], put);
    scrape.set(Metric::BrokerQps, &[cluster, addr, name], got);
    stats.each_topic(|topic, nums, size| {
        let labels = [cluster, name, topic];
        scrape.set(Metric::ProducerTps, &labels, nums.figures(Span::Minute).tps);
        scrape.set(Metric::ProducerMessageSize, &labels, size.figures(Span::Minute).tps);
        scrape.set(Metric::MessagesIn, &labels, nums.total() as f64);
        scrape.set(Metric::BytesIn, &labels, size.total() as f64);
    });
    stats.each_group(|topic, group, [nums, size, back]| {
        let labels = [cluster, name, topic, group];
        if nums.is_used() {
            scrape.set(Metric::ConsumerTps, &labels, nums.figures(Span::Minute).tps);
            scrape.set(Metric::ConsumerMessageSize, &labels, size.figures(Span::Minute).tps);
            scrape.set(Metric::MessagesOut, &labels, nums.total() as f64);
            scrape.set(Metric::BytesOut, &labels, size.total() as f64);
        }
        if back.is_used() {
            scrape.set(Metric::SendBackNums, &labels, back.figures(Span::Minute).sum as f64);
            scrape.set(Metric::SentBack, &labels, back.total() as f64);
        }
    });
}

/// How far the queues of each topic go.
fn topics(broker: &Broker, who: &Who<'_>, scrape: &mut Scrape) {
    let Who { cluster, broker: name, .. } = *who;
    let names: Vec<_> = broker.topics.table().topics.keys().cloned().collect();
    scrape.set(Metric::Topics, &[cluster, name], names.len() as f64);
    let groups = broker.groups.table().groups.len();
    scrape.set(Metric::Groups, &[cluster, name], groups as f64);
    for topic_name in &names {
        let ends = broker.store.queue_ids(topic_name).into_iter();
        let sum: i64 = ends.map(|id| broker.store.max_offset(topic_name, id).max(0)).sum();
        let (metric, last) = match (topic::is_retry(topic_name), topic::dlq_group(topic_name)) {
            (true, _) => (Metric::TopicRetryOffset, &**topic_name),
            (_, Some(group)) => (Metric::TopicDlqOffset, group),
            _ => (Metric::ProducerOffset, &**topic_name),
        };
        scrape.set(metric, &[cluster, name, last], sum as f64);
    }
}

fn store(broker: &Broker, who: &Who<'_>, scrape: &mut Scrape) {
    let Who { cluster, broker: name, addr } = *who;
    let store = &broker.store;
    let writable = store.poisoned().is_none() && store.check_writable().is_ok();
    for (metric, value) in [
        (Metric::StoreAppended, store.appended().get() as f64),
        (Metric::StoreFlushed, store.flushed().get() as f64),
        (Metric::StoreDispatched, store.dispatched().get() as f64),
        (Metric::StoreReplicated, store.replicated().get() as f64),
        (Metric::StoreWritable, f64::from(u8::from(writable))),
        (Metric::PutFailures, store.stats().put_failures() as f64),
        (Metric::IndexDiskRatio, store.disk_usage().index),
        (Metric::Slaves, store.slave_count() as f64),
    ] {
        scrape.set(metric, &[cluster, name], value);
    }
    if store.slave_count() > 0 {
        let labels = [cluster, addr, name];
        scrape.set(Metric::BrokerCommitLogDiff, &labels, store.slave_behind() as f64);
    }
    for (level, offset) in broker.delay.snapshot().offset_table {
        let end = store.max_offset(topic::SCHEDULE, store::queue_of_level(level));
        let waiting = end.saturating_sub(offset).max(0);
        scrape.set(Metric::DelayBehind, &[cluster, name, &level.to_string()], waiting as f64);
    }
}

/// What waits, and what was turned away because too much did.
fn waiting(broker: &Broker, who: &Who<'_>, scrape: &mut Scrape) {
    let Who { cluster, broker: name, .. } = *who;
    scrape.set(Metric::HeldPulls, &[cluster, name], broker.hold.len() as f64);
    scrape.set(Metric::WaitingEnds, &[cluster, name], broker.flow.ends.len() as f64);
    let refused = &broker.flow.refused;
    for (reason, count) in [
        ("reject", &refused.held_up),
        ("overload", &refused.too_many),
        ("timeout", &refused.too_late),
    ] {
        let count = count.load(Ordering::Relaxed) as f64;
        scrape.set(Metric::FlowRefusals, &[cluster, name, reason], count);
    }
}
