//! Topics: creating and changing (17), and the whole table for slaves (21).

use std::sync::Arc;

use protocol::bodies::{JavaEnum, TopicConfig, TopicFilterType};
use protocol::codes::response;
use protocol::requests::{GetAllTopicConfigReply, UpdateAndCreateTopic};
use protocol::{Refusal, Reply, json};
use remoting::Answer;

use super::{Call, Outcome};
use crate::limits::{QUEUES_MAX, TOPICS_MAX};
use crate::persist::Kept;
use crate::register::Round;
use crate::topics::CreateError;
use crate::{LOG, now_ms, remarks};

/// Creates or changes a topic and tells the name servers. The answer comes when the table is on
/// disk, not before the change as in 4.4.0.
pub(crate) fn update(call: &Call<'_>, header: &UpdateAndCreateTopic) -> Result<Answer, Refusal> {
    tracing::info!(target: LOG, "updateAndCreateTopic called by {}", call.peer.addr());
    let broker = call.broker;
    if header.topic == broker.config.load().broker_cluster_name {
        return Err(remarks::reserved(&header.topic));
    }
    let kind = TopicFilterType::from_name(&header.topic_filter_type).ok_or_else(|| {
        let remark = format!("topicFilterType [{}] is not known", header.topic_filter_type);
        Refusal::system_error(remark)
    })?;
    let UpdateAndCreateTopic { topic, read_queue_nums, write_queue_nums, perm, .. } = header;
    if *read_queue_nums.max(write_queue_nums) > QUEUES_MAX {
        return Err(remarks::too_many("queues", QUEUES_MAX as usize));
    }
    let config = TopicConfig {
        topic_filter_type: kind,
        topic_sys_flag: header.topic_sys_flag,
        ..TopicConfig::new(topic.as_str(), *read_queue_nums, *write_queue_nums, *perm)
    };
    let change = broker.topics.put(config, now_ms()).map_err(|error| match error {
        CreateError::NameTooLong => {
            Refusal::system_error("The specified topic is longer than topic max length 127.")
        }
        CreateError::TooMany => remarks::too_many("topics", TOPICS_MAX),
        CreateError::NoModel | CreateError::IllegalName => {
            remarks::illegal_name(response::SYSTEM_ERROR, topic)
        }
    })?;
    broker.announce(Round::Full);
    let broker = Arc::clone(broker);
    Ok(Answer::Later(Box::pin(async move {
        broker.topics.changes().wait_kept(change).await;
        Reply::ok()
    })))
}

/// The whole table.
pub(crate) fn all(call: &Call<'_>) -> Outcome {
    let table = call.broker.topics.table().to_wrapper();
    Ok(Reply::with(&GetAllTopicConfigReply {}).body(json::to_vec(&table)))
}
