//! Numbers as Java's formats write them.

/// `%.<places>f`: rounds half up, by the digits that the number prints with. (Rust rounds the
/// exact value, half to even.)
pub(crate) fn fixed(value: f64, places: u32) -> String {
    let plain = || format!("{value:.*}", places as usize);
    let text = format!("{:e}", value.abs());
    let Some((digits, exponent)) = text.split_once('e') else { return plain() };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let parsed = [whole, fraction].concat().parse::<u128>().ok().zip(exponent.parse::<i32>().ok());
    let Some((digits, exponent)) = parsed else { return plain() };
    let fraction = i32::try_from(fraction.len()).unwrap_or(i32::MAX);
    let shift = exponent - fraction + places.cast_signed();
    let power = |n: u32| 10_u128.checked_pow(n);
    let scaled = if shift >= 0 {
        power(shift.unsigned_abs()).and_then(|power| digits.checked_mul(power))
    } else {
        // Beyond 38 places nothing is left of 17 digits.
        power(shift.unsigned_abs()).map_or(Some(0), |power| Some((digits + power / 2) / power))
    };
    let (Some(scaled), Some(unit)) = (scaled, power(places)) else { return plain() };
    let sign = if value < 0.0 { "-" } else { "" };
    match places {
        0 => format!("{sign}{scaled}"),
        _ => format!("{sign}{}.{:0width$}", scaled / unit, scaled % unit, width = places as usize),
    }
}

/// A number of bytes for people: `252.0 GiB`.
pub(crate) fn bytes(count: i64) -> String {
    if count < 1024 {
        return format!("{count} B");
    }
    let mut size = count as f64 / 1024.0;
    let mut units = "KMGTPE".chars();
    let mut unit = units.next();
    while size >= 1024.0 {
        size /= 1024.0;
        unit = units.next();
    }
    format!("{} {}iB", fixed(size, 1), unit.unwrap_or('E'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_rounded_up() {
        for (value, places, text) in [
            (0.0, 2, "0.00"),
            (0.125, 2, "0.13"),
            (0.135, 2, "0.14"),
            (2.5, 0, "3"),
            (-0.125, 2, "-0.13"),
            (1.005, 2, "1.01"),
            (0.004_999, 2, "0.00"),
            (0.005, 2, "0.01"),
            (99.999, 2, "100.00"),
            (1e-50, 2, "0.00"),
            (123_456_789.0, 2, "123456789.00"),
            (1e22, 1, "10000000000000000000000.0"),
            (70_000.0 / 60_000.0, 2, "1.17"),
            (f64::NAN, 2, "NaN"),
        ] {
            assert_eq!(fixed(value, places), text, "{value}");
        }
    }

    #[test]
    fn bytes_have_binary_units() {
        for (count, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1280, "1.3 KiB"),
            (1024 * 1024, "1.0 MiB"),
            (270_582_939_648, "252.0 GiB"),
            (i64::MAX, "8.0 EiB"),
        ] {
            assert_eq!(bytes(count), text);
        }
    }
}
