//! The tokens of an expression as the parser asks for them, and what it says of an unwelcome one.

use std::collections::VecDeque;

use super::error::CompileError;
use super::lexer::{Kind, Lexer, Token, escaped, place_of};

/// Binding strength of the infix operators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    Or,
    And,
    Equality,
    Comparison,
}

impl Level {
    pub(super) const ALL: [Self; 4] = [Self::Or, Self::And, Self::Equality, Self::Comparison];

    /// The level of the operator that a token starts, if it starts one.
    pub(super) fn of(kind: Kind) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.operators() & bit(kind) != 0)
    }

    /// Tokens that start an operator of this level.
    pub(super) fn operators(self) -> u64 {
        match self {
            Self::Or => bit(Kind::Or),
            Self::And => bit(Kind::And),
            Self::Equality => bit(Kind::Is) | bit(Kind::Equal) | bit(Kind::NotEqual),
            Self::Comparison => bit(Kind::Not) | AFTER_NOT,
        }
    }
}

pub(super) const fn bit(kind: Kind) -> u64 {
    1 << kind as u8
}

/// What the Java parser says it expected when neither `BETWEEN` nor `IN` follows a `NOT`.
pub(super) const AFTER_NOT: u64 = bit(Kind::Between)
    | bit(Kind::In)
    | bit(Kind::Greater)
    | bit(Kind::GreaterEqual)
    | bit(Kind::Less)
    | bit(Kind::LessEqual);

/// Tokens that start an operand, as error messages list them: without the plus.
pub(super) const OPERAND: u64 = bit(Kind::Not)
    | bit(Kind::True)
    | bit(Kind::False)
    | bit(Kind::Null)
    | bit(Kind::Decimal)
    | bit(Kind::Float)
    | bit(Kind::Text)
    | bit(Kind::Name)
    | bit(Kind::Open)
    | bit(Kind::Minus);

/// A stream of tokens that remembers what would have been welcome.
pub(super) struct Tokens<'a> {
    source: &'a str,
    lexer: Lexer<'a>,
    /// Tokens read but not taken.
    ahead: VecDeque<Token<'a>>,
    /// How many were taken so far.
    pub(super) taken: usize,
    /// Kinds that would have been welcome since the last token taken.
    pub(super) expected: u64,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        let (lexer, ahead) = (Lexer::new(source), VecDeque::new());
        Self { source, lexer, ahead, taken: 0, expected: 0 }
    }

    /// A token further on, or an error of the scanner up to it.
    pub(super) fn peek(&mut self, index: usize) -> Result<Token<'a>, CompileError> {
        loop {
            if let Some(token) = self.ahead.get(index) {
                return Ok(*token);
            }
            let token = self.lexer.next()?;
            self.ahead.push_back(token);
        }
    }

    /// Takes the next token, whatever it is.
    pub(super) fn take(&mut self) -> Result<Token<'a>, CompileError> {
        let token = self.peek(0)?;
        self.ahead.pop_front();
        self.taken += 1;
        self.expected = 0;
        Ok(token)
    }

    /// Takes the next token, which must be of this kind.
    pub(super) fn expect(&mut self, kind: Kind) -> Result<Token<'a>, CompileError> {
        if self.peek(0)?.kind == kind {
            return self.take();
        }
        Err(self.unexpected(bit(kind)))
    }

    /// The next token fits nothing that was or is expected.
    pub(super) fn unexpected(&mut self, expected: u64) -> CompileError {
        match self.peek(0) {
            Ok(token) => {
                CompileError::Syntax(syntax_message(self.source, token, self.expected | expected))
            }
            Err(error) => error,
        }
    }
}

/// The message of Java's parser at `token`.
fn syntax_message(source: &str, token: Token<'_>, expected: u64) -> String {
    let encountered = match token.kind {
        Kind::End => "<EOF>".to_owned(),
        kind => format!(" {} \"{} \"", image(kind as u8), escaped(token.text.encode_utf16())),
    };
    let (line, column) = place_of(source, token.start);
    let one_of = if expected.count_ones() == 1 { "" } else { " one of" };
    let mut message = format!(
        "Encountered \"{encountered}\" at line {line}, column {column}.\nWas expecting{one_of}:\n    "
    );
    for kind in (0..64_u8).filter(|kind| expected >> kind & 1 == 1) {
        message.push_str(image(kind));
        message.push_str(" ...\n    ");
    }
    message
}

/// Names of the token kinds in messages.
fn image(kind: u8) -> &'static str {
    const IMAGES: [&str; 25] = [
        "\"NOT\"",
        "\"AND\"",
        "\"OR\"",
        "\"BETWEEN\"",
        "\"IN\"",
        "\"TRUE\"",
        "\"FALSE\"",
        "\"NULL\"",
        "\"IS\"",
        "<DECIMAL_LITERAL>",
        "<FLOATING_POINT_LITERAL>",
        "<EXPONENT>",
        "<STRING_LITERAL>",
        "<ID>",
        "\"=\"",
        "\"<>\"",
        "\">\"",
        "\">=\"",
        "\"<\"",
        "\"<=\"",
        "\"(\"",
        "\",\"",
        "\")\"",
        "\"+\"",
        "\"-\"",
    ];
    kind.checked_sub(Kind::Not as u8).and_then(|i| IMAGES.get(usize::from(i))).unwrap_or(&"<EOF>")
}
