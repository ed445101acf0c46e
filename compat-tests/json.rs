//! A reader for the JSON dialect of 4.4.0 that keeps what a strict parser throws away: whether a
//! key was quoted, keys that are objects, numbers as they were written.
//!
//! Written apart from the product's own reader, so that a mistake there cannot hide itself here.

use std::fmt;

use anyhow::{Result, bail};

/// One value, as written.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Json {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number, in its own characters.
    Number(String),
    /// A string, unescaped.
    Text(String),
    /// `[..]`
    Array(Vec<Json>),
    /// `{..}`; a key can be any value.
    Object(Vec<(Json, Json)>),
}

impl Json {
    /// Reads one value; anything after it is an error.
    pub fn parse(text: &str) -> Result<Self> {
        let mut reader = Reader { bytes: text.as_bytes(), at: 0 };
        let value = reader.value()?;
        reader.blanks();
        if reader.at != reader.bytes.len() {
            bail!("text after the value at byte {}", reader.at);
        }
        Ok(value)
    }

    /// The member with this (quoted) name.
    pub fn get(&self, name: &str) -> Option<&Json> {
        let Json::Object(members) = self else { return None };
        members.iter().find(|(key, _)| matches!(key, Json::Text(t) if t == name)).map(|(_, v)| v)
    }

    /// The characters of a string or number.
    pub fn text(&self) -> Option<&str> {
        match self {
            Json::Text(text) | Json::Number(text) => Some(text),
            _ => None,
        }
    }

    /// The value as an integer, written as a number or as a string.
    pub fn int(&self) -> Option<i64> {
        self.text().and_then(|t| t.parse().ok())
    }

    /// Members and elements in an order that does not depend on a hash table.
    pub fn sorted(self) -> Self {
        match self {
            Json::Array(items) => {
                let mut items: Vec<_> = items.into_iter().map(Json::sorted).collect();
                items.sort();
                Json::Array(items)
            }
            Json::Object(members) => {
                let mut members: Vec<_> =
                    members.into_iter().map(|(k, v)| (k.sorted(), v.sorted())).collect();
                members.sort();
                Json::Object(members)
            }
            other => other,
        }
    }
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Json::Null => f.write_str("null"),
            Json::Bool(value) => write!(f, "{value}"),
            Json::Number(text) => f.write_str(text),
            Json::Text(text) => write!(f, "{text:?}"),
            Json::Array(items) => {
                f.write_str("[")?;
                for (i, item) in items.iter().enumerate() {
                    write!(f, "{}{item}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("]")
            }
            Json::Object(members) => {
                f.write_str("{")?;
                for (i, (key, value)) in members.iter().enumerate() {
                    write!(f, "{}{key}:{value}", if i == 0 { "" } else { "," })?;
                }
                f.write_str("}")
            }
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(|b| b.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    fn take(&mut self, wanted: u8) -> Result<()> {
        self.blanks();
        if self.peek() != Some(wanted) {
            bail!("{:?} expected at byte {}", char::from(wanted), self.at);
        }
        self.at += 1;
        Ok(())
    }

    fn taken(&mut self, wanted: u8) -> bool {
        self.blanks();
        let yes = self.peek() == Some(wanted);
        self.at += usize::from(yes);
        yes
    }

    fn value(&mut self) -> Result<Json> {
        self.blanks();
        match self.peek() {
            Some(b'{') => self.object(),
            Some(b'[') => self.array(),
            Some(b'"') => Ok(Json::Text(self.string()?)),
            Some(_) => self.word(),
            None => bail!("a value expected at the end"),
        }
    }

    fn object(&mut self) -> Result<Json> {
        self.take(b'{')?;
        let mut members = Vec::new();
        if self.taken(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            let key = self.value()?;
            self.take(b':')?;
            members.push((key, self.value()?));
            if self.taken(b'}') {
                return Ok(Json::Object(members));
            }
            self.take(b',')?;
        }
    }

    fn array(&mut self) -> Result<Json> {
        self.take(b'[')?;
        let mut items = Vec::new();
        if self.taken(b']') {
            return Ok(Json::Array(items));
        }
        loop {
            items.push(self.value()?);
            if self.taken(b']') {
                return Ok(Json::Array(items));
            }
            self.take(b',')?;
        }
    }

    fn word(&mut self) -> Result<Json> {
        let from = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_alphanumeric() || b"+-._".contains(&b)) {
            self.at += 1;
        }
        let word = std::str::from_utf8(&self.bytes[from..self.at])?;
        match word {
            "null" => Ok(Json::Null),
            "true" => Ok(Json::Bool(true)),
            "false" => Ok(Json::Bool(false)),
            _ if word.parse::<f64>().is_ok() => Ok(Json::Number(word.to_owned())),
            _ => bail!("unknown word {word:?} at byte {from}"),
        }
    }

    fn string(&mut self) -> Result<String> {
        self.take(b'"')?;
        let mut out = Vec::new();
        loop {
            let Some(byte) = self.peek() else { bail!("unterminated string") };
            self.at += 1;
            match byte {
                b'"' => return Ok(String::from_utf8(out)?),
                b'\\' => self.escape(&mut out)?,
                other => out.push(other),
            }
        }
    }

    fn escape(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(byte) = self.peek() else { bail!("unterminated escape") };
        self.at += 1;
        let plain = match byte {
            b'n' => '\n',
            b't' => '\t',
            b'r' => '\r',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'u' => self.unicode()?,
            other => char::from(other),
        };
        let mut buffer = [0; 4];
        out.extend_from_slice(plain.encode_utf8(&mut buffer).as_bytes());
        Ok(())
    }

    fn unicode(&mut self) -> Result<char> {
        let mut unit = self.hex4()?;
        if (0xD800..0xDC00).contains(&unit) {
            self.take(b'\\')?;
            self.take(b'u')?;
            let low = self.hex4()?;
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low.wrapping_sub(0xDC00) & 0x3FF);
        }
        Ok(char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER))
    }

    fn hex4(&mut self) -> Result<u32> {
        let Some(digits) = self.bytes.get(self.at..self.at + 4) else {
            bail!("short unicode escape")
        };
        self.at += 4;
        Ok(u32::from_str_radix(std::str::from_utf8(digits)?, 16)?)
    }
}

/// A JSON string literal.
pub fn quote(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if (c as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", c as u32)),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(input: &str, expected: &str) {
        assert_eq!(Json::parse(input).unwrap().to_string(), expected);
    }

    #[test]
    fn keeps_bare_and_object_keys() {
        check("{0:\"a\" , \"1\":2}", "{0:\"a\",\"1\":2}");
        check("{{\"q\":1,\"t\":\"x\"}:5}", "{{\"q\":1,\"t\":\"x\"}:5}");
    }

    #[test]
    fn unescapes() {
        assert_eq!(
            Json::parse("\"a\\u0001\\n\\ud83d\\ude00\"").unwrap().text(),
            Some("a\u{1}\n😀")
        );
    }

    #[test]
    fn refuses_rubbish() {
        for bad in ["", "{", "{a:1}", "[1,]", "{} x", "\"a"] {
            assert!(Json::parse(bad).is_err(), "{bad}");
        }
    }
}
