//! Entries of a queue, one by one (321).
//!
//! 4.4.0 writes the body before it fills it, so that its answer is always empty; ours says what
//! the body is made for.

use std::cell::RefCell;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use protocol::bodies::{ConsumeQueueData, QueryConsumeQueueResponseBody, SubscriptionData};
use protocol::json;
use protocol::requests::QueryConsumeQueue;
use protocol::{Refusal, topic};
use remoting::Answer;
use serde::Serialize;
use store::{ExtUnit, MessageFilter};

use super::admin::{blocking, body};
use super::{Call, Outcome};
use crate::Broker;
use crate::clients::consumers::Lookup;
use crate::wants::Wants;

/// Most entries of one answer, so that it stays below the limit of a frame.
const ENTRIES_MAX: usize = 20_000;

/// Lists entries from an offset on, at most to the end of a file of the queue.
pub(crate) fn entries(call: &Call<'_>, header: &QueryConsumeQueue) -> Answer {
    let header = header.clone();
    blocking(call.broker, move |broker| list(broker, &header))
}

fn list(broker: &Broker, header: &QueryConsumeQueue) -> Outcome {
    let QueryConsumeQueue { topic, queue_id, index, count, consumer_group } = header;
    let store = &broker.store;
    if !topic::is_path_safe(topic) || !store.queue_ids(topic).contains(queue_id) {
        return Err(Refusal::system_error(format!("{queue_id}@{topic} is not exist!")));
    }
    let mut answer = QueryConsumeQueueResponseBody {
        max_queue_index: store.max_offset(topic, *queue_id),
        min_queue_index: store.min_offset(topic, *queue_id),
        ..QueryConsumeQueueResponseBody::default()
    };
    let mut wants = None;
    if let Some(group) = consumer_group {
        let (subscription, filter) = subscription(broker, group, topic);
        answer.filter_data = Some(match &subscription {
            None => format!("{group}@{topic} is not online!"),
            Some(_) => filter_text(broker, group, topic),
        });
        answer.subscription_data = subscription.map(|data| SubscriptionData::clone(&data));
        wants = filter;
    }
    let count = usize::try_from(*count).unwrap_or(0).min(ENTRIES_MAX);
    let found = store.entries(topic, *queue_id, *index, count);
    if found.is_empty() && !(answer.min_queue_index..answer.max_queue_index).contains(index) {
        let remark = format!("Index {index} of {queue_id}@{topic} is not exist!");
        return Ok(body(&answer)?.remark(remark));
    }
    let notes = Notes { wants: wants.as_ref(), list: RefCell::default() };
    let most = i32::try_from(found.len()).unwrap_or(i32::MAX);
    // A filter that wants nothing sees every entry and has nothing read from the log.
    let _ = store.read(topic, *queue_id, *index, most, &notes);
    let mut notes = notes.list.into_inner().into_iter();
    let data = found.into_iter().map(|entry| {
        let note = notes.next().unwrap_or_default();
        ConsumeQueueData {
            physic_offset: entry.physical_offset,
            physic_size: entry.size,
            tags_code: entry.tags_code,
            msg: note.msg.map(|text| format!("{text}addr: {}", entry.tags_code)),
            ..note
        }
    });
    answer.queue_data = Some(data.collect());
    body(&answer)
}

/// The subscription of a group that is online, and the filter it makes.
fn subscription(
    broker: &Broker,
    group: &str,
    topic: &str,
) -> (Option<Arc<SubscriptionData>>, Option<Wants>) {
    let Lookup::Group(_, Some(data)) = broker.consumers.lookup(group, topic) else {
        return (None, None);
    };
    let wants = match broker.filters.get(group, topic) {
        _ if data.is_tags() => Wants::tags(Arc::clone(&data)),
        Some(filter) if !data.class_filter_mode => Wants::Registered(filter),
        _ => Wants::Everything,
    };
    (Some(data), Some(wants))
}

/// What is kept of the group's expression; `null` for a group that goes by tags.
fn filter_text(broker: &Broker, group: &str, topic: &str) -> String {
    let data = broker.filters.get(group, topic).map(|filter| filter.to_data());
    json::to_string_pretty(&data)
}

/// Looks at entries and wants none: what their extension units say, and whether they pass.
struct Notes<'a> {
    wants: Option<&'a Wants>,
    list: RefCell<Vec<ConsumeQueueData>>,
}

impl MessageFilter for Notes<'_> {
    fn matches_queue(&self, tags_code: Option<i64>, ext: Option<&ExtUnit<'_>>) -> bool {
        let lost = tags_code.is_none() && ext.is_none();
        self.list.borrow_mut().push(ConsumeQueueData {
            eval: self.wants.is_some_and(|wants| wants.matches_queue(tags_code, ext)),
            bit_map: ext.filter(|unit| !unit.bit_map.is_empty()).map(|unit| bits(unit.bit_map)),
            extend_data_json: ext.map(|unit| json::to_string(&Unit::of(unit))),
            msg: lost.then(|| "Cq extend not exist!".to_owned()),
            ..ConsumeQueueData::default()
        });
        false
    }
}

/// An extension unit as 4.4.0 writes it as JSON.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Unit {
    filter_bit_map: Option<String>,
    msg_store_time: i64,
    size: usize,
    tags_code: i64,
}

impl Unit {
    fn of(unit: &ExtUnit<'_>) -> Self {
        let map = unit.bit_map;
        Self {
            filter_bit_map: (!map.is_empty()).then(|| STANDARD.encode(map)),
            msg_store_time: unit.store_timestamp,
            size: unit.encoded_len().unwrap_or(0),
            tags_code: unit.tags_code,
        }
    }
}

/// The bits of a map, the highest first, with a line break after each eight bytes.
fn bits(map: &[u8]) -> String {
    let mut text = String::with_capacity(map.len() * 9);
    for (place, byte) in map.iter().enumerate().rev() {
        text.push_str(&format!("{byte:08b}"));
        if place % 8 == 0 {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_shown_from_the_highest() {
        assert_eq!(bits(&[1]), "00000001\n");
        assert_eq!(bits(&[1, 0x80]), "1000000000000001\n");
        let nine = bits(&[0, 0, 0, 0, 0, 0, 0, 0, 3]);
        assert_eq!(nine, format!("00000011\n{}\n", "0".repeat(64)));
    }

    #[test]
    fn what_an_extension_says_is_noted() {
        let unit = ExtUnit { tags_code: 5, store_timestamp: 7, bit_map: &[1] };
        let notes = Notes { wants: Some(&Wants::Everything), list: RefCell::default() };
        assert!(!notes.matches_queue(Some(5), Some(&unit)));
        assert!(!notes.matches_queue(None, None));
        let list = notes.list.into_inner();
        let json = r#"{"filterBitMap":"AQ==","msgStoreTime":7,"size":21,"tagsCode":5}"#;
        assert_eq!(list[0].extend_data_json.as_deref(), Some(json));
        assert!(list[0].eval && list[0].msg.is_none());
        assert_eq!(list[1].msg.as_deref(), Some("Cq extend not exist!"));
    }
}
