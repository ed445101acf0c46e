//! `extFields`: the string fields of a command, and serde between them and typed headers.
//!
//! Java sends the fields of its header classes by reflection as a map of strings
//! (`RemotingCommand.makeCustomHeaderToNet`). Here they live in one flat text arena: decoding a
//! command costs no allocation once its buffers have grown, and headers can borrow from it.
//!
//! Java's parsing rules, which stand nowhere else:
//! - `int` and `long` parse as `Integer.parseInt` and `Long.parseLong` do (optional sign, no
//!   blanks), `double` as a decimal number;
//! - a boolean is true when it equals `true` ignoring case, and false otherwise;
//! - a field that is absent is null.

use std::fmt::Write as _;

use serde::de::{
    self, DeserializeSeed, IntoDeserializer, MapAccess, Visitor, value::StrDeserializer,
};
use serde::ser::{self, Impossible, SerializeStruct};
use serde::{Deserialize, Deserializer, Serialize};
use smallvec::SmallVec;

/// Most fields one command may carry; a frame with more is malformed. Java's own headers have
/// at most 13, clients and hooks add a handful.
pub const MAX_FIELDS: usize = 4096;

/// What can be wrong with the fields of a command.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A required field is absent. The text is Java's (`RemotingCommandException`).
    #[error("the custom field <{0}> is null")]
    Missing(&'static str),
    /// A field is there but its text is not a value of the field's type.
    #[error("the custom field <{name}> is not a valid {expected}: {value:?}")]
    Invalid {
        /// Java name of the field.
        name: String,
        /// The type that was expected, in Java's words.
        expected: &'static str,
        /// The text found, shortened.
        value: String,
    },
    /// A key stands there twice.
    #[error("a field stands there twice")]
    Duplicate,
    /// Anything else serde reports.
    #[error("{0}")]
    Other(String),
}

impl de::Error for Error {
    fn custom<T: std::fmt::Display>(msg: T) -> Self {
        Self::Other(msg.to_string())
    }

    fn missing_field(field: &'static str) -> Self {
        Self::Missing(field)
    }

    fn duplicate_field(_: &'static str) -> Self {
        Self::Duplicate
    }
}

impl ser::Error for Error {
    fn custom<T: std::fmt::Display>(msg: T) -> Self {
        Self::Other(msg.to_string())
    }
}

/// Where a key and its value lie in the arena: the key from `start`, the value from `middle`.
#[derive(Debug, Clone, Copy)]
struct Span {
    start: u32,
    middle: u32,
    end: u32,
}

/// The `extFields` of one command.
///
/// Java tells an absent map from an empty one (`{}`) when it writes JSON; [`Ext::present`] is
/// that difference.
#[derive(Debug, Clone, Default)]
pub struct Ext {
    text: String,
    spans: SmallVec<[Span; 16]>,
    present: bool,
}

impl Ext {
    /// An empty map that is written as `{}`.
    #[must_use]
    pub fn empty_object() -> Self {
        Self { present: true, ..Self::default() }
    }

    /// An absent map with room for keys and values of so many bytes together.
    #[must_use]
    pub fn with_capacity(bytes: usize) -> Self {
        Self { text: String::with_capacity(bytes), ..Self::default() }
    }

    /// Whether the map exists at all (it may be empty).
    #[must_use]
    pub fn present(&self) -> bool {
        self.present
    }

    /// Makes an absent map an empty one.
    pub fn set_present(&mut self) {
        self.present = true;
    }

    /// Number of fields.
    #[must_use]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Back to an absent map; the buffers stay for the next command.
    pub fn clear(&mut self) {
        self.text.clear();
        self.spans.clear();
        self.present = false;
    }

