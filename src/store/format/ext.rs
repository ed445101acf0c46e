//! A unit of a consume queue's extension file: what filtering wants to know and does not fit into
//! the queue entry.
//!
//! ```text
//! 0 size i16 │ 2 tagsCode i64 │ 10 storeTimestamp i64 │ 18 bitMapSize i16 │ 20 bit map
//! ```
//! A file ends with an `i16` -1 where the next unit would not leave [`END_LEN`] bytes. The queue
//! entry's tags code then holds the unit's address, a number no hash reaches.

use super::{i16_at, i64_at};

/// Bytes of a unit without a bit map.
pub const UNIT_LEN_MIN: usize = 20;
/// Longest unit its size field can tell.
pub const UNIT_LEN_MAX: usize = 32_767;
/// Bytes that stay free at the end of a file.
pub const END_LEN: usize = 4;
/// Marks the end of a file that is not quite full.
pub const END_MARK: [u8; 2] = (-1i16).to_be_bytes();
/// Largest number that is an address.
pub const ADDRESS_MAX: i64 = i32::MIN as i64 - 1;
/// Largest offset that has an address.
pub const OFFSET_MAX: i64 = ADDRESS_MAX - i64::MIN;
const TAGS_CODE: usize = 2;
const STORE_TIMESTAMP: usize = 10;
const BIT_MAP_LEN: usize = 18;
const _: () = assert!(BIT_MAP_LEN + 2 == UNIT_LEN_MIN);

/// Whether the tags code of a queue entry is the address of a unit.
#[must_use]
pub const fn is_address(tags_code: i64) -> bool {
    tags_code <= ADDRESS_MAX
}

/// The address of the unit at `offset` of the extension files.
#[must_use]
pub const fn address_of(offset: i64) -> Option<i64> {
    if offset < 0 || offset > OFFSET_MAX { None } else { Some(offset + i64::MIN) }
}

/// The offset an address stands for.
#[must_use]
pub const fn offset_of(address: i64) -> Option<i64> {
    if is_address(address) { Some(address.wrapping_sub(i64::MIN)) } else { None }
}

/// One unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExtUnit<'a> {
    /// Hash of the tags, or a deliver time.
    pub tags_code: i64,
    /// When the message was stored, ms.
    pub store_timestamp: i64,
    /// Bit map of the subscriptions that match; empty for none.
    pub bit_map: &'a [u8],
}

impl<'a> ExtUnit<'a> {
    /// Bytes of this unit; `None` if it is too long for a file.
    #[must_use]
    pub fn encoded_len(&self) -> Option<usize> {
        Some(UNIT_LEN_MIN + self.bit_map.len()).filter(|&len| len <= UNIT_LEN_MAX)
    }

    /// The unit `bytes` start with. `None` at the end of the written part, or when cut short.
    #[must_use]
    pub fn decode(bytes: &'a [u8]) -> Option<Self> {
        let len = unit_len(bytes)?;
        let unit = bytes.get(..len)?;
        let map_len = i16_at(unit, BIT_MAP_LEN)?;
        let map = usize::try_from(map_len).unwrap_or(0);
        Some(Self {
            tags_code: i64_at(unit, TAGS_CODE)?,
            store_timestamp: i64_at(unit, STORE_TIMESTAMP)?,
            bit_map: unit.get(UNIT_LEN_MIN..UNIT_LEN_MIN + map)?,
        })
    }

    /// The unit's fixed part, which the bit map follows.
    #[must_use]
    pub fn encode_head(&self) -> Option<[u8; UNIT_LEN_MIN]> {
        let len = i16::try_from(self.encoded_len()?).ok()?;
        let map_len = i16::try_from(self.bit_map.len()).ok()?;
        let mut head = [0; UNIT_LEN_MIN];
        head[..TAGS_CODE].copy_from_slice(&len.to_be_bytes());
        head[TAGS_CODE..STORE_TIMESTAMP].copy_from_slice(&self.tags_code.to_be_bytes());
        head[STORE_TIMESTAMP..BIT_MAP_LEN].copy_from_slice(&self.store_timestamp.to_be_bytes());
        head[BIT_MAP_LEN..].copy_from_slice(&map_len.to_be_bytes());
        Some(head)
    }
}

/// Length of the unit `bytes` start with; `None` where nothing was written or the file ends.
#[must_use]
pub fn unit_len(bytes: &[u8]) -> Option<usize> {
    let len = usize::try_from(i16_at(bytes, 0)?).ok()?;
    (len > 0).then_some(len)
}

/// Where the written units of one file end.
#[must_use]
pub fn written_len(file: &[u8]) -> usize {
    let mut at = 0;
    while let Some(len) = file.get(at..).and_then(unit_len) {
        if at + len > file.len() {
            break;
        }
        at += len;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_out_of_the_way_of_hashes() {
        assert!(!is_address(i64::from(i32::MIN)));
        assert!(is_address(-2_147_483_649));
        assert_eq!(address_of(0), Some(i64::MIN));
        assert_eq!(offset_of(i64::MIN + 32), Some(32));
        assert_eq!(offset_of(7), None);
        assert_eq!(address_of(OFFSET_MAX), Some(ADDRESS_MAX));
        assert_eq!(address_of(OFFSET_MAX + 1), None);
        assert_eq!(address_of(-1), None);
    }

    #[test]
    fn units_round_trip_and_cuts_are_told() {
        let unit = ExtUnit { tags_code: -5, store_timestamp: 9, bit_map: b"abc" };
        let mut bytes = unit.encode_head().unwrap().to_vec();
        bytes.extend_from_slice(unit.bit_map);
        assert_eq!(bytes.len(), 23);
        assert_eq!(&bytes[..2], &[0, 23]);
        assert_eq!(ExtUnit::decode(&bytes), Some(unit));
        for cut in 0..bytes.len() {
            assert_eq!(ExtUnit::decode(&bytes[..cut]), None, "cut at {cut}");
        }
        let long = vec![0; UNIT_LEN_MAX];
        assert_eq!(ExtUnit { bit_map: &long, ..unit }.encode_head(), None);
    }

    #[test]
    fn the_written_part_ends_at_zero_or_at_the_mark() {
        let unit = ExtUnit { tags_code: 1, store_timestamp: 2, bit_map: b"" };
        let mut bytes = unit.encode_head().unwrap().to_vec();
        assert_eq!(written_len(&bytes), 20);
        bytes.extend_from_slice(&[0; 10]);
        assert_eq!(written_len(&bytes), 20);
        bytes[20..22].copy_from_slice(&END_MARK);
        assert_eq!(written_len(&bytes), 20);
        bytes[20..22].copy_from_slice(&[0, 30]);
        assert_eq!(written_len(&bytes), 20);
    }
}
