//! The serde format that reads a flat struct from the fields of a command.

use super::*;

pub(super) struct FieldsDeserializer<'de> {
    pub(super) ext: &'de Ext,
    /// Shows only the last one of equal keys: in Java's map that one wins, while serde refuses
    /// the second.
    pub(super) unique: bool,
}

impl<'de> Deserializer<'de> for FieldsDeserializer<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { ext: self.ext, unique: self.unique, at: 0, value: None })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Fields<'de> {
    ext: &'de Ext,
    unique: bool,
    at: usize,
    value: Option<Value<'de>>,
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        while let Some(span) = self.ext.spans.get(self.at).copied() {
            self.at += 1;
            let key = self.ext.key(span);
            let later = || self.ext.spans.get(self.at..).unwrap_or_default();
            if self.unique && later().iter().any(|span| self.ext.key(*span) == key) {
                continue;
            }
            self.value = Some(Value { name: key, text: self.ext.value(span) });
            let key: StrDeserializer<'_, Error> = key.into_deserializer();
            return seed.deserialize(key).map(Some);
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        match self.value.take() {
            Some(value) => seed.deserialize(value),
            None => Err(Error::Other("value before key".to_owned())),
        }
    }
}

/// The text of one field, with its name for error messages.
struct Value<'de> {
    name: &'de str,
    text: &'de str,
}

impl Value<'_> {
    fn invalid(&self, expected: &'static str) -> Error {
        const SHOWN_CHARS_MAX: usize = 64;
        Error::Invalid {
            name: self.name.chars().take(SHOWN_CHARS_MAX).collect(),
            expected,
            value: self.text.chars().take(SHOWN_CHARS_MAX).collect(),
        }
    }
}

macro_rules! number {
    ($($method:ident $visit:ident $ty:ty, $java:literal;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            match self.text.parse::<$ty>() {
                Ok(number) => visitor.$visit(number),
                Err(_) => Err(self.invalid($java)),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Error;

    number! {
        deserialize_i8 visit_i8 i8, "byte";
        deserialize_i16 visit_i16 i16, "short";
        deserialize_i32 visit_i32 i32, "int";
        deserialize_i64 visit_i64 i64, "long";
        deserialize_u8 visit_u8 u8, "unsigned byte";
        deserialize_u16 visit_u16 u16, "unsigned short";
        deserialize_u32 visit_u32 u32, "unsigned int";
        deserialize_u64 visit_u64 u64, "unsigned long";
        deserialize_f32 visit_f32 f32, "float";
        deserialize_f64 visit_f64 f64, "double";
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_bool(self.text.eq_ignore_ascii_case("true"))
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_borrowed_str(self.text)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(IntoDeserializer::<Error>::into_deserializer(self.text))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i128 u128 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map
        struct identifier
    }
}
