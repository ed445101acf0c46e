//! The serde format that writes a flat struct into the fields of a command.

use super::*;

type Refused = Impossible<(), Error>;

macro_rules! refuse_compounds {
    () => {
        fn serialize_newtype_variant<T: Serialize + ?Sized>(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: &T,
        ) -> Result<(), Error> {
            refused()
        }

        fn serialize_seq(self, _: Option<usize>) -> Result<Refused, Error> {
            refused()
        }

        fn serialize_tuple(self, _: usize) -> Result<Refused, Error> {
            refused()
        }

        fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Refused, Error> {
            refused()
        }

        fn serialize_tuple_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Refused, Error> {
            refused()
        }

        fn serialize_map(self, _: Option<usize>) -> Result<Refused, Error> {
            refused()
        }

        fn serialize_struct_variant(
            self,
            _: &'static str,
            _: u32,
            _: &'static str,
            _: usize,
        ) -> Result<Refused, Error> {
            refused()
        }
    };
}

macro_rules! refuse_scalars {
    ($($method:ident $ty:ty),*) => { $(
        fn $method(self, _: $ty) -> Result<(), Error> {
            refused()
        }
    )* };
}

fn refused<T>() -> Result<T, Error> {
    Err(Error::Other("a header is a flat struct of scalars and strings".to_owned()))
}

pub(super) struct FieldsSerializer<'a> {
    pub(super) ext: &'a mut Ext,
}

impl<'a> ser::Serializer for FieldsSerializer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Refused;
    type SerializeTuple = Refused;
    type SerializeTupleStruct = Refused;
    type SerializeTupleVariant = Refused;
    type SerializeMap = Refused;
    type SerializeStruct = FieldsSerializer<'a>;
    type SerializeStructVariant = Refused;

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        self.ext.set_present();
        Ok(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    refuse_scalars! {
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32,
        serialize_i64 i64, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32,
        serialize_u64 u64, serialize_f32 f32, serialize_f64 f64, serialize_char char,
        serialize_str &str, serialize_bytes &[u8]
    }

    fn serialize_none(self) -> Result<(), Error> {
        refused()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, _: &T) -> Result<(), Error> {
        refused()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, _: &'static str) -> Result<(), Error> {
        refused()
    }

    refuse_compounds!();
}

impl SerializeStruct for FieldsSerializer<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(ValueSerializer { ext: self.ext, key })
    }

    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

/// Writes one field under its key.
struct ValueSerializer<'a> {
    ext: &'a mut Ext,
    key: &'static str,
}

macro_rules! display {
    ($($method:ident $ty:ty),*) => { $(
        fn $method(self, value: $ty) -> Result<(), Error> {
            self.ext.push_display(self.key, value);
            Ok(())
        }
    )* };
}

impl ser::Serializer for ValueSerializer<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Refused;
    type SerializeTuple = Refused;
    type SerializeTupleStruct = Refused;
    type SerializeTupleVariant = Refused;
    type SerializeMap = Refused;
    type SerializeStruct = Refused;
    type SerializeStructVariant = Refused;

    display! {
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32,
        serialize_i64 i64, serialize_u8 u8, serialize_u16 u16, serialize_u32 u32,
        serialize_u64 u64, serialize_char char
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.ext.push(self.key, &crate::json::java_double(value));
        Ok(())
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.ext.push(self.key, value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.ext.push(self.key, variant);
        Ok(())
    }

    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), Error> {
        refused()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Refused, Error> {
        refused()
    }

    refuse_compounds!();
}
