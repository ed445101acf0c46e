//! From text to tokens.
//!
//! The longest match wins, and a reserved word wins over an identifier of the same length. Tokens
//! are made only when the parser asks: what follows a complete expression may be anything.

use super::error::CompileError;

/// Kinds of tokens. The numbers order the lists of expected tokens in error messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Kind {
    End = 0,
    Not = 8,
    And = 9,
    Or = 10,
    Between = 11,
    In = 12,
    True = 13,
    False = 14,
    Null = 15,
    Is = 16,
    Decimal = 17,
    Float = 18,
    Text = 20,
    Name = 21,
    Equal = 22,
    NotEqual = 23,
    Greater = 24,
    GreaterEqual = 25,
    Less = 26,
    LessEqual = 27,
    Open = 28,
    Comma = 29,
    Close = 30,
    Plus = 31,
    Minus = 32,
}

/// One token: its kind, where it starts, and its text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) text: &'a str,
}

/// Cuts tokens off the front of a text.
pub(super) struct Lexer<'a> {
    source: &'a str,
    at: usize,
    /// No line ends from here on, so that no line comment does either.
    last_line: Option<usize>,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(source: &'a str) -> Self {
        Self { source, at: 0, last_line: None }
    }

    /// The next token; [`Kind::End`] again and again at the end.
    pub(super) fn next(&mut self) -> Result<Token<'a>, CompileError> {
        self.skip_blanks_and_comments()?;
        let start = self.at;
        let rest = from(self.source.as_bytes(), start);
        let Some(first) = rest.first() else {
            return Ok(Token { kind: Kind::End, start, text: "" });
        };
        let (kind, length) = match (first, rest.get(1)) {
            (b'=', _) => (Kind::Equal, 1),
            (b'<', Some(b'>')) => (Kind::NotEqual, 2),
            (b'<', Some(b'=')) => (Kind::LessEqual, 2),
            (b'<', _) => (Kind::Less, 1),
            (b'>', Some(b'=')) => (Kind::GreaterEqual, 2),
            (b'>', _) => (Kind::Greater, 1),
            (b'(', _) => (Kind::Open, 1),
            (b')', _) => (Kind::Close, 1),
            (b',', _) => (Kind::Comma, 1),
            (b'+', _) => (Kind::Plus, 1),
            (b'-', _) => (Kind::Minus, 1),
            (b'\'', _) => match text_length(rest) {
                Some(length) => (Kind::Text, length),
                None => return Err(self.unclosed()),
            },
            (b'.', Some(b'0'..=b'9')) => (Kind::Float, number(rest).1),
            (b'.', _) => return Err(self.unexpected(1)),
            (b'0'..=b'9', _) => number(rest),
            (b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$', _) => {
                let length = count(rest, |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'));
                let word = rest.get(..length).unwrap_or_default();
                (reserved(word).unwrap_or(Kind::Name), length)
            }
            _ => return Err(self.unexpected(0)),
        };
        self.at = start + length;
        Ok(Token { kind, start, text: &self.source[start..self.at] })
    }

    fn skip_blanks_and_comments(&mut self) -> Result<(), CompileError> {
        loop {
            let rest = from(self.source.as_bytes(), self.at);
            match (rest.first(), rest.get(1)) {
                (Some(b' ' | b'\t' | b'\n' | b'\r' | 0x0c), _) => self.at += 1,
                (Some(b'-'), Some(b'-')) => match self.line_comment() {
                    Some(length) => self.at += length,
                    // Without a line end it is no comment but two minus signs.
                    None => return Ok(()),
                },
                (Some(b'/'), Some(b'*')) => match self.source[self.at + 2..].find("*/") {
                    Some(length) => self.at += length + 4,
                    None => return Err(self.unclosed()),
                },
                (Some(b'/'), _) => return Err(self.unexpected(1)),
                _ => return Ok(()),
            }
        }
    }

    fn line_comment(&mut self) -> Option<usize> {
        if self.last_line.is_some_and(|from| from <= self.at) {
            return None;
        }
        let rest = &self.source[self.at..];
        let Some(end) = rest.find(['\n', '\r']) else {
            self.last_line = Some(self.at);
            return None;
        };
        Some(end + if rest[end..].starts_with("\r\n") { 2 } else { 1 })
    }

    /// A text or comment runs to the end of the input.
    fn unclosed(&self) -> CompileError {
        let units: Vec<u16> = self.source.encode_utf16().collect();
        let start = self.source[..self.at].encode_utf16().count();
        lexical_error(&units, start, units.len() - start)
    }

    /// The character after `good` characters of a would-be token fits nothing.
    fn unexpected(&self, good: usize) -> CompileError {
        let units: Vec<u16> = self.source.encode_utf16().collect();
        let start = self.source[..self.at].encode_utf16().count();
        lexical_error(&units, start, (good + 1).min(units.len() - start))
    }
}

