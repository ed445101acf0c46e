//! What can be wrong with an expression, in the words of a Java broker.

/// Why an expression does not compile.
///
/// It displays as 4.4.0 answers it (class of the Java exception and message), because clients
/// show that remark to their users.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    /// The text holds something that is no token.
    #[error("org.apache.rocketmq.filter.parser.TokenMgrError: {0}")]
    Lexical(String),
    /// The tokens do not form an expression.
    #[error("org.apache.rocketmq.filter.parser.ParseException: {0}")]
    Syntax(String),
    /// An operator does not take these operands.
    #[error("java.lang.RuntimeException: {0}")]
    Operand(String),
    /// An integer literal outside 64 bits.
    #[error("java.lang.NumberFormatException: For input string: \"{0}\"")]
    Number(String),
    /// `BETWEEN 'text' AND TRUE`, which fails in Java by a wrong cast.
    #[error("java.lang.ClassCastException")]
    Cast,
    /// The expression nests deeper than [`MAX_DEPTH`](crate::MAX_DEPTH).
    #[error("java.lang.StackOverflowError")]
    TooDeep,
}

/// Why an expression has no result for a message; such a message does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A property was compared with a number and its text is not one of that type.
    #[error("the text of a property is not a number of the type it is compared with")]
    NotANumber,
    /// Two texts were compared by order and one of them is not a number.
    #[error("it's illegal to compare strings by >=, >, <, <=")]
    TextOrder,
    /// A boolean stands on the left of `=` and a text on the right.
    #[error("a boolean cannot be compared with the text on its right")]
    BooleanLeft,
}
