//! Arrays, maps and structs.

use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Error as _, IntoDeserializer, MapAccess, SeqAccess, Visitor};

use super::Value;
use crate::json::Error;
use crate::json::read::Reader;

/// Reads an array.
pub(super) fn items<'de, V: Visitor<'de>>(
    reader: &mut Reader<'de>,
    visitor: V,
) -> Result<V::Value, Error> {
    reader.enter()?;
    let mut items = Items { reader, first: true, ended: false };
    let value = visitor.visit_seq(&mut items)?;
    if !items.ended && items.reader.next_item(b']', items.first)? {
        return items.reader.expected("`]`");
    }
    reader.leave();
    Ok(value)
}

struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
    ended: bool,
}

impl<'de> SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if self.ended || !self.reader.next_item(b']', std::mem::take(&mut self.first))? {
            self.ended = true;
            return Ok(None);
        }
        seed.deserialize(Value::new(self.reader)).map(Some)
    }
}

/// Reads a map. Entries whose value is null are left out, as the writer leaves them out.
pub(super) fn entries<'de, V: Visitor<'de>>(
    reader: &mut Reader<'de>,
    visitor: V,
) -> Result<V::Value, Error> {
    reader.enter()?;
    let mut entries = Entries { reader, first: true, ended: false };
    let value = visitor.visit_map(&mut entries)?;
    if !entries.ended && entries.reader.next_item(b'}', entries.first)? {
        return entries.reader.expected("`}`");
    }
    reader.leave();
    Ok(value)
}

struct Entries<'a, 'de> {
    reader: &'a mut Reader<'de>,
    first: bool,
    ended: bool,
}

impl<'de> MapAccess<'de> for &mut Entries<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        while !self.ended && self.reader.next_item(b'}', std::mem::take(&mut self.first))? {
            if !self.reader.skip_null_member()? {
                return seed.deserialize(Value { reader: self.reader, is_key: true }).map(Some);
            }
        }
        self.ended = true;
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.colon()?;
        seed.deserialize(Value::new(self.reader))
    }
}

/// Reads a struct. Members that are null keep their defaults; a name counts as a member's when
/// they differ in case, `_` and `-` only, as fastjson matches them. Of two members with one name
/// the first counts (the last one in Java, but nobody sends that).
pub(super) fn members<'de, V: Visitor<'de>>(
    reader: &mut Reader<'de>,
    names: &'static [&'static str],
    visitor: V,
) -> Result<V::Value, Error> {
    reader.enter()?;
    let mut members = Members { reader, names, seen: 0, first: true };
    let value = visitor.visit_map(&mut members)?;
    reader.leave();
    Ok(value)
}

struct Members<'a, 'de> {
    reader: &'a mut Reader<'de>,
    names: &'static [&'static str],
    /// The bit of each member that was there.
    seen: u64,
    first: bool,
}

impl Members<'_, '_> {
    /// The member of a name, unless it is unknown or was there already.
    fn take(&mut self, name: &str) -> Option<&'static str> {
        let exact = self.names.iter().position(|member| *member == name);
        let index = exact.or_else(|| self.names.iter().position(|member| alike(member, name)))?;
        let bit = 1u64.checked_shl(u32::try_from(index).ok()?).unwrap_or(0);
        if self.seen & bit != 0 {
            return None;
        }
        self.seen |= bit;
        self.names.get(index).copied()
    }
}

/// Whether two names differ in case, `_` and `-` only.
fn alike(a: &str, b: &str) -> bool {
    fn letters(name: &str) -> impl Iterator<Item = u8> {
        name.bytes().filter(|b| !matches!(b, b'_' | b'-')).map(|b| b.to_ascii_lowercase())
    }
    letters(a).eq(letters(b))
}

impl<'de> MapAccess<'de> for &mut Members<'_, 'de> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        while self.reader.next_item(b'}', std::mem::take(&mut self.first))? {
            if self.reader.skip_null_member()? {
                continue;
            }
            let name = match self.reader.name()? {
                Some(name) => self.take(&name),
                None => None,
            };
            if let Some(name) = name {
                let name: StrDeserializer<'_, Error> = name.into_deserializer();
                return seed.deserialize(name).map(Some);
            }
            self.reader.colon()?;
            self.reader.skip()?;
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        self.reader.colon()?;
        seed.deserialize(Value::new(self.reader))
    }
}

/// What null, an empty string and a reference to nowhere are as a container.
pub(super) struct Nothing;

impl<'de> SeqAccess<'de> for Nothing {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        _: T,
    ) -> Result<Option<T::Value>, Error> {
        Ok(None)
    }
}

impl<'de> MapAccess<'de> for Nothing {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, _: K) -> Result<Option<K::Value>, Error> {
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("value before key"))
    }
}
