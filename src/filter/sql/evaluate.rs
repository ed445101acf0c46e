//! Evaluation, message by message, without allocating.
//!
//! Property text takes the type of what it is compared with. Where that fails, the whole
//! expression has no result, unless an `AND` or `OR` further left was already decided.

use std::cmp::Ordering;

use super::error::EvaluationError;
use super::node::{Node, Order};
use crate::java;

/// A value while an expression is evaluated. Properties are always text.
#[derive(Debug, Clone, Copy)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Int(i32),
    Long(i64),
    Double(f64),
    Text(&'a str),
}

/// The result of a boolean node; none is null.
pub(super) fn truth<'v, F>(node: &'v Node, lookup: &F) -> Result<Option<bool>, EvaluationError>
where
    F: Fn(&str) -> Option<&'v str>,
{
    match node {
        Node::And(nodes) => {
            let mut result = Some(true);
            for node in nodes {
                match truth(node, lookup)? {
                    Some(false) => return Ok(Some(false)),
                    None => result = None,
                    Some(true) => {}
                }
            }
            Ok(result)
        }
        Node::Or(nodes) => {
            let mut result = Some(false);
            for node in nodes {
                match truth(node, lookup)? {
                    Some(true) => return Ok(Some(true)),
                    None => result = None,
                    Some(false) => {}
                }
            }
            Ok(result)
        }
        Node::Not(of) => Ok(truth(of, lookup)?.map(|b| !b)),
        Node::Equal(of) => {
            let [left, right] = &**of;
            equal(value(left, lookup)?, value(right, lookup)?)
        }
        Node::Ordered(order, of) => {
            let [left, right] = &**of;
            match value(left, lookup)? {
                Value::Null => Ok(None),
                left => ordered(*order, left, value(right, lookup)?),
            }
        }
        Node::In { property, texts, negated } => {
            Ok(lookup(property).map(|text| texts.contains(text) != *negated))
        }
        // Text is never a boolean, whatever it says.
        Node::Cast(property) => Ok(lookup(property).map(|_| false)),
        Node::Literal(_) | Node::Property(_) | Node::Negate(_) => match value(node, lookup)? {
            Value::Bool(b) => Ok(Some(b)),
            _ => Ok(None),
        },
    }
}

fn value<'v, F>(node: &'v Node, lookup: &F) -> Result<Value<'v>, EvaluationError>
where
    F: Fn(&str) -> Option<&'v str>,
{
    Ok(match node {
        Node::Property(name) => lookup(name).map_or(Value::Null, Value::Text),
        Node::Literal(literal) => literal.value(),
        Node::Negate(of) => match value(of, lookup)? {
            Value::Int(n) => Value::Int(n.wrapping_neg()),
            Value::Long(n) => Value::Long(n.wrapping_neg()),
            Value::Double(n) => Value::Double(-n),
            _ => Value::Null,
        },
        boolean => truth(boolean, lookup)?.map_or(Value::Null, Value::Bool),
    })
}

/// Equality: two nulls are equal; null on the left alone yields null, on the right alone false.
fn equal(left: Value<'_>, right: Value<'_>) -> Result<Option<bool>, EvaluationError> {
    match (left, right) {
        (Value::Null, Value::Null) => Ok(Some(true)),
        (Value::Null, _) => Ok(None),
        (_, Value::Null) => Ok(Some(false)),
        (left, right) => Ok(Some(compare(left, right)?.is_some_and(Ordering::is_eq))),
    }
}

/// Order: null on either side yields null; two texts are compared as doubles.
fn ordered(
    order: Order,
    left: Value<'_>,
    right: Value<'_>,
) -> Result<Option<bool>, EvaluationError> {
    let ordering = match (left, right) {
        (_, Value::Null) => return Ok(None),
        (Value::Text(left), Value::Text(right)) => {
            match (java::parse_double(left), java::parse_double(right)) {
                (Some(left), Some(right)) => java::compare_doubles(left, right),
                _ => return Err(EvaluationError::TextOrder),
            }
        }
        // Types that cannot be compared count as less.
        (left, right) => compare(left, right)?.unwrap_or(Ordering::Less),
    };
    Ok(Some(order.holds(ordering)))
}

/// Compares two values that are not null, after turning text into the other's type and the
/// narrower number into the wider one. None: types that have no order.
pub(super) fn compare(
    left: Value<'_>,
    right: Value<'_>,
) -> Result<Option<Ordering>, EvaluationError> {
    use Value::{Bool, Double, Int, Long, Text};
    let int = |text| java::parse_int(text).ok_or(EvaluationError::NotANumber);
    let long = |text| java::parse_long(text).ok_or(EvaluationError::NotANumber);
    let double = |text| java::parse_double(text).ok_or(EvaluationError::NotANumber);
    Ok(Some(match (left, right) {
        (Text(a), Text(b)) if a == b => Ordering::Equal,
        (Text(a), Text(b)) => a.encode_utf16().cmp(b.encode_utf16()),
        (Text(a), Int(b)) => int(a)?.cmp(&b),
        (Int(a), Text(b)) => a.cmp(&int(b)?),
        (Text(a), Long(b)) => long(a)?.cmp(&b),
        (Long(a), Text(b)) => a.cmp(&long(b)?),
        (Text(a), Double(b)) => java::compare_doubles(double(a)?, b),
        (Double(a), Text(b)) => java::compare_doubles(a, double(b)?),
        (Text(a), Bool(b)) => a.eq_ignore_ascii_case("true").cmp(&b),
        (Bool(_), Text(_)) => return Err(EvaluationError::BooleanLeft),
        (Int(a), Int(b)) => a.cmp(&b),
        (Int(a), Long(b)) => i64::from(a).cmp(&b),
        (Long(a), Int(b)) => a.cmp(&i64::from(b)),
        (Long(a), Long(b)) => a.cmp(&b),
        (Int(a), Double(b)) => java::compare_doubles(f64::from(a), b),
        (Double(a), Int(b)) => java::compare_doubles(a, f64::from(b)),
        (Long(a), Double(b)) => java::compare_doubles(nearest(a), b),
        (Double(a), Long(b)) => java::compare_doubles(a, nearest(b)),
        (Double(a), Double(b)) => java::compare_doubles(a, b),
        (Bool(a), Bool(b)) => a.cmp(&b),
        _ => return Ok(None),
    }))
}

fn nearest(long: i64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "Long.doubleValue rounds too")]
    let double = long as f64;
    double
}
