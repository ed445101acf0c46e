//! Enums as fastjson has them: written by name, read by name or ordinal, unknown ones null.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, Visitor};

/// An enum with Java's names, in Java's order.
pub trait JavaEnum: Copy + 'static {
    /// All values, in the order of their ordinals.
    const ALL: &'static [Self];

    /// The name Java gives the value.
    fn name(self) -> &'static str;

    /// The value of a name.
    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|value| value.name() == name)
    }
}

/// Declares enums with Java's names.
macro_rules! java_enums {
    ($(
        $(#[$meta:meta])+
        pub enum $enum:ident {
            $( $(#[$value_meta:meta])+ $value:ident = $name:literal, )+
        }
    )+) => { $(
        $(#[$meta])+
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
        pub enum $enum {
            $( $(#[$value_meta])+ #[serde(rename = $name)] $value, )+
        }

        impl $crate::bodies::JavaEnum for $enum {
            const ALL: &'static [Self] = &[$(Self::$value),+];

            fn name(self) -> &'static str {
                match self { $(Self::$value => $name,)+ }
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad($crate::bodies::JavaEnum::name(*self))
            }
        }

        impl<'de> serde::Deserialize<'de> for $enum {
            fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
                $crate::bodies::java_enum::known(from)?
                    .ok_or_else(|| serde::de::Error::custom(concat!("no ", stringify!($enum))))
            }
        }
    )+ };
}

/// For `deserialize_with`: a value this release does not know is null.
pub(super) fn known<'de, D, T>(from: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: JavaEnum,
{
    from.deserialize_any(Known(PhantomData))
}

/// For `deserialize_with`: a value this release does not know is the default.
pub(super) fn known_or_default<'de, D, T>(from: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: JavaEnum + Default,
{
    known(from).map(Option::unwrap_or_default)
}

struct Known<T>(PhantomData<T>);

impl<'de, T: JavaEnum> Visitor<'de> for Known<T> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of an enum value")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(T::from_name(name))
    }

    fn visit_i64<E: Error>(self, ordinal: i64) -> Result<Self::Value, E> {
        Ok(usize::try_from(ordinal).ok().and_then(|at| T::ALL.get(at)).copied())
    }

    fn visit_u64<E: Error>(self, ordinal: u64) -> Result<Self::Value, E> {
        Ok(usize::try_from(ordinal).ok().and_then(|at| T::ALL.get(at)).copied())
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}
