//! The tokenizer: a cursor over the text that takes what fastjson takes.

use std::borrow::Cow;

use super::{DEPTH_MAX, Error};
use crate::escape::read_json_string;

/// What stands at the cursor. Brackets are consumed, what they enclose is not.
#[derive(Debug, PartialEq)]
pub(super) enum Token<'de> {
    Object,
    Array,
    Text(Cow<'de, str>),
    /// A number, or any other bare word in the place of a key.
    Word(&'de str),
    True,
    False,
    Null,
    /// An object that only refers to another place in the text.
    Reference(Reference),
}

/// A reference: where its target begins, if there is one, and where the text goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) target: Option<usize>,
    resume: usize,
}

pub(super) struct Reader<'de> {
    text: &'de str,
    at: usize,
    depth: u32,
    /// How many bytes may still be read again for the sake of references.
    reference_bytes_left: usize,
}

impl<'de> Reader<'de> {
    pub(super) fn new(text: &'de str) -> Self {
        /// Enough for any small text, besides twice its length.
        const SMALL_BYTES: usize = 64 * 1024;
        let reference_bytes_left = text.len().saturating_mul(2).saturating_add(SMALL_BYTES);
        Self { text, at: 0, depth: 0, reference_bytes_left }
    }

    /// Nothing but blanks may follow.
    pub(super) fn end(&mut self) -> Result<(), Error> {
        match self.peek()? {
            None => Ok(()),
            Some(_) => self.expected("the end"),
        }
    }

