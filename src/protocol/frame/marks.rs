//! Where the double quotes and backslashes of a header are.

use wide::u8x64;

/// Bytes looked at together: a bit of a word for each.
const BLOCK: usize = 64;

/// Finds the marks in one sweep: strings in headers are so short that most of a search for the end
/// of each one would be its beginning.
pub(super) struct Marks<'a> {
    bytes: &'a [u8],
    /// Where the block begins whose marks are known.
    block: usize,
    /// A bit for each byte of it, set for marks.
    found: u64,
}

impl<'a> Marks<'a> {
    pub(super) fn of(text: &'a str) -> Self {
        let bytes = text.as_bytes();
        Self { bytes, block: 0, found: marks(bytes, 0) }
    }

    /// The first mark at `from` or behind it. Quick where `from` only grows.
    #[inline]
    pub(super) fn next(&mut self, from: usize) -> Option<usize> {
        let block = from - from % BLOCK;
        if block != self.block {
            (self.block, self.found) = (block, marks(self.bytes, block));
        }
        let mut left = self.found & (u64::MAX << (from % BLOCK));
        while left == 0 {
            if self.block >= self.bytes.len() {
                return None;
            }
            self.block += BLOCK;
            self.found = marks(self.bytes, self.block);
            left = self.found;
        }
        Some(self.block + left.trailing_zeros() as usize)
    }
}

fn marks(bytes: &[u8], block: usize) -> u64 {
    let rest = bytes.get(block..).unwrap_or_default();
    let mut padded = [0; BLOCK];
    let whole = rest.first_chunk().unwrap_or_else(|| {
        for (to, from) in padded.iter_mut().zip(rest) {
            *to = *from;
        }
        &padded
    });
    let whole = u8x64::new(*whole);
    let mark = |byte| whole.simd_eq(u8x64::splat(byte));
    (mark(b'"') | mark(b'\\')).to_bitmask()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn slowly(text: &str, from: usize) -> Option<usize> {
        let rest = text.as_bytes().get(from..)?;
        rest.iter().position(|b| matches!(b, b'"' | b'\\')).map(|at| from + at)
    }

    proptest! {
        #[test]
        fn finds_what_a_look_at_each_byte_finds(
            text in r#"(.{0,90}["\\]?){0,4}"#,
            froms in proptest::collection::vec(0usize..400, 0..40),
        ) {
            let mut marks = Marks::of(&text);
            for from in froms {
                prop_assert_eq!(marks.next(from), slowly(&text, from), "from {}", from);
            }
            let mut at = 0;
            while let Some(found) = marks.next(at) {
                prop_assert_eq!(Some(found), slowly(&text, at));
                at = found + 1;
            }
            prop_assert_eq!(slowly(&text, at), None);
        }
    }
}
