//! What an account may do with a topic or a group.

use std::ops::BitOr;

/// A set of permissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Perm(u8);

impl Perm {
    /// Nothing at all; wins over whatever else is set.
    pub const DENY: Self = Self(1);
    /// Send.
    pub const PUB: Self = Self(4);
    /// Read and consume.
    pub const SUB: Self = Self(8);
    /// As a need: either will do.
    pub const ANY: Self = Self(12);

    /// Reads the permission of a rule: `PUB`, `SUB`, both joined by `|`; all else denies.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        match text.trim_matches(|c: char| c <= ' ') {
            "PUB" => Self::PUB,
            "SUB" => Self::SUB,
            "PUB|SUB" | "SUB|PUB" => Self::PUB | Self::SUB,
            _ => Self::DENY,
        }
    }

    /// Whether this is enough where one of `needed` is asked for.
    #[must_use]
    pub fn allows(self, needed: Self) -> bool {
        self.0 & Self::DENY.0 == 0 && self.0 & needed.0 != 0
    }
}

impl BitOr for Perm {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions() {
        let both = Perm::PUB | Perm::SUB;
        let check = |text, expected| assert_eq!(Perm::parse(text), expected, "{text:?}");
        check("PUB", Perm::PUB);
        check(" SUB ", Perm::SUB);
        check("PUB|SUB", both);
        check("SUB|PUB", both);
        for denied in ["DENY", "", "pub", "PUB | SUB", "ANY", "PUB|DENY"] {
            check(denied, Perm::DENY);
        }
        assert!(both.allows(Perm::PUB) && both.allows(Perm::SUB) && both.allows(Perm::ANY));
        assert!(Perm::PUB.allows(Perm::ANY) && !Perm::PUB.allows(Perm::SUB));
        assert!(!Perm::DENY.allows(Perm::ANY) && !(Perm::DENY | both).allows(Perm::PUB));
    }
}
