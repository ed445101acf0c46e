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

/// Where a key or a value lies in the arena.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Piece {
    start: u32,
    end: u32,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    key: Piece,
    value: Piece,
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

    /// Bytes of all keys and values, or of the header they came in.
    #[must_use]
    pub fn text_len(&self) -> usize {
        self.text.len()
    }

    /// Whether there is no field.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Back to an absent map; buffers of ordinary size stay for the next command.
    pub fn clear(&mut self) {
        const KEPT_BYTES_MAX: usize = 16 * 1024;
        const KEPT_SPANS_MAX: usize = 64;
        self.text.clear();
        self.text.shrink_to(KEPT_BYTES_MAX);
        self.spans.clear();
        if self.spans.capacity() > KEPT_SPANS_MAX {
            self.spans = SmallVec::new();
        }
        self.present = false;
    }

    /// The value of `key`; the last one where a peer sent a key twice, as in Java's map.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        self.spans.iter().rev().find(|s| self.key(**s) == key).map(|s| self.value(*s))
    }

    /// Appends a field. The caller sees to it that keys are unique.
    pub fn push(&mut self, key: &str, value: &str) {
        let key = self.append(key);
        let value = self.append(value);
        self.add(key, value);
    }

    /// Appends a field with an integer value; the quick way for replies of the hot path.
    pub fn push_int(&mut self, key: &str, value: impl itoa::Integer) {
        self.push(key, itoa::Buffer::new().format(value));
    }

    /// Appends a field whose value is anything that displays as Java's `toString` would.
    pub fn push_display(&mut self, key: &str, value: impl std::fmt::Display) {
        let key = self.append(key);
        let start = self.mark();
        // Writing into a String cannot fail.
        let _ = write!(self.text, "{value}");
        self.add(key, Piece { start, end: self.mark() });
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

    /// Starts the arena with the text of a whole header: most keys and values then are pieces of
    /// it, see [`piece`](Self::piece), and are copied with it at once.
    pub(crate) fn load(&mut self, header: &str) {
        debug_assert!(self.text.is_empty(), "a cleared map");
        self.text.push_str(header);
    }

    /// A piece of the loaded header.
    pub(crate) fn piece(start: usize, end: usize) -> Piece {
        Piece { start: offset(start), end: offset(end) }
    }

    /// Appends text to the arena.
    pub(crate) fn append(&mut self, text: &str) -> Piece {
        let start = self.mark();
        self.text.push_str(text);
        Piece { start, end: self.mark() }
    }

    /// Appends what `write` puts there; `None` if it fails.
    pub(crate) fn append_by<R>(
        &mut self,
        write: impl FnOnce(&mut String) -> Option<R>,
    ) -> Option<(Piece, R)> {
        let start = self.mark();
        let result = write(&mut self.text)?;
        Some((Piece { start, end: self.mark() }, result))
    }

    /// Adds a field made of pieces of the arena.
    pub(crate) fn add(&mut self, key: Piece, value: Piece) {
        self.present = true;
        self.spans.push(Span { key, value });
    }

    fn mark(&self) -> u32 {
        offset(self.text.len())
    }

    fn key(&self, span: Span) -> &str {
        self.at(span.key)
    }

    fn value(&self, span: Span) -> &str {
        self.at(span.value)
    }

    fn at(&self, piece: Piece) -> &str {
        self.text.get(piece.start as usize..piece.end as usize).unwrap_or_default()
    }
}

/// Frames are limited to 16 MiB, so an arena never comes near 4 GiB; a caller that builds more
/// itself gets empty pieces instead of wrong ones.
fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
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
