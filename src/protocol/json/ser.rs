//! The writer.

use std::io::Write as _;

use serde::ser::{
    Impossible, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeTuple,
    SerializeTupleStruct, Serializer,
};

use super::{Error, java_double};
use crate::escape::write_json_string;

/// Name of the newtype that marks a sequence as one for a single line.
pub(super) const INLINE: &str = "$inline";

pub(super) fn write<T: Serialize + ?Sized>(value: &T, pretty: bool) -> Vec<u8> {
    let mut writer = Writer { pretty, ..Writer::default() };
    let done = value.serialize(&mut writer);
    debug_assert!(done.is_ok(), "value has no form in this dialect: {done:?}");
    match done {
        Ok(()) => writer.out,
        Err(_) => b"null".to_vec(),
    }
}

#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    pretty: bool,
    indent: usize,
    /// The next value is a map key.
    at_key: bool,
    /// The next sequence stays on one line.
    inline: bool,
    /// The last value written was an absent one.
    none: bool,
}

impl Writer {
    fn push(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn display(&mut self, value: impl std::fmt::Display) {
        // Writing into memory cannot fail.
        let _ = write!(self.out, "{value}");
    }

    fn new_line(&mut self) {
        if self.pretty {
            self.out.push(b'\n');
            self.out.resize(self.out.len() + self.indent, b'\t');
        }
    }

    fn open(&mut self, bracket: u8) {
        self.at_key = false;
        self.out.push(bracket);
        self.indent += 1;
    }

    fn close(&mut self, bracket: u8, on_new_line: bool) {
        self.indent -= 1;
        if on_new_line {
            self.new_line();
        }
        self.out.push(bracket);
    }

    /// Writes `:` and the value of a member that began at `start`, and takes the member back
    /// when the value is absent. Says whether it stands.
    fn member<T: Serialize + ?Sized>(&mut self, start: usize, value: &T) -> Result<bool, Error> {
        self.out.push(b':');
        let from = self.out.len();
        self.none = false;
        value.serialize(&mut *self)?;
        let absent = self.none && self.out.get(from..) == Some(b"null");
        if absent {
            self.out.truncate(start);
        }
        Ok(!absent)
    }
}

fn refused<T>(what: &str) -> Result<T, Error> {
    Err(Error::Value(format!("{what} have no JSON form here")))
}

macro_rules! displayed {
    ($($method:ident $ty:ty),*) => { $(
        fn $method(self, value: $ty) -> Result<(), Error> {
            self.display(value);
            Ok(())
        }
    )* };
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Entries<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Impossible<(), Error>;

    displayed! {
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32,
        serialize_i64 i64, serialize_i128 i128, serialize_u8 u8, serialize_u16 u16,
        serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        if value.is_finite() {
            self.push(&java_double(value));
        } else {
            self.push("null");
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        if std::mem::take(&mut self.at_key) {
            self.new_line();
        }
        write_json_string(value, &mut self.out);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        refused("bytes")
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.push("null");
        self.none = true;
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_none()
    }

    fn serialize_unit_variant(self, _: &str, _: u32, name: &'static str) -> Result<(), Error> {
        write_json_string(name, &mut self.out);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.inline = name == INLINE;
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), Error> {
        refused("enum variants with values")
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Error> {
        let inline = std::mem::take(&mut self.inline);
        self.open(b'[');
        Ok(Items { writer: self, inline, any: false })
    }

    fn serialize_tuple(self, length: usize) -> Result<Items<'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Items<'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        refused("enum variants with values")
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Entries<'a>, Error> {
        self.open(b'{');
        Ok(Entries { writer: self, start: 0, any: false, kept: false })
    }

    fn serialize_struct(self, _: &'static str, members: usize) -> Result<Members<'a>, Error> {
        self.open(b'{');
        let lines = members > 0;
        if lines {
            self.new_line();
        }
        Ok(Members { writer: self, lines, any: false, last: "" })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Impossible<(), Error>, Error> {
        refused("enum variants with values")
    }

    fn is_human_readable(&self) -> bool {
        true
    }
}

/// Items of a list, each on its line; of a set or an array, all on one.
struct Items<'a> {
    writer: &'a mut Writer,
    inline: bool,
    any: bool,
}

impl SerializeSeq for Items<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        if std::mem::replace(&mut self.any, true) {
            self.writer.out.push(b',');
        }
        if !self.inline {
            self.writer.new_line();
        }
        item.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.writer.close(b']', self.any && !self.inline);
        self.writer.none = false;
        Ok(())
    }
}

impl SerializeTuple for Items<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        SerializeSeq::serialize_element(self, item)
    }

    fn end(self) -> Result<(), Error> {
        SerializeSeq::end(self)
    }
}

impl SerializeTupleStruct for Items<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        SerializeSeq::serialize_element(self, item)
    }

    fn end(self) -> Result<(), Error> {
        SerializeSeq::end(self)
    }
}

/// Entries of a map: string keys on lines of their own, other keys where the last entry ended.
struct Entries<'a> {
    writer: &'a mut Writer,
    /// Where the current entry began.
    start: usize,
    /// There was an entry, kept or not: Java looks at the map's size.
    any: bool,
    kept: bool,
}

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.any = true;
        self.start = self.writer.out.len();
        if self.kept {
            self.writer.out.push(b',');
        }
        self.writer.at_key = true;
        key.serialize(&mut *self.writer)?;
        self.writer.at_key = false;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.kept |= self.writer.member(self.start, value)?;
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.writer.close(b'}', self.any);
        self.writer.none = false;
        Ok(())
    }
}

/// Members of a struct, each on its line.
struct Members<'a> {
    writer: &'a mut Writer,
    lines: bool,
    any: bool,
    last: &'static str,
}

impl SerializeStruct for Members<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        debug_assert!(self.last < name, "member {name} stands after {}", self.last);
        self.last = name;
        let start = self.writer.out.len();
        if self.any {
            self.writer.out.push(b',');
            self.writer.new_line();
        }
        write_json_string(name, &mut self.writer.out);
        self.any |= self.writer.member(start, value)?;
        Ok(())
    }

    fn end(self) -> Result<(), Error> {
        self.writer.close(b'}', self.lines);
        self.writer.none = false;
        Ok(())
    }
}
