use super::*;
use serde::{Deserialize, Serialize};

#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sample<'a> {
    topic: &'a str,
    queue_id: i32,
    commit_offset: Option<i64>,
    #[serde(default)]
    unit_mode: bool,
    owned: Option<String>,
}

fn ext(fields: &[(&str, &str)]) -> Ext {
    fields.iter().copied().collect()
}

#[test]
fn reads_and_writes_a_header() {
    let fields = ext(&[("topic", "T"), ("queueId", "+3"), ("unitMode", "TRUE"), ("other", "x")]);
    let header: Sample<'_> = from_ext(&fields).unwrap();
    let expected =
        Sample { topic: "T", queue_id: 3, commit_offset: None, unit_mode: true, owned: None };
    assert_eq!(header, expected);
    let mut back = Ext::default();
    to_ext(&header, &mut back).unwrap();
    assert_eq!(back, ext(&[("topic", "T"), ("queueId", "3"), ("unitMode", "true")]));
}

#[test]
fn names_what_is_wrong() {
    let missing = from_ext::<Sample<'_>>(&ext(&[("topic", "T")])).unwrap_err();
    assert_eq!(missing.to_string(), "the custom field <queueId> is null");
    for bad in ["", " 1", "1.0", "99999999999", "abc"] {
        let fields = ext(&[("topic", "T"), ("queueId", bad)]);
        let error = from_ext::<Sample<'_>>(&fields).unwrap_err();
        assert!(matches!(error, Error::Invalid { ref name, .. } if name == "queueId"), "{error}");
    }
}

#[test]
fn anything_but_true_is_false() {
    let fields = ext(&[("topic", "T"), ("queueId", "1"), ("unitMode", "yes")]);
    assert!(!from_ext::<Sample<'_>>(&fields).unwrap().unit_mode);
}

#[test]
fn the_last_of_two_equal_keys_wins() {
    let fields = ext(&[("topic", "A"), ("queueId", "1"), ("topic", "B")]);
    assert_eq!(fields.get("topic"), Some("B"));
    assert_eq!(from_ext::<Sample<'_>>(&fields).unwrap().topic, "B");
}

#[test]
fn set_replaces() {
    let mut fields = ext(&[("a", "1"), ("b", "2")]);
    fields.set("a", "3");
    assert_eq!(fields.iter().collect::<Vec<_>>(), [("b", "2"), ("a", "3")]);
    fields.clear();
    assert!(!fields.present() && fields.is_empty());
}
