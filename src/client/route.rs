//! Where the queues of a topic are.

use std::collections::{BTreeMap, HashMap};

use protocol::bodies::{MessageQueue, TopicRouteData};
use protocol::perm;

/// The route of one topic, as producers and consumers see it.
#[derive(Debug, Clone, Default)]
pub struct Route {
    /// Addresses by broker name and id; id 0 is the master.
    pub brokers: HashMap<String, BTreeMap<i64, String>>,
    /// Queues to send to: writable, on brokers with a master.
    pub publish: Vec<MessageQueue>,
    /// Queues to read from, sorted.
    pub subscribe: Vec<MessageQueue>,
}

/// Id of the master among the brokers of one name.
pub(crate) const MASTER_ID: i64 = 0;

impl Route {
    /// Works out the queues of `topic` (Java: `topicRouteData2TopicPublishInfo` and
    /// `...SubscribeInfo`).
    #[must_use]
    pub fn of(topic: &str, data: &TopicRouteData) -> Self {
        let mut route = Self::default();
        for broker in &data.broker_datas {
            let addrs = broker.broker_addrs.iter().map(|(id, addr)| (*id, addr.clone()));
            route.brokers.insert(broker.broker_name.clone(), addrs.collect());
        }
        let mut queues: Vec<_> = data.queue_datas.iter().collect();
        queues.sort_by(|a, b| a.broker_name.cmp(&b.broker_name));
        for data in queues {
            let queue = |queue_id| MessageQueue::new(topic, &data.broker_name, queue_id);
            if perm::is_writeable(data.perm) && route.master(&data.broker_name).is_some() {
                route.publish.extend((0..data.write_queue_nums).map(queue));
            }
            if perm::is_readable(data.perm) {
                route.subscribe.extend((0..data.read_queue_nums).map(queue));
            }
        }
        route
    }

    /// Address of the master of a name.
    #[must_use]
    pub fn master(&self, broker_name: &str) -> Option<&str> {
        self.brokers.get(broker_name)?.get(&MASTER_ID).map(String::as_str)
    }

    /// Address of the broker with this id, else of any broker of the name.
    #[must_use]
    pub fn broker(&self, broker_name: &str, id: i64) -> Option<&str> {
        let addrs = self.brokers.get(broker_name)?;
        addrs.get(&id).or_else(|| addrs.values().next()).map(String::as_str)
    }
}
