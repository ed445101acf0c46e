//! Turns what was observed into lines `path = value` that two brokers can agree on.
//!
//! Replaced by symbols: message ids and commit log positions (numbered as they first appear, so
//! that a wrong reference still shows), addresses, the present time, the version numbers of
//! tables. Dropped: members of whole-table answers that belong to other conversations, or
//! appear a minute after a start; where the reference is another release than 4.4.0, what each
//! release says of itself. Sorted: everything whose order comes from a hash table.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::backend::{RELEASE, reference};
use crate::conn::Outcome;
use crate::json::Json;
use crate::record::{Record, message_id};
use crate::wire::Frame;

/// What every name made by a conversation contains.
pub const TOKEN_MARK: &str = "Zq-";

const DAY_MS: i64 = 86_400_000;

/// This topic comes into the tables some time after a start.
const LATE_TOPIC: &str = "\"RMQ_SYS_TRANS_HALF_TOPIC\"";

/// What an observation looks like: values by path.
pub type Lines = BTreeMap<String, String>;

/// The symbols of one conversation on one side.
pub struct Normal {
    token: String,
    broker: String,
    addresses: Vec<(String, &'static str)>,
    positions: Vec<i64>,
    now: i64,
}

/// How to read a body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodyKind {
    /// Message records.
    Records,
    /// JSON, properties text or nothing.
    Text,
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}

impl Normal {
    /// `addresses` are the known ones with their symbols; all other loopback addresses are
    /// clients.
    pub fn new(token: &str, broker: &str, addresses: Vec<(String, &'static str)>) -> Self {
        let (token, broker) = (token.to_owned(), broker.to_owned());
        Normal { token, broker, addresses, positions: Vec::new(), now: now_ms() }
    }

    /// Lines of one observation.
    pub fn outcome(&mut self, outcome: &Outcome, body: BodyKind) -> Lines {
        let mut lines = Lines::new();
        match outcome {
            Outcome::Silence => drop(lines.insert("outcome".to_owned(), "silence".to_owned())),
            Outcome::Closed => drop(lines.insert("outcome".to_owned(), "closed".to_owned())),
            Outcome::Answer(frame) => self.frame(frame, body, &mut lines),
        }
        lines
    }

    fn frame(&mut self, frame: &Frame, body: BodyKind, lines: &mut Lines) {
        let mut put = |path: &str, value: String| drop(lines.insert(path.to_owned(), value));
        put("header.encoding", format!("{:?}", frame.encoding));
        put("header.code", frame.code.to_string());
        put("header.flag", frame.flag.to_string());
        put("header.language", frame.language.clone());
        if reference() == RELEASE {
            put("header.version", frame.version.to_string());
        }
        if let Some(remark) = &frame.remark {
            put("header.remark", exception(&self.text(remark)));
        }
        match &frame.ext {
            None => put("ext", "absent".to_owned()),
            Some(ext) => {
                put("ext", "present".to_owned());
                for (name, value) in ext {
                    put(&format!("ext.{name}"), self.text(value));
                }
            }
        }
        self.body(frame, body, lines);
    }

    fn body(&mut self, frame: &Frame, kind: BodyKind, lines: &mut Lines) {
        let mut put = |path: &str, value: String| drop(lines.insert(path.to_owned(), value));
        if frame.body.is_empty() {
            return put("body", "empty".to_owned());
        }
        if kind == BodyKind::Records {
            return match Record::parse_all(&frame.body) {
                Ok(records) => self.records(&records, lines),
                Err(e) => put("body", format!("{} bytes, no records: {e:#}", frame.body.len())),
            };
        }
        let Ok(text) = std::str::from_utf8(&frame.body) else {
            return put("body", format!("{} bytes of binary", frame.body.len()));
        };
        match Json::parse(text) {
            Ok(json) => self.json("body", json, lines),
            Err(_) => {
                for line in text.lines() {
                    let (name, value) = line.split_once('=').unwrap_or((line, ""));
                    put(&format!("body.{name}"), self.text(value));
                }
            }
        }
    }

    fn records(&mut self, records: &[Record], lines: &mut Lines) {
        for (i, record) in records.iter().enumerate() {
            let mut put =
                |name: &str, value: String| drop(lines.insert(format!("body[{i}].{name}"), value));
            // Newer brokers add a property of their own to each, and no mark behind the last one.
            if reference() == RELEASE {
                put("size", record.size.to_string());
                put("propertiesEnd", record.properties.ends_with('\u{2}').to_string());
            }
            put("queueId", record.queue_id.to_string());
            put("flag", record.flag.to_string());
            put("queueOffset", record.queue_offset.to_string());
            put("physicalOffset", self.position(record.physical_offset));
            put("sysFlag", record.sys_flag.to_string());
            put("bornTimestamp", self.text(&record.born_timestamp.to_string()));
            put("bornHost", self.text(&record.born_host));
            put("storeTimestamp", self.text(&record.store_timestamp.to_string()));
            put("storeHost", self.text(&record.store_host));
            put("reconsumeTimes", record.reconsume_times.to_string());
            put("preparedOffset", self.position(record.prepared_offset));
            put("topic", self.text(&record.topic));
            let body = String::from_utf8_lossy(&record.body);
            put("body", if body.len() > 300 { body.len().to_string() } else { self.text(&body) });
            for (name, value) in record.property_list() {
                if name == "CLUSTER" && reference() != RELEASE {
                    continue;
                }
                put(&format!("properties.{name}"), self.text(&value));
            }
        }
    }

    fn json(&mut self, path: &str, json: Json, lines: &mut Lines) {
        let json = self.values(json).sorted();
        flatten(path, &json, lines);
    }

    /// Replaces texts and drops what belongs to others.
    fn values(&mut self, json: Json) -> Json {
        match json {
            Json::Text(text) => Json::Text(self.text(&text)),
            Json::Number(text) => Json::Number(self.text(&text)),
            Json::Array(items) => {
                let own = items.into_iter().filter(|item| !self.is_foreign(item));
                Json::Array(own.collect::<Vec<_>>().into_iter().map(|i| self.values(i)).collect())
            }
            Json::Object(members) => {
                let own: Vec<_> =
                    members.into_iter().filter(|(k, _)| !self.is_foreign(k)).collect();
                let mut out = Vec::with_capacity(own.len());
                for (key, value) in own {
                    let versions = matches!(&key, Json::Text(t) if t == "dataVersion");
                    let value = if versions { hide(value) } else { self.values(value) };
                    out.push((self.values(key), value));
                }
                Json::Object(out)
            }
            other => other,
        }
    }

    fn is_foreign(&self, json: &Json) -> bool {
        let text = json.to_string();
        if text == LATE_TOPIC {
            return true;
        }
        text.contains(TOKEN_MARK) && !text.contains(&self.token)
    }

    /// A commit log position as a symbol.
    fn position(&mut self, offset: i64) -> String {
        if offset == 0 {
            return "0".to_owned();
        }
        let at = self.positions.iter().position(|p| *p == offset).unwrap_or_else(|| {
            self.positions.push(offset);
            self.positions.len() - 1
        });
        format!("<position {}>", at + 1)
    }

    /// A text with everything replaced that differs from run to run.
    pub fn text(&mut self, text: &str) -> String {
        let text = self.addresses_replaced(text);
        let mut out = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let word = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
            if word == 0 {
                out.push(first);
                rest = &rest[first.len_utf8()..];
            } else {
                out += &self.word(&rest[..word]);
                rest = &rest[word..];
            }
        }
        out
    }