    pub(super) fn expected<T>(&self, expected: &'static str) -> Result<T, Error> {
        Err(Error::Syntax { at: self.at, expected })
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'de str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next byte that is no blank and in no comment.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Error> {
        loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b'\x0C' | b'\x08') => self.at += 1,
                Some(b'/') => self.comment()?,
                other => return Ok(other),
            }
        }
    }

    fn comment(&mut self) -> Result<(), Error> {
        let rest = self.rest();
        let length = match rest.as_bytes().get(1) {
            Some(b'/') => Some(rest.find('\n').unwrap_or(rest.len())),
            Some(b'*') => rest.get(2..).and_then(|body| body.find("*/")).map(|end| end + 4),
            _ => None,
        };
        match length {
            Some(length) => self.at += length,
            None => return self.expected("a comment"),
        }
        Ok(())
    }

    /// Consumes `byte` when it comes next.
    pub(super) fn eat(&mut self, byte: u8) -> Result<bool, Error> {
        let there = self.peek()? == Some(byte);
        self.at += usize::from(there);
        Ok(there)
    }

    pub(super) fn colon(&mut self) -> Result<(), Error> {
        if self.eat(b':')? { Ok(()) } else { self.expected("`:`") }
    }

    /// Goes to the next item or member; `false` at the end, with `close` consumed. Spare commas
    /// count for one; items of an array need none, as in fastjson.
    pub(super) fn next_item(&mut self, close: u8, first: bool) -> Result<bool, Error> {
        let mut separated = first;
        while self.eat(b',')? {
            separated = true;
        }
        if self.eat(close)? {
            return Ok(false);
        }
        match self.peek()? {
            Some(_) if separated || close == b']' => Ok(true),
            _ if close == b'}' => self.expected("`,` or `}`"),
            _ => self.expected("`,` or `]`"),
        }
    }

    pub(super) fn enter(&mut self) -> Result<(), Error> {
        if self.depth == DEPTH_MAX {
            return Err(Error::TooDeep { at: self.at });
        }
        self.depth += 1;
        Ok(())
    }

    pub(super) fn leave(&mut self) {
        self.depth -= 1;
    }

    /// Reads the start of a value.
    pub(super) fn value(&mut self) -> Result<Token<'de>, Error> {
        match self.token()? {
            Token::Word(word) if !is_number(word) => {
                self.at -= word.len();
                self.expected("a value")
            }
            token => Ok(token),
        }
    }

    /// Reads a key: text, a bare word, or the start of an object or an array.
    pub(super) fn key(&mut self) -> Result<Token<'de>, Error> {
        let from = self.at;
        match self.token()? {
            // As a member's name these are words like any other.
            Token::True | Token::False | Token::Null => {
                self.at = from;
                self.peek()?;
                self.word().map(Token::Word)
            }
            token => Ok(token),
        }
    }

    fn token(&mut self) -> Result<Token<'de>, Error> {
        match self.peek()? {
            Some(b'{') => {
                self.at += 1;
                Ok(self.reference()?.map_or(Token::Object, Token::Reference))
            }
            Some(b'[') => {
                self.at += 1;
                Ok(Token::Array)
            }
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                self.string(quote).map(Token::Text)
            }
            _ => Ok(match self.word()? {
                "true" => Token::True,
                "false" => Token::False,
                "null" | "undefined" | "NaN" => Token::Null,
                word => Token::Word(word),
            }),
        }
    }

    /// Reads the rest of a string; without escapes it is a slice of the text.
    fn string(&mut self, quote: u8) -> Result<Cow<'de, str>, Error> {
        let rest = self.rest();
        let stop = rest.bytes().position(|b| b == quote || b == b'\\');
        let Some(stop) = stop else { return self.expected("the end of a string") };
        if rest.as_bytes().get(stop) == Some(&quote) {
            self.at += stop + 1;
            return Ok(Cow::Borrowed(rest.get(..stop).unwrap_or_default()));
        }
        let mut out = String::new();
        match read_json_string(rest, quote, &mut out) {
            Some(length) => self.at += length,
            None => return self.expected("a string"),
        }
        Ok(Cow::Owned(out))
    }

    fn word(&mut self) -> Result<&'de str, Error> {
        let rest = self.rest();
        let stops = |b: u8| b.is_ascii_whitespace() || b",:{}[]\"'/\x08".contains(&b);
        let length = rest.bytes().position(stops).unwrap_or(rest.len());
        match rest.get(..length) {
            Some(word) if !word.is_empty() => {
                self.at += length;
                Ok(word)
            }
            _ => self.expected("a value"),
        }
    }

    /// Reads the name of a member; `None` for what cannot be one.
    pub(super) fn name(&mut self) -> Result<Option<Cow<'de, str>>, Error> {
        if matches!(self.peek()?, Some(b'{' | b'[')) {
            self.skip()?;
            return Ok(None);
        }
        Ok(match self.key()? {
            Token::Text(name) => Some(name),
            Token::Word(name) => Some(Cow::Borrowed(name)),
            _ => None,
        })
    }

    /// Passes over a key and its value when the value is null.
    pub(super) fn skip_null_member(&mut self) -> Result<bool, Error> {
        let from = self.at;
        self.skip()?;
        self.colon()?;
        let null = self.eat_null()?;
        if !null {
            self.at = from;
        }
        Ok(null)
    }

    /// Consumes a null when it comes next.
    pub(super) fn eat_null(&mut self) -> Result<bool, Error> {
        if !matches!(self.peek()?, Some(b'n' | b'u' | b'N')) {
            return Ok(false);
        }
        let from = self.at;
        let null = self.token()? == Token::Null;
        if !null {
            self.at = from;
        }
        Ok(null)
    }

    /// Passes over a value or a key by its brackets and strings alone, however deep it is.
    pub(super) fn skip(&mut self) -> Result<(), Error> {
        let mut open = 0usize;
        loop {
            match self.peek()? {
                Some(b'{' | b'[') => {
                    self.at += 1;
                    open += 1;
                }
                Some(b'}' | b']') if open > 0 => {
                    self.at += 1;
                    open -= 1;
                }
                Some(b',' | b':') if open > 0 => self.at += 1,
                Some(quote @ (b'"' | b'\'')) => {
                    self.at += 1;
                    self.string(quote)?;
                }
                _ => {
                    self.word()?;
                }
            }
            if open == 0 {
                return Ok(());
            }
        }
    }

    /// Looks whether the object just opened is `{"$ref":"path"}` and nothing more; if not, the
    /// cursor stays.
    fn reference(&mut self) -> Result<Option<Reference>, Error> {
        let from = self.at;
        self.peek()?;
        if !["\"$ref\"", "'$ref'"].iter().any(|name| self.rest().starts_with(name)) {
            self.at = from;
            return Ok(None);
        }
        self.at += "'$ref'".len();
        if self.eat(b':')?
            && let Some(quote @ (b'"' | b'\'')) = self.peek()?
        {
            self.at += 1;
            let path = self.string(quote)?;
            if self.eat(b'}')? {
                let resume = self.at;
                let target = self.find(&path)?;
                self.at = resume;
                return Ok(Some(Reference { target, resume }));
            }
        }
        self.at = from;
        Ok(None)
    }

    /// Where the value at a path such as `$.a.b[3]` begins. Only paths from the root lead
    /// anywhere: the others (`..`, `@`) name the value they stand in.
    fn find(&mut self, path: &str) -> Result<Option<usize>, Error> {
        let Some(mut path) = path.strip_prefix('$') else { return Ok(None) };
        self.at = 0;
        while !path.is_empty() {
            let Some((step, rest)) = Step::parse(path) else { return Ok(None) };
            path = rest;
            if !self.descend(&step)? {
                return Ok(None);
            }
        }
        self.peek()?;
        let target = self.at;
        self.skip()?;
        match self.reference_bytes_left.checked_sub(self.at) {
            Some(left) => self.reference_bytes_left = left,
            None => return Err(Error::References),
        }
        Ok(Some(target))
    }

    /// From the start of a container to the start of one value inside.
    fn descend(&mut self, step: &Step) -> Result<bool, Error> {
        let close = match (self.peek()?, step) {
            (Some(b'{'), Step::Member(_)) => b'}',
            (Some(b'['), Step::Item(_)) => b']',
            _ => return Ok(false),
        };
        self.at += 1;
        let mut index = 0;
        while self.next_item(close, index == 0)? {
            let found = match step {
                Step::Item(wanted) => index == *wanted,
                Step::Member(wanted) => {
                    let from = self.at;
                    self.skip()?;
                    let key = self.text.get(from..self.at).unwrap_or_default();
                    self.colon()?;
                    is_key(key, wanted)
                }
            };
            if found {
                return Ok(true);
            }
            self.skip()?;
            index += 1;
        }
        Ok(false)
    }

    /// Goes to the target of a reference; [`Reader::resume`] goes back.
    pub(super) fn follow(&mut self, target: usize) -> Result<(), Error> {
        self.enter()?;
        self.at = target;
        Ok(())
    }

    pub(super) fn resume(&mut self, reference: Reference) {
        self.leave();
        self.at = reference.resume;
    }
}

