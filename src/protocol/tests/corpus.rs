//! Inputs that the fuzzers of `src/fuzz` found worth keeping, replayed with the fuzzers' checks.
#![allow(clippy::unwrap_used)]

use std::path::Path;

use bytes::BytesMut;
use protocol::bodies::{HeartbeatData, RegisterBrokerBody, TopicRouteData};
use protocol::frame::{MAX_FRAME, decode_frame, encode_command};
use protocol::message::{self, Entry};
use protocol::requests::{BrokerRequest, ClientRequest, NamesrvRequest};
use protocol::{Command, json};

fn replay(target: &str, check: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        check(&std::fs::read(entry.unwrap().path()).unwrap());
        count += 1;
    }
    assert!(count > 10, "the corpus of {target} is gone");
}

#[test]
fn frames() {
    replay("frame", |input| {
        let mut wire = BytesMut::from(input);
        let mut command = Command::default();
        while let Ok(true) = decode_frame(&mut wire, MAX_FRAME, &mut command) {
            let _ = BrokerRequest::decode(command.code, &command.ext);
            let _ = NamesrvRequest::decode(command.code, &command.ext);
            let _ = ClientRequest::decode(command.code, &command.ext);
            let mut again = BytesMut::new();
            encode_command(&command, &mut again);
            let mut back = Command::default();
            assert_eq!(decode_frame(&mut again, usize::MAX, &mut back), Ok(true));
            assert_eq!((back.opaque, &back.body), (command.opaque, &command.body));
        }
    });
}

#[test]
fn records() {
    replay("record", |input| {
        if let Ok(Entry::Message(message)) = message::read(input) {
            let mut again = Vec::new();
            message.encode(&mut again);
            assert_eq!(Some(&again[..]), input.get(..again.len()));
        }
        message::records(input).take(1000).for_each(drop);
        protocol::batch::items(input).take(1000).for_each(drop);
    });
}

#[test]
fn bodies() {
    replay("json", |input| {
        let _ = json::from_slice::<HeartbeatData>(input);
        let _ = json::from_slice::<RegisterBrokerBody>(input);
        if let Ok(route) = json::from_slice::<TopicRouteData>(input) {
            let again: TopicRouteData = json::from_slice(&json::to_vec(&route)).unwrap();
            assert_eq!(again, route);
        }
    });
}
