//! An operator precedence parser that accepts exactly what 4.4.0 accepts and answers its error
//! messages.
//!
//! What is not finished yet lies on a stack of its own, so that input cannot exhaust the
//! thread's. Besides the grammar, three things of the Java parser show outside: tokens are read
//! as late as possible, so that only errors before the end of the expression count; operands are
//! checked while parsing, so that the first error of either kind is reported; and a unary plus
//! looks over its operand first (see `lookahead`).

use super::MAX_DEPTH;
use super::error::CompileError;
use super::lexer::Kind;
use super::lookahead;
use super::node::{self, Literal, Node, Order};
use super::tokens::{AFTER_NOT, Level, OPERAND, Tokens, bit};
use crate::java;

/// Unfinished operators and parentheses at any point of an expression.
const MAX_PENDING: usize = 4 * MAX_DEPTH as usize;

/// Parses a whole expression.
pub(super) fn parse(source: &str) -> Result<Node, CompileError> {
    let mut parser = Parser { tokens: Tokens::new(source), pending: Vec::new(), looked_over: 0 };
    let mut next = Step::Operand;
    loop {
        next = match next {
            Step::Operand => parser.operand()?,
            Step::Unary(value) => parser.after_unary(value)?,
            Step::Infix(value, max) => parser.after_operand(value, max)?,
            Step::Done(value) => return node::boolean(value.node),
        };
    }
}

/// A node and how deep it nests.
struct Built {
    node: Node,
    depth: u32,
}

impl Built {
    fn leaf(node: Node) -> Self {
        Self { node, depth: 1 }
    }

    /// A node above others.
    fn above(node: Node, depth: u32) -> Result<Self, CompileError> {
        if depth >= MAX_DEPTH {
            return Err(CompileError::TooDeep);
        }
        Ok(Self { node, depth: depth + 1 })
    }

    fn negation(of: Self) -> Result<Self, CompileError> {
        Self::above(Node::Not(Box::new(of.node)), of.depth)
    }

    /// A chain of `AND` or of `OR` grows sideways; only its right side can add a level.
    fn joined(level: Level, left: Self, right: Self) -> Result<Self, CompileError> {
        let (a, b) = (node::boolean(left.node)?, node::boolean(right.node)?);
        let (node, grows) = match level {
            Level::And => {
                let grows = matches!(a, Node::And(_));
                (node::and(a, b), grows)
            }
            _ => {
                let grows = matches!(a, Node::Or(_));
                (node::or(a, b), grows)
            }
        };
        Self::above(node, right.depth.max(left.depth - u32::from(grows)))
    }

    /// The result of an infix operator with two operands.
    fn infix(kind: Kind, left: Self, right: Self) -> Result<Self, CompileError> {
        let order = match kind {
            Kind::Or => return Self::joined(Level::Or, left, right),
            Kind::And => return Self::joined(Level::And, left, right),
            Kind::Equal | Kind::NotEqual => {
                let depth = left.depth.max(right.depth);
                let equal = Self::above(node::equal(left.node, right.node)?, depth)?;
                return if kind == Kind::Equal { Ok(equal) } else { Self::negation(equal) };
            }
            Kind::Greater => Order::Greater,
            Kind::GreaterEqual => Order::GreaterEqual,
            Kind::Less => Order::Less,
            _ => Order::LessEqual,
        };
        let depth = left.depth.max(right.depth);
        Self::above(node::ordered(order, left.node, right.node)?, depth)
    }

    fn between(value: Self, low: Self, high: Self, negated: bool) -> Result<Self, CompileError> {
        let depth = value.depth.max(low.depth).max(high.depth) + 1;
        let build = if negated { node::not_between } else { node::between };
        Self::above(build(value.node, low.node, high.node)?, depth)
    }
}

/// What waits for an operand.
enum Pending {
    Open,
    Negate,
    Not,
    /// An infix operator and its left side.
    Infix(Kind, Level, Built),
    /// `value [NOT] BETWEEN`, waiting for the lower bound.
    Low {
        value: Built,
        negated: bool,
    },
    /// `value [NOT] BETWEEN low AND`, waiting for the upper one.
    High {
        value: Built,
        low: Built,
        negated: bool,
    },
}