    /// The value of `key`; the last one where a peer sent a key twice, as in Java's map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.spans.iter().rev().find(|s| self.key(**s) == key).map(|s| self.value(*s))
    }

    /// Appends a field. The caller sees to it that keys are unique.
    pub fn push(&mut self, key: &str, value: &str) {
        let start = self.begin_key();
        self.text.push_str(key);
        let middle = self.mark();
        self.text.push_str(value);
        self.finish(start, middle);
    }

    /// Appends a field with an integer value; the quick way for replies of the hot path.
    pub fn push_int(&mut self, key: &str, value: impl itoa::Integer) {
        self.push(key, itoa::Buffer::new().format(value));
    }

    /// Appends a field whose value is anything that displays as Java's `toString` would.
    pub fn push_display(&mut self, key: &str, value: impl std::fmt::Display) {
        let start = self.begin_key();
        self.text.push_str(key);
        let middle = self.mark();
        // Writing into a String cannot fail.
        let _ = write!(self.text, "{value}");
        self.finish(start, middle);
    }

    /// Replaces the value of `key`, or appends the field.
    pub fn set(&mut self, key: &str, value: &str) {
        if let Some(at) = self.spans.iter().position(|s| self.key(*s) == key) {
            self.spans.remove(at);
        }
        self.push(key, value);
    }

    /// All fields in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.spans.iter().map(|s| (self.key(*s), self.value(*s)))
    }

    /// The arena, for decoders that append a key and a value piece by piece.
    pub(crate) fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Marks the start of a key about to be appended to the arena.
    pub(crate) fn begin_key(&mut self) -> u32 {
        self.present = true;
        self.mark()
    }

    /// The end of what the arena holds now.
    pub(crate) fn mark(&self) -> u32 {
        // Frames are limited to 16 MiB, so an arena never comes near 4 GiB; a caller that
        // builds more itself gets empty spans instead of wrong ones.
        u32::try_from(self.text.len()).unwrap_or(u32::MAX)
    }

    /// Ends a field that began at `start` and whose value began at `middle`.
    pub(crate) fn finish(&mut self, start: u32, middle: u32) {
        let end = self.mark();
        self.spans.push(Span { start, middle, end });
    }

    fn key(&self, span: Span) -> &str {
        self.text.get(span.start as usize..span.middle as usize).unwrap_or_default()
    }

    fn value(&self, span: Span) -> &str {
        self.text.get(span.middle as usize..span.end as usize).unwrap_or_default()
    }
}

impl PartialEq for Ext {
    /// Equal as maps: the order of the fields does not matter.
    fn eq(&self, other: &Self) -> bool {
        self.present == other.present
            && self.len() == other.len()
            && self.iter().all(|(k, v)| other.get(k) == Some(v))
    }
}

impl<'a> FromIterator<(&'a str, &'a str)> for Ext {
    fn from_iter<I: IntoIterator<Item = (&'a str, &'a str)>>(fields: I) -> Self {
        let mut ext = Self::empty_object();
        for (key, value) in fields {
            ext.push(key, value);
        }
        ext
    }
}

/// Reads a typed header. `&str` fields borrow from `ext`; `Option` fields may be absent; keys
/// that are no fields of `T` are ignored.
///
/// # Errors
/// [`Error::Missing`] for an absent required field, [`Error::Invalid`] for one that does not
/// parse.
pub fn from_ext<'de, T: Deserialize<'de>>(ext: &'de Ext) -> Result<T, Error> {
    match T::deserialize(FieldsDeserializer { ext, unique: false }) {
        // Only now is it worth looking for keys that stand there twice.
        Err(Error::Duplicate) => T::deserialize(FieldsDeserializer { ext, unique: true }),
        result => result,
    }
}

/// Appends the fields of a typed header; `None` is left out. The map becomes present, except for
/// a unit struct: that is a request or an answer without a header class, which Java sends
/// without a map.
///
/// # Errors
/// When `header` is not a flat struct of scalars and strings.
pub fn to_ext<T: Serialize>(header: &T, into: &mut Ext) -> Result<(), Error> {
    header.serialize(FieldsSerializer { ext: into })
}

mod read;
mod write;
use read::FieldsDeserializer;
use write::FieldsSerializer;

#[cfg(test)]
mod tests;
