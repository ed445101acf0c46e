//! Patterns of addresses that need no signature.
//!
//! | form | matches |
//! |---|---|
//! | blank | nobody |
//! | `*` | everybody |
//! | `10.0.0.1` | that address |
//! | `10.0.0.1,10.0.0.2` | those (blanks are kept, so ` 10.0.0.2` never matches) |
//! | `10.0.0.{1,2}` | a list in the last part |
//! | `10.0.0.*`, `10.0.0.1-20` | a range in the last part |
//! | `10.0.*.*`, `10.0.1-3.*` | a range in the third part; the last one is not looked at |
//!
//! Anything else is refused when it is read. Patterns are for IPv4; an IPv6 peer is matched only
//! by `*`. A few forms that 4.4.0 reads but can never evaluate (`10.0.0.0-0`, a range in the first
//! or second part) match nobody; there every request that meets them fails.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::RangeInclusive;

/// A pattern that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("netaddress examine scope Exception netaddress is {0}")]
pub struct AddressError(pub String);

/// One pattern, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AddressPattern {
    /// Matches nobody.
    Nobody,
    /// Matches everybody.
    Everybody,
    /// Matches the addresses listed.
    Listed(Vec<Ipv4Addr>),
    /// Matches a range in the third part.
    Third([u8; 2], RangeInclusive<u8>),
    /// Matches a range in the fourth part.
    Fourth([u8; 3], RangeInclusive<u8>),
}

impl AddressPattern {
    /// Reads a pattern.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        if text.chars().all(char::is_whitespace) {
            return Ok(Self::Nobody);
        }
        let parsed = match text {
            "*" => Some(Self::Everybody),
            _ if text.ends_with('}') => braces(text),
            _ if text.contains(',') => listed(text.split(',').filter(|part| !part.is_empty())),
            _ if text.contains(['*', '-']) => range(text),
            _ => listed([text]),
        };
        parsed.ok_or_else(|| AddressError(text.to_owned()))
    }

    /// Whether a peer's address fits.
    #[must_use]
    pub fn matches(&self, address: IpAddr) -> bool {
        let address = match address.to_canonical() {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => return *self == Self::Everybody,
        };
        let [a, b, c, d] = address.octets();
        match self {
            Self::Nobody => false,
            Self::Everybody => true,
            Self::Listed(addresses) => addresses.contains(&address),
            Self::Third(head, third) => *head == [a, b] && third.contains(&c),
            Self::Fourth(head, fourth) => *head == [a, b, c] && fourth.contains(&d),
        }
    }
}

/// Parts between dots; empty ones do not count.
fn parts(text: &str) -> Vec<&str> {
    text.split('.').filter(|part| !part.is_empty()).collect()
}

/// A part as 4.4.0 reads numbers: a sign is fine, blanks around are, too.
fn number(part: &str) -> Option<i32> {
    trim(part).parse().ok()
}

fn trim(text: &str) -> &str {
    text.trim_matches(|c: char| c <= ' ')
}

fn in_scope(part: &str) -> bool {
    number(part).is_some_and(|n| (0..=255).contains(&n))
}

/// A part as it looks in a peer's address; other spellings of a number never match one.
fn canonical(part: &str) -> Option<u8> {
    part.parse::<u8>().ok().filter(|octet| octet.to_string() == part)
}

/// Addresses that each have four parts in scope.
fn listed<'a>(texts: impl IntoIterator<Item = &'a str>) -> Option<AddressPattern> {
    let mut addresses = Vec::new();
    for text in texts {
        let parts = parts(text);
        if parts.len() != 4 || !parts.iter().all(|part| in_scope(part)) {
            return None;
        }
        addresses.extend(text.parse::<Ipv4Addr>());
    }
    Some(AddressPattern::Listed(addresses))
}

/// `a.b.c.{1,2}`: the list stands in the fourth part, what is before the brace in front of each.
fn braces(text: &str) -> Option<AddressPattern> {
    let list = *parts(text).get(3)?;
    let items = list.strip_prefix('{')?.get(..list.len().checked_sub(2)?)?;
    let (head, _) = text.split_once('{')?;
    let texts: Vec<String> = items
        .split(',')
        .filter(|item| !item.is_empty())
        .map(|item| format!("{head}{item}"))
        .collect();
    listed(texts.iter().map(String::as_str))
}

