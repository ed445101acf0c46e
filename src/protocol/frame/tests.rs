use super::*;
use crate::command::Command;
use proptest::prelude::*;

fn frame(kind: u8, header: &[u8], body: &[u8]) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_u32((4 + header.len() + body.len()) as u32);
    out.put_u32(u32::from(kind) << 24 | header.len() as u32);
    out.put_slice(header);
    out.put_slice(body);
    out
}

fn decode_one(mut bytes: BytesMut) -> Result<Command, FrameError> {
    let mut command = Command::default();
    assert!(decode_frame(&mut bytes, MAX_FRAME, &mut command)?, "incomplete");
    assert!(bytes.is_empty());
    Ok(command)
}

fn json(header: &str) -> Result<Command, FrameError> {
    decode_one(frame(0, header.as_bytes(), b""))
}

#[test]
fn json_header_as_java_writes_it() {
    let header = r#"{"code":310,"extFields":{"a":"x\u0001y","b":""},"flag":0,"language":"GO","opaque":12,"remark":"r","serializeTypeCurrentRPC":"JSON","version":293}"#;
    let command = decode_one(frame(0, header.as_bytes(), b"body")).unwrap();
    assert_eq!((command.code, command.opaque, command.version), (310, 12, 293));
    assert_eq!(command.language, Language::GO);
    assert_eq!(command.remark.as_deref(), Some("r"));
    assert_eq!(command.ext.get("a"), Some("x\u{1}y"));
    assert_eq!(command.ext.get("b"), Some(""));
    assert_eq!(command.ext.get("c"), None);
    assert_eq!(&command.body[..], b"body");
    assert_eq!(to_bytes(&command), frame(0, header.as_bytes(), b"body").freeze());
}

