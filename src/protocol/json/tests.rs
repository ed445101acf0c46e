use std::collections::BTreeMap;

use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use super::value::{Value, any_value};
use super::*;

#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Bean {
    by_queue: BTreeMap<Queue, i64>,
    by_number: BTreeMap<i32, String>,
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
enum Kind {
    FIRST,
    SECOND,
}

fn queue(id: i32, name: &str) -> Queue {
    Queue { id, name: name.to_owned() }
}

/// Reads and compares; `expected` is everything that is not default.
#[track_caller]
fn check(text: &str, expected: Bean) {
    assert_eq!(from_str::<Bean>(text), Ok(expected), "{text}");
}

#[track_caller]
fn refuse<T: serde::de::DeserializeOwned + std::fmt::Debug>(text: &str, message: &str) {
    let error = from_str::<T>(text).expect_err(text);
    assert_eq!(error.to_string(), message, "{text}");
}

fn sample() -> Bean {
    Bean {
        by_queue: BTreeMap::from([(queue(1, "a"), 5), (queue(2, "b"), 6)]),
        by_number: BTreeMap::from([(-1, "x".to_owned()), (0, "y".to_owned())]),
        flag: true,
        items: vec![1, 2],
        kind: Some(Kind::SECOND),
        line: vec![3, 4],
        missing: None,
        number: 7,
        ratio: 1.5e10,
        text: "a\"\u{1}/é".to_owned(),
    }
}

#[test]
fn writes_the_compact_form() {
    assert_eq!(
        to_string(&sample()),
        concat!(
            r#"{"byQueue":{{"id":1,"name":"a"}:5,{"id":2,"name":"b"}:6},"#,
            r#""byNumber":{-1:"x",0:"y"},"flag":true,"items":[1,2],"kind":"SECOND","#,
            r#""line":[3,4],"number":7,"ratio":1.5E10,"text":"a\"\u0001/é"}"#
        )
    );
}
