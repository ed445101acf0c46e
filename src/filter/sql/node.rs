//! Compiled expressions, the rules that decide whether one can be built, and their text.

use std::cmp::Ordering;
use std::fmt;

use super::error::CompileError;
use super::evaluate::{Value, compare};
use crate::java;

/// A literal.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    /// An integer of at most 32 bits: property text beyond them is no number for it.
    Int(i32),
    Long(i64),
    Double(f64),
    Text(Box<str>),
}

impl Literal {
    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(b) => Value::Bool(*b),
            Self::Int(n) => Value::Int(*n),
            Self::Long(n) => Value::Long(*n),
            Self::Double(n) => Value::Double(*n),
            Self::Text(text) => Value::Text(text),
        }
    }
}

/// The operators that order two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Greater,
    GreaterEqual,
    Less,
    LessEqual,
}

impl Order {
    pub(super) fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Greater => ordering.is_gt(),
            Self::GreaterEqual => ordering.is_ge(),
            Self::Less => ordering.is_lt(),
            Self::LessEqual => ordering.is_le(),
        }
    }

    fn symbol(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterEqual => ">=",
            Self::Less => "<",
            Self::LessEqual => "<=",
        }
    }
}

/// The texts of an `IN` list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Texts {
    /// In the order in which Java prints them.
    shown: Box<[Box<str>]>,
    /// Sorted, for a list that is long enough to be searched; otherwise empty.
    sorted: Box<[Box<str>]>,
}

impl Texts {
    fn new(mut texts: Vec<Box<str>>) -> Self {
        // From here on Java keeps them in a hash set.
        if texts.len() < 5 {
            return Self { shown: texts.into(), sorted: Box::default() };
        }
        java::hash_set_order(&mut texts);
        let mut sorted = texts.clone();
        sorted.sort_unstable();
        Self { shown: texts.into(), sorted: sorted.into() }
    }

    pub(super) fn contains(&self, text: &str) -> bool {
        if self.sorted.is_empty() {
            self.shown.iter().any(|t| **t == *text)
        } else {
            self.sorted.binary_search_by(|t| (**t).cmp(text)).is_ok()
        }
    }
}

/// One node of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Literal(Literal),
    Property(Box<str>),
    Negate(Box<Node>),
    /// A bare property where a boolean is wanted.
    Cast(Box<str>),
    Not(Box<Node>),
    /// `negated` is `NOT IN`.
    In {
        property: Box<str>,
        texts: Texts,
        negated: bool,
    },
    Equal(Box<[Node; 2]>),
    Ordered(Order, Box<[Node; 2]>),
    /// Two or more, evaluated from left to right.
    And(Vec<Node>),
    /// Two or more, evaluated from left to right.
    Or(Vec<Node>),
}

/// Whether Java's class for the node is a boolean expression.
fn is_boolean(node: &Node) -> bool {
    match node {
        Node::Literal(literal) => matches!(literal, Literal::Null | Literal::Bool(_)),
        Node::Property(_) | Node::Negate(_) => false,
        _ => true,
    }
}

/// Takes a node where a boolean is wanted.
pub(super) fn boolean(node: Node) -> Result<Node, CompileError> {
    match node {
        Node::Property(name) => Ok(Node::Cast(name)),
        node if is_boolean(&node) => Ok(node),
        node => Err(CompileError::Syntax(format!(
            "Expression will not result in a boolean value: {node}"
        ))),
    }
}

/// `left = right`.
pub(super) fn equal(left: Node, right: Node) -> Result<Node, CompileError> {
    for operand in [&left, &right] {
        if matches!(operand, Node::Literal(Literal::Null)) {
            return Err(CompileError::Operand(format!("'{operand}' cannot be compared.")));
        }
    }
    if let (Node::Literal(Literal::Bool(_)), Node::Literal(other)) = (&left, &right)
        && !matches!(other, Literal::Bool(_))
    {
        return Err(CompileError::Operand(format!("'{left}' cannot be compared with '{right}'")));
    }
    Ok(Node::Equal(Box::new([left, right])))
}

/// `left IS NULL`.
pub(super) fn is_null(left: Node) -> Node {
    Node::Equal(Box::new([left, Node::Literal(Literal::Null)]))
}

/// `left order right`.
pub(super) fn ordered(order: Order, left: Node, right: Node) -> Result<Node, CompileError> {
    for operand in [&left, &right] {
        let refused = match operand {
            Node::Literal(Literal::Int(_) | Literal::Long(_) | Literal::Double(_)) => false,
            Node::Literal(_) => true,
            other => is_boolean(other),
        };
        if refused {
            return Err(CompileError::Operand(format!("Value '{operand}' cannot be compared.")));
        }
    }
    Ok(Node::Ordered(order, Box::new([left, right])))
}

/// `value BETWEEN low AND high`.
pub(super) fn between(value: Node, low: Node, high: Node) -> Result<Node, CompileError> {
    if let (Node::Literal(low), Node::Literal(high)) = (&low, &high) {
        check_bounds(low, high)?;
    }
    let at_least = ordered(Order::GreaterEqual, value.clone(), low)?;
    let at_most = ordered(Order::LessEqual, value, high)?;
    Ok(and(at_least, at_most))
}

