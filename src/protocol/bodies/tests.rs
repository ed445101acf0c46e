//! Bodies against what Java wrote: frames between real processes, files of real stores, and
//! bodies filled field by field.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::*;
use crate::codes::request;
use crate::command::Command;
use crate::frame::{MAX_FRAME, decode_frame};
use crate::json;
use crate::json::value::Value;

/// A line of a golden file.
fn lines(file: &str) -> impl Iterator<Item = BTreeMap<String, serde_json::Value>> {
    file.lines().map(|line| serde_json::from_str(line).expect("a line of JSON"))
}

fn text<'a>(line: &'a BTreeMap<String, serde_json::Value>, key: &str) -> Option<&'a str> {
    line.get(key).and_then(serde_json::Value::as_str)
}

fn reencode<T: DeserializeOwned + Serialize>(body: &str) -> String {
    json::to_string(&json::from_str::<T>(body).unwrap_or_else(|e| panic!("{e}: {body}")))
}

fn sorted(body: &str) -> Value {
    json::from_str::<Value>(body).unwrap_or_else(|e| panic!("{e}: {body}")).sorted()
}

fn decoded(hex: &str) -> Command {
    let mut bytes = BytesMut::with_capacity(hex.len() / 2);
    for at in (0..hex.len()).step_by(2) {
        bytes.extend_from_slice(&[u8::from_str_radix(&hex[at..at + 2], 16).expect("hex")]);
    }
    let mut command = Command::default();
    assert!(decode_frame(&mut bytes, MAX_FRAME, &mut command).expect("a frame"));
    command
}

/// How the body of a frame is read and written again; `None` for bodies that are no JSON.
fn codec(code: i32, is_answer: bool) -> Option<fn(&str) -> String> {
    use request as r;
    Some(match (code, is_answer) {
        (r::REGISTER_BROKER, false) => reencode::<RegisterBrokerBody>,
        (r::GET_ROUTEINTO_BY_TOPIC, true) => reencode::<TopicRouteData>,
        (r::GET_BROKER_CLUSTER_INFO, true) => reencode::<ClusterInfo>,
        (r::QUERY_DATA_VERSION, _) => reencode::<DataVersion>,
        (r::GET_ALL_TOPIC_LIST_FROM_NAMESERVER, true) => reencode::<TopicList>,
        (r::HEART_BEAT, false) => reencode::<HeartbeatData>,
        (r::CHECK_CLIENT_CONFIG, false) => reencode::<CheckClientRequestBody>,
        (r::GET_CONSUMER_LIST_BY_GROUP, true) => reencode::<GetConsumerListByGroupResponseBody>,
        (r::LOCK_BATCH_MQ, false) => reencode::<LockBatchRequestBody>,
        (r::LOCK_BATCH_MQ, true) => reencode::<LockBatchResponseBody>,
        (r::UNLOCK_BATCH_MQ, false) => reencode::<UnlockBatchRequestBody>,
        (r::GET_ALL_TOPIC_CONFIG, true) => reencode::<TopicConfigSerializeWrapper>,
        (r::GET_ALL_CONSUMER_OFFSET, true) => reencode::<ConsumerOffsetSerializeWrapper>,
        (r::GET_ALL_DELAY_OFFSET, true) => reencode::<DelayOffset>,
        (r::GET_ALL_SUBSCRIPTIONGROUP_CONFIG, true) => reencode::<SubscriptionGroupWrapper>,
        (r::GET_BROKER_RUNTIME_INFO, true) => reencode::<KvTable>,
        (r::GET_TOPIC_STATS_INFO, true) => reencode::<TopicStatsTable>,
        (r::QUERY_TOPIC_CONSUME_BY_WHO, true) => reencode::<GroupList>,
        (r::GET_CONSUME_STATS, true) => reencode::<ConsumeStats>,
        (r::GET_BROKER_CONSUME_STATS, true) => reencode::<ConsumeStatsList>,
        (r::VIEW_BROKER_STATS_DATA, true) => reencode::<BrokerStatsData>,
        (r::QUERY_CONSUME_QUEUE, true) => reencode::<QueryConsumeQueueResponseBody>,
        (r::GET_CONSUMER_CONNECTION_LIST, true) => reencode::<ConsumerConnection>,
        (r::GET_CONSUMER_RUNNING_INFO, true) => reencode::<ConsumerRunningInfo>,
        (r::CONSUME_MESSAGE_DIRECTLY, true) => reencode::<ConsumeMessageDirectlyResult>,
        (r::INVOKE_BROKER_TO_RESET_OFFSET, true) => reencode::<ResetOffsetBody>,
        (r::RESET_CONSUMER_CLIENT_OFFSET, false) => reencode::<ResetOffsetBody>,
        (r::INVOKE_BROKER_TO_GET_CONSUMER_STATUS, true) => reencode::<GetConsumerStatusBody>,
        (r::GET_CONSUMER_STATUS_FROM_CLIENT, true) => reencode::<GetConsumerStatusBody>,
        _ => return None,
    })
}

