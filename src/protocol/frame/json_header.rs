//! The JSON header: `{"code":310,"extFields":{…},"flag":0,"language":"JAVA",…}`.
//!
//! Read straight from the frame's bytes into the command, without a tree in between. Tolerated
//! as fastjson tolerates it: any key order, unknown keys, missing members, numbers in quotes,
//! and numbers, booleans or null as field values.

use std::borrow::Cow;

use bytes::{BufMut, BytesMut};

use super::marks::Marks;
use super::{FrameError, Header};
use crate::Ext;
use crate::command::{Command, Encoding, Language};
use crate::escape::{unescape, write_json_string};
use crate::ext::{MAX_FIELDS, Piece};

/// Deepest nesting that is skipped in members nobody knows.
const DEPTH_MAX: usize = 32;

pub(super) fn encode(header: &Header<'_>, out: &mut BytesMut) {
    out.put_slice(b"{\"code\":");
    put_int(header.code, out);
    if header.ext.present() {
        out.put_slice(b",\"extFields\":{");
        for (at, (key, value)) in header.ext.iter().enumerate() {
            if at > 0 {
                out.put_u8(b',');
            }
            write_json_string(key, out);
            out.put_u8(b':');
            write_json_string(value, out);
        }
        out.put_u8(b'}');
    }
    out.put_slice(b",\"flag\":");
    put_int(header.flag, out);
    out.put_slice(b",\"language\":\"");
    out.put_slice(header.language.name().as_bytes());
    out.put_slice(b"\",\"opaque\":");
    put_int(header.opaque, out);
    if let Some(remark) = header.remark {
        out.put_slice(b",\"remark\":");
        write_json_string(remark, out);
    }
    out.put_slice(b",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":");
    put_int(header.version, out);
    out.put_u8(b'}');
}

fn put_int(value: i32, out: &mut BytesMut) {
    out.put_slice(itoa::Buffer::new().format(value).as_bytes());
}

pub(super) fn decode(header: &[u8], into: &mut Command) -> Result<(), FrameError> {
    // Java decodes with replacement characters too; validating first is much quicker than
    // looking for what to replace.
    let text = match std::str::from_utf8(header) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => String::from_utf8_lossy(header),
    };
    let mut scan = Scanner { text: &text, marks: Marks::of(&text), at: 0 };
    into.ext.load(&text);
    into.encoding = Encoding::Json;
    match scan.command(into) {
        Some(()) => Ok(()),
        None => Err(FrameError::Header { encoding: "JSON", at: scan.at }),
    }
}

