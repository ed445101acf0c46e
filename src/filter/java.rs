//! Rules of the Java platform that results depend on: `String.hashCode`, and how text becomes a
//! number and a number becomes text.

use std::cmp::Ordering;

/// `String.hashCode`: the hash of tags in consume queue entries and subscriptions.
///
/// ```
/// assert_eq!(filter::string_hash("TagA"), 2_598_919);
/// ```
#[must_use]
pub fn string_hash(text: &str) -> i32 {
    if text.is_ascii() {
        return text.bytes().fold(0, |h: i32, b| h.wrapping_mul(31).wrapping_add(i32::from(b)));
    }
    text.encode_utf16().fold(0, |h: i32, u| h.wrapping_mul(31).wrapping_add(i32::from(u)))
}

/// `Integer.valueOf`.
pub(crate) fn parse_int(text: &str) -> Option<i32> {
    parse_long(text).and_then(|n| i32::try_from(n).ok())
}

/// `Long.valueOf`: an optional sign and decimal digits of any script, nothing else.
pub(crate) fn parse_long(text: &str) -> Option<i64> {
    let (negative, digits) = split_sign(text);
    if digits.is_empty() {
        return None;
    }
    // Summed up as a negative number, whose range is the wider one.
    let mut sum = 0_i64;
    for c in digits.chars() {
        sum = sum.checked_mul(10)?.checked_sub(i64::from(digit(c)?))?;
    }
    if negative { Some(sum) } else { sum.checked_neg() }
}

/// First characters of the runs of ten decimal digits outside ASCII (Unicode category Nd).
const DIGIT_ZEROS: [u32; 36] = [
    0x0660, 0x06F0, 0x07C0, 0x0966, 0x09E6, 0x0A66, 0x0AE6, 0x0B66, 0x0BE6, 0x0C66, 0x0CE6, 0x0D66,
    0x0DE6, 0x0E50, 0x0ED0, 0x0F20, 0x1040, 0x1090, 0x17E0, 0x1810, 0x1946, 0x19D0, 0x1A80, 0x1A90,
    0x1B50, 0x1BB0, 0x1C40, 0x1C50, 0xA620, 0xA8D0, 0xA900, 0xA9D0, 0xA9F0, 0xAA50, 0xABF0, 0xFF10,
];

fn digit(c: char) -> Option<u32> {
    if c.is_ascii() {
        return c.to_digit(10);
    }
    DIGIT_ZEROS.iter().find_map(|zero| u32::from(c).checked_sub(*zero).filter(|d| *d < 10))
}

/// `Double.valueOf`: surrounding blanks, `NaN`, `Infinity`, decimal and hexadecimal forms, and a
/// type letter at the end are all taken.
pub(crate) fn parse_double(text: &str) -> Option<f64> {
    let (negative, text) = split_sign(text.trim_matches(|c: char| c <= ' '));
    let magnitude = match text {
        "NaN" => f64::NAN,
        "Infinity" => f64::INFINITY,
        _ => {
            let number = text.strip_suffix(['f', 'F', 'd', 'D']).unwrap_or(text);
            match number.strip_prefix("0x").or_else(|| number.strip_prefix("0X")) {
                // The last letter of `0x1p3f` is a type letter, that of `0xf` a digit without
                // the exponent that Java insists on.
                Some(hex) => parse_hexadecimal(hex)?,
                None if is_decimal(number) => number.parse().ok()?,
                None => return None,
            }
        }
    };
    Some(if negative { -magnitude } else { magnitude })
}

fn split_sign(text: &str) -> (bool, &str) {
    match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    }
}

/// Digits with at most one point among them, at least one digit, an optional exponent.
fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = match text.find(['e', 'E']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    digits(whole)
        && digits(fraction)
        && !(whole.is_empty() && fraction.is_empty())
        && exponent.is_none_or(|e| {
            let (_, e) = split_sign(e);
            !e.is_empty() && digits(e)
        })
}

/// `HexDigits[.HexDigits]p[+-]digits`, after the `0x`.
fn parse_hexadecimal(text: &str) -> Option<f64> {
    let (mantissa, exponent) = text.split_once(['p', 'P'])?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let (negative, digits) = split_sign(exponent);
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    // Beyond this the result is zero or infinite whatever the mantissa is.
    let exponent = digits.parse::<i64>().unwrap_or(i64::MAX).min(1 << 40);
    let mut scale = if negative { -exponent } else { exponent };
    scale -= 4 * i64::try_from(fraction.len()).unwrap_or(1 << 40);

    let (mut significand, mut inexact) = (0_u64, false);
    for c in whole.chars().chain(fraction.chars()) {
        let digit = c.to_digit(16)?;
        if significand >> 60 == 0 {
            significand = significand << 4 | u64::from(digit);
        } else {
            inexact |= digit != 0;
            scale += 4;
        }
    }
    Some(scaled(significand, inexact, scale))
}

/// `significand * 2^scale`, rounded half to even; `inexact` says that non-zero bits were cut off.
fn scaled(significand: u64, inexact: bool, scale: i64) -> f64 {
    if significand == 0 {
        return 0.0;
    }
    let shift = significand.leading_zeros();
    let significand = u128::from(significand << shift);
    let exponent = scale - i64::from(shift) + 63;
    if exponent > 1023 {
        return f64::INFINITY;
    }
    // Bits that do not fit: 11 of a normal number, more of a subnormal one.
    let cut = 11 + (-1022 - exponent).max(0);
    if cut > 65 {
        return 0.0;
    }
    let (kept, rest, half) =
        (significand >> cut, significand & ((1 << cut) - 1), 1_u128 << (cut - 1));
    let up = rest > half || rest == half && (inexact || kept & 1 == 1);
    let kept = u64::try_from(kept).unwrap_or(0) + u64::from(up);
    let biased = u64::try_from(exponent + 1022).unwrap_or(0);
    // The hidden bit of a normal number adds one to the exponent, and so does a carry.
    f64::from_bits((biased << 52) + kept)
}