#[test]
fn bodies_of_captured_frames() {
    let frames = concat!(
        include_str!("../tests/golden/frames.jsonl"),
        include_str!("../tests/golden/frames2.jsonl")
    );
    let mut code_of = BTreeMap::new();
    let (mut same_bytes, mut same_content) = (BTreeSet::new(), BTreeSet::new());
    for line in lines(frames) {
        let (name, hex) = (text(&line, "name").unwrap(), text(&line, "frame_hex").unwrap());
        if hex.ends_with("(cut)") {
            continue;
        }
        let command = decoded(hex);
        let (exchange, is_answer) = match name.strip_suffix(".response") {
            Some(exchange) => (exchange, true),
            None => (name.strip_suffix(".request").unwrap_or(name), false),
        };
        if !is_answer {
            code_of.insert(exchange.to_owned(), command.code);
        }
        let Ok(body) = str::from_utf8(&command.body) else { continue };
        if !body.starts_with('{') {
            continue;
        }
        let code = code_of[exchange];
        let codec = codec(code, is_answer).unwrap_or_else(|| panic!("{name}: no type for {body}"));
        let ours = codec(body);
        if ours == body {
            same_bytes.insert(code);
        } else {
            assert_eq!(sorted(&ours), sorted(body), "{name}");
            same_content.insert(code);
        }
    }
    // What differs holds several entries of a hash map or a hash set.
    let hashed: Vec<_> = same_content.difference(&same_bytes).copied().collect();
    assert_eq!(hashed, [21, 28, 42, 43, 103, 201, 202, 206, 208, 220, 221, 222, 223, 300, 317]);
    assert_eq!(same_bytes.len() + hashed.len(), 27);
}

#[test]
fn bodies_filled_by_java() {
    for line in lines(include_str!("../tests/golden/bodies.jsonl")) {
        let class = text(&line, "class").unwrap();
        let (compact, pretty) = (text(&line, "compact").unwrap(), text(&line, "pretty").unwrap());
        /// Compares the compact form, and the pretty one where Java writes files in it.
        macro_rules! by_class {
            ($($type:ident $(= $name:literal)? $(, $pretty:ident)?;)*) => {
                match class {
                    $(by_class!(@name $type $($name)?) => {
                        assert_eq!(reencode::<$type>(compact), compact, "{class}");
                        $(by_class!(@$pretty $type);)?
                    })*
                    other => panic!("no type for {other}"),
                }
            };
            (@name $type:ident) => { stringify!($type) };
            (@name $type:ident $name:literal) => { $name };
            (@pretty $type:ident) => {
                let value: $type = json::from_str(pretty).expect("pretty form");
                assert_eq!(json::to_string_pretty(&value), pretty, "{class}");
            };
        }
        by_class! {
            HeartbeatData;
            CheckClientRequestBody;
            TopicRouteData, pretty;
            ClusterInfo;
            RegisterBrokerBody;
            TopicConfigSerializeWrapper, pretty;
            TopicList;
            GroupList;
            KvTable = "KVTable";
            LockBatchRequestBody;
            UnlockBatchRequestBody;
            LockBatchResponseBody;
            GetConsumerListByGroupResponseBody;
            ConsumerConnection;
            ProducerConnection;
            SubscriptionGroupWrapper, pretty;
            SubscriptionGroupConfig;
            ConsumerOffsetSerializeWrapper, pretty;
            DelayOffset = "DelayOffsetSerializeWrapper", pretty;
            TopicStatsTable, pretty;
            ConsumeStats;
            ConsumeStatsList;
            BrokerStatsData, pretty;
            ConsumerRunningInfo;
            ConsumeMessageDirectlyResult;
            ResetOffsetBody, pretty;
            ResetOffsetBodyForC, pretty;
            GetConsumerStatusBody, pretty;
            QueryConsumeTimeSpanBody, pretty;
            QueryCorrectionOffsetBody, pretty;
            OffsetMovedEvent, pretty;
            QueryConsumeQueueResponseBody;
            DataVersion, pretty;
            TopicConfig, pretty;
            ResetOffsetBody = "OffsetSerializeWrapper", pretty;
            KvConfigSerializeWrapper = "KVConfigSerializeWrapper", pretty;
            FilterDataMapByTopic, pretty;
        }
    }
}