/// `value NOT BETWEEN low AND high`.
pub(super) fn not_between(value: Node, low: Node, high: Node) -> Result<Node, CompileError> {
    let below = ordered(Order::Less, value.clone(), low)?;
    let above = ordered(Order::Greater, value, high)?;
    Ok(or(below, above))
}

fn check_bounds(low: &Literal, high: &Literal) -> Result<(), CompileError> {
    if matches!(low, Literal::Null) || matches!(high, Literal::Null) {
        return Err(CompileError::Operand(
            "Illegal values of between, values can not be null!".to_owned(),
        ));
    }
    let fits = match (low, high) {
        (Literal::Text(_), Literal::Bool(_)) => return Err(CompileError::Cast),
        _ => compare(high.value(), low.value()).map_err(|_| {
            let text = [low, high].into_iter().find_map(|l| match l {
                Literal::Text(text) => Some(&**text),
                _ => None,
            });
            CompileError::Operand(number_format(text.unwrap_or_default(), low, high))
        })?,
    };
    if fits.is_some_and(Ordering::is_ge) {
        return Ok(());
    }
    Err(CompileError::Operand(format!(
        "Illegal values of between, left value({}) must less than or equal to right value({})",
        Raw(low),
        Raw(high)
    )))
}

/// What Java says of a text that is not a number of the other bound's type.
fn number_format(text: &str, low: &Literal, high: &Literal) -> String {
    let double = matches!(low, Literal::Double(_)) || matches!(high, Literal::Double(_));
    let trimmed = text.trim_matches(|c: char| c <= ' ');
    match (double, trimmed.is_empty()) {
        (true, true) => "java.lang.NumberFormatException: empty String".to_owned(),
        (true, false) => {
            format!("java.lang.NumberFormatException: For input string: \"{trimmed}\"")
        }
        _ => format!("java.lang.NumberFormatException: For input string: \"{text}\""),
    }
}

/// `left IN (texts)` or `left NOT IN (texts)`.
pub(super) fn within(
    left: Node,
    texts: Vec<Box<str>>,
    negated: bool,
) -> Result<Node, CompileError> {
    let Node::Property(property) = left else {
        return Err(CompileError::Operand(format!(
            "Expected a property for In expression, got: {left}"
        )));
    };
    Ok(Node::In { property, texts: Texts::new(texts), negated })
}

/// `left AND right`, both boolean.
pub(super) fn and(left: Node, right: Node) -> Node {
    match left {
        Node::And(mut nodes) => {
            nodes.push(right);
            Node::And(nodes)
        }
        left => Node::And(vec![left, right]),
    }
}

/// `left OR right`, both boolean.
pub(super) fn or(left: Node, right: Node) -> Node {
    match left {
        Node::Or(mut nodes) => {
            nodes.push(right);
            Node::Or(nodes)
        }
        left => Node::Or(vec![left, right]),
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(literal) => write!(f, "{literal}"),
            Self::Property(name) | Self::Cast(name) => f.write_str(name),
            Self::Negate(of) => write!(f, "(- {of})"),
            Self::Not(of) => write!(f, "(NOT {of})"),
            Self::In { property, texts, negated } => {
                write!(f, "{property} {} ( ", if *negated { "NOT IN" } else { "IN" })?;
                write!(f, "{} )", texts.shown.join(", "))
            }
            Self::Equal(of) => {
                let [left, right] = &**of;
                write!(f, "({left} == {right})")
            }
            Self::Ordered(order, of) => {
                let [left, right] = &**of;
                write!(f, "({left} {} {right})", order.symbol())
            }
            Self::And(nodes) => chain(nodes, "&&", f),
            Self::Or(nodes) => chain(nodes, "||", f),
        }
    }
}

/// `((a && b) && c)`: Java nests to the left.
fn chain(nodes: &[Node], symbol: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for _ in 1..nodes.len() {
        f.write_str("(")?;
    }
    for (i, node) in nodes.iter().enumerate() {
        if i == 0 {
            write!(f, "{node}")?;
        } else {
            write!(f, " {symbol} {node})")?;
        }
    }
    Ok(())
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Bool(true) => f.write_str("TRUE"),
            Self::Bool(false) => f.write_str("FALSE"),
            Self::Text(text) => write!(f, "'{}'", text.replace('\'', "''")),
            other => write!(f, "{}", Raw(other)),
        }
    }
}

/// A literal as Java's `toString` of the value gives it.
struct Raw<'a>(&'a Literal);

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Literal::Null => f.write_str("null"),
            Literal::Bool(b) => write!(f, "{b}"),
            Literal::Int(n) => write!(f, "{n}"),
            Literal::Long(n) => write!(f, "{n}"),
            Literal::Double(n) => f.write_str(&java::double_text(*n)),
            Literal::Text(text) => f.write_str(text),
        }
    }
}
