//! The JSON dialect of bodies and configuration files: what fastjson 1.2.51 writes and accepts.
//!
//! Writing:
//! - members of structs stand in the order they are declared, which must be alphabetical;
//!   members and map values that are `None` are left out;
//! - map keys that are no strings are written bare, as numbers or as whole objects:
//!   `{0:"a"}`, `{{"queueId":1}:5}`. Java clients need it so;
//! - doubles as Java prints them, NaN and infinities as `null`.
//!
//! The pretty form indents with tabs, puts string keys and list items on lines of their own and
//! leaves other keys on the line of their map, as the files of 4.4.0 have it.
//!
//! Reading takes all of that and more: any standard JSON, single quotes, bare member names,
//! comments, spare commas, numbers as strings and strings as numbers, null for anything (it reads
//! as the default), unknown members (ignored), and references to what stood earlier in the text
//! (`{"$ref":"$.a.b"}`). Depth is limited, memory by the length of the text.

mod de;
mod double;
mod read;
mod ser;
#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod value;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};

pub use double::java_double;

/// How deep objects and arrays may nest. Bodies of 4.4.0 nest less than ten deep.
pub const DEPTH_MAX: u32 = 64;

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is not JSON, even generously read.
    #[error("JSON: expected {expected} at byte {at}")]
    Syntax {
        /// Where, in bytes.
        at: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// Objects and arrays nest too deep.
    #[error("JSON: nested deeper than {DEPTH_MAX} at byte {at}")]
    TooDeep {
        /// Where, in bytes.
        at: usize,
    },
    /// References make more of the text than it is.
    #[error("JSON: references expand too far")]
    References,
    /// A value does not fit its type.
    #[error("JSON: {0}")]
    Value(String),
}

impl serde::de::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }
}

impl serde::ser::Error for Error {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self::Value(message.to_string())
    }
}

/// Writes the compact form.
///
/// A type whose `Serialize` fails, or that has no form in this dialect, yields `null`: no type
/// of ours does.
#[must_use]
pub fn to_vec<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    ser::write(value, false)
}

/// Writes the compact form as text; see [`to_vec`].
#[must_use]
pub fn to_string<T: Serialize + ?Sized>(value: &T) -> String {
    into_text(ser::write(value, false))
}

/// Writes the form of the configuration files; see [`to_vec`].
#[must_use]
pub fn to_string_pretty<T: Serialize + ?Sized>(value: &T) -> String {
    into_text(ser::write(value, true))
}

fn into_text(written: Vec<u8>) -> String {
    String::from_utf8(written).expect("the writer copies text and ASCII only")
}

/// For `serialize_with`: a sequence that stays on one line in the pretty form, as Java's sets
/// and arrays do; lists get a line an item.
///
/// # Errors
/// Those of the serializer.
pub fn inline<T: Serialize, S: Serializer>(sequence: &T, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_newtype_struct(ser::INLINE, sequence)
}

/// Reads a value; bytes that are no UTF-8 read as U+FFFD, as Java has it.
///
/// # Errors
/// When the text is no JSON or does not fit `T`.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    match str::from_utf8(text) {
        Ok(text) => from_str(text),
        Err(_) => from_str(&String::from_utf8_lossy(text)),
    }
}

/// Reads a value, which may borrow from the text.
///
/// # Errors
/// When the text is no JSON or does not fit `T`.
pub fn from_str<'de, T: Deserialize<'de>>(text: &'de str) -> Result<T, Error> {
    let mut reader = read::Reader::new(text);
    let value = T::deserialize(de::Value::new(&mut reader))?;
    reader.end()?;
    Ok(value)
}
