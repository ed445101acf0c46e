//! YAML as the files of 4.4.0 are read: SnakeYAML's rules of version 1.1 for what a plain scalar
//! is, then text by Java's `toString`, because the keys of accounts are often written as bare
//! numbers (`secretKey: 12345678`, but also `012345670`, which is octal).
//!
//! Scanning is done by `saphyr-parser`; this module builds the tree and types its scalars.

use std::collections::HashMap;

use protocol::json::java_double;
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};

/// How deep a document may nest, and how many values it may have once aliases are resolved.
const MAX_DEPTH: u32 = 32;
const MAX_VALUES: usize = 100_000;

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// The text that Java prints for the number.
    Number(String),
    Text(String),
    List(Vec<Value>),
    /// Keys in order, the last of two equal ones wins.
    Map(Vec<(Value, Value)>),
}

/// Why a document cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("not UTF-8")]
    Encoding,
    #[error("{0}")]
    Syntax(String),
    #[error("more than one document")]
    Documents,
    #[error("too deep or too large")]
    Size,
    #[error("unknown tag {0}")]
    Tag(String),
}

/// Reads a document; an empty one is [`Value::Null`].
pub(crate) fn parse(content: &[u8]) -> Result<Value, Error> {
    let text = str::from_utf8(content).map_err(|_| Error::Encoding)?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().any(starts_with_tab) {
        // YAML 1.1 allows none, and a newer parser would take some.
        return Err(Error::Syntax("tabs cannot indent".to_owned()));
    }
    let mut builder = Builder { anchors: HashMap::new(), open: Vec::new(), root: None, values: 0 };
    for event in Parser::new_from_str(text) {
        let (event, _) = event.map_err(|error| Error::Syntax(error.to_string()))?;
        builder.take(event)?;
    }
    Ok(builder.root.unwrap_or(Value::Null))
}

fn starts_with_tab(line: &str) -> bool {
    let content = line.trim_start();
    let blanks = line.strip_suffix(content).unwrap_or_default();
    blanks.contains('\t') && !content.is_empty() && !content.starts_with('#')
}

/// A list or map that is not closed yet, with its anchor.
struct Open {
    anchor: usize,
    value: Value,
    /// A key that waits for its value.
    key: Option<Value>,
}

struct Builder {
    anchors: HashMap<usize, (Value, usize)>,
    open: Vec<Open>,
    root: Option<Value>,
    values: usize,
}

