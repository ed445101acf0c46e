//! What each request needs: an account, an admin account, or permissions on topics and groups.
//!
//! 4.4.0 asks for permissions in the requests of producers and consumers and for an admin account
//! in five requests; all others need no more than a valid signature. Here every request for
//! administrators needs an admin account, and reading offsets, queues and locks needs the
//! permissions that a consumer has anyway.

use protocol::Ext;
use protocol::bodies::{HeartbeatData, LockBatchRequestBody};
use protocol::codes::request;
use protocol::json;
use protocol::topic::RETRY_PREFIX;

use crate::check::{AclError, Server};
use crate::permission::Perm;

/// A topic, or a consumer group, which 4.4.0 keeps as the name of its retry topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resource<'a> {
    /// A topic.
    Topic(&'a str),
    /// A consumer group.
    Group(&'a str),
}

impl<'a> Resource<'a> {
    /// The resource of a topic: the group for its retry topic.
    #[must_use]
    pub fn of_topic(topic: &'a str) -> Self {
        topic.strip_prefix(RETRY_PREFIX).map_or(Self::Topic(topic), Self::Group)
    }
}

/// What a request needs besides a signed account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    Nothing,
    Admin,
    /// Permissions that 4.4.0 asks for as well: being an admin does not replace them.
    Resources,
    /// Permissions that 4.4.0 does not ask for; an admin has no need of them.
    ResourcesOrAdmin,
}

/// What the requests of a code need; none for a code that the server does not serve.
pub(crate) fn need(server: Server, code: i32) -> Option<Need> {
    match server {
        Server::Broker => of_broker(code),
        Server::NameServer => of_name_server(code),
    }
}

fn of_broker(code: i32) -> Option<Need> {
    use request as r;
    Some(match code {
        r::SEND_MESSAGE
        | r::SEND_MESSAGE_V2
        | r::SEND_BATCH_MESSAGE
        | r::CONSUMER_SEND_MSG_BACK
        | r::PULL_MESSAGE
        | r::QUERY_MESSAGE
        | r::HEART_BEAT
        | r::UNREGISTER_CLIENT
        | r::GET_CONSUMER_LIST_BY_GROUP
        | r::UPDATE_CONSUMER_OFFSET => Need::Resources,
        r::QUERY_CONSUMER_OFFSET
        | r::LOCK_BATCH_MQ
        | r::UNLOCK_BATCH_MQ
        | r::SEARCH_OFFSET_BY_TIMESTAMP
        | r::GET_MAX_OFFSET
        | r::GET_MIN_OFFSET
        | r::GET_EARLIEST_MSG_STORETIME => Need::ResourcesOrAdmin,
        // Their topics show only in what they find, or they name none.
        r::VIEW_MESSAGE_BY_ID | r::END_TRANSACTION | r::CHECK_CLIENT_CONFIG => Need::Nothing,
        r::UPDATE_AND_CREATE_TOPIC
        | r::GET_ALL_TOPIC_CONFIG
        | r::UPDATE_BROKER_CONFIG
        | r::GET_BROKER_CONFIG
        | r::GET_BROKER_RUNTIME_INFO
        | r::GET_ALL_CONSUMER_OFFSET
        | r::GET_ALL_DELAY_OFFSET
        | r::UPDATE_AND_CREATE_SUBSCRIPTIONGROUP
        | r::GET_ALL_SUBSCRIPTIONGROUP_CONFIG
        | r::GET_TOPIC_STATS_INFO
        | r::GET_CONSUMER_CONNECTION_LIST
        | r::GET_PRODUCER_CONNECTION_LIST
        | r::DELETE_SUBSCRIPTIONGROUP
        | r::GET_CONSUME_STATS
        | r::DELETE_TOPIC_IN_BROKER
        | r::INVOKE_BROKER_TO_RESET_OFFSET
        | r::INVOKE_BROKER_TO_GET_CONSUMER_STATUS
        | r::QUERY_TOPIC_CONSUME_BY_WHO
        | r::REGISTER_FILTER_SERVER
        | r::QUERY_CONSUME_TIME_SPAN
        | r::GET_SYSTEM_TOPIC_LIST_FROM_BROKER
        | r::CLEAN_EXPIRED_CONSUMEQUEUE
        | r::GET_CONSUMER_RUNNING_INFO
        | r::QUERY_CORRECTION_OFFSET
        | r::CONSUME_MESSAGE_DIRECTLY
        | r::CLONE_GROUP_OFFSET
        | r::VIEW_BROKER_STATS_DATA
        | r::CLEAN_UNUSED_TOPIC
        | r::GET_BROKER_CONSUME_STATS
        | r::QUERY_CONSUME_QUEUE => Need::Admin,
        _ => return None,
    })
}