/// `Double.compareTo`: minus zero is below zero, NaN is equal to itself and above all others.
pub(crate) fn compare_doubles(left: f64, right: f64) -> Ordering {
    match (left.is_nan(), right.is_nan()) {
        (true, true) => Ordering::Equal,
        (true, false) => Ordering::Greater,
        (false, true) => Ordering::Less,
        (false, false) => left.total_cmp(&right),
    }
}

/// `Double.toString`: plain between 0.001 and 10 million, with an exponent otherwise, and always
/// a digit after the point.
pub(crate) fn double_text(value: f64) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 || (1e-3..1e7).contains(&magnitude) {
        return format!("{value:?}");
    }
    if magnitude.to_bits() == 1 {
        // Java prints two digits at least, and these are the nearer ones.
        return if value > 0.0 { "4.9E-324" } else { "-4.9E-324" }.to_owned();
    }
    let text = format!("{value:e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) if mantissa.contains('.') => format!("{mantissa}E{exponent}"),
        Some((mantissa, exponent)) => format!("{mantissa}.0E{exponent}"),
        None => text,
    }
}

/// Drops repeated strings and puts the others into the order in which a `HashSet` made of the
/// list yields them.
pub(crate) fn hash_set_order(strings: &mut Vec<Box<str>>) {
    // The table is sized for a load of three quarters, at least 16, a power of two.
    let slots = (strings.len() * 4 / 3 + 1).max(16).next_power_of_two();
    let mask = u32::try_from(slots - 1).unwrap_or(u32::MAX);
    let mut seen = std::collections::HashSet::new();
    strings.retain(|s| seen.insert(s.clone()));
    strings.sort_by_key(|s| {
        let hash = string_hash(s).cast_unsigned();
        (hash ^ hash >> 16) & mask
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_java() {
        assert_eq!(string_hash(""), 0);
        assert_eq!(string_hash("TagA"), 2_598_919);
        assert_eq!(string_hash("é"), 233);
        // A supplementary character counts as its two surrogates.
        assert_eq!(string_hash("😀"), 0xD83D * 31 + 0xDE00);
        assert_eq!(string_hash("polygenelubricants"), i32::MIN);
    }

    #[test]
    fn integers() {
        let check = |text, expected| assert_eq!(parse_long(text), expected, "{text:?}");
        check("0", Some(0));
        check("+7", Some(7));
        check("-9223372036854775808", Some(i64::MIN));
        check("9223372036854775807", Some(i64::MAX));
        check("9223372036854775808", None);
        check("000000000000000000000012", Some(12));
        check("１２", Some(12));
        for bad in ["", "+", "-", " 1", "1 ", "1.0", "0x1", "1L", "--1", "é"] {
            check(bad, None);
        }
        assert_eq!(parse_int("2147483647"), Some(i32::MAX));
        assert_eq!(parse_int("2147483648"), None);
    }

    #[test]
    fn doubles() {
        let check = |text, expected: f64| {
            assert_eq!(parse_double(text).map(f64::to_bits), Some(expected.to_bits()), "{text:?}");
        };
        check(" 1.5\t", 1.5);
        check("-0", -0.0);
        check("5.", 5.0);
        check(".5e1", 5.0);
        check("1e400", f64::INFINITY);
        check("-Infinity", f64::NEG_INFINITY);
        check("NaN", f64::NAN);
        check("3d", 3.0);
        check("3F", 3.0);
        check("0x1p3", 8.0);
        check("0x.8p1f", 1.0);
        check("0xABC.DEFp-3", 343.608_856_201_171_9);
        check("0x1p-1074", f64::from_bits(1));
        check("0x1p-1075", 0.0);
        check("0x1.8p-1075", f64::from_bits(1));
        check("0x1.fffffffffffff8p1023", f64::INFINITY);
        check("0x1.00000000000008p0", 1.0);
        check("0x1.000000000000080000000001p0", 1.0 + f64::EPSILON);
        check("0x1p99999999999999999999", f64::INFINITY);
        for bad in
            ["", " ", ".", "1e", "1e+", "inf", "nan", "1_0", "0x1", "0xp1", "1ff", "e1", "1.2.3"]
        {
            assert_eq!(parse_double(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn double_texts() {
        let check = |value, expected| assert_eq!(double_text(value), expected);
        check(1.0, "1.0");
        check(0.001, "0.001");
        check(0.0001, "1.0E-4");
        check(9_999_999.0, "9999999.0");
        check(1.0e7, "1.0E7");
        check(1.234e-10, "1.234E-10");
        check(-f64::from_bits(1), "-4.9E-324");
        check(f64::MAX, "1.7976931348623157E308");
    }

    #[test]
    fn double_order() {
        assert_eq!(compare_doubles(-0.0, 0.0), Ordering::Less);
        assert_eq!(compare_doubles(-f64::NAN, f64::NAN), Ordering::Equal);
        assert_eq!(compare_doubles(f64::NAN, f64::INFINITY), Ordering::Greater);
    }
}