/// What is left from a position on, nothing beyond the end.
fn from(bytes: &[u8], at: usize) -> &[u8] {
    bytes.get(at..).unwrap_or_default()
}

fn count(bytes: &[u8], wanted: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|b| !wanted(*b)).unwrap_or(bytes.len())
}

/// Length of the text literal at the front: quotes inside are doubled. When a doubled quote opens
/// a part that is never closed, the literal ends before it.
fn text_length(rest: &[u8]) -> Option<usize> {
    let mut closed = None;
    let mut at = 1;
    while let Some(quote) = from(rest, at).iter().position(|b| *b == b'\'') {
        let end = at + quote + 1;
        closed = Some(end);
        if rest.get(end) != Some(&b'\'') {
            break;
        }
        at = end + 1;
    }
    closed
}

/// A number: a float when there is a point or an exponent, otherwise a decimal, which has no
/// leading zero (`01` is two numbers) and may end in `L`.
fn number(rest: &[u8]) -> (Kind, usize) {
    let digits = |at: usize| count(from(rest, at), |b| b.is_ascii_digit());
    let exponent = |at: usize| {
        let Some(b'e' | b'E') = rest.get(at) else { return 0 };
        let sign = usize::from(matches!(rest.get(at + 1), Some(b'+' | b'-')));
        match digits(at + 1 + sign) {
            0 => 0,
            n => 1 + sign + n,
        }
    };
    let whole = digits(0);
    if rest.get(whole) == Some(&b'.') {
        let end = whole + 1 + digits(whole + 1);
        return (Kind::Float, end + exponent(end));
    }
    match exponent(whole) {
        0 if rest.first() == Some(&b'0') => (Kind::Decimal, 1),
        0 => (Kind::Decimal, whole + usize::from(matches!(rest.get(whole), Some(b'l' | b'L')))),
        n => (Kind::Float, whole + n),
    }
}

fn reserved(word: &[u8]) -> Option<Kind> {
    const WORDS: [(&[u8], Kind); 9] = [
        (b"NOT", Kind::Not),
        (b"AND", Kind::And),
        (b"OR", Kind::Or),
        (b"BETWEEN", Kind::Between),
        (b"IN", Kind::In),
        (b"TRUE", Kind::True),
        (b"FALSE", Kind::False),
        (b"NULL", Kind::Null),
        (b"IS", Kind::Is),
    ];
    WORDS.iter().find(|(text, _)| text.eq_ignore_ascii_case(word)).map(|(_, kind)| *kind)
}

/// The message of Java's scanner that stopped after reading `read` of `units` from `start`.
/// Positions count UTF-16 units, as Java's characters do.
fn lexical_error(units: &[u16], start: usize, read: usize) -> CompileError {
    let seen: Vec<u16> = units.iter().skip(start).take(read).copied().collect();
    let (mut line, mut column) = place(units, start + read - 1);
    let (last, before) = seen.split_last().map_or((0, [].as_slice()), |(l, b)| (*l, b));
    let (after, encountered) = if start + read == units.len() {
        if last == u16::from(b'\n') || last == u16::from(b'\r') {
            (line, column) = (line + 1, 0);
        } else {
            column += 1;
        }
        (seen.as_slice(), "<EOF> ".to_owned())
    } else {
        (before, format!("\"{}\" ({last}), ", escaped([last])))
    };
    let after = if read <= 1 { &[] } else { after };
    CompileError::Lexical(format!(
        "Lexical error at line {line}, column {column}.  Encountered: {encountered}after : \"{}\"",
        escaped(after.iter().copied())
    ))
}

/// Line and column of the token at byte `start`; the end of the input has the place of its last
/// character, and that of an empty input is 0, 0.
pub(super) fn place_of(source: &str, start: usize) -> (usize, usize) {
    let units: Vec<u16> = source.encode_utf16().collect();
    if units.is_empty() {
        return (0, 0);
    }
    let index = source.get(..start).unwrap_or(source).encode_utf16().count();
    place(&units, index.min(units.len() - 1))
}

/// Line and column, counted from 1, of a unit. A line end belongs to the line it ends, a tab
/// reaches to the next multiple of eight.
fn place(units: &[u16], index: usize) -> (usize, usize) {
    const NEW_LINE: u16 = b'\n' as u16;
    const RETURN: u16 = b'\r' as u16;
    const TAB: u16 = b'\t' as u16;
    let (mut line, mut column, mut before) = (1, 0, None);
    for unit in units.iter().take(index + 1).copied() {
        column += 1;
        if before == Some(NEW_LINE) || before == Some(RETURN) && unit != NEW_LINE {
            (line, column) = (line + 1, 1);
        }
        if unit == TAB {
            column -= 1;
            column += 8 - column % 8;
        }
        before = Some(unit);
    }
    (line, column)
}