/// Same content, and the same lines: of one length, so that only the order of maps differs.
fn check_file<T: DeserializeOwned + Serialize>(file: &str) {
    let value: T = json::from_str(file).unwrap_or_else(|e| panic!("{e}: {file}"));
    let ours = json::to_string_pretty(&value);
    assert_eq!(sorted(&ours), sorted(file));
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(|l| l.trim_end_matches(',').to_owned()).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&ours), lines(file));
    assert_eq!(ours.len(), file.len());
}

macro_rules! golden_config {
    ($name:literal) => {
        include_str!(concat!("../tests/golden/config/", $name, ".json"))
    };
}

#[test]
fn files_of_java_stores() {
    check_file::<ConsumerFilterWrapper>(golden_config!("main.consumerFilter"));
    check_file::<ConsumerFilterWrapper>(golden_config!("small.consumerFilter"));
    check_file::<ConsumerOffsetSerializeWrapper>(golden_config!("main.consumerOffset"));
    check_file::<ConsumerOffsetSerializeWrapper>(golden_config!("small.consumerOffset"));
    check_file::<DelayOffset>(golden_config!("main.delayOffset"));
    check_file::<DelayOffset>(golden_config!("small.delayOffset"));
    check_file::<SubscriptionGroupWrapper>(golden_config!("main.subscriptionGroup"));
    check_file::<SubscriptionGroupWrapper>(golden_config!("small.subscriptionGroup"));
    check_file::<TopicConfigSerializeWrapper>(golden_config!("main.topics"));
    check_file::<TopicConfigSerializeWrapper>(golden_config!("small.topics"));
    let kv = golden_config!("main.kvConfig");
    assert_eq!(reencode::<KvConfigSerializeWrapper>(kv), kv.trim_end());
}

/// Maps of one entry have one order: files of them must be equal to the byte.
#[test]
fn files_without_hash_order_are_equal() {
    for file in [golden_config!("main.consumerFilter"), golden_config!("small.consumerFilter")] {
        let value: ConsumerFilterWrapper = json::from_str(file).unwrap();
        assert_eq!(json::to_string_pretty(&value), file);
    }
    let file = golden_config!("main.delayOffset");
    assert_eq!(json::to_string_pretty(&json::from_str::<DelayOffset>(file).unwrap()), file);
}

#[test]
fn reads_what_java_reads() {
    let mut checked = 0;
    for line in lines(include_str!("../tests/golden/reads.jsonl")) {
        let (class, given) = (text(&line, "class").unwrap(), text(&line, "text").unwrap());
        let Some(read) = text(&line, "reads_as").filter(|read| *read != "null") else { continue };
        macro_rules! by_class {
            ($($type:ident)*) => {
                match class {
                    $(stringify!($type) => {
                        let ours = json::from_str::<$type>(given);
                        let java: $type = json::from_str(read).expect("Java's JSON");
                        assert_eq!(ours, Ok(java), "{given}");
                    })*
                    "KVTable" => {
                        let ours = json::from_str::<KvTable>(given);
                        assert_eq!(ours, Ok(json::from_str(read).unwrap()), "{given}");
                    }
                    other => panic!("no type for {other}"),
                }
            };
        }
        by_class! {
            QueueData TopicConfig ConsumerOffsetSerializeWrapper BrokerData TopicStatsTable
            TopicRouteData TopicConfigSerializeWrapper HeartbeatData SubscriptionGroupConfig
            ConsumeStats DataVersion
        }
        checked += 1;
    }
    assert!(checked > 50, "{checked} samples");
}

#[test]
fn compressed_registration_of_java() {
    let line = lines(include_str!("../tests/golden/frames2.jsonl"))
        .find(|line| text(line, "name") == Some("register_broker.compressed.request"))
        .unwrap();
    let command = decoded(text(&line, "frame_hex").unwrap());
    let sum = RegisterBrokerBody::crc32(&command.body).to_string();
    assert_eq!(command.ext.get("bodyCrc32"), Some(sum.as_str()));
    let body = RegisterBrokerBody::from_compressed(&command.body).unwrap();
    let topics = &body.topic_config_serialize_wrapper.topic_config_table;
    assert_eq!(topics["TBW102"], TopicConfig::new("TBW102", 8, 8, 7));
    assert_eq!(topics["SELF_TEST_TOPIC"], TopicConfig::new("SELF_TEST_TOPIC", 1, 1, 6));
    let again = RegisterBrokerBody::from_compressed(&body.to_compressed()).unwrap();
    assert_eq!(again, body);
}

fn deflated(plain: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let level = flate2::Compression::best();
    let mut out = flate2::write::ZlibEncoder::new(Vec::new(), level);
    out.write_all(plain).unwrap();
    out.finish().unwrap()
}