fn of_name_server(code: i32) -> Option<Need> {
    use request as r;
    Some(match code {
        r::GET_ROUTEINTO_BY_TOPIC => Need::Nothing,
        r::PUT_KV_CONFIG
        | r::GET_KV_CONFIG
        | r::DELETE_KV_CONFIG
        | r::REGISTER_BROKER
        | r::UNREGISTER_BROKER
        | r::GET_BROKER_CLUSTER_INFO
        | r::WIPE_WRITE_PERM_OF_BROKER
        | r::GET_ALL_TOPIC_LIST_FROM_NAMESERVER
        | r::DELETE_TOPIC_IN_NAMESRV
        | r::GET_KVLIST_BY_NAMESPACE
        | r::GET_TOPICS_BY_CLUSTER
        | r::GET_SYSTEM_TOPIC_LIST_FROM_NS
        | r::GET_UNIT_TOPIC_LIST
        | r::GET_HAS_UNIT_SUB_TOPIC_LIST
        | r::GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST
        | r::UPDATE_NAMESRV_CONFIG
        | r::GET_NAMESRV_CONFIG
        | r::QUERY_DATA_VERSION => Need::Admin,
        _ => return None,
    })
}

/// Visits the resources of a request to a broker, each with the permission it needs. A field that
/// is absent names none; the handler finds out.
pub(crate) fn each(
    code: i32,
    ext: &Ext,
    body: &[u8],
    visit: &mut dyn FnMut(Resource<'_>, Perm),
) -> Result<(), AclError> {
    let mut topic = |key: &str, perm| {
        if let Some(topic) = ext.get(key) {
            visit(Resource::of_topic(topic), perm);
        }
    };
    match code {
        request::SEND_MESSAGE => topic("topic", Perm::PUB),
        request::SEND_MESSAGE_V2 | request::SEND_BATCH_MESSAGE => topic("b", Perm::PUB),
        request::QUERY_MESSAGE => topic("topic", Perm::SUB),
        request::SEARCH_OFFSET_BY_TIMESTAMP
        | request::GET_MAX_OFFSET
        | request::GET_MIN_OFFSET
        | request::GET_EARLIEST_MSG_STORETIME => topic("topic", Perm::ANY),
        request::CONSUMER_SEND_MSG_BACK => {
            let group = ext.get("group").map(Resource::Group);
            let topic = ext.get("originTopic").map(Resource::of_topic);
            // The later entry of 4.4.0's map replaces the first one.
            if let Some(topic) = topic.filter(|topic| Some(*topic) != group) {
                visit(topic, Perm::PUB);
            }
            group.into_iter().for_each(|group| visit(group, Perm::SUB));
        }
        request::PULL_MESSAGE
        | request::UPDATE_CONSUMER_OFFSET
        | request::QUERY_CONSUMER_OFFSET => {
            topic("topic", Perm::SUB);
            group(ext, visit);
        }
        request::UNREGISTER_CLIENT | request::GET_CONSUMER_LIST_BY_GROUP => group(ext, visit),
        request::HEART_BEAT => {
            let heartbeat: HeartbeatData =
                json::from_slice(body).map_err(|error| AclError::Body(error.to_string()))?;
            for consumer in &heartbeat.consumer_data_set {
                visit(Resource::Group(&consumer.group_name), Perm::SUB);
                for subscription in &consumer.subscription_data_set {
                    visit(Resource::of_topic(&subscription.topic), Perm::SUB);
                }
            }
        }
        request::LOCK_BATCH_MQ | request::UNLOCK_BATCH_MQ => {
            // Both bodies have the same shape.
            let lock: LockBatchRequestBody =
                json::from_slice(body).map_err(|error| AclError::Body(error.to_string()))?;
            visit(Resource::Group(&lock.consumer_group), Perm::SUB);
        }
        _ => {}
    }
    Ok(())
}

fn group(ext: &Ext, visit: &mut dyn FnMut(Resource<'_>, Perm)) {
    if let Some(group) = ext.get("consumerGroup") {
        visit(Resource::Group(group), Perm::SUB);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::requests::{BrokerRequest, NamesrvRequest};

    #[test]
    fn every_request_was_thought_of() {
        for row in BrokerRequest::TABLE {
            assert!(need(Server::Broker, row.code).is_some(), "{}", row.name);
        }
        for row in NamesrvRequest::TABLE {
            assert!(need(Server::NameServer, row.code).is_some(), "{}", row.name);
        }
        assert_eq!(need(Server::Broker, 9999), None);
        assert_eq!(need(Server::Broker, request::REGISTER_BROKER), None);
    }

    #[test]
    fn retry_topics_are_groups() {
        assert_eq!(Resource::of_topic("%RETRY%g"), Resource::Group("g"));
        assert_eq!(Resource::of_topic("%DLQ%g"), Resource::Topic("%DLQ%g"));
        assert_eq!(Resource::of_topic("t"), Resource::Topic("t"));
    }
}