/// Where the parser goes on.
enum Step {
    /// An operand comes next.
    Operand,
    /// A primary was read, to which unary operators in front of it apply.
    Unary(Built),
    /// An operand is complete; operators of at most this level may follow.
    Infix(Built, Level),
    Done(Built),
}

struct Parser<'a> {
    tokens: Tokens<'a>,
    pending: Vec<Pending>,
    /// Up to this token the operand of a plus was already looked over.
    looked_over: usize,
}

impl Parser<'_> {
    fn wait(&mut self, pending: Pending) -> Result<Step, CompileError> {
        if self.pending.len() >= MAX_PENDING {
            return Err(CompileError::TooDeep);
        }
        self.pending.push(pending);
        Ok(Step::Operand)
    }

    fn operand(&mut self) -> Result<Step, CompileError> {
        let token = self.tokens.peek(0)?;
        let step = match token.kind {
            Kind::Plus => {
                self.look_over_plus()?;
                self.tokens.take()?;
                return Ok(Step::Operand);
            }
            kind if OPERAND & bit(kind) == 0 => return Err(self.tokens.unexpected(OPERAND)),
            Kind::Minus => self.wait(Pending::Negate),
            Kind::Not => self.wait(Pending::Not),
            Kind::Open => self.wait(Pending::Open),
            Kind::Name => Ok(Step::Unary(Built::leaf(Node::Property(token.text.into())))),
            kind => {
                let literal = literal(kind, token.text)?;
                Ok(Step::Unary(Built::leaf(Node::Literal(literal))))
            }
        };
        self.tokens.take()?;
        step
    }

    /// A plus is refused when its operand is not well formed.
    fn look_over_plus(&mut self) -> Result<(), CompileError> {
        // Inside an operand that was looked over, everything is well formed.
        if self.tokens.taken < self.looked_over {
            return Ok(());
        }
        match lookahead::plus(&mut self.tokens)? {
            Some(length) => {
                self.looked_over = self.tokens.taken + length;
                Ok(())
            }
            None => Err(self.tokens.unexpected(OPERAND)),
        }
    }

    /// Applies what binds tighter than any other infix operator.
    fn after_unary(&mut self, value: Built) -> Result<Step, CompileError> {
        Ok(match self.pending.pop() {
            Some(Pending::Negate) => {
                Step::Unary(Built::above(Node::Negate(Box::new(value.node)), value.depth)?)
            }
            Some(Pending::Not) => {
                let node = node::boolean(value.node)?;
                Step::Unary(Built::negation(Built { node, depth: value.depth })?)
            }
            Some(Pending::Low { value: of, negated }) => {
                self.tokens.expect(Kind::And)?;
                self.wait(Pending::High { value: of, low: value, negated })?
            }
            Some(Pending::High { value: of, low, negated }) => {
                Step::Infix(Built::between(of, low, value, negated)?, Level::Comparison)
            }
            Some(Pending::Infix(kind, Level::Comparison, left)) => {
                Step::Infix(Built::infix(kind, left, value)?, Level::Comparison)
            }
            other => {
                self.pending.extend(other);
                Step::Infix(value, Level::Comparison)
            }
        })
    }

    /// Goes on with an operator, or finishes what waited for this operand.
    fn after_operand(&mut self, value: Built, max: Level) -> Result<Step, CompileError> {
        let min = match self.pending.last() {
            Some(Pending::Infix(_, Level::Or, _)) => Level::And,
            Some(Pending::Infix(_, Level::And, _)) => Level::Equality,
            Some(Pending::Infix(..)) => Level::Comparison,
            _ => Level::Or,
        };
        let kind = self.tokens.peek(0)?.kind;
        if let Some(level) = Level::of(kind).filter(|level| (min..=max).contains(level)) {
            return self.operator(kind, level, value);
        }
        let passed = Level::ALL.into_iter().filter(|level| (min..=max).contains(level));
        self.tokens.expected |= passed.fold(0, |set, level| set | level.operators());
        match self.pending.pop() {
            Some(Pending::Infix(kind, level, left)) => {
                Ok(Step::Infix(Built::infix(kind, left, value)?, level))
            }
            Some(_) => {
                self.tokens.expect(Kind::Close)?;
                Ok(Step::Unary(value))
            }
            None => Ok(Step::Done(value)),
        }
    }

    fn operator(&mut self, kind: Kind, level: Level, left: Built) -> Result<Step, CompileError> {
        match kind {
            Kind::Is => return self.is_null(left),
            Kind::In => return self.within(left, false),
            Kind::Between => {
                self.tokens.take()?;
                return self.wait(Pending::Low { value: left, negated: false });
            }
            Kind::Not => {}
            _ => {
                self.tokens.take()?;
                return self.wait(Pending::Infix(kind, level, left));
            }
        }
        match self.tokens.peek(1)?.kind {
            Kind::Between => {
                self.tokens.take()?;
                self.tokens.take()?;
                self.wait(Pending::Low { value: left, negated: true })
            }
            Kind::In => {
                self.tokens.take()?;
                self.within(left, true)
            }
            _ => Err(self.tokens.unexpected(AFTER_NOT)),
        }
    }

    fn is_null(&mut self, left: Built) -> Result<Step, CompileError> {
        let negated = self.tokens.peek(1)?.kind != Kind::Null;
        self.tokens.take()?;
        if negated {
            self.tokens.expect(Kind::Not)?;
        }
        self.tokens.expect(Kind::Null)?;
        let mut built = Built::above(node::is_null(left.node), left.depth)?;
        if negated {
            built = Built::negation(built)?;
        }
        Ok(Step::Infix(built, Level::Equality))
    }

    fn within(&mut self, left: Built, negated: bool) -> Result<Step, CompileError> {
        self.tokens.expect(Kind::In)?;
        self.tokens.expect(Kind::Open)?;
        let mut texts = vec![unquoted(self.tokens.expect(Kind::Text)?.text)];
        while self.tokens.peek(0)?.kind == Kind::Comma {
            self.tokens.take()?;
            texts.push(unquoted(self.tokens.expect(Kind::Text)?.text));
        }
        self.tokens.expected |= bit(Kind::Comma);
        self.tokens.expect(Kind::Close)?;
        let built = Built::leaf(node::within(left.node, texts, negated)?);
        Ok(Step::Infix(built, Level::Comparison))
    }
}

