//! The conversations, by area. One case is a name and a list of steps; adding one means adding
//! it to the list of its file.

mod admin;
mod clients;
mod durability;
mod groups;
mod locks;
mod name_server;
mod odd;
mod offsets;
mod pull;
mod query;
mod relayed;
mod routes;
mod send;
mod send_back;
mod topics;
mod transactions;

use crate::case::{Case, Step, Target};
use crate::json::quote;
use crate::record::batch;

/// Why ours answers code 1 where Java goes on with a null.
const MISSING: &str = "a required field that is missing or malformed is refused by name";

/// Every conversation.
pub fn all() -> Vec<Case> {
    let lists = [
        send::cases(),
        durability::cases(),
        send_back::cases(),
        pull::cases(),
        query::cases(),
        offsets::cases(),
        topics::cases(),
        groups::cases(),
        clients::cases(),
        locks::cases(),
        admin::cases(),
        name_server::cases(),
        routes::cases(),
        odd::cases(),
        transactions::cases(),
        relayed::cases(),
    ];
    lists.into_iter().flatten().collect()
}

/// A request to the broker.
fn broker(code: i32) -> Step {
    Step::call(Target::Broker, code)
}

/// A request to the broker's fast port.
fn fast(code: i32) -> Step {
    Step::call(Target::Fast, code)
}

/// A request to the name server.
fn names(code: i32) -> Step {
    Step::call(Target::NameServer, code)
}

/// A send in the short form (310) to queue 0.
fn send(topic: &str, body: &str) -> Step {
    short_send(310, topic).body(body)
}

fn short_send(code: i32, topic: &str) -> Step {
    broker(code).ext(&[
        ("a", "P$(t)"),
        ("b", topic),
        ("c", "TBW102"),
        ("d", "4"),
        ("e", "0"),
        ("f", "0"),
        ("g", "$(now)"),
        ("h", "0"),
        ("i", ""),
        ("j", "0"),
        ("k", "false"),
        ("m", "false"),
    ])
}

/// A batch (320) of one message to queue 0.
fn batch_of_one(topic: &str) -> Step {
    short_send(320, topic).ext(&[("m", "true")]).body(batch(&[("one", String::new())]))
}

/// A send in the long form (10) to queue 0.
fn long_send(topic: &str, body: &str) -> Step {
    broker(10)
        .ext(&[
            ("producerGroup", "P$(t)"),
            ("topic", topic),
            ("defaultTopic", "TBW102"),
            ("defaultTopicQueueNums", "4"),
            ("queueId", "0"),
            ("sysFlag", "0"),
            ("bornTimestamp", "$(now)"),
            ("flag", "0"),
            ("properties", ""),
            ("reconsumeTimes", "0"),
            ("unitMode", "false"),
        ])
        .body(body)
}

/// A pull that brings its subscription to everything along.
fn pull(topic: &str, offset: i64) -> Step {
    broker(11).ext(&[
        ("consumerGroup", "C$(t)"),
        ("topic", topic),
        ("queueId", "0"),
        ("queueOffset", &offset.to_string()),
        ("maxMsgNums", "32"),
        ("sysFlag", "4"),
        ("commitOffset", "0"),
        ("suspendTimeoutMillis", "0"),
        ("subscription", "*"),
        ("subVersion", "1"),
        ("expressionType", "TAG"),
    ])
}

/// Creates or changes a topic, and waits until the broker knows it.
fn topic(name: &str, queues: i32, perm: i32) -> Vec<Step> {
    vec![
        update_topic(name, queues, perm),
        // The answer comes before the change; the statistics know the topic after it.
        broker(202).ext(&[("topic", name)]).eventually(),
    ]
}

fn update_topic(name: &str, queues: i32, perm: i32) -> Step {
    broker(17).ext(&[
        ("topic", name),
        ("defaultTopic", "TBW102"),
        ("readQueueNums", &queues.to_string()),
        ("writeQueueNums", &queues.to_string()),
        ("perm", &perm.to_string()),
        ("topicFilterType", "SINGLE_TAG"),
        ("topicSysFlag", "0"),
        ("order", "false"),
    ])
}

/// A heartbeat of one consumer of one topic with a tag expression.
fn consumer_heartbeat(client: &str, group: &str, topic: &str, expression: &str) -> Step {
    let tags: Vec<_> = match expression {
        "*" => Vec::new(),
        tags => tags.split("||").map(str::trim).collect(),
    };
    let codes: Vec<_> = tags.iter().map(|t| java_hash(t).to_string()).collect();
    let tags: Vec<_> = tags.iter().map(|t| quote(t)).collect();
    let subscription = format!(
        "{{\"classFilterMode\":false,\"codeSet\":[{}],\"expressionType\":\"TAG\",\
         \"subString\":{},\"subVersion\":1,\"tagsSet\":[{}],\"topic\":{}}}",
        codes.join(","),
        quote(expression),
        tags.join(","),
        quote(topic),
    );
    heartbeat(client, group, &format!("[{subscription}]"), "[]")
}

fn heartbeat(client: &str, group: &str, subscriptions: &str, producers: &str) -> Step {
    let consumer = format!(
        "{{\"consumeFromWhere\":\"CONSUME_FROM_FIRST_OFFSET\",\
         \"consumeType\":\"CONSUME_PASSIVELY\",\"groupName\":{},\"messageModel\":\"CLUSTERING\",\
         \"subscriptionDataSet\":{subscriptions},\"unitMode\":false}}",
        quote(group),
    );
    let consumers = if group.is_empty() { "[]".to_owned() } else { format!("[{consumer}]") };
    broker(34).body(format!(
        "{{\"clientID\":{},\"consumerDataSet\":{consumers},\"producerDataSet\":{producers}}}",
        quote(client),
    ))
}

/// A heartbeat of one producer.
fn producer_heartbeat(client: &str, group: &str) -> Step {
    heartbeat(client, "", "[]", &format!("[{{\"groupName\":{}}}]", quote(group)))
}

/// `String.hashCode` of a tag.
fn java_hash(text: &str) -> i32 {
    text.encode_utf16().fold(0i32, |h, unit| h.wrapping_mul(31).wrapping_add(i32::from(unit)))
}
