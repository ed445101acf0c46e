//! serde on top of the tokenizer, with fastjson's conversions between types.

use std::borrow::Cow;

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error as _, IntoDeserializer, Unexpected,
    VariantAccess, Visitor,
};
use serde::forward_to_deserialize_any;

use self::containers::{Nothing, entries, items, members};
use super::Error;
use super::read::{Reader, Reference, Token};

mod containers;

/// The value or the key at the cursor.
pub(super) struct Value<'a, 'de> {
    reader: &'a mut Reader<'de>,
    is_key: bool,
}

impl<'a, 'de> Value<'a, 'de> {
    pub(super) fn new(reader: &'a mut Reader<'de>) -> Self {
        Self { reader, is_key: false }
    }

    fn token(&mut self) -> Result<Token<'de>, Error> {
        if self.is_key { self.reader.key() } else { self.reader.value() }
    }
}

/// Integers of any type: the visitor checks the range.
macro_rules! integers {
    ($($method:ident)*) => { $(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
            match self.token()? {
                Token::Word(text) => integer(text, visitor),
                Token::Text(text) => match text.trim() {
                    "" | "null" => visitor.visit_i64(0),
                    text => integer(text, visitor),
                },
                Token::True => visitor.visit_i64(1),
                Token::False | Token::Null => visitor.visit_i64(0),
                other => Err(mismatch(&other, &visitor)),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for Value<'_, 'de> {
    type Error = Error;

    integers! {
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_f64<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let text = match self.token()? {
            Token::Word(text) => Cow::Borrowed(text),
            Token::Text(text) => text,
            Token::True => return visitor.visit_f64(1.0),
            Token::False | Token::Null => return visitor.visit_f64(0.0),
            other => return Err(mismatch(&other, &visitor)),
        };
        match text.trim() {
            "" | "null" => visitor.visit_f64(0.0),
            text => match float(text) {
                Some(number) => visitor.visit_f64(number),
                None => Err(Error::invalid_value(Unexpected::Str(text), &visitor)),
            },
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        let text = match self.token()? {
            Token::True => return visitor.visit_bool(true),
            Token::False | Token::Null => return visitor.visit_bool(false),
            Token::Word(text) => Cow::Borrowed(text),
            Token::Text(text) => text,
            other => return Err(mismatch(&other, &visitor)),
        };
        match text.trim() {
            "1" | "Y" | "T" => visitor.visit_bool(true),
            "" | "null" | "0" | "N" | "F" => visitor.visit_bool(false),
            text if text.eq_ignore_ascii_case("true") => visitor.visit_bool(true),
            text if text.eq_ignore_ascii_case("false") => visitor.visit_bool(false),
            text => Err(Error::invalid_value(Unexpected::Str(text), &visitor)),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Text(Cow::Borrowed(text)) | Token::Word(text) => {
                visitor.visit_borrowed_str(text)
            }
            Token::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Token::True => visitor.visit_borrowed_str("true"),
            Token::False => visitor.visit_borrowed_str("false"),
            Token::Null => visitor.visit_borrowed_str(""),
            other => Err(mismatch(&other, &visitor)),
        }
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        if !self.is_key && self.reader.eat_null()? {
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.reader.skip()?;
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Array => items(self.reader, visitor),
            Token::Null => visitor.visit_seq(Nothing),
            Token::Text(text) if text.is_empty() => visitor.visit_seq(Nothing),
            Token::Reference(Reference { target: None, .. }) => visitor.visit_seq(Nothing),
            Token::Reference(reference @ Reference { target: Some(target), .. }) => {
                self.reader.follow(target)?;
                let value = Value::new(self.reader).deserialize_seq(visitor)?;
                self.reader.resume(reference);
                Ok(value)
            }
            other => Err(mismatch(&other, &visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Object => entries(self.reader, visitor),
            Token::Null => visitor.visit_map(Nothing),
            Token::Text(text) if text.is_empty() => visitor.visit_map(Nothing),
            Token::Reference(Reference { target: None, .. }) => visitor.visit_map(Nothing),
            Token::Reference(reference @ Reference { target: Some(target), .. }) => {
                self.reader.follow(target)?;
                let value = Value::new(self.reader).deserialize_map(visitor)?;
                self.reader.resume(reference);
                Ok(value)
            }
            other => Err(mismatch(&other, &visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Object => members(self.reader, names, visitor),
            Token::Null => visitor.visit_map(Nothing),
            Token::Text(text) if text.is_empty() => visitor.visit_map(Nothing),
            Token::Reference(Reference { target: None, .. }) => visitor.visit_map(Nothing),
            Token::Reference(reference @ Reference { target: Some(target), .. }) => {
                self.reader.follow(target)?;
                let value = Value::new(self.reader).deserialize_struct(name, names, visitor)?;
                self.reader.resume(reference);
                Ok(value)
            }
            other => Err(mismatch(&other, &visitor)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        names: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Text(name) => visitor.visit_enum(Variant(name)),
            Token::Word(word) => {
                let ordinal = word.parse().ok().and_then(|at: usize| names.get(at).copied());
                visitor.visit_enum(Variant(Cow::Borrowed(ordinal.unwrap_or(word))))
            }
            other => Err(mismatch(&other, &visitor)),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Error> {
        match self.token()? {
            Token::Object => entries(self.reader, visitor),
            Token::Array => items(self.reader, visitor),
            Token::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Token::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Token::Word(word) => match (word.parse(), word.parse(), float(word)) {
                (Ok(number), _, _) => visitor.visit_i64(number),
                (_, Ok(number), _) => visitor.visit_u64(number),
                (_, _, Some(number)) => visitor.visit_f64(number),
                _ => visitor.visit_borrowed_str(word),
            },
            Token::True => visitor.visit_bool(true),
            Token::False => visitor.visit_bool(false),
            Token::Null | Token::Reference(Reference { target: None, .. }) => visitor.visit_unit(),
            Token::Reference(reference @ Reference { target: Some(target), .. }) => {
                self.reader.follow(target)?;
                let value = Value::new(self.reader).deserialize_any(visitor)?;
                self.reader.resume(reference);
                Ok(value)
            }
        }
    }

    forward_to_deserialize_any! { bytes byte_buf }
}

fn mismatch<'de, V: Visitor<'de>>(token: &Token<'_>, visitor: &V) -> Error {
    let unexpected = match token {
        Token::Object | Token::Reference(_) => Unexpected::Map,
        Token::Array => Unexpected::Seq,
        Token::Text(text) => Unexpected::Str(text),
        Token::Word(word) => Unexpected::Other(word),
        Token::True => Unexpected::Bool(true),
        Token::False => Unexpected::Bool(false),
        Token::Null => Unexpected::Unit,
    };
    Error::invalid_type(unexpected, visitor)
}

/// A number as an integer: Java's type suffixes are dropped, fractions cut off.
fn integer<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, Error> {
    /// Beyond these a double does not fit a long.
    const LONGS: std::ops::Range<f64> = -9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0;
    let digits = text.strip_suffix(['L', 'l', 'S', 's', 'B', 'b']).unwrap_or(text);
    if let Ok(number) = digits.parse::<i64>() {
        return visitor.visit_i64(number);
    }
    if let Ok(number) = digits.parse::<u64>() {
        return visitor.visit_u64(number);
    }
    match float(text) {
        Some(number) if LONGS.contains(&number) => visitor.visit_i64(number as i64),
        _ => Err(Error::invalid_value(Unexpected::Str(text), &visitor)),
    }
}

fn float(text: &str) -> Option<f64> {
    let digits = text.strip_suffix(['F', 'f', 'D', 'd']).unwrap_or(text);
    // Rust also reads words such as `inf`, which are no numbers here.
    let is_number = digits.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    digits.parse().ok().filter(|_| is_number)
}

/// The name of an enum's value.
struct Variant<'de>(Cow<'de, str>);

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Error> {
        let name: StrDeserializer<'_, Error> = self.0.as_ref().into_deserializer();
        Ok((seed.deserialize(name)?, self))
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, _: T) -> Result<T::Value, Error> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &"a variant with a value"))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        Err(Error::invalid_type(Unexpected::UnitVariant, &visitor))
    }
}
