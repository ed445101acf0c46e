//! Parts of one buffer that belong together and lie apart: what a read found in one file.

use bytes::Bytes;

/// Parts there is room for from the beginning: what consumers ask for by default.
const COMMON: usize = 32;

/// Parts of one buffer, in order. One count of references for all of them, so that a part costs
/// no more than where it is.
#[derive(Debug, Clone, Default)]
pub struct Pieces {
    whole: Bytes,
    /// Start and end of each part that is left; none is empty.
    ranges: Vec<(u32, u32)>,
    /// Ranges before this one are done with.
    first: usize,
    len: usize,
}

impl Pieces {
    /// No parts of `whole`, yet.
    #[must_use]
    pub fn of(whole: Bytes) -> Self {
        Self { whole, ranges: Vec::with_capacity(COMMON), ..Self::default() }
    }

    /// Adds the bytes `start..end` of the buffer; one that begins where the last one ended makes
    /// that longer. `false`: there are no such bytes, nothing was added.
    pub fn add(&mut self, start: usize, end: usize) -> bool {
        let (Ok(from), Ok(to)) = (u32::try_from(start), u32::try_from(end)) else { return false };
        if from > to || end > self.whole.len() {
            return false;
        }
        self.len += end - start;
        match self.ranges.last_mut() {
            Some(last) if last.1 == from => last.1 = to,
            _ if from == to => {}
            _ => self.ranges.push((from, to)),
        }
        true
    }

    /// Bytes of all parts together.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The buffer that these are parts of.
    #[must_use]
    pub fn whole(&self) -> &Bytes {
        &self.whole
    }

    /// How many parts there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.ranges.len().saturating_sub(self.first)
    }

    /// The parts.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &[u8]> {
        let left = self.ranges.get(self.first..).unwrap_or_default();
        left.iter()
            .map(|(from, to)| self.whole.get(*from as usize..*to as usize).unwrap_or_default())
    }

    /// Takes bytes off the front, at most all of them.
    pub fn advance(&mut self, mut bytes: usize) {
        self.len -= bytes.min(self.len);
        while let Some((from, to)) = self.ranges.get_mut(self.first) {
            let part = (*to - *from) as usize;
            if bytes < part {
                // Less than the part, whose length is a `u32`.
                *from += bytes as u32;
                return;
            }
            bytes -= part;
            self.first += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(pieces: &Pieces) -> Vec<String> {
        pieces.iter().map(|part| String::from_utf8(part.to_vec()).unwrap()).collect()
    }

    #[test]
    fn neighbours_are_one_part() {
        let mut pieces = Pieces::of(Bytes::from_static(b"abcdefgh"));
        assert!(pieces.is_empty());
        for (start, end) in [(0, 2), (2, 3), (3, 3), (5, 5), (5, 8)] {
            assert!(pieces.add(start, end));
        }
        assert_eq!(text(&pieces), ["abc", "fgh"]);
        assert_eq!(pieces.len(), 6);
        assert!(!pieces.add(7, 9) && !pieces.add(3, 2));
        assert_eq!(pieces.len(), 6);
    }

    #[test]
    fn what_was_taken_is_gone() {
        for step in 1..8 {
            let mut pieces = Pieces::of(Bytes::from_static(b"abcdefgh"));
            assert!(pieces.add(1, 3) && pieces.add(4, 8));
            let mut all = String::new();
            while !pieces.is_empty() {
                let front: String = text(&pieces).concat().chars().take(step).collect();
                pieces.advance(front.len());
                all += &front;
            }
            assert_eq!(all, "bcefgh", "step {step}");
            assert_eq!(pieces.iter().count(), 0);
        }
    }
}
