//! Texts as Java formats them.

use anyhow::{Context as _, bail};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use protocol::json::java_double;

/// At most the first `width` characters.
pub(crate) fn front(text: &str, width: usize) -> &str {
    text.char_indices().nth(width).map_or(text, |(end, _)| &text[..end])
}

/// A number with so many decimals (Java: `%.2f`). Java rounds the shortest decimal form half up.
pub(crate) fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return java_double(value);
    }
    let shortest = format!("{value}");
    let (whole, fraction) = shortest.split_once('.').unwrap_or((&shortest, ""));
    let Some(first_lost) = fraction.as_bytes().get(decimals) else {
        return format!("{value:.decimals$}");
    };
    let kept = fraction.get(..decimals).unwrap_or_default();
    let mut digits: Vec<u8> = [whole.trim_start_matches('-'), kept].concat().into_bytes();
    if *first_lost >= b'5' {
        round_up(&mut digits);
    }
    let sign = if whole.starts_with('-') { "-" } else { "" };
    let digits: String = digits.into_iter().map(char::from).collect();
    let (whole, kept) = digits.split_at(digits.len() - decimals);
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{whole}{point}{kept}")
}

/// Adds one to the last of these decimal digits.
fn round_up(digits: &mut Vec<u8>) {
    for digit in digits.iter_mut().rev() {
        if *digit < b'9' {
            *digit += 1;
            return;
        }
        *digit = b'0';
    }
    digits.insert(0, b'1');
}

/// `yyyy-MM-dd HH:mm:ss,SSS` in local time.
pub(crate) fn time_with_ms(ms: i64) -> String {
    local(ms, "%Y-%m-%d %H:%M:%S,%3f")
}

/// `yyyy-MM-dd HH:mm:ss` in local time.
pub(crate) fn time(ms: i64) -> String {
    local(ms, "%Y-%m-%d %H:%M:%S")
}

/// `yyyyMMddHHmmssSSS` in local time.
pub(crate) fn time_compact(ms: i64) -> String {
    local(ms, "%Y%m%d%H%M%S%3f")
}

fn local(ms: i64, format: &str) -> String {
    match Timestamp::from_millisecond(ms) {
        Ok(at) => at.to_zoned(TimeZone::system()).strftime(format).to_string(),
        Err(_) => ms.to_string(),
    }
}

/// `yyyy-MM-dd HH:mm:ss` now, in the zone of RocketMQ's home.
pub(crate) fn time_in_china() -> String {
    let zone = TimeZone::fixed(jiff::tz::offset(8));
    Timestamp::now().to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A point in time: milliseconds since 1970, or `yyyy-MM-dd#HH:mm:ss:SSS` in local time. Like
/// Java's reader, this takes numbers out of range: the 32nd of March is the 1st of April.
pub(crate) fn parse_time(text: &str) -> anyhow::Result<i64> {
    if let Ok(ms) = text.parse() {
        return Ok(ms);
    }
    local_time(text).with_context(|| format!("{text:?} is no time: yyyy-MM-dd#HH:mm:ss:SSS"))
}

fn local_time(text: &str) -> anyhow::Result<i64> {
    let (date, clock) = text.split_once('#').context("no #")?;
    let numbers = |text: &str, separator: char| -> anyhow::Result<Vec<i64>> {
        text.split(separator).map(|part| Ok(part.parse()?)).collect()
    };
    let (&[year, month, day], &[hour, minute, second, ms]) =
        (&*numbers(date, '-')?, &*numbers(clock, ':')?)
    else {
        bail!("parts are missing");
    };
    let january = Date::new(i16::try_from(year)?, 1, 1)?;
    let span = |unit: fn(Span, i64) -> Result<Span, jiff::Error>, n| unit(Span::new(), n);
    let start: DateTime = january
        .checked_add(span(Span::try_months, month - 1)?)?
        .checked_add(span(Span::try_days, day - 1)?)?
        .into();
    let at = start
        .checked_add(span(Span::try_hours, hour)?)?
        .checked_add(span(Span::try_minutes, minute)?)?
        .checked_add(span(Span::try_seconds, second)?)?
        .checked_add(span(Span::try_milliseconds, ms)?)?;
    let at: Zoned = at.to_zoned(TimeZone::system())?;
    Ok(at.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_rounded_half_up() {
        let check = |value: f64, decimals, expected: &str| {
            assert_eq!(fixed(value, decimals), expected, "{value}");
        };
        check(0.0, 2, "0.00");
        check(1.005, 2, "1.01");
        check(0.125, 2, "0.13");
        check(2.675, 2, "2.68");
        check(9.999, 2, "10.00");
        check(-9.996, 2, "-10.00");
        check(12.5, 0, "13");
        check(3.0, 4, "3.0000");
        check(498_710.784_9, 2, "498710.78");
        check(f64::NAN, 2, "NaN");
        check(f64::INFINITY, 2, "Infinity");
    }

    #[test]
    fn texts_are_cut_by_characters() {
        assert_eq!(front("abc", 3), "abc");
        assert_eq!(front("abcd", 3), "abc");
        assert_eq!(front("äöüß", 2), "äö");
    }

    #[test]
    fn times_read_back() {
        let ms = 1_795_358_520_094;
        let text = time_with_ms(ms).replace(' ', "#").replace(',', ":");
        assert_eq!(parse_time(&text).unwrap(), ms);
        assert_eq!(parse_time("-1").unwrap(), -1);
        let april = parse_time("2026-04-01#00:00:00:000").unwrap();
        assert_eq!(parse_time("2026-3-32#0:0:0:0").unwrap(), april);
        assert_eq!(parse_time("2026-3-31#23:59:60:0").unwrap(), april);
        for wrong in ["", "now", "2026-04-01", "2026-04-01#00:00:00", "2026-04-01 00:00:00:000"] {
            assert!(parse_time(wrong).is_err(), "{wrong}");
        }
    }
}
