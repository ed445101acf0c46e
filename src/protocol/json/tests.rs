use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::value::{Value, any_value};
use super::*;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Bean {
    by_number: BTreeMap<i32, String>,
    by_queue: BTreeMap<Queue, i64>,
    flag: bool,
    items: Vec<i32>,
    kind: Option<Kind>,
    #[serde(serialize_with = "inline")]
    line: Vec<i32>,
    missing: Option<String>,
    number: i32,
    ratio: f64,
    text: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(default)]
struct Queue {
    id: i32,
    name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    First,
    Second,
}

fn queue(id: i32, name: &str) -> Queue {
    Queue { id, name: name.to_owned() }
}

fn sample() -> Bean {
    Bean {
        by_number: BTreeMap::from([(-1, "x".to_owned()), (0, "y".to_owned())]),
        by_queue: BTreeMap::from([(queue(1, "a"), 5), (queue(2, "b"), 6)]),
        flag: true,
        items: vec![1, 2],
        kind: Some(Kind::Second),
        line: vec![3, 4],
        missing: None,
        number: 7,
        ratio: 1.5e10,
        text: "a\"\u{1}/é".to_owned(),
    }
}

/// Reads and compares.
#[track_caller]
fn check<T: DeserializeOwned + PartialEq + std::fmt::Debug>(text: &str, expected: T) {
    assert_eq!(from_str::<T>(text), Ok(expected), "{text}");
}

#[track_caller]
fn refuse<T: DeserializeOwned + std::fmt::Debug>(text: &str, message: &str) {
    let error = from_str::<T>(text).expect_err(text);
    assert_eq!(error.to_string(), message, "{text}");
}

#[test]
fn writes_the_compact_form() {
    let text = to_string(&sample());
    assert_eq!(
        text,
        concat!(
            r#"{"byNumber":{-1:"x",0:"y"},"byQueue":{{"id":1,"name":"a"}:5,{"id":2,"name":"b"}:6},"#,
            r#""flag":true,"items":[1,2],"kind":"SECOND","line":[3,4],"number":7,"#,
            r#""ratio":1.5E10,"text":"a\"\u0001/é"}"#
        )
    );
    check(&text, sample());
}

#[test]
fn writes_the_pretty_form() {
    let text = to_string_pretty(&sample());
    let expected = r#"{
	"byNumber":{-1:"x",0:"y"
	},
	"byQueue":{{
			"id":1,
			"name":"a"
		}:5,{
			"id":2,
			"name":"b"
		}:6
	},
	"flag":true,
	"items":[
		1,
		2
	],
	"kind":"SECOND",
	"line":[3,4],
	"number":7,
	"ratio":1.5E10,
	"text":"a\"\u0001/é"
}"#;
    assert_eq!(text, expected);
    check(&text, sample());
    let empty = "{\n\t\"byNumber\":{},\n\t\"byQueue\":{},\n\t\"flag\":false,\n\t\"items\":[],\n\t\
                 \"line\":[],\n\t\"number\":0,\n\t\"ratio\":0.0,\n\t\"text\":\"\"\n}";
    assert_eq!(to_string_pretty(&Bean::default()), empty);
}

