//! The table against the list of 4.4.0, and headers against captured frames.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use proptest::prelude::*;

use super::*;
use crate::codes::request;
use crate::command::Command;
use crate::ext::{from_ext, to_ext};
use crate::frame::{MAX_FRAME, decode_frame};

/// Fields that are in no header class: signatures, and what clients and brokers add by hand.
const ADDED: [&str; 6] =
    ["AccessKey", "Signature", UNIQUE_KEY_QUERY, MSG_REGION, TRACE_ON, "brokerName"];

/// Codes that 4.4.0 declares and no process of it serves.
const UNSERVED: [i32; 11] = [13, 22, 23, 27, 209, 210, 211, 212, 213, 214, 302];

#[test]
fn every_code_of_4_4_0_is_served_or_known_not_to_be() {
    let served: BTreeSet<i32> = [BrokerRequest::TABLE, NamesrvRequest::TABLE, ClientRequest::TABLE]
        .concat()
        .iter()
        .map(|row| row.code)
        .collect();
    for (code, name) in request::ALL {
        assert_eq!(!served.contains(code), UNSERVED.contains(code), "{name}");
    }
    assert_eq!(served.len() + UNSERVED.len(), request::ALL.len());
}

#[test]
fn names_follow_the_codes() {
    for row in [BrokerRequest::TABLE, NamesrvRequest::TABLE, ClientRequest::TABLE].concat() {
        let java = request::name(row.code).unwrap().replace('_', "").to_lowercase();
        let ours = row.name.to_lowercase();
        let ours = if row.code == 105 { ours.replace("info", "into") } else { ours };
        assert_eq!(ours, java);
        assert!(row.doc.ends_with('.'), "{}", row.doc);
    }
    assert_eq!(<SendMessageV2<'_> as Request>::CODE, request::SEND_MESSAGE_V2);
    assert_eq!(GetRouteInfoByTopic::NAME, "GetRouteInfoByTopic");
    assert_eq!(BrokerRequest::lane_of(11), Some(Lane::Pull));
    assert_eq!(BrokerRequest::lane_of(105), None);
    assert_eq!(ClientRequest::lane_of(307), Some(Lane::Callback));
}

/// Reads a header and writes it again.
fn again<T: for<'de> Deserialize<'de> + Serialize>(ext: &Ext) -> Ext {
    let mut out = Ext::default();
    to_ext(&from_ext::<T>(ext).expect("a header"), &mut out).expect("fields");
    out
}

fn request_again(peer: &str, code: i32, ext: &Ext) -> Ext {
    let mut out = Ext::default();
    let written = if peer.ends_with("-> namesrv") {
        NamesrvRequest::decode(code, ext).unwrap().expect("served").write(&mut out)
    } else if peer.starts_with("broker") {
        ClientRequest::decode(code, ext).unwrap().expect("served").write(&mut out)
    } else {
        let request = BrokerRequest::decode(code, ext).unwrap().expect("served");
        assert_eq!(request.code(), code);
        assert_eq!(Some(request.lane()), BrokerRequest::lane_of(code));
        request.write(&mut out)
    };
    written.expect("fields");
    out
}

/// The same fields with the same texts, apart from those that are in no class.
fn assert_same(name: &str, ours: &Ext, java: &Ext) {
    let known = |ext: &Ext| -> BTreeMap<String, String> {
        let own = ext.iter().filter(|(key, _)| !ADDED.contains(key) || ours.get(key).is_some());
        own.map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
    };
    assert_eq!(known(ours), known(java), "{name}");
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

#[test]
fn headers_of_captured_frames() {
    let frames = concat!(
        include_str!("../tests/golden/frames.jsonl"),
        include_str!("../tests/golden/frames2.jsonl")
    );
    let mut code_of = BTreeMap::new();
    let mut answers = 0;
    for line in frames.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let (name, peer) = (line["name"].as_str().unwrap(), line["direction"].as_str().unwrap());
        let hex = line["frame_hex"].as_str().unwrap();
        if hex.ends_with("(cut)") {
            continue;
        }
        let command = decoded(hex);
        let Some(exchange) = name.strip_suffix(".response") else {
            let exchange = name.strip_suffix(".request").unwrap_or(name);
            code_of.insert(exchange.to_owned(), command.code);
            let ours = request_again(peer, command.code, &command.ext);
            assert_same(name, &ours, &command.ext);
            continue;
        };
        if command.code != 0 || !command.ext.present() {
            continue;
        }
        let ours = match code_of[exchange] {
            request::REGISTER_BROKER => again::<RegisterBrokerReply>(&command.ext),
            request::QUERY_DATA_VERSION => again::<QueryDataVersionReply>(&command.ext),
            request::WIPE_WRITE_PERM_OF_BROKER => again::<WipeWritePermOfBrokerReply>(&command.ext),
            request::SEND_MESSAGE | request::SEND_MESSAGE_V2 | request::SEND_BATCH_MESSAGE => {
                again::<SendMessageReply<'_>>(&command.ext)
            }
            request::PULL_MESSAGE => again::<PullMessageReply>(&command.ext),
            request::QUERY_MESSAGE => again::<QueryMessageReply>(&command.ext),
            request::QUERY_CONSUMER_OFFSET => again::<QueryConsumerOffsetReply>(&command.ext),
            request::GET_CONSUMER_LIST_BY_GROUP => {
                again::<GetConsumerListByGroupReply>(&command.ext)
            }
            request::UNREGISTER_CLIENT => again::<UnregisterClientReply>(&command.ext),
            request::GET_ALL_TOPIC_CONFIG => again::<GetAllTopicConfigReply>(&command.ext),
            other => panic!("{name}: fields in the answer to {other}: {:?}", command.ext),
        };
        assert_same(name, &ours, &command.ext);
        answers += 1;
    }
    assert!(code_of.len() > 70, "{} requests", code_of.len());
    assert!(answers > 15, "{answers} answers");
}

#[test]
fn java_sends_no_fields_where_there_is_no_header() {
    let mut ext = Ext::default();
    to_ext(&HeartBeat, &mut ext).unwrap();
    assert!(!ext.present());
    to_ext(&UpdateConsumerOffsetReply {}, &mut ext).unwrap();
    assert!(ext.present() && ext.is_empty());
    assert_eq!(from_ext::<HeartBeat>(&Ext::default()), Ok(HeartBeat));
    assert_eq!(from_ext::<NoHeader>(&Ext::from_iter([("a", "b")])), Ok(NoHeader));
}

#[test]
fn missing_fields_are_told_by_name() {
    let missing = |code, fields: &[(&str, &str)]| {
        let ext = Ext::from_iter(fields.iter().copied());
        BrokerRequest::decode(code, &ext).map(|r| r.map(|r| r.name())).unwrap_err().to_string()
    };
    assert_eq!(missing(30, &[("topic", "t")]), "the custom field <queueId> is null");
    assert_eq!(missing(30, &[]), "the custom field <topic> is null");
    assert_eq!(missing(310, &[("b", "t")]), "the custom field <e> is null");
    let text = missing(30, &[("topic", "t"), ("queueId", "abc")]);
    assert_eq!(text, "the custom field <queueId> is not a valid int: \"abc\"");
    assert_eq!(BrokerRequest::decode(9999, &Ext::default()), Ok(None));
    assert_eq!(BrokerRequest::decode(13, &Ext::default()), Ok(None));
}

#[test]
fn what_4_4_0_does_without_may_be_missing() {
    let ext = Ext::from_iter([("b", "t"), ("e", "-1"), ("f", "0"), ("g", "5"), ("h", "0")]);
    let header: SendHeader<'_> = from_ext::<SendMessageV2<'_>>(&ext).unwrap().into();
    assert_eq!(header.default_topic_queue_nums, 4);
    assert_eq!((header.properties, header.reconsume_times, header.batch), (None, 0, false));
    let ext = Ext::from_iter([("clientID", "c")]);
    assert_eq!(
        from_ext(&ext),
        Ok(UnregisterClient { client_id: "c".to_owned(), ..Default::default() })
    );
}

/// A send header of three owners, whose texts live outside.
fn header<'a>(texts: &'a [String; 4], ints: [i32; 6], flags: [bool; 4]) -> SendHeader<'a> {
    SendHeader {
        producer_group: &texts[0],
        topic: &texts[1],
        default_topic: &texts[2],
        default_topic_queue_nums: ints[0],
        queue_id: ints[1],
        sys_flag: ints[2],
        born_timestamp: i64::from(ints[3]) << 20,
        flag: ints[3],
        properties: flags[2].then_some(&texts[3]),
        reconsume_times: ints[4],
        unit_mode: flags[0],
        batch: flags[1],
        max_reconsume_times: flags[3].then_some(ints[5]),
    }
}