impl Builder {
    fn take(&mut self, event: Event<'_>) -> Result<(), Error> {
        match event {
            Event::DocumentStart(_) if self.root.is_some() => return Err(Error::Documents),
            Event::Scalar(text, style, anchor, tag) => {
                let value = scalar(&text, style, tag.as_deref())?;
                self.put(value, anchor, 1)?;
            }
            Event::Alias(anchor) => {
                let (value, size) = self.anchors.get(&anchor).cloned().unwrap_or((Value::Null, 1));
                self.put(value, 0, size)?;
            }
            Event::SequenceStart(anchor, tag) => {
                check_tag(tag.as_deref(), "seq")?;
                self.start(Value::List(Vec::new()), anchor)?;
            }
            Event::MappingStart(anchor, tag) => {
                check_tag(tag.as_deref(), "map")?;
                self.start(Value::Map(Vec::new()), anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(Open { anchor, value, .. }) = self.open.pop() {
                    self.put(value, anchor, 1)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, value: Value, anchor: usize) -> Result<(), Error> {
        if self.open.len() >= MAX_DEPTH as usize {
            return Err(Error::Size);
        }
        self.open.push(Open { anchor, value, key: None });
        Ok(())
    }

    fn put(&mut self, value: Value, anchor: usize, size: usize) -> Result<(), Error> {
        self.values = self.values.saturating_add(size);
        if self.values > MAX_VALUES {
            return Err(Error::Size);
        }
        if anchor != 0 {
            let size = count(&value);
            self.anchors.insert(anchor, (value.clone(), size));
        }
        match self.open.last_mut() {
            None => self.root = Some(value),
            Some(Open { value: Value::List(items), .. }) => items.push(value),
            Some(Open { value: Value::Map(entries), key, .. }) => match key.take() {
                None => *key = Some(value),
                Some(Value::Text(merge)) if merge == "<<" => merge_into(entries, value),
                Some(key) => {
                    entries.retain(|(other, _)| *other != key);
                    entries.push((key, value));
                }
            },
            Some(_) => {}
        }
        Ok(())
    }
}

fn count(value: &Value) -> usize {
    match value {
        Value::List(items) => 1 + items.iter().map(count).sum::<usize>(),
        Value::Map(entries) => 1 + entries.iter().map(|(k, v)| count(k) + count(v)).sum::<usize>(),
        _ => 1,
    }
}

/// `<<: *defaults`: what is not there yet is taken over. Keys of the map itself that come later
/// replace it.
fn merge_into(entries: &mut Vec<(Value, Value)>, from: Value) {
    match from {
        Value::Map(more) => {
            for (key, value) in more {
                if entries.iter().all(|(other, _)| *other != key) {
                    entries.push((key, value));
                }
            }
        }
        Value::List(maps) => maps.into_iter().for_each(|map| merge_into(entries, map)),
        _ => {}
    }
}

fn check_tag(tag: Option<&Tag>, expected: &str) -> Result<(), Error> {
    match tag {
        Some(tag) if !(tag.is_yaml_core_schema() && tag.suffix == expected) => {
            Err(Error::Tag(tag.to_string()))
        }
        _ => Ok(()),
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, Error> {
    match tag {
        None if style == ScalarStyle::Plain => Ok(plain(text)),
        None => Ok(Value::Text(text.to_owned())),
        Some(tag) if tag.is_yaml_core_schema() => match tag.suffix.as_str() {
            "str" => Ok(Value::Text(text.to_owned())),
            "int" | "float" | "bool" | "null" => Ok(plain(text)),
            _ => Err(Error::Tag(tag.to_string())),
        },
        Some(tag) => Err(Error::Tag(tag.to_string())),
    }
}

/// Types a scalar that is not quoted.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    match integer(text).or_else(|| float(text)) {
        Some(number) => Value::Number(number),
        None => Value::Text(text.to_owned()),
    }
}

fn signed(text: &str) -> (&'static str, &str) {
    match text.strip_prefix('-') {
        Some(rest) => ("-", rest),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    }
}

/// The value of digits with underscores among them, which do not count.
fn in_radix(text: &str, radix: u32) -> Option<u128> {
    let fits = text.chars().all(|c| c == '_' || c.is_digit(radix));
    fits.then(|| u128::from_str_radix(&text.replace('_', ""), radix).ok()).flatten()
}

/// Decimal digits that do not start with a zero or an underscore.
fn decimal(text: &str) -> Option<String> {
    let fits = text.starts_with(|c: char| matches!(c, '1'..='9'))
        && text.chars().all(|c| c == '_' || c.is_ascii_digit());
    fits.then(|| text.replace('_', ""))
}

/// The decimal text of an integer: binary, octal, decimal, hexadecimal, or to the base of 60.
fn integer(text: &str) -> Option<String> {
    let (sign, text) = signed(text);
    if text != "0"
        && let Some(rest) = text.strip_prefix('0')
    {
        let value = match (rest.strip_prefix('b'), rest.strip_prefix('x')) {
            (Some(binary), _) => in_radix(binary, 2)?,
            (_, Some(hex)) => in_radix(hex, 16)?,
            _ => in_radix(rest, 8)?,
        };
        return Some(if value == 0 { "0".to_owned() } else { format!("{sign}{value}") });
    }
    match text.split_once(':') {
        None if text == "0" => Some("0".to_owned()),
        // Beyond any fixed width: the digits are the text.
        None => decimal(text).map(|digits| format!("{sign}{digits}")),
        Some((first, rest)) => {
            let mut value: u128 = decimal(first)?.parse().ok()?;
            for part in rest.split(':') {
                value = value.checked_mul(60)?.checked_add(sixtieth(part)?.into())?;
            }
            Some(format!("{sign}{value}"))
        }
    }
}

/// A number below 60, in one digit or two.
fn sixtieth(text: &str) -> Option<u8> {
    let fits = matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten().filter(|n| *n < 60)
}

/// The text of a floating point number as Java prints it.
fn float(text: &str) -> Option<String> {
    let (sign, magnitude) = signed(text);
    match magnitude {
        ".inf" | ".Inf" | ".INF" => return Some(format!("{sign}Infinity")),
        _ if matches!(text, ".nan" | ".NaN" | ".NAN") => return Some("NaN".to_owned()),
        _ => {}
    }
    let negative = sign == "-";
    if let Some((first, rest)) = magnitude.split_once(':') {
        let (rest, fraction) = rest.split_once('.')?;
        if !first.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let mut value: f64 = first.replace('_', "").parse().ok()?;
        for part in rest.split(':') {
            value = value * 60.0 + f64::from(sixtieth(part)?);
        }
        let fraction = fraction.replace('_', "");
        let fraction: f64 = format!("0.{fraction}0").parse().ok()?;
        value += fraction;
        return Some(java_double(if negative { -value } else { value }));
    }
    let (mantissa, exponent) = match magnitude.find(['e', 'E']) {
        Some(at) => (magnitude.get(..at)?, magnitude.get(at + 1..)?),
        None => (magnitude, "0"),
    };
    let exponent_digits = signed(exponent).1;
    let whole_or_point = match mantissa.strip_prefix('.') {
        // No sign is allowed before a leading point.
        Some(fraction) => text == magnitude && !fraction.is_empty(),
        None => mantissa.starts_with(|c: char| c.is_ascii_digit()),
    };
    let one_point = mantissa.chars().filter(|c| *c == '.').count() <= 1;
    let plain = mantissa.chars().all(|c| c.is_ascii_digit() || c == '_' || c == '.');
    if !whole_or_point
        || !one_point
        || !plain
        || exponent_digits.is_empty()
        || !exponent_digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let value: f64 = format!("{}e{exponent}", mantissa.replace('_', "")).parse().ok()?;
    Some(java_double(if negative { -value } else { value }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(plain(text), Value::Number(expected.to_owned()), "{text:?}");
    }

    #[test]
    fn numbers_are_those_of_snakeyaml() {
        check("12345678", "12345678");
        check("+12345678", "12345678");
        check("-12_345", "-12345");
        check("012345670", "2739128");
        check("012345678", "1.2345678E7");
        check("0x1F2E3D4C", "523124044");
        check("0b1010", "10");
        check("123456789012345678901234567890", "123456789012345678901234567890");
        check("1234567.5", "1234567.5");
        check("12345678.50", "1.23456785E7");
        check("1e10", "1.0E10");
        check(".5", "0.5");
        check("12:30:45", "45045");
        check("190:20:30.15", "685230.15");
        check("-.inf", "-Infinity");
    }

    #[test]
    fn other_scalars() {
        for text in [
            "0o17",
            "0X1F",
            "1234567L",
            "abc",
            "1.2.3.4",
            "127.0.0.1",
            "1,2",
            "-",
            ".",
            "e5",
            "12:61",
        ] {
            assert_eq!(plain(text), Value::Text(text.to_owned()));
        }
        assert_eq!(plain("yes"), Value::Bool(true));
        assert_eq!(plain("off"), Value::Bool(false));
        assert_eq!(plain("~"), Value::Null);
    }

    #[test]
    fn documents() {
        let text = |s: &str| Value::Text(s.to_owned());
        let map = |entries: &[(&str, Value)]| {
            Value::Map(entries.iter().map(|(k, v)| (text(k), v.clone())).collect())
        };
        let check = |content: &str, expected: Value| {
            assert_eq!(parse(content.as_bytes()), Ok(expected), "{content:?}");
        };
        check("", Value::Null);
        check("# only a comment\n", Value::Null);
        check("a: '1'\nb: !!str 2\n", map(&[("a", text("1")), ("b", text("2"))]));
        check("a: b\na: c", map(&[("a", text("c"))]));
        check(
            "x: &d {k: v}\ny:\n  <<: *d\n  z: w",
            map(&[
                ("x", map(&[("k", text("v"))])),
                ("y", map(&[("k", text("v")), ("z", text("w"))])),
            ]),
        );
        check("- a\r\n- ~\r\n", Value::List(vec![text("a"), Value::Null]));
        assert_eq!(parse(b"a: b\n---\nc: d"), Err(Error::Documents));
        assert_eq!(parse(b"\xff\xfe"), Err(Error::Encoding));
        assert_eq!(parse("[".repeat(100).as_bytes()), Err(Error::Size));
        assert!(matches!(parse(b"a: !!java.lang.String b"), Err(Error::Tag(_))));
        assert!(matches!(parse(b"a: ["), Err(Error::Syntax(_))));
        assert!(matches!(parse(b"a:\n\tb: c"), Err(Error::Syntax(_))));
        check("a: b\n\t\n \t# c\n", map(&[("a", text("b"))]));
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_safe(content in "[-:#&*!|>'\"%@`{}\\[\\],?\t\n ~<a1é]{0,60}") {
            let _ = parse(content.as_bytes());
        }

        #[test]
        fn any_bytes_are_safe(content: Vec<u8>) {
            let _ = parse(&content);
        }
    }

    #[test]
    fn aliases_do_not_explode() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..20 {
            let list = vec![format!("*a{}", i - 1); 10].join(", ");
            text.push_str(&format!("a{i}: &a{i} [{list}]\n"));
        }
        assert_eq!(parse(text.as_bytes()), Err(Error::Size));
    }
}