/// Whether the text of a key, quotes and blanks included, is this name.
fn is_key(key: &str, name: &str) -> bool {
    let key = key.trim();
    let quoted = key.strip_prefix(['"', '\'']).and_then(|key| key.strip_suffix(['"', '\'']));
    match quoted {
        Some(inner) if inner.contains('\\') => {
            let mut out = String::new();
            let quote = key.as_bytes().first().copied().unwrap_or(b'"');
            read_json_string(key.get(1..).unwrap_or_default(), quote, &mut out).is_some()
                && out == name
        }
        Some(inner) => inner == name,
        None => key == name,
    }
}

/// One step of a path.
#[derive(Debug, PartialEq)]
enum Step {
    Member(String),
    Item(usize),
}

impl Step {
    /// Takes the first step off a path: `.name`, in which backslashes protect what follows, or
    /// `[3]`.
    fn parse(path: &str) -> Option<(Self, &str)> {
        if let Some(rest) = path.strip_prefix('[') {
            let (index, rest) = rest.split_once(']')?;
            return Some((Self::Item(index.parse().ok()?), rest));
        }
        let rest = path.strip_prefix('.')?;
        let mut name = String::new();
        let mut chars = rest.char_indices();
        while let Some((at, char)) = chars.next() {
            match char {
                '.' | '[' => return Some((Self::Member(name), rest.get(at..)?)),
                '\\' => name.extend(chars.find(|(_, char)| *char != '\\').map(|(_, char)| char)),
                char => name.push(char),
            }
        }
        Some((Self::Member(name), ""))
    }
}

/// Whether a bare word looks like a number; what it is worth shows when it is converted.
fn is_number(word: &str) -> bool {
    let digits = word.strip_prefix(['-', '+']).unwrap_or(word);
    let digits = digits.strip_prefix('.').unwrap_or(digits);
    digits.starts_with(|char: char| char.is_ascii_digit())
}