/// A star or a range in the third or fourth part.
fn range(text: &str) -> Option<AddressPattern> {
    let parts = parts(text);
    let third = bounds(parts.get(2)?)?;
    // A range that ends at 0 counts as none.
    let (heads, bounds, is_third) = if *third.end() > 0 {
        (2, third, true)
    } else {
        match bounds(parts.get(3)?)? {
            fourth if *fourth.end() > 0 => (3, fourth, false),
            _ => return Some(AddressPattern::Nobody),
        }
    };
    // What stands in the last part before the range is not examined, and matches as text.
    if parts.len() != 4 || !parts.iter().take(heads - 1).all(|part| in_scope(part)) {
        return None;
    }
    let head: Option<Vec<u8>> =
        parts.iter().take(heads).map(|part| canonical(trim(part))).collect();
    Some(match head.as_deref() {
        Some([a, b]) if is_third => AddressPattern::Third([*a, *b], bounds),
        Some([a, b, c]) => AddressPattern::Fourth([*a, *b, *c], bounds),
        _ => AddressPattern::Nobody,
    })
}

/// The range of a part: `*`, `1-20`, or `0..=0` where there is none.
fn bounds(part: &str) -> Option<RangeInclusive<u8>> {
    let part = trim(part);
    if part == "*" {
        return Some(0..=255);
    }
    if !part.contains('-') {
        return Some(0..=0);
    }
    if part.starts_with('-') {
        return None;
    }
    let mut numbers = part.split('-').filter(|n| !n.is_empty());
    let start = u8::try_from(numbers.next()?.parse::<i32>().ok()?).ok()?;
    let end = u8::try_from(numbers.next()?.parse::<i32>().ok()?).ok()?;
    (start <= end).then_some(start..=end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let parsed = AddressPattern::parse(pattern).unwrap();
        for address in matching {
            assert!(parsed.matches(address.parse().unwrap()), "{pattern:?} {address}");
        }
        for address in others {
            assert!(!parsed.matches(address.parse().unwrap()), "{pattern:?} {address}");
        }
    }

    #[test]
    fn every_form() {
        check("", &[], &["127.0.0.1", "::1"]);
        check(" \t", &[], &["127.0.0.1"]);
        check("*", &["127.0.0.1", "::1", "fe80::1"], &[]);
        check("127.0.0.1", &["127.0.0.1", "::ffff:127.0.0.1"], &["127.0.0.2", "::1"]);
        check("127.0.0.{1,2}", &["127.0.0.1", "127.0.0.2"], &["127.0.0.3", "127.0.0.12"]);
        check("127.0.0.1,127.0.0.2", &["127.0.0.1", "127.0.0.2"], &["127.0.0.3"]);
        check("127.0.0.5, 127.0.0.1", &["127.0.0.5"], &["127.0.0.1"]);
        check("127.0.0.{1, 2}", &["127.0.0.1"], &["127.0.0.2"]);
        check("127.0.0.*", &["127.0.0.0", "127.0.0.255"], &["127.0.1.1"]);
        check("127.0.*.*", &["127.0.0.1", "127.0.255.1"], &["127.1.0.1"]);
        check("127.0.0.1-20", &["127.0.0.1", "127.0.0.20"], &["127.0.0.0", "127.0.0.21"]);
        check("127.0.1-3.*", &["127.0.1.9", "127.0.3.0"], &["127.0.0.1", "127.0.4.1"]);
        check("127.0.0-1.*", &["127.0.0.1", "127.0.1.1"], &["127.0.2.1"]);
    }

    #[test]
    fn odd_forms_that_are_read() {
        // The last part is not looked at when the third is a range.
        check("127.0.1-3.7", &["127.0.1.9"], &["127.0.0.7"]);
        check("127.0.0.01", &[], &["127.0.0.1"]);
        check("127.0.0.+1", &[], &["127.0.0.1"]);
        check("01.2.3.*", &[], &["1.2.3.4"]);
        check("1.2.x.*", &[], &["1.2.3.4"]);
        check("127.0.0.0-0", &[], &["127.0.0.0", "127.0.0.1"]);
        check("*.0.0.1", &[], &["127.0.0.1"]);
        check("1-2.0.0.1", &[], &["1.0.0.1"]);
        check("1..2.3.4", &[], &["1.2.3.4"]);
        check("1.2.3.{4}.{5}", &["1.2.3.4"], &["1.2.3.5"]);
        check("1.2.3.{}", &[], &["1.2.3.4"]);
        check(",", &[], &["1.2.3.4"]);
    }

    #[test]
    fn refused_forms() {
        for pattern in [
            "127.0.*",
            "127.0.0",
            "127.*",
            "256.0.0.1",
            "127.0.0.1.2",
            "a.b.c.d",
            "127.0.0.2-1",
            "127.0.0.-1-200",
            "127.0.0.0-256",
            "127.0.0.5-",
            "127.0.0.1,2,3}",
            "127.0.{1}.{2}",
            "127.0.0.1,x",
            "{1}",
            "}",
            "::1",
            "127.0.0.1-a",
            "127.0.0.1 - 5",
            "300.0.0.*",
        ] {
            let error = AddressPattern::parse(pattern).unwrap_err();
            assert_eq!(error, AddressError(pattern.to_owned()));
        }
    }
}