    fn word(&mut self, word: &str) -> String {
        if let Some((host, offset)) = message_id(word)
            && host == self.broker
        {
            let position = self.position(offset);
            return format!("<id at {position}>");
        }
        match word.parse::<i64>() {
            Ok(ms) if (ms - self.now).abs() < DAY_MS => "<now>".to_owned(),
            _ => word.to_owned(),
        }
    }

    fn addresses_replaced(&self, text: &str) -> String {
        const LOOPBACK: &str = "127.0.0.1:";
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(LOOPBACK) {
            let after = &rest[at + LOOPBACK.len()..];
            let digits = after.find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len());
            let end = at + LOOPBACK.len() + digits;
            let address = &rest[at..end];
            out += &rest[..at];
            let known = self.addresses.iter().find(|(a, _)| a == address).map(|(_, s)| *s);
            // Small port numbers are written by the conversations themselves.
            let own = digits < 4;
            out += if own { address } else { known.unwrap_or("<client>") };
            rest = &rest[end..];
        }
        out + rest
    }
}

/// The remark of an unforeseen exception, without message and stack frame.
fn exception(remark: &str) -> String {
    match remark.split_once("Exception:") {
        Some((class, _)) if class.starts_with("java.") || class.starts_with("com.alibaba.") => {
            EXCEPTION.to_owned()
        }
        _ => match remark.rfind(", org.apache.rocketmq.") {
            Some(at) if remark.starts_with("org.apache.rocketmq.") => remark[..at].to_owned(),
            _ => remark.to_owned(),
        },
    }
}

/// Stands for a remark that only tells of an exception inside the Java program.
pub const EXCEPTION: &str = "<exception>";

fn hide(json: Json) -> Json {
    match json {
        Json::Object(members) => {
            Json::Object(members.into_iter().map(|(k, v)| (k, hide(v))).collect())
        }
        Json::Number(_) => Json::Text("<version>".to_owned()),
        other => other,
    }
}

fn flatten(path: &str, json: &Json, lines: &mut Lines) {
    match json {
        Json::Array(items) if !items.is_empty() => {
            for (i, item) in items.iter().enumerate() {
                flatten(&format!("{path}[{i}]"), item, lines);
            }
        }
        Json::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let key = match key {
                    Json::Text(text) => text.clone(),
                    bare => format!("<{bare}>"),
                };
                flatten(&format!("{path}.{key}"), value, lines);
            }
        }
        leaf => drop(lines.insert(path.to_owned(), leaf.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn normal() -> Normal {
        let addresses = vec![("127.0.0.1:25200".to_owned(), "<broker>")];
        Normal::new("Zq-a-J", "127.0.0.1:25200", addresses)
    }

    #[test]
    fn texts() {
        let mut n = normal();
        let id = "7F000001000062700000000000001B88";
        assert_eq!(n.text(&format!("{id},{id}")), "<id at <position 1>>,<id at <position 1>>");
        assert_eq!(n.text("127.0.0.1:25200 /127.0.0.1:40000"), "<broker> /<client>");
        assert_eq!(n.text(&format!("at {} 12345", now_ms())), "at <now> 12345");
    }

    #[test]
    fn others_are_dropped() {
        let mut lines = Lines::new();
        let json = Json::parse(r#"{"t":{"Zq-a-J1":{0:1},"Zq-b-J1":{0:2},"sys":{0:3}}}"#).unwrap();
        normal().json("body", json, &mut lines);
        let found: Vec<_> = lines.into_iter().collect();
        let expected = [("body.t.Zq-a-J1.<0>", "1"), ("body.t.sys.<0>", "3")];
        assert_eq!(found, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn exceptions() {
        assert_eq!(exception("java.lang.NullPointerException: x, y"), EXCEPTION);
        let acl = "org.apache.rocketmq.acl.common.AclException: no, org.apache.rocketmq.X.y(Z:1)";
        assert_eq!(exception(acl), "org.apache.rocketmq.acl.common.AclException: no");
    }
}
