//! The look a Java parser takes at the whole operand of a unary plus before it takes the plus.
//!
//! It shows in error messages only: an operand that is not well formed is reported at the plus,
//! and an error of the scanner in there comes before any other.

use super::error::CompileError;
use super::lexer::Kind;
use super::tokens::{Level, OPERAND, Tokens, bit};

/// Parentheses that are followed inside the operand. Deeper ones are left to the parser, which
/// then reports their errors at their own places.
const MAX_NESTING: u32 = 24;

/// Looks over the operand that starts with a plus. Yields how many tokens it has, or nothing
/// when it is not well formed.
pub(super) fn plus(tokens: &mut Tokens<'_>) -> Result<Option<usize>, CompileError> {
    let mut look = Look { tokens, at: 0, depth: 0 };
    match look.unary() {
        Ok(true) => Ok(Some(look.at)),
        Ok(false) => Ok(None),
        Err(Stop::Error(error)) => Err(error),
        Err(Stop::TooDeep) => Ok(Some(1)),
    }
}

struct Look<'t, 'a> {
    tokens: &'t mut Tokens<'a>,
    at: usize,
    depth: u32,
}

enum Stop {
    Error(CompileError),
    TooDeep,
}

impl Look<'_, '_> {
    fn kind(&mut self) -> Result<Kind, Stop> {
        self.tokens.peek(self.at).map(|token| token.kind).map_err(Stop::Error)
    }

    fn is(&mut self, kind: Kind) -> Result<bool, Stop> {
        let fine = self.kind()? == kind;
        self.at += usize::from(fine);
        Ok(fine)
    }

    fn unary(&mut self) -> Result<bool, Stop> {
        while matches!(self.kind()?, Kind::Plus | Kind::Minus | Kind::Not) {
            self.at += 1;
        }
        let kind = self.kind()?;
        self.at += 1;
        if kind != Kind::Open {
            return Ok(OPERAND & bit(kind) != 0);
        }
        if self.depth == MAX_NESTING {
            return Err(Stop::TooDeep);
        }
        self.depth += 1;
        let fine = self.expression(Level::Or)? && self.is(Kind::Close)?;
        self.depth -= 1;
        Ok(fine)
    }

    fn expression(&mut self, min: Level) -> Result<bool, Stop> {
        if !self.unary()? {
            return Ok(false);
        }
        let mut max = Level::Comparison;
        loop {
            let kind = self.kind()?;
            let Some(level) = Level::of(kind).filter(|level| (min..=max).contains(level)) else {
                return Ok(true);
            };
            self.at += 1;
            let fine = match (level, kind) {
                (Level::Or, _) => self.expression(Level::And)?,
                (Level::And, _) => self.expression(Level::Equality)?,
                (_, Kind::Is) => {
                    self.is(Kind::Not)?;
                    self.is(Kind::Null)?
                }
                (Level::Equality, _) => self.expression(Level::Comparison)?,
                (_, Kind::Not) if self.is(Kind::Between)? => self.bounds()?,
                (_, Kind::Not) => self.is(Kind::In)? && self.texts()?,
                (_, Kind::Between) => self.bounds()?,
                (_, Kind::In) => self.texts()?,
                _ => self.unary()?,
            };
            if !fine {
                return Ok(false);
            }
            max = level;
        }
    }

    fn bounds(&mut self) -> Result<bool, Stop> {
        Ok(self.unary()? && self.is(Kind::And)? && self.unary()?)
    }

    fn texts(&mut self) -> Result<bool, Stop> {
        if !self.is(Kind::Open)? || !self.is(Kind::Text)? {
            return Ok(false);
        }
        while self.is(Kind::Comma)? {
            if !self.is(Kind::Text)? {
                return Ok(false);
            }
        }
        self.is(Kind::Close)
    }
}
