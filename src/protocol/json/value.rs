//! Any value of the dialect, for tests: what our structs read and write is compared with it.

use std::fmt;

use proptest::prelude::*;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, PartialOrd)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Long(i64),
    Double(f64),
    Text(String),
    List(Vec<Value>),
    Map(Vec<(Value, Value)>),
}

impl Value {
    /// The same with maps and lists in one order, to compare where Java's is by hash.
    pub(crate) fn sorted(self) -> Self {
        let order = |a: &Self, b: &Self| a.partial_cmp(b).expect("no NaN");
        match self {
            Self::List(items) => {
                let mut items: Vec<_> = items.into_iter().map(Self::sorted).collect();
                items.sort_by(order);
                Self::List(items)
            }
            Self::Map(entries) => {
                let mut entries: Vec<_> =
                    entries.into_iter().map(|(k, v)| (k.sorted(), v.sorted())).collect();
                entries.sort_by(|(a, _), (b, _)| order(a, b));
                Self::Map(entries)
            }
            scalar => scalar,
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => to.serialize_none(),
            Self::Bool(value) => to.serialize_bool(*value),
            Self::Long(value) => to.serialize_i64(*value),
            Self::Double(value) => to.serialize_f64(*value),
            Self::Text(value) => to.serialize_str(value),
            Self::List(items) => {
                let mut list = to.serialize_seq(None)?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = to.serialize_map(None)?;
                entries.iter().try_for_each(|(k, v)| map.serialize_entry(k, v))?;
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Long(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Double(value))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Value, E> {
        Ok(Value::Text(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = from.next_element()? {
            items.push(item);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = from.next_entry()? {
            entries.push(entry);
        }
        Ok(Value::Map(entries))
    }
}

/// Values that read back as they were: no nulls inside maps, which are left out, no words that
/// look like something else as bare keys.
pub(crate) fn any_value() -> impl Strategy<Value = Value> {
    let key = prop_oneof![
        any::<i64>().prop_map(Value::Long),
        any::<String>().prop_filter("a reference", |key| key != "$ref").prop_map(Value::Text),
    ];
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Long),
        any::<f64>().prop_filter("no JSON form", |f| f.is_finite()).prop_map(Value::Double),
        any::<String>().prop_map(Value::Text),
    ];
    scalar.prop_recursive(5, 64, 6, move |inner| {
        let object = prop::collection::vec((key.clone(), inner.clone()), 0..6).prop_map(Value::Map);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::List),
            object.clone(),
            // Objects as keys.
            prop::collection::vec((object, inner), 0..3).prop_map(Value::Map),
        ]
    })
}