#[test]
fn tolerates_what_fastjson_tolerates() {
    let command = json(
        r#" { "version" : "5" , "who":[{"x":[1,"]"]},null], "flag":"1","code":7,
            "extFields":{"n":12,"t":true,"z":null,"d":1.5e3} } "#,
    )
    .unwrap();
    assert_eq!((command.version, command.flag, command.code), (5, 1, 7));
    assert_eq!(command.ext.get("n"), Some("12"));
    assert_eq!(command.ext.get("t"), Some("true"));
    assert_eq!(command.ext.get("z"), None);
    assert_eq!(command.ext.get("d"), Some("1.5e3"));
    assert!(!json("{}").unwrap().ext.present());
    assert!(json(r#"{"extFields":{}}"#).unwrap().ext.present());
    assert!(!json(r#"{"extFields":null}"#).unwrap().ext.present());
    assert_eq!(json(r#"{"language":"KLINGON"}"#).unwrap().language, Language::OTHER);
}

#[test]
fn refuses_malformed_headers() {
    for header in [
        "",
        "[]",
        "{",
        "nope",
        r#"{"code":}"#,
        r#"{"code":1.5}"#,
        r#"{"code":99999999999}"#,
        r#"{"code":1}x"#,
        r#"{"extFields":{"a"}}"#,
        r#"{"extFields":{"a":{}}}"#,
        r#"{"extFields":[]}"#,
        r#"{"a":"\q"}"#,
        r#"{"a":"open}"#,
    ] {
        assert!(matches!(json(header), Err(FrameError::Header { .. })), "{header}");
    }
    let deep = format!(r#"{{"a":{}1{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert!(json(&deep).is_err());
}

#[test]
fn lengths_are_checked_before_use() {
    let mut command = Command::default();
    for bytes in [&b"\xff\xff\xff\xff"[..], b"\x01\x00\x00\x00", b"\x00\xff\xff\xfd"] {
        let got = decode_frame(&mut BytesMut::from(bytes), MAX_FRAME, &mut command);
        assert!(matches!(got, Err(FrameError::TooLong { .. })), "{bytes:?}");
    }
    let short = decode_frame(&mut BytesMut::from(&b"\0\0\0\x03abc"[..]), MAX_FRAME, &mut command);
    assert!(matches!(short, Err(FrameError::HeaderLength { .. })));
    let mut beyond = BytesMut::from(&b"\0\0\0\x06\0\0\0\x03{}"[..]);
    assert!(matches!(
        decode_frame(&mut beyond, MAX_FRAME, &mut command),
        Err(FrameError::HeaderLength { .. })
    ));
    assert_eq!(decode_one(frame(9, b"{}", b"")), Err(FrameError::Encoding(9)));
}

#[test]
fn every_truncation_waits_for_more() {
    let mut command = Command::request(11).body(&b"xyz"[..]);
    command.ext.push("topic", "T");
    for encoding in [Encoding::Json, Encoding::Rocketmq] {
        command.encoding = encoding;
        let whole = to_bytes(&command);
        for length in 0..whole.len() {
            let mut part = BytesMut::from(&whole[..length]);
            assert_eq!(decode_frame(&mut part, MAX_FRAME, &mut Command::default()), Ok(false));
            assert_eq!(part.len(), length, "nothing is consumed");
        }
        assert_eq!(decode_one(BytesMut::from(&whole[..])).unwrap(), command);
    }
}

#[test]
fn reply_head_is_followed_by_its_body() {
    let reply = Reply::ok().field("offset", "20").body(vec![1, 2, 3]);
    let mut out = BytesMut::new();
    encode_reply_head(&reply, 6, Encoding::Json, &mut out);
    out.put_slice(&[1, 2, 3]);
    let text = r#"{"code":0,"extFields":{"offset":"20"},"flag":1,"language":"JAVA","opaque":6,"serializeTypeCurrentRPC":"JSON","version":293}"#;
    assert_eq!(out, frame(0, text.as_bytes(), &[1, 2, 3]));
}

prop_compose! {
    fn any_command()(
        code in any::<i16>(), language in 0u8..12, version in any::<i16>(), opaque: i32,
        flag: i32, remark in proptest::option::of("\\PC{1,20}"),
        fields in proptest::collection::hash_map("\\PC{0,9}", any::<String>(), 0..9),
        body in proptest::collection::vec(any::<u8>(), 0..50), json: bool,
    ) -> Command {
        let mut command = Command {
            code: i32::from(code), language: Language(language), version: i32::from(version),
            opaque, flag, remark, body: body.into(), ..Command::default()
        };
        for (key, value) in &fields {
            command.ext.push(key, value);
        }
        command.encoding = if json { Encoding::Json } else { Encoding::Rocketmq };
        command
    }
}

/// Text as a JSON string of any writer: escaped in one way, in another, or not.
fn any_json_text() -> impl Strategy<Value = String> {
    let part = prop_oneof![
        "[^\\x00-\\x1f\"\\\\]{0,40}",
        r#"\\["\\/bfnrt]"#,
        r"\\u[0-9a-cefA-CEF][0-9a-fA-F]{3}",
        Just(r"\ud83d\ude00".to_owned()),
    ];
    proptest::collection::vec(part, 0..6).prop_map(|parts| format!("\"{}\"", parts.concat()))
}

prop_compose! {
    /// A header and some of its fields, the same key twice among them.
    fn any_json_header()(
        blanks in proptest::collection::vec("[ \t\r\n]{0,3}", 5),
        fields in proptest::collection::vec((any_json_text(), any_json_text()), 0..20),
        remark in any_json_text(), stray in any_json_text(), opaque: i32, many: bool,
    ) -> String {
        let gap = |at: usize| if many { blanks[at].as_str() } else { "" };
        let fields: Vec<_> = fields
            .iter()
            .map(|(key, value)| format!("{key}{}:{}{value}{}", gap(0), gap(1), gap(2)))
            .collect();
        let fields = fields.join(&format!(",{}", gap(3)));
        format!(
            r#"{}{{"x":[{stray},{{"y":{stray}}}],"extFields":{{{}{fields}}},"remark":{remark},"opaque":{opaque}{}}}"#,
            gap(4), gap(3), gap(2)
        )
    }
}

proptest! {
    #[test]
    fn reads_json_as_others_do(header in any_json_header()) {
        let slow: serde_json::Value = serde_json::from_str(&header).unwrap();
        let quick = json(&header).unwrap();
        prop_assert_eq!(quick.remark.as_deref(), slow["remark"].as_str());
        prop_assert_eq!(Some(i64::from(quick.opaque)), slow["opaque"].as_i64());
        let fields = slow["extFields"].as_object().unwrap();
        for (key, value) in fields {
            prop_assert_eq!(quick.ext.get(key), value.as_str());
        }
        prop_assert!(quick.ext.iter().all(|(key, _)| fields.contains_key(key)));
    }

    #[test]
    fn round_trip(commands in proptest::collection::vec(any_command(), 1..4)) {
        let mut wire = BytesMut::new();
        for command in &commands {
            encode_command(command, &mut wire);
        }
        let mut back = Command::default();
        for command in &commands {
            prop_assert_eq!(decode_frame(&mut wire, MAX_FRAME, &mut back), Ok(true));
            prop_assert_eq!(&back, command);
        }
        prop_assert!(wire.is_empty());
    }

    #[test]
    fn garbage_never_panics(kind in 0u8..3, header in any::<Vec<u8>>(), body in any::<Vec<u8>>()) {
        let _ = decode_one(frame(kind, &header, &body));
    }

    #[test]
    fn garbled_json_never_panics(at in 0usize..140, byte: u8) {
        let mut command = Command::request(310);
        command.ext.push("a", "x\u{1}y\\");
        command.remark = Some("ü\n".to_owned());
        let mut wire = BytesMut::from(&to_bytes(&command)[..]);
        let at = 8 + at % (wire.len() - 8);
        wire[at] = byte;
        let _ = decode_frame(&mut wire, MAX_FRAME, &mut Command::default());
    }
}