#[test]
fn compressed_registration_that_lies() {
    let refused = |plain: &[u8]| RegisterBrokerBody::from_compressed(&deflated(plain)).unwrap_err();
    assert!(matches!(refused(b""), RegisterBodyError::Inflate(_)));
    assert!(matches!(refused(&[0xff; 4]), RegisterBodyError::Length(-1)));
    assert!(matches!(refused(&[0x7f; 4]), RegisterBodyError::Length(_)));
    assert!(matches!(refused(&[0, 0, 0, 9, b'{']), RegisterBodyError::Inflate(_)));
    assert!(matches!(refused(&[0, 0, 0, 1, b'{']), RegisterBodyError::Json(_)));
    let mut one = [0, 0, 0, 2, b'{', b'}', 0, 0, 0, 1, 0, 0, 0, 5].to_vec();
    one.extend_from_slice(b"a b c");
    assert!(matches!(refused(&one), RegisterBodyError::Topic(line) if line == "a b c"));
    assert!(RegisterBrokerBody::from_compressed(b"no stream").is_err());
    // Every truncation of a good one is an error and nothing worse.
    let mut body = RegisterBrokerBody::default();
    let table = &mut body.topic_config_serialize_wrapper.topic_config_table;
    table.insert("t".to_owned(), TopicConfig::new("t", 1, 1, 6));
    let good = body.to_compressed();
    for end in 0..good.len() - 5 {
        assert!(RegisterBrokerBody::from_compressed(&good[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn lines_of_topics() {
    let topic = TopicConfig { order: true, ..TopicConfig::new("%RETRY%g", 1, 2, 6) };
    assert_eq!(topic.to_line(), "%RETRY%g 1 2 6 SINGLE_TAG");
    let newer = format!("{} +a=b", topic.to_line());
    assert_eq!(TopicConfig::from_line(&newer).map(|t| t.perm), Some(6));
    assert_eq!(
        TopicConfig::from_line(&topic.to_line()),
        Some(TopicConfig { order: false, ..topic })
    );
    for bad in ["", "t", "t 1 1 6", "t 1 1 x SINGLE_TAG", "t 1 1 6 OTHER"] {
        assert_eq!(TopicConfig::from_line(bad), None, "{bad:?}");
    }
}

#[test]
fn java_texts_of_topics_and_queues() {
    assert_eq!(
        TopicConfig::new("GoldenTopic", 2, 2, 6).to_string(),
        "TopicConfig [topicName=GoldenTopic, readQueueNums=2, writeQueueNums=2, perm=RW-, \
         topicFilterType=SINGLE_TAG, topicSysFlag=0, order=false]"
    );
    assert_eq!(
        MessageQueue::new("t", "b", 3).to_string(),
        "MessageQueue [topic=t, brokerName=b, queueId=3]"
    );
    assert!(MessageQueue::new("a", "z", 9) < MessageQueue::new("b", "a", 0));
    assert!(MessageQueue::new("a", "b", 9) < MessageQueue::new("a", "c", 0));
}

#[test]
fn subscriptions_of_expressions() {
    let all = SubscriptionData::of_tags("t", "*", 5);
    assert!(all.tags_set.is_empty() && all.code_set.is_empty());
    assert_eq!((all.sub_string.as_str(), all.sub_version), ("*", 5));
    assert_eq!(SubscriptionData::of_tags("t", "", 5), all);
    let tags = SubscriptionData::of_tags("t", " TagA || TagB||", 0);
    assert_eq!(tags.tags_set, BTreeSet::from(["TagA".to_owned(), "TagB".to_owned()]));
    assert_eq!(tags.code_set, BTreeSet::from([2_598_919, 2_598_920]));
    assert_eq!(tags.sub_string, " TagA || TagB||");
    let sql = SubscriptionData::of("t", "a = 1", Some("SQL92"), 0);
    assert!(!sql.is_tags() && sql.code_set.is_empty());
    assert!(SubscriptionData::of("t", "a", Some("TAG"), 0).is_tags());
    assert!(SubscriptionData::of("t", "a", None, 0).is_tags());
}

#[test]
fn the_list_for_c_clients() {
    let body =
        ResetOffsetBody { offset_table: BTreeMap::from([(MessageQueue::new("t", "b", 1), 7)]) };
    assert_eq!(
        json::to_string(&ResetOffsetBodyForC::from(&body)),
        r#"{"offsetTable":[{"brokerName":"b","offset":7,"queueId":1,"topic":"t"}]}"#
    );
}

#[test]
fn versions_advance() {
    let mut version = DataVersion::new(5);
    version.advance(9);
    assert_eq!(version, DataVersion { counter: 1, timestamp: 9 });
}
