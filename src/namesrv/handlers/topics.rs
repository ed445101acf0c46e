//! Requests about topics and their routes.

use std::sync::Arc;

use protocol::Reply;
use protocol::codes::response;
use remoting::Answer;

use super::json_reply;
use crate::kv::ORDER_TOPIC_CONFIG;
use crate::state::State;
use crate::table::UnitTopics;

/// Where a topic lives. The answer is the same bytes until something about it changes.
pub(super) fn route(state: &Arc<State>, topic: &str) -> Answer {
    let (ordered, test) = {
        let config = state.config.load();
        (config.order_message_enable, config.cluster_test)
    };
    if (ordered || test)
        && let Some(conf) = state.kv.get(ORDER_TOPIC_CONFIG, topic)
        && let Some(mut route) = state.routes.read().route(topic)
    {
        route.order_topic_conf = Some(conf);
        return json_reply(&route).into();
    }
    if let Some(body) = state.routes.read().encoded_route(topic) {
        return Reply::ok().body(body).into();
    }
    if test && let Some(product) = state.product.clone() {
        let topic = topic.to_owned();
        return Answer::Later(Box::pin(async move {
            match product.route(&topic).await {
                Some(body) => Reply::ok().body(body),
                None => no_route(&topic),
            }
        }));
    }
    no_route(topic).into()
}

fn no_route(topic: &str) -> Reply {
    let remark = format!(
        "No topic route info in name server for the topic: {topic}\n\
         See http://rocketmq.apache.org/docs/faq/ for further details."
    );
    Reply::error(response::TOPIC_NOT_EXIST, remark)
}

pub(super) fn all(state: &State) -> Reply {
    let list = state.routes.read().all_topics();
    json_reply(&list)
}

pub(super) fn delete(state: &State, topic: &str) -> Reply {
    state.routes.write().delete_topic(topic);
    Reply::ok()
}

pub(super) fn of_cluster(state: &State, cluster: &str) -> Reply {
    let list = state.routes.read().topics_of_cluster(cluster);
    json_reply(&list)
}

pub(super) fn system(state: &State) -> Reply {
    let list = state.routes.read().system_topics();
    json_reply(&list)
}

pub(super) fn unit(state: &State, kind: UnitTopics) -> Reply {
    let list = state.routes.read().unit_topics(kind);
    json_reply(&list)
}