/// A cursor over the header; every method returns `None` where the text is malformed.
struct Scanner<'a> {
    text: &'a str,
    marks: Marks<'a>,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn command(&mut self, into: &mut Command) -> Option<()> {
        self.expect(b'{')?;
        if self.accept(b'}') {
            return self.end();
        }
        loop {
            let key = self.string()?;
            self.expect(b':')?;
            self.member(&key, into)?;
            if !self.accept(b',') {
                break;
            }
        }
        self.expect(b'}')?;
        self.end()
    }

    fn member(&mut self, key: &str, into: &mut Command) -> Option<()> {
        match key {
            "code" => into.code = self.int()?,
            "flag" => into.flag = self.int()?,
            "opaque" => into.opaque = self.int()?,
            "version" => into.version = self.int()?,
            "language" => into.language = self.language()?,
            "remark" => into.remark = self.scalar()?.map(Cow::into_owned),
            "extFields" => return self.fields(into),
            _ => self.skip(DEPTH_MAX)?,
        }
        Some(())
    }

    /// The fields: pieces of the header where they hold no escapes.
    fn fields(&mut self, into: &mut Command) -> Option<()> {
        if self.peek()? != b'{' {
            return self.scalar()?.is_none().then_some(());
        }
        self.expect(b'{')?;
        into.ext.set_present();
        if self.accept(b'}') {
            return Some(());
        }
        self.expect(b'"')?;
        loop {
            let key = self.text_piece(into)?;
            if self.then_quote(b':')? {
                let value = self.text_piece(into)?;
                into.ext.add(key, value);
            } else if let Some(word) = self.scalar()? {
                let value = into.ext.append(&word);
                into.ext.add(key, value);
            }
            // null: Java keeps the key with no value, which reads as absent.
            if into.ext.len() > MAX_FIELDS {
                return None;
            }
            if self.peek()? == b'}' {
                self.at += 1;
                return Some(());
            }
            if !self.then_quote(b',')? {
                return None;
            }
        }
    }

    /// Consumes `byte`, which must come next, and the quote behind it if there is one.
    #[inline]
    fn then_quote(&mut self, byte: u8) -> Option<bool> {
        // Nearly always they stand side by side.
        if self.byte(self.at) == Some(byte) && self.byte(self.at + 1) == Some(b'"') {
            self.at += 2;
            return Some(true);
        }
        self.expect(byte)?;
        Some(self.accept(b'"'))
    }

    /// The rest of a string as a piece of the arena, which starts with this header.
    fn text_piece(&mut self, into: &mut Command) -> Option<Piece> {
        let start = self.at;
        if let Some(end) = self.plain_end()? {
            return Some(Ext::piece(start, end));
        }
        let (piece, ()) = into.ext.append_by(|out| self.unescape(out))?;
        Some(piece)
    }

    /// Where the string ends whose opening quote was consumed, and goes behind it; `Some(None)`
    /// for one with escapes, which is left where it is.
    #[inline]
    fn plain_end(&mut self) -> Option<Option<usize>> {
        let mark = self.marks.next(self.at)?;
        if self.byte(mark) != Some(b'"') {
            return Some(None);
        }
        self.at = mark + 1;
        Some(Some(mark))
    }

    /// The rest of a string with escapes.
    fn unescape(&mut self, out: &mut String) -> Option<()> {
        self.at = unescape(self.text, self.at, b'"', |from| self.marks.next(from), out)?;
        Some(())
    }

    /// A number; in quotes too. fastjson reads null and "" as 0.
    fn int(&mut self) -> Option<i32> {
        if let Some(number) = self.short_number() {
            return Some(number);
        }
        match self.scalar()?.as_deref() {
            None | Some("") => Some(0),
            Some(word) => word.parse().ok(),
        }
    }

    /// What nearly all numbers are: a few digits.
    fn short_number(&mut self) -> Option<i32> {
        /// As many as fit whatever they are.
        const DIGITS_MAX: usize = 9;
        let rest = self.text.as_bytes().get(self.at..)?;
        let length = rest.iter().take(DIGITS_MAX + 1).take_while(|b| b.is_ascii_digit()).count();
        let ends = matches!(rest.get(length), Some(b',' | b'}'));
        if length == 0 || length > DIGITS_MAX || !ends {
            return None;
        }
        self.at += length;
        let digits = rest.iter().take(length);
        Some(digits.fold(0, |number, digit| number * 10 + i32::from(digit - b'0')))
    }

    /// A language by name, or by number as fastjson reads enums.
    fn language(&mut self) -> Option<Language> {
        let word = self.scalar()?;
        let word = word.as_deref().unwrap_or_default();
        Some(word.parse().map_or_else(|_| Language::from_name(word), Language))
    }

    /// A string, number or boolean as text; `Some(None)` for null.
    fn scalar(&mut self) -> Option<Option<Cow<'a, str>>> {
        if self.peek()? == b'"' {
            return self.string().map(Some);
        }
        let rest = self.text.get(self.at..)?;
        let is_word = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'+' | b'.');
        let length = rest.bytes().position(|b| !is_word(b)).unwrap_or(rest.len());
        let word = rest.get(..length)?;
        let valid = matches!(word, "null" | "true" | "false")
            || (length > 0 && word.bytes().all(|b| b.is_ascii_digit()))
            || word.parse::<f64>().is_ok();
        if !valid {
            return None;
        }
        self.at += length;
        Some((word != "null").then_some(Cow::Borrowed(word)))
    }

    fn string(&mut self) -> Option<Cow<'a, str>> {
        self.expect(b'"')?;
        let start = self.at;
        if let Some(end) = self.plain_end()? {
            return self.text.get(start..end).map(Cow::Borrowed);
        }
        let mut owned = String::new();
        self.unescape(&mut owned)?;
        Some(Cow::Owned(owned))
    }

    /// Skips any value.
    fn skip(&mut self, depth: usize) -> Option<()> {
        let close = match self.peek()? {
            b'{' => b'}',
            b'[' => b']',
            _ => return self.scalar().map(|_| ()),
        };
        let depth = depth.checked_sub(1)?;
        self.at += 1;
        if self.accept(close) {
            return Some(());
        }
        loop {
            if close == b'}' {
                self.scalar()?;
                self.expect(b':')?;
            }
            self.skip(depth)?;
            if !self.accept(b',') {
                return self.expect(close);
            }
        }
    }

    fn end(&mut self) -> Option<()> {
        self.blanks();
        (self.at == self.text.len()).then_some(())
    }

    fn byte(&self, at: usize) -> Option<u8> {
        self.text.as_bytes().get(at).copied()
    }

    fn blanks(&mut self) {
        // Most writers leave none.
        if self.byte(self.at).is_some_and(|b| b > b' ') {
            return;
        }
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        self.at += rest.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(rest.len());
    }

    /// The next byte that is no blank, not consumed.
    fn peek(&mut self) -> Option<u8> {
        self.blanks();
        self.byte(self.at)
    }

    fn accept(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accept(byte).then_some(())
    }
}
