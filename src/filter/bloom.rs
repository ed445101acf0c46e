//! A Bloom filter over the SQL92 consumers of a topic.
//!
//! When a message is stored, the broker evaluates every registered expression of its topic and
//! marks the consumers that match in a small bit map beside the consume queue entry. A pull then
//! skips messages whose bit map lacks a bit of its consumer. The bit maps stand in files, so that
//! every constant here is part of the format of 4.4.0:
//!
//! - `k = ceil(log_0.5(f))` hash functions for an error rate `f`;
//! - `m = ceil(n * log2(1/f) * log2(e))` bits for `n` consumers, rounded up to whole bytes;
//! - the i-th position of a text is `h1 + i*h2` in 32 bits (`h1` low, `h2` high half of its
//!   murmur3 hash), complemented when negative, modulo `m`;
//! - bit `b` is bit `b % 8`, counted from the lowest, of byte `b / 8`.

use crate::murmur3;

/// Why a filter cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BloomError {
    /// The error rate is outside 1 to 99 percent.
    #[error("f must be greater or equal than 1 and less than 100")]
    ErrorRate,
    /// No consumer is expected.
    #[error("n must be greater than 0")]
    Expected,
}

/// Size and hash count of a Bloom filter; the bits themselves are byte slices of the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BloomFilter {
    hash_count: i32,
    bit_count: i32,
}

/// The bits of one consumer (`BloomFilterData` in `consumerFilter.json`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BloomPositions {
    /// Positions of the bits (`bitPos`).
    pub positions: Vec<i32>,
    /// Size of the filter they belong to (`bitNum`).
    pub bit_count: i32,
}

impl BloomFilter {
    /// A filter for `expected` consumers with at most `error_percent` false hits
    /// (`expectConsumerNumUseFilter`, `maxErrorRateOfBloomFilter`).
    pub fn new(error_percent: i32, expected: i32) -> Result<Self, BloomError> {
        if !(1..100).contains(&error_percent) {
            return Err(BloomError::ErrorRate);
        }
        if expected < 1 {
            return Err(BloomError::Expected);
        }
        let error_rate = f64::from(error_percent) / 100.0;
        let hash_count = log(0.5, error_rate).ceil();
        let bits = f64::from(expected) * log(2.0, 1.0 / error_rate) * log(2.0, std::f64::consts::E);
        let bit_count = 8.0 * (f64::from(saturate(bits.ceil())) / 8.0).ceil();
        Ok(Self { hash_count: saturate(hash_count), bit_count: saturate(bit_count) })
    }

    /// Bits of a bit map, a multiple of eight.
    #[must_use]
    pub fn bit_count(&self) -> i32 {
        self.bit_count
    }

    /// Bytes of a bit map.
    #[must_use]
    pub fn byte_count(&self) -> usize {
        usize::try_from(self.bit_count / 8).unwrap_or(0)
    }

    /// Positions each text takes.
    #[must_use]
    pub fn hash_count(&self) -> i32 {
        self.hash_count
    }

    /// The positions of `text`, which is `group#topic` for a consumer.
    #[must_use]
    pub fn positions(&self, text: &str) -> BloomPositions {
        let hash = murmur3::hash64(text.as_bytes());
        #[expect(clippy::cast_possible_truncation, reason = "the low half is wanted")]
        let (low, high) = ((hash as u32).cast_signed(), ((hash >> 32) as u32).cast_signed());
        let positions = (1..=self.hash_count)
            .map(|i| {
                let combined = low.wrapping_add(i.wrapping_mul(high));
                (if combined < 0 { !combined } else { combined }) % self.bit_count
            })
            .collect();
        BloomPositions { positions, bit_count: self.bit_count }
    }

    /// Whether positions belong to a filter of this size.
    #[must_use]
    pub fn fits(&self, of: &BloomPositions) -> bool {
        of.bit_count == self.bit_count
            && i32::try_from(of.positions.len()) == Ok(self.hash_count)
            && of.positions.iter().all(|p| (0..self.bit_count).contains(p))
    }
}

