//! What the store tells of new queue entries: it wakes held pulls and the delivery of delays.

use std::sync::Arc;

use config::Live;
use protocol::properties::Properties;
use store::{Arrival, ArrivalListener};

use crate::config::BrokerConfig;
use crate::delay::Delay;
use crate::filters::Filters;
use crate::hold::Hold;
use crate::wants::Wants;

/// Whoever has to know, and what to ask.
pub(crate) struct Arrivals {
    pub(crate) hold: Arc<Hold<Wants>>,
    pub(crate) delay: Arc<Delay>,
    pub(crate) filters: Arc<Filters>,
    pub(crate) config: Arc<Live<BrokerConfig>>,
}

impl ArrivalListener for Arrivals {
    fn arrived(&self, arrival: &Arrival<'_>) {
        if arrival.topic == protocol::topic::SCHEDULE {
            self.delay.arrived();
        }
        if !self.hold.is_awaited() || !self.config.load().long_polling_enable {
            return;
        }
        let Arrival { topic, queue_id, next_offset, tags_code, .. } = *arrival;
        self.hold.arrived(topic, queue_id, next_offset, |wants| {
            wants.by_entry(Some(tags_code), arrival.store_timestamp, arrival.bit_map)
                && wants.by_properties(arrival.properties)
        });
    }

    fn bit_map(&self, topic: &str, properties: Properties<'_>, into: &mut Vec<u8>) {
        if self.config.load().enable_calc_filter_bit_map {
            self.filters.bit_map(topic, |name| properties.get(name), into);
        }
    }
}
