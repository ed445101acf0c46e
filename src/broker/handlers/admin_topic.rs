//! Topics: their offsets (202), who consumes them (300), the system's (305), and deleting them and
//! their queues (215, 306, 316).

use std::collections::HashSet;
use std::sync::Arc;

use protocol::bodies::{GroupList, MessageQueue, TopicList, TopicOffset, TopicStatsTable};
use protocol::codes::response;
use protocol::requests::{DeleteTopicInBroker, GetTopicStatsInfo, QueryTopicConsumeByWho};
use protocol::{Refusal, Reply, topic};
use remoting::Answer;

use super::admin::{blocking, body, no_topic, queue_ids, run};
use super::{Call, Outcome};
use crate::persist::Kept;
use crate::{LOG, now_ms, remarks};

/// Topics that the broker itself works with and that need not be in the table. Without their
/// queues open transactions and delayed messages are lost.
const OURS: [&str; 3] = [topic::SCHEDULE, topic::TRANS_HALF, topic::TRANS_OP_HALF];

/// Begin, end and last message of each queue.
pub(crate) fn stats(call: &Call<'_>, header: &GetTopicStatsInfo) -> Result<Answer, Refusal> {
    let name = header.topic.clone();
    let topic = call.broker.topics.get(&name).ok_or_else(|| no_topic(&name))?;
    let queues = queue_ids(topic.write_queues)?;
    Ok(blocking(call.broker, move |broker| {
        let (store, broker_name) = (&broker.store, &broker.identity().name);
        let offset_table = queues.map(|queue_id| {
            let (min, max) = (store.min_offset(&name, queue_id), store.max_offset(&name, queue_id));
            let last = if max > 0 { store.store_time(&name, queue_id, max - 1) } else { 0 };
            let offsets = TopicOffset {
                last_update_timestamp: last,
                max_offset: max.max(0),
                min_offset: min.max(0),
            };
            (MessageQueue::new(name.as_str(), broker_name.as_str(), queue_id), offsets)
        });
        body(&TopicStatsTable { offset_table: offset_table.collect() })
    }))
}

/// The groups that consume a topic: those online, and those with offsets in it.
pub(crate) fn groups(call: &Call<'_>, header: &QueryTopicConsumeByWho) -> Answer {
    let topic = header.topic.clone();
    blocking(call.broker, move |broker| {
        let mut groups = broker.consumers.groups_of_topic(&topic);
        groups.extend(broker.offsets.groups_of(&topic));
        body(&GroupList { group_list: groups.into_iter().collect() })
    })
}

/// The topics that every broker has.
pub(crate) fn system(call: &Call<'_>) -> Outcome {
    let topic_list = call.broker.topics.system_topics().clone();
    body(&TopicList { broker_addr: None, topic_list })
}

/// Deletes a topic and its queues, and nothing else. (4.4.0 deletes the queues of every topic
/// that is not in the table: those of open transactions, for one.)
pub(crate) fn delete(call: &Call<'_>, header: &DeleteTopicInBroker) -> Result<Answer, Refusal> {
    tracing::info!(target: LOG, "deleteTopic called by {}", call.peer.addr());
    let name = header.topic.clone();
    if !topic::is_path_safe(&name) {
        return Err(remarks::illegal_name(response::SYSTEM_ERROR, &name));
    }
    if OURS.contains(&name.as_str()) {
        return Err(remarks::reserved(&name));
    }
    let broker = Arc::clone(call.broker);
    let change = broker.topics.delete(&name, now_ms());
    Ok(Answer::Later(Box::pin(async move {
        let reply = run(&broker, move |broker| {
            broker.stats.forget_topic(&name);
            let deleted = broker.store.delete_topic(&name);
            deleted.map(|_| Reply::ok()).map_err(|error| not_deleted(&error))
        });
        let reply = reply.await;
        if let Some(change) = change {
            broker.topics.changes().wait_kept(change).await;
        }
        reply
    })))
}

/// Deletes the queues of topics that are not in the table.
pub(crate) fn clean_unused(call: &Call<'_>) -> Answer {
    tracing::warn!(target: LOG, "invoke cleanUnusedTopic start.");
    blocking(call.broker, |broker| {
        let mut keep: HashSet<String> = OURS.map(str::to_owned).into();
        keep.extend(broker.topics.table().topics.keys().map(|name| name.to_string()));
        let cleaned = broker.store.clean_unused_topics(&keep);
        let count = cleaned.map_err(|error| not_deleted(&error))?;
        tracing::warn!(target: LOG, topics = count, "invoke cleanUnusedTopic end.");
        Ok(Reply::ok())
    })
}

/// Deletes queues whose messages are all gone from the log.
pub(crate) fn clean_expired(call: &Call<'_>) -> Answer {
    tracing::warn!(target: LOG, "invoke cleanExpiredConsumeQueue start.");
    blocking(call.broker, |broker| {
        let cleaned = broker.store.clean_expired_queues();
        let count = cleaned.map_err(|error| not_deleted(&error))?;
        tracing::warn!(target: LOG, queues = count, "invoke cleanExpiredConsumeQueue end.");
        Ok(Reply::ok())
    })
}

fn not_deleted(error: &store::StoreError) -> Refusal {
    tracing::error!(target: LOG, %error, "delete queues");
    Refusal::system_error(error.to_string())
}