impl BloomPositions {
    /// Sets these bits; positions outside `bits` are left out.
    pub fn mark(&self, bits: &mut [u8]) {
        for position in &self.positions {
            let (byte, mask) = place(*position);
            if let Some(byte) = bits.get_mut(byte) {
                *byte |= mask;
            }
        }
    }

    /// Whether all these bits are set: false means certainly not marked.
    #[must_use]
    pub fn is_hit(&self, bits: &[u8]) -> bool {
        self.positions.iter().all(|position| {
            let (byte, mask) = place(*position);
            bits.get(byte).is_some_and(|byte| byte & mask != 0)
        })
    }

    /// The same, where a bit map of another size counts as a hit: it was made by a filter of
    /// another size, before the settings changed.
    #[must_use]
    pub fn may_hit(&self, bits: &[u8]) -> bool {
        i64::from(self.bit_count) != i64::try_from(bits.len()).unwrap_or(0) * 8 || self.is_hit(bits)
    }
}

fn place(position: i32) -> (usize, u8) {
    (usize::try_from(position.div_euclid(8)).unwrap_or(usize::MAX), 1 << position.rem_euclid(8))
}

fn log(base: f64, of: f64) -> f64 {
    of.ln() / base.ln()
}

/// Java's narrowing from double to int.
fn saturate(value: f64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "saturates in both languages")]
    let int = value as i32;
    int
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let check = |f, n, k, m| {
            let filter = BloomFilter::new(f, n).unwrap();
            assert_eq!((filter.hash_count(), filter.bit_count()), (k, m), "f {f} n {n}");
            assert_eq!(filter.byte_count() * 8, usize::try_from(m).unwrap());
        };
        check(20, 32, 3, 112);
        check(20, 64, 3, 216);
        check(10, 128, 4, 616);
        check(1, 1, 7, 16);
        check(50, 8, 1, 16);
        check(25, 8, 2, 24);
        check(99, 1, 1, 8);
        assert_eq!(BloomFilter::new(0, 1), Err(BloomError::ErrorRate));
        assert_eq!(BloomFilter::new(100, 1), Err(BloomError::ErrorRate));
        assert_eq!(BloomFilter::new(20, 0), Err(BloomError::Expected));
    }

    #[test]
    fn positions_are_those_of_the_java_broker() {
        let filter = BloomFilter::new(20, 32).unwrap();
        let of = filter.positions("CG_sql#GoldenTopic");
        assert_eq!(of, BloomPositions { positions: vec![22, 28, 109], bit_count: 112 });
        assert!(filter.fits(&of));
        assert!(!BloomFilter::new(20, 64).unwrap().fits(&of));
    }

    #[test]
    fn bits() {
        let filter = BloomFilter::new(20, 32).unwrap();
        let of = filter.positions("CG_sql#GoldenTopic");
        let mut bits = vec![0; filter.byte_count()];
        assert!(!of.is_hit(&bits));
        of.mark(&mut bits);
        assert_eq!(bits, [0, 0, 0x40, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x20]);
        assert!(of.is_hit(&bits));
        assert!(of.may_hit(&bits) && of.may_hit(&[0; 13]) && of.may_hit(&[]));
        bits.fill(0xdf);
        assert!(!of.is_hit(&bits) && !of.may_hit(&bits));
    }

    #[test]
    fn garbage_positions_do_no_harm() {
        let filter = BloomFilter::new(20, 32).unwrap();
        let of = BloomPositions { positions: vec![-1, i32::MIN, i32::MAX], bit_count: 112 };
        assert!(!filter.fits(&of));
        let mut bits = vec![0; filter.byte_count()];
        of.mark(&mut bits);
        assert!(bits.iter().all(|b| *b == 0));
        assert!(!of.is_hit(&bits));
    }
}