fn literal(kind: Kind, text: &str) -> Result<Literal, CompileError> {
    Ok(match kind {
        Kind::Text => Literal::Text(unquoted(text)),
        Kind::Decimal => decimal(text)?,
        Kind::Float => float(text)?,
        Kind::True => Literal::Bool(true),
        Kind::False => Literal::Bool(false),
        _ => Literal::Null,
    })
}

/// The text between the quotes of a literal.
fn unquoted(literal: &str) -> Box<str> {
    literal[1..literal.len() - 1].replace("''", "'").into()
}

fn decimal(text: &str) -> Result<Literal, CompileError> {
    let digits = text.strip_suffix(['l', 'L']).unwrap_or(text);
    let long = java::parse_long(digits).ok_or_else(|| CompileError::Number(digits.to_owned()))?;
    Ok(i32::try_from(long).map_or(Literal::Long(long), Literal::Int))
}

fn float(text: &str) -> Result<Literal, CompileError> {
    let value = java::parse_double(text).unwrap_or(f64::NAN);
    if value > f64::MAX {
        return Err(CompileError::Operand(format!(
            "{text} is greater than 1.7976931348623157E308"
        )));
    }
    // The bound is the smallest positive number, so that zero is refused.
    if value < f64::from_bits(1) {
        return Err(CompileError::Operand(format!("{text} is less than 4.9E-324")));
    }
    Ok(Literal::Double(value))
}
