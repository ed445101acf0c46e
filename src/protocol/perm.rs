//! Permission bits of topics and brokers.

/// Reserved, without effect in 4.4.0.
pub const PRIORITY: i32 = 1 << 3;
/// May be read.
pub const READ: i32 = 1 << 2;
/// May be written.
pub const WRITE: i32 = 1 << 1;
/// New topics may be modelled on it.
pub const INHERIT: i32 = 1;

/// Whether the read bit is set.
#[must_use]
pub const fn is_readable(perm: i32) -> bool {
    perm & READ != 0
}

/// Whether the write bit is set.
#[must_use]
pub const fn is_writeable(perm: i32) -> bool {
    perm & WRITE != 0
}

/// Whether the inherit bit is set.
#[must_use]
pub const fn is_inherited(perm: i32) -> bool {
    perm & INHERIT != 0
}

/// The bits as remarks and tables show them: `RWX` with `-` for what is missing.
#[must_use]
pub const fn text(perm: i32) -> &'static str {
    match (is_readable(perm), is_writeable(perm), is_inherited(perm)) {
        (false, false, false) => "---",
        (false, false, true) => "--X",
        (false, true, false) => "-W-",
        (false, true, true) => "-WX",
        (true, false, false) => "R--",
        (true, false, true) => "R-X",
        (true, true, false) => "RW-",
        (true, true, true) => "RWX",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_bits() {
        assert_eq!(text(0), "---");
        assert_eq!(text(READ | WRITE), "RW-");
        assert_eq!(text(7), "RWX");
        assert_eq!(text(PRIORITY | INHERIT), "--X");
        assert_eq!(text(-1), "RWX");
    }
}