fn through<'a, T>(header: SendHeader<'_>, ext: &'a mut Ext) -> T
where
    T: Deserialize<'a> + 'a,
    for<'b> SendMessageV2<'b>: From<SendHeader<'b>>,
{
    to_ext(&SendMessageV2::from(header), ext).unwrap();
    from_ext(ext).unwrap()
}

proptest! {
    #[test]
    fn send_headers_round_trip(
        texts in any::<[String; 4]>(),
        ints in any::<[i32; 6]>(),
        flags in any::<[bool; 4]>(),
    ) {
        let sent = header(&texts, ints, flags);
        let mut ext = Ext::default();
        to_ext(&SendMessage::from(sent), &mut ext).unwrap();
        prop_assert_eq!(SendHeader::from(from_ext::<SendMessage<'_>>(&ext).unwrap()), sent);
        let mut ext = Ext::default();
        let read: SendMessageV2<'_> = through(sent, &mut ext);
        prop_assert_eq!(SendHeader::from(read), sent);
        let mut ext = Ext::default();
        let read: SendBatchMessage<'_> = through(sent, &mut ext);
        prop_assert_eq!(SendHeader::from(read), sent);
    }

    #[test]
    fn pull_headers_round_trip(
        texts in any::<[String; 4]>(),
        longs in any::<[i64; 4]>(),
        ints in any::<[i32; 3]>(),
        filtered in any::<bool>(),
    ) {
        let sent = PullMessage {
            consumer_group: &texts[0],
            topic: &texts[1],
            queue_id: ints[0],
            queue_offset: longs[0],
            max_msg_nums: ints[1],
            sys_flag: ints[2],
            commit_offset: longs[1],
            suspend_timeout_millis: longs[2],
            subscription: filtered.then_some(&texts[2]),
            sub_version: longs[3],
            expression_type: filtered.then_some(&texts[3]),
        };
        let mut ext = Ext::default();
        to_ext(&sent, &mut ext).unwrap();
        prop_assert_eq!(from_ext::<PullMessage<'_>>(&ext), Ok(sent));
        let request = BrokerRequest::decode(11, &ext).unwrap();
        prop_assert_eq!(request, Some(BrokerRequest::PullMessage(sent)));
    }

    #[test]
    fn any_fields_are_read_or_refused(
        fields in prop::collection::vec(("[a-m]|topic|queueId|group|offset|timestamp", any::<String>()), 0..16),
    ) {
        let ext: Ext = fields.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        for (code, _) in request::ALL {
            let _ = BrokerRequest::decode(*code, &ext);
            let _ = NamesrvRequest::decode(*code, &ext);
            let _ = ClientRequest::decode(*code, &ext);
        }
    }
}