#[test]
fn leaves_absent_values_out() {
    let map = BTreeMap::from([("a", None), ("b", Some(1)), ("c", None), ("d", Some(2))]);
    assert_eq!(to_string(&map), r#"{"b":1,"d":2}"#);
    assert_eq!(to_string(&[None, Some(1)]), "[null,1]");
    assert_eq!(to_string(&BTreeMap::from([("a", "null")])), r#"{"a":"null"}"#);
    assert_eq!(to_string(&[f64::NAN, f64::INFINITY, -0.0]), "[null,null,-0.0]");
    assert_eq!(to_vec("x"), br#""x""#);
}

#[test]
fn reads_what_is_no_standard_json() {
    let expected = Bean { number: 7, text: "x".to_owned(), flag: true, ..Bean::default() };
    for text in [
        r#"{"number":7,"text":"x","flag":true}"#,
        r"{'number':'7','text':'x','flag':'true'}",
        r#"{number:7,text:"x",flag:1}"#,
        r#" {, number : " 7 " ,, "text":"\x78" , flag:"Y",}  "#,
        "/*a*/{number/*:*/:7L,//}\n text:'x',flag:'TRUE'}",
        r#"{"Number":7.9,"TEXT":"x","flag":"T","unknown":{1:[{{"a":2}:"}"}],'b':null}}"#,
        r#"{"number":7,"text":"x","flag":true,"ratio":null,"items":null,"kind":undefined}"#,
        r#"{"number":7,"number":8,"text":"x","flag":true,"items":"","byQueue":""}"#,
        r#"{"number":7e0,"text":"x","flag":true,{"a":1}:2,[3]:4,null:5}"#,
    ] {
        check(text, expected.clone());
    }
    check(
        "{by_number:{0:1,'1':true,2L:null}}",
        Bean {
            by_number: BTreeMap::from([(0, "1".to_owned()), (1, "true".to_owned())]),
            ..Bean::default()
        },
    );
    check("[1 2,,3,]", vec![1, 2, 3]);
    check("['FIRST',1]", vec![Kind::First, Kind::Second]);
    check("null", Bean::default());
    check("{text:12}", Bean { text: "12".to_owned(), ..Bean::default() });
    check("{true:1,false:2}", BTreeMap::from([(true, 1), (false, 2)]));
}

#[test]
fn refuses_what_is_no_json_at_all() {
    refuse::<Bean>("", "JSON: expected a value at byte 0");
    refuse::<Bean>("{", "JSON: expected `,` or `}` at byte 1");
    refuse::<Bean>("{number", "JSON: expected `:` at byte 7");
    refuse::<Bean>("{number:", "JSON: expected a value at byte 8");
    refuse::<Bean>("{number:1 text:2}", "JSON: expected `,` or `}` at byte 10");
    refuse::<Bean>("{number:1}}", "JSON: expected the end at byte 10");
    refuse::<Bean>("{text:'a", "JSON: expected the end of a string at byte 7");
    refuse::<Bean>(r#"{text:"a\q"}"#, "JSON: expected a string at byte 7");
    refuse::<Bean>("/* {}", "JSON: expected a comment at byte 0");
    refuse::<Bean>("{number:x}", "JSON: expected a value at byte 8");
    refuse::<Bean>("{unknown:]}", "JSON: expected a value at byte 9");
    refuse::<Vec<i32>>("[1", "JSON: expected `,` or `]` at byte 2");
}

#[test]
fn refuses_values_that_do_not_fit() {
    refuse::<Bean>(
        "{number:3000000000}",
        "JSON: invalid value: integer `3000000000`, expected i32",
    );
    refuse::<Bean>("{number:1e30}", "JSON: invalid value: string \"1e30\", expected i32");
    refuse::<Bean>("{number:'x'}", "JSON: invalid value: string \"x\", expected i32");
    refuse::<Bean>("{number:[1]}", "JSON: invalid type: sequence, expected i32");
    refuse::<Bean>("{flag:'maybe'}", "JSON: invalid value: string \"maybe\", expected a boolean");
    refuse::<Bean>("{text:{}}", "JSON: invalid type: map, expected a string");
    refuse::<Bean>("{items:{}}", "JSON: invalid type: map, expected a sequence");
    refuse::<Bean>(
        "{byQueue:{'{id:1}':2}}",
        "JSON: invalid type: string \"{id:1}\", expected struct Queue",
    );
    refuse::<Bean>("[]", "JSON: invalid type: sequence, expected struct Bean");
}

#[test]
fn follows_references() {
    check(
        r#"{"a":{"b":[{"id":1},{"id":2}]},"c":{"$ref":"$.a.b[1]"},"d":{"$ref":"$.a"}}"#,
        from_str::<Value>(
            r#"{"a":{"b":[{"id":1},{"id":2}]},"c":{"id":2},"d":{"b":[{"id":1},{"id":2}]}}"#,
        )
        .unwrap(),
    );
    check(r#"[[1,2],{"$ref":"$[0]"}]"#, vec![vec![1, 2], vec![1, 2]]);
    check(
        r#"{"%a.b":{"id":1},0:{"id":2},"x":{"$ref":"$.\\%a\\.b"},"y":{'$ref':'$.0'}}"#,
        BTreeMap::from(
            [("%a.b", 1), ("0", 2), ("x", 1), ("y", 2)]
                .map(|(key, id)| (key.to_owned(), queue(id, ""))),
        ),
    );
    // To nowhere, or to what it stands in: as if it were not there.
    for path in ["..", "@", "$.z", "$[7]", "$.a.b", "a", "$x", "$[", "$."] {
        let text = format!(r#"{{"a":[],"q":{{"$ref":"{path}"}}}}"#);
        let read = from_str::<BTreeMap<String, Value>>(&text).unwrap();
        assert_eq!(read.get("q"), Some(&Value::Null), "{path}");
    }
    // No reference: more than the one member.
    check(
        r#"{"$ref":"x","a":"y"}"#,
        BTreeMap::from([("$ref".to_owned(), "x".to_owned()), ("a".to_owned(), "y".to_owned())]),
    );
}

#[test]
fn references_expand_within_bounds() {
    assert_eq!(
        from_str::<Value>(r#"{"a":{"$ref":"$"}}"#),
        Err(Error::TooDeep { at: 1 }),
        "a circle ends"
    );
    // Each list holds the one before twice: without a bound, 2^40 items.
    let mut text = String::from("[[1]");
    for level in 0..40 {
        text.push_str(&format!(r#",[{{"$ref":"$[{level}]"}},{{"$ref":"$[{level}]"}}]"#));
    }
    text.push(']');
    assert_eq!(from_str::<Value>(&text), Err(Error::References));
}

#[test]
fn depth_is_limited() {
    let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
    assert!(from_str::<Value>(&nested(DEPTH_MAX as usize)).is_ok());
    refuse::<Value>(&nested(65), "JSON: nested deeper than 64 at byte 65");
    // What nobody asked for is passed over however deep it is.
    check(&format!("{{a:{}}}", nested(100_000)), Bean::default());
    refuse::<Bean>(&"[".repeat(1_000_000), "JSON: invalid type: sequence, expected struct Bean");
}

#[test]
fn bytes_that_are_no_utf8_become_replacements() {
    let read: Bean = from_slice(b"{text:'a\xffb'}").unwrap();
    assert_eq!(read.text, "a\u{FFFD}b");
}

#[test]
fn strings_without_escapes_are_borrowed() {
    let read: Vec<&str> = from_str(r#"["a",'b']"#).unwrap();
    assert_eq!(read, ["a", "b"]);
}

proptest! {
    #[test]
    fn compact_form_reads_back(value in any_value()) {
        prop_assert_eq!(from_str::<Value>(&to_string(&value)), Ok(value));
    }

    #[test]
    fn pretty_form_reads_back(value in any_value()) {
        prop_assert_eq!(from_str::<Value>(&to_string_pretty(&value)), Ok(value));
    }

    #[test]
    fn standard_json_reads_as_serde_json_reads_it(text in "[ -~]{0,40}", number in any::<i64>()) {
        let json = serde_json::json!({ "a": text, "b": [number, null, true], "c": {} }).to_string();
        let read: serde_json::Value = from_str(&json).unwrap();
        prop_assert_eq!(read, serde_json::from_str::<serde_json::Value>(&json).unwrap());
    }

    #[test]
    fn doubles_read_back(value in any::<f64>()) {
        prop_assume!(value.is_finite());
        prop_assert_eq!(from_str::<f64>(&java_double(value)), Ok(value));
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        let _ = from_str::<Value>(&text);
        let _ = from_str::<Bean>(&text);
    }

    #[test]
    fn text_of_brackets_is_read_or_refused(text in r#"[\[\]{},:"'$ref.0a/*\\ ]{0,60}"#) {
        let _ = from_str::<Value>(&text);
        let _ = from_str::<Bean>(&text);
    }

    #[test]
    fn garbled_text_is_read_or_refused(at in 0usize..200, byte in any::<u8>(), end in 0usize..260) {
        let mut text = to_vec(&sample());
        if let Some(there) = text.get_mut(at) {
            *there = byte;
        }
        text.truncate(end);
        let _ = from_slice::<Bean>(&text);
        let _ = from_slice::<Value>(&text);
    }
}
