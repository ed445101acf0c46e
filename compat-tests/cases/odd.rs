//! What no well-behaved client sends.

use super::{broker, fast, names, send};
use crate::case::{Case, Expect, Step, Target};
use crate::wire::frame_bytes;

const ANSWERED: &str = "a code that is not served is answered at once";

pub(super) fn cases() -> Vec<Case> {
    vec![unknown_codes(), broken_frames(), loose_headers(), versions(), answers_nobody_asked_for()]
}

fn unknown_codes() -> Case {
    let mut steps = Vec::new();
    for code in [13, 22, 23, 27, 209, 9999, -1] {
        steps.push(broker(code).silent().ours(Expect::Code(3), ANSWERED));
    }
    steps.push(fast(9999).silent().ours(Expect::Code(3), ANSWERED));
    steps.push(names(9999).silent().ours(Expect::Code(3), ANSWERED));
    steps.push(names(310).silent().ours(Expect::Code(3), ANSWERED));
    steps.push(broker(9999).oneway());
    Case::new("odd_unknown_codes", steps)
}

fn broken_frames() -> Case {
    let mut steps = Vec::new();
    for target in [Target::Broker, Target::Fast, Target::NameServer] {
        let frames: [Vec<u8>; 6] = [
            16_777_217u32.to_be_bytes().to_vec(),
            u32::MAX.to_be_bytes().to_vec(),
            frame_bytes(0, b"{bad json", b""),
            frame_bytes(7, b"{}", b""),
            [&8u32.to_be_bytes()[..], &99u32.to_be_bytes(), b"abcd"].concat(),
            frame_bytes(1, b"\0\x1e\0\x01", b""),
        ];
        for bytes in frames {
            steps.push(Step::raw(target, bytes));
            steps.push(Step::close(target, "raw"));
        }
    }
    Case::new("odd_broken_frames", steps).json_only()
}

fn raw_json(header: &str) -> Step {
    Step::raw(Target::Broker, frame_bytes(0, header.as_bytes(), b"")).expect(Expect::Code(0))
}

/// Headers as other clients write them; all ask for the maximal offset with number 1.
fn loose_headers() -> Case {
    let plain = [
        r#"{"opaque":1,"flag":0,"code":30,"extFields":{"queueId":"0","topic":"x"},"version":1,"language":"GO"}"#,
        r#" { "code" : 30 , "opaque" : 1 , "extFields" : { "topic" : "x" , "queueId" : 0 } } "#,
        r#"{"code":"30","opaque":"1","flag":"0","extFields":{"topic":"x","queueId":"0","more":true,"none":null}}"#,
        r#"{"code":30,"opaque":1,"unknown":[1,{"a":2}],"extFields":{"topic":"x","queueId":"0"},"serializeTypeCurrentRPC":"ROCKETMQ"}"#,
        r#"{"code":30,"opaque":1,"language":"KLINGON","extFields":{"topic":"x","queueId":"0"}}"#,
    ];
    // Java's reader takes these, too; no client writes them.
    let lenient = [
        r#"{code:30,opaque:1,extFields:{topic:"x",queueId:0}}"#,
        r#"{'code':30,'opaque':1,'extFields':{'topic':'x','queueId':'0'}}"#,
    ];
    let mut steps = Vec::new();
    for header in plain {
        steps.push(raw_json(header));
        steps.push(Step::close(Target::Broker, "raw"));
    }
    for header in lenient {
        steps.push(raw_json(header).ours(Expect::Closed, "a header is JSON, strictly"));
        steps.push(Step::close(Target::Broker, "raw"));
    }
    Case::new("odd_loose_headers", steps).json_only()
}

fn versions() -> Case {
    Case::new(
        "odd_versions",
        [
            send("$(t)", "x").frame(|f| f.version = 0),
            send("$(t)", "x").frame(|f| f.version = 9999),
            send("$(t)", "x").frame(|f| f.language = "GO".to_owned()),
            send("$(t)", "x").frame(|f| f.remark = Some("a remark".to_owned())),
        ],
    )
}

fn answers_nobody_asked_for() -> Case {
    Case::new(
        "odd_stray_answers",
        [broker(0).frame(|f| f.flag = 1).silent(), names(0).frame(|f| f.flag = 1).silent()],
    )
}
