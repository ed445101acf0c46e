//! SQL92 expressions over message properties, in the dialect of 4.4.0.
//!
//! Precedence from low to high: `OR`; `AND`; `=` `<>` `IS [NOT] NULL`; `<` `>` `<=` `>=`
//! `[NOT] BETWEEN` `[NOT] IN`; unary `+` `-` `NOT`. There is no `LIKE` and no arithmetic. Input
//! after a complete expression is ignored: `a = 1 garbage` is `a = 1`.

mod error;
mod evaluate;
mod lexer;
mod lookahead;
mod node;
mod parser;
mod tokens;

pub use error::{CompileError, EvaluationError};

use node::Node;

/// How deep a compiled expression may nest (unary operators, operators within operands, chains
/// of `=` and `IS`). Chains of `AND` and `OR` nest nothing.
///
/// Java's limit is the stack of the thread that parses, and beyond it the parser answers with
/// `java.lang.StackOverflowError`; here it is a number. Four times as many operators and
/// parentheses may be open at one point of the text.
pub const MAX_DEPTH: u32 = 256;

/// A compiled expression.
///
/// ```
/// let expression = filter::Expression::compile("colour = 'blue' AND n > 40")?;
/// let properties = [("colour", "blue"), ("n", "41")];
/// let lookup = |name: &str| properties.iter().find(|p| p.0 == name).map(|p| p.1);
/// assert!(expression.matches(lookup));
/// # Ok::<(), filter::CompileError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Expression {
    root: Node,
}

impl Expression {
    /// Parses an expression. The error displays as the text that a Java broker answers.
    pub fn compile(text: &str) -> Result<Self, CompileError> {
        parser::parse(text).map(|root| Self { root })
    }

    /// Whether a message passes: false where the result is null or the evaluation fails.
    ///
    /// `lookup` yields the text of a property, none when the message has no such property or an
    /// empty one.
    pub fn matches<'v>(&'v self, lookup: impl Fn(&str) -> Option<&'v str>) -> bool {
        self.evaluate(lookup) == Ok(Some(true))
    }

    /// The three-valued result: none is null.
    pub fn evaluate<'v>(
        &'v self,
        lookup: impl Fn(&str) -> Option<&'v str>,
    ) -> Result<Option<bool>, EvaluationError> {
        evaluate::truth(&self.root, &lookup)
    }
}

impl std::fmt::Display for Expression {
    /// The expression as Java prints it in its messages, fully parenthesised.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.root.fmt(f)
    }
}
