//! JSON string escapes, shared by command headers and bodies: written as fastjson 1.2.51 does,
//! read as any JSON reader must.

use bytes::BufMut;
use memchr::memchr2;

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// What to write for an ASCII byte: 0 as it is, `u` as `\u00XX`, else a backslash and the letter.
const ESCAPES: [u8; 128] = {
    let mut table = [0; 128];
    let mut at = 0;
    while at < 0x20 {
        table[at] = b'u';
        at += 1;
    }
    table[0x08] = b'b';
    table[0x09] = b't';
    table[0x0A] = b'n';
    table[0x0C] = b'f';
    table[0x0D] = b'r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[0x7F] = b'u';
    table
};

/// Appends `text` between double quotes.
pub fn write_json_string(text: &str, out: &mut impl BufMut) {
    out.put_u8(b'"');
    let bytes = text.as_bytes();
    let mut plain_from = 0;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let (unit, width) = match ESCAPES.get(usize::from(byte)) {
            Some(0) => {
                at += 1;
                continue;
            }
            Some(_) => (u32::from(byte), 1),
            // U+0080..U+009F and the two line separators are the only others escaped.
            None => match (byte, bytes.get(at + 1), bytes.get(at + 2)) {
                (0xC2, Some(&low @ 0x80..=0x9F), _) => (u32::from(low), 2),
                (0xE2, Some(0x80), Some(&low @ 0xA8..=0xA9)) => (0x2000 + u32::from(low) - 0x80, 3),
                _ => {
                    at += 1;
                    continue;
                }
            },
        };
        out.put_slice(bytes.get(plain_from..at).unwrap_or_default());
        write_escape(unit, out);
        at += width;
        plain_from = at;
    }
    out.put_slice(bytes.get(plain_from..).unwrap_or_default());
    out.put_u8(b'"');
}

fn write_escape(unit: u32, out: &mut impl BufMut) {
    match ESCAPES.get(unit as usize) {
        Some(&letter) if letter != b'u' => out.put_slice(&[b'\\', letter]),
        _ => {
            let digit = |shift: u32| HEX[(unit >> shift) as usize & 0xF];
            out.put_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]);
        }
    }
}

/// Reads the rest of a JSON string whose opening `quote` has been consumed, appends its text to
/// `out`, and returns how many bytes of `input` it took including the closing quote. `None`: not
/// a complete, well-formed string.
pub fn read_json_string(input: &str, quote: u8, out: &mut String) -> Option<usize> {
    let next = |from| Some(from + memchr2(quote, b'\\', input.as_bytes().get(from..)?)?);
    unescape(input, 0, quote, next, out)
}

/// Appends what a string holds whose text goes on at `from`, and returns where `text` goes on
/// behind its closing quote. `mark` finds the first quote or backslash at or behind a place.
pub(crate) fn unescape(
    text: &str,
    from: usize,
    quote: u8,
    mut mark: impl FnMut(usize) -> Option<usize>,
    out: &mut String,
) -> Option<usize> {
    let mut plain_from = from;
    loop {
        let at = mark(plain_from)?;
        out.push_str(text.get(plain_from..at)?);
        if text.as_bytes().get(at) == Some(&quote) {
            return Some(at + 1);
        }
        plain_from = at + 1 + read_escape(text.get(at + 1..)?, out)?;
    }
}

/// Reads what follows a backslash; returns its length in bytes.
fn read_escape(input: &str, out: &mut String) -> Option<usize> {
    let bytes = input.as_bytes();
    let plain = match bytes.first()? {
        b'"' => '"',
        b'\'' => '\'',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b't' => '\t',
        b'n' => '\n',
        b'v' => '\u{B}',
        b'f' | b'F' => '\u{C}',
        b'r' => '\r',
        digit @ b'0'..=b'7' => char::from(digit - b'0'),
        b'x' => {
            let code = u8::from_str_radix(input.get(1..3)?, 16).ok()?;
            out.push(char::from(code));
            return Some(3);
        }
        b'u' => return read_unicode(input, out),
        _ => return None,
    };
    out.push(plain);
    Some(1)
}

/// Reads `uXXXX`, with its low half where it is the high half of a pair; a lone half becomes
/// U+FFFD.
fn read_unicode(input: &str, out: &mut String) -> Option<usize> {
    let unit = |from: usize| u16::from_str_radix(input.get(from..from + 4)?, 16).ok();
    let first = unit(1)?;
    let pair_follows = (0xD800..0xDC00).contains(&first) && input.get(5..7) == Some("\\u");
    let second = if pair_follows { unit(7) } else { None };
    match second.filter(|low| (0xDC00..0xE000).contains(low)) {
        Some(low) => {
            let code = 0x1_0000 + ((u32::from(first) - 0xD800) << 10) + (u32::from(low) - 0xDC00);
            out.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER));
            Some(11)
        }
        None => {
            out.push(char::from_u32(u32::from(first)).unwrap_or(char::REPLACEMENT_CHARACTER));
            Some(5)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write_json_string(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn writes_as_fastjson() {
        assert_eq!(written("a\u{1}b\u{2}\"\\/\n\u{b}"), r#""a\u0001b\u0002\"\\/\n\u000B""#);
        assert_eq!(written("é\u{85}€\u{2028}😀\u{7f}"), "\"é\\u0085€\\u2028😀\\u007F\"");
    }

    #[test]
    fn reads_pairs_and_lone_halves() {
        let mut out = String::new();
        assert_eq!(
            read_json_string(r#"\ud83d\ude00\ud83dx\u0041" rest"#, b'"', &mut out),
            Some(26)
        );
        assert_eq!(out, "😀\u{FFFD}xA");
        assert_eq!(read_json_string(r#"\ud83d\u"#, b'"', &mut String::new()), None);
        assert_eq!(read_json_string("open", b'"', &mut String::new()), None);
    }

    proptest! {
        #[test]
        fn round_trip(text in any::<String>()) {
            let json = written(&text);
            let mut back = String::new();
            prop_assert_eq!(read_json_string(&json[1..], b'"', &mut back), Some(json.len() - 1));
            prop_assert_eq!(&back, &text);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }

        #[test]
        fn never_panics(text in any::<String>()) {
            let _ = read_json_string(&text, b'"', &mut String::new());
        }
    }
}