/// Text as Java's messages quote it.
pub(super) fn escaped(units: impl IntoIterator<Item = u16>) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for unit in units {
        match u8::try_from(unit) {
            Ok(0) => {}
            Ok(0x08) => out.push_str("\\b"),
            Ok(b'\t') => out.push_str("\\t"),
            Ok(b'\n') => out.push_str("\\n"),
            Ok(0x0c) => out.push_str("\\f"),
            Ok(b'\r') => out.push_str("\\r"),
            Ok(byte @ (b'"' | b'\'' | b'\\')) => {
                out.push('\\');
                out.push(char::from(byte));
            }
            Ok(byte @ 0x20..=0x7e) => out.push(char::from(byte)),
            _ => {
                // Writing into a String cannot fail.
                let _ = write!(out, "\\u{unit:04x}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &[(Kind, &str)]) {
        let mut lexer = Lexer::new(source);
        for (kind, text) in expected {
            let token = lexer.next().unwrap();
            assert_eq!((token.kind, token.text), (*kind, *text), "{source:?}");
        }
    }

    fn check_error(source: &str, tokens_before: usize, expected: &str) {
        let mut lexer = Lexer::new(source);
        for _ in 0..tokens_before {
            lexer.next().unwrap();
        }
        assert_eq!(lexer.next().unwrap_err(), CompileError::Lexical(expected.to_owned()));
    }

    #[test]
    fn numbers() {
        check(
            "0 10L 01",
            &[
                (Kind::Decimal, "0"),
                (Kind::Decimal, "10L"),
                (Kind::Decimal, "0"),
                (Kind::Decimal, "1"),
                (Kind::End, ""),
            ],
        );
        check("0l", &[(Kind::Decimal, "0"), (Kind::Name, "l")]);
        check(
            "1.5e-3 5. .5 00.5 0e1 1e",
            &[
                (Kind::Float, "1.5e-3"),
                (Kind::Float, "5."),
                (Kind::Float, ".5"),
                (Kind::Float, "00.5"),
                (Kind::Float, "0e1"),
                (Kind::Decimal, "1"),
                (Kind::Name, "e"),
            ],
        );
        check("1e+", &[(Kind::Decimal, "1"), (Kind::Name, "e"), (Kind::Plus, "+")]);
    }

    #[test]
    fn words_and_texts() {
        check(
            "nOt NOTE $a_1 'it''s' ''",
            &[
                (Kind::Not, "nOt"),
                (Kind::Name, "NOTE"),
                (Kind::Name, "$a_1"),
                (Kind::Text, "'it''s'"),
                (Kind::Text, "''"),
            ],
        );
        check(
            "<=<>>==",
            &[
                (Kind::LessEqual, "<="),
                (Kind::NotEqual, "<>"),
                (Kind::GreaterEqual, ">="),
                (Kind::Equal, "="),
            ],
        );
        check("'a''b", &[(Kind::Text, "'a'")]);
    }

    #[test]
    fn comments() {
        check("a /* ** / */ b", &[(Kind::Name, "a"), (Kind::Name, "b")]);
        check("a -- x\r\nb", &[(Kind::Name, "a"), (Kind::Name, "b")]);
        check("a -- x", &[(Kind::Name, "a"), (Kind::Minus, "-"), (Kind::Minus, "-")]);
        check("/*/ */ a", &[(Kind::Name, "a")]);
    }

    #[test]
    fn errors() {
        let check = check_error;
        check("!a", 0, "Lexical error at line 1, column 1.  Encountered: \"!\" (33), after : \"\"");
        check("a !", 1, "Lexical error at line 1, column 4.  Encountered: <EOF> after : \"\"");
        check(
            "a.b ",
            1,
            "Lexical error at line 1, column 3.  Encountered: \"b\" (98), after : \".\"",
        );
        check("a.b", 1, "Lexical error at line 1, column 4.  Encountered: <EOF> after : \".b\"");
        check(
            "\n\t😀",
            0,
            "Lexical error at line 2, column 9.  Encountered: \"\\ud83d\" (55357), after : \"\"",
        );
        check(
            "'ab\n",
            0,
            "Lexical error at line 2, column 0.  Encountered: <EOF> after : \"\\'ab\\n\"",
        );
        check(
            "/* é",
            0,
            "Lexical error at line 1, column 5.  Encountered: <EOF> after : \"/* \\u00e9\"",
        );
    }
}
