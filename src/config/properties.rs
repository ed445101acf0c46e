//! Java's `.properties` text, in and out.
//!
//! Reading is the `java-properties` crate behind a pass that takes out what that crate judges
//! differently from Java: comments (Java does not look into them) and escaped surrogate pairs.
//! Bytes are ISO-8859-1, as for Java's `Properties.load`.
//!
//! Writing is `key=value` lines without a header, as 4.4.0 writes its files. 4.4.0 escapes
//! nothing, so a backslash, a line break, a leading blank or a letter outside ASCII does not
//! survive its next start; those, and only those, we escape.

use std::fmt::Write as _;

use java_properties::{LineContent, PropertiesIter};

/// A list of keys and values; the last of two equal keys counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    entries: Vec<(String, String)>,
}

/// Text that is no properties file.
#[derive(Debug, thiserror::Error)]
#[error("bad properties text: {0}")]
pub struct Error(#[from] java_properties::PropertiesError);

/// Shorthand of [`Properties::parse`].
pub fn parse(bytes: &[u8]) -> Result<Properties, Error> {
    Properties::parse(bytes)
}

/// Shorthand of [`Properties::render`].
pub fn render(properties: &Properties) -> String {
    properties.render()
}

impl Properties {
    /// No entry.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads properties text. The one thing Java refuses is a broken `\uXXXX` escape.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let text = without_comments(&from_latin1(bytes));
        let text = join_surrogates(&text);
        let mut properties = Self::default();
        for line in PropertiesIter::new_with_encoding(text.as_bytes(), encoding_rs::UTF_8) {
            if let LineContent::KVPair(key, value) = line?.consume_content() {
                properties.set(&key, value);
            }
        }
        Ok(properties)
    }

    /// The entries in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no key.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.entries.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// Sets a key; a known one keeps its place.
    pub fn set(&mut self, key: &str, value: impl Into<String>) {
        match self.entries.iter_mut().find(|(k, _)| k == key) {
            Some((_, old)) => *old = value.into(),
            None => self.entries.push((key.to_owned(), value.into())),
        }
    }

    /// Takes a key out.
    pub fn remove(&mut self, key: &str) -> Option<String> {
        let place = self.entries.iter().position(|(k, _)| k == key)?;
        Some(self.entries.remove(place).1)
    }

    /// `key=value` lines.
    pub fn render(&self) -> String {
        let mut out = String::new();
        for (key, value) in self.iter() {
            escape_into(key, true, &mut out);
            out.push('=');
            escape_into(value, false, &mut out);
            out.push('\n');
        }
        out
    }
}

impl<K: AsRef<str>, V: Into<String>> FromIterator<(K, V)> for Properties {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Self {
        let mut properties = Self::default();
        for (key, value) in entries {
            properties.set(key.as_ref(), value);
        }
        properties
    }
}

fn from_latin1(bytes: &[u8]) -> String {
    bytes.iter().map(|&byte| char::from(byte)).collect()
}

/// Empties comment lines, keeps the count of lines, and closes a backslash at the very end.
fn without_comments(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut continued = false;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    for line in text.split('\n') {
        let first = line.trim_start_matches([' ', '\t', '\u{c}']);
        if !continued && first.starts_with(['#', '!']) {
            out.push('\n');
            continue;
        }
        continued = ends_open(line);
        out.push_str(line);
        out.push('\n');
    }
    if continued {
        out.truncate(out.len().saturating_sub(2));
    }
    out
}

/// Whether the line ends in an odd number of backslashes.
fn ends_open(line: &str) -> bool {
    line.bytes().rev().take_while(|&byte| byte == b'\\').count() % 2 == 1
}

/// Turns `\uD83D\uDE00` into the letter it stands for, and half a pair into `?`, as Java prints
/// it. Everything else stays for the parser.
fn join_surrogates(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        let (taken, text) = match unit(escape) {
            Some(high @ 0xd800..=0xdbff) => match escape.get(6..).and_then(unit) {
                Some(low @ 0xdc00..=0xdfff) => (12, pair(high, low)),
                _ => (6, '?'),
            },
            Some(0xdc00..=0xdfff) => (6, '?'),
            _ => {
                // The backslash and the character it escapes.
                let taken = escape.chars().take(2).map(char::len_utf8).sum();
                out.push_str(&escape[..taken]);
                rest = &escape[taken..];
                continue;
            }
        };
        out.push(text);
        rest = &escape[taken..];
    }
    out.push_str(rest);
    out
}

/// The UTF-16 unit of a `\uXXXX` at the start of the text.
fn unit(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    digits.bytes().all(|b| b.is_ascii_hexdigit()).then_some(())?;
    u32::from_str_radix(digits, 16).ok()
}

fn pair(high: u32, low: u32) -> char {
    let code = 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Escapes what a reader of the line would otherwise lose.
fn escape_into(text: &str, is_key: bool, out: &mut String) {
    for (at, c) in text.char_indices() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' | '\u{c}' | ' ' if is_key || at == 0 => {
                out.push('\\');
                out.push(match c {
                    '\t' => 't',
                    '\u{c}' => 'f',
                    blank => blank,
                });
            }
            '=' | ':' if is_key => {
                out.push('\\');
                out.push(c);
            }
            '#' | '!' if is_key && at == 0 => {
                out.push('\\');
                out.push(c);
            }
            c if c.is_ascii() => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    let _ = write!(out, "\\u{unit:04X}");
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
