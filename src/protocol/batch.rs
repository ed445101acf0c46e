//! The body of a batch send: several messages of one topic and queue in one request.
//!
//! ```text
//! per message: totalSize i32 │ 0 i32 │ 0 i32 │ flag i32 │ bodyLength i32, body
//!              │ propertiesLength i16, properties
//! ```
//! 4.4.0 ignores the first three words when it reads; so do we. Everything else a record needs
//! comes from the request.

use crate::message::PROPERTIES_LEN_MAX;
use crate::properties::Properties;

/// Bytes of an item without body and properties.
pub const ITEM_FIXED_LEN: usize = 5 * 4 + 2;

/// One message of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// The user's flag.
    pub flag: i32,
    /// The body, never compressed by itself.
    pub body: &'a [u8],
    /// The properties.
    pub properties: Properties<'a>,
}

/// The batch body is cut short or a length in it is negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("batch body damaged at byte {at}")]
pub struct BadBatch {
    /// Where the item that cannot be read begins.
    pub at: usize,
}

/// The items of a batch body, in order. Ends after the first error.
#[must_use]
pub const fn items(body: &[u8]) -> Items<'_> {
    Items { body, at: 0 }
}

/// Iterator of [`items`].
#[derive(Debug, Clone)]
pub struct Items<'a> {
    body: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Items<'a> {
    type Item = Result<Item<'a>, BadBatch>;

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.body.get(self.at..).filter(|bytes| !bytes.is_empty())?;
        let Some((item, rest)) = split_item(bytes) else {
            let at = std::mem::replace(&mut self.at, self.body.len());
            return Some(Err(BadBatch { at }));
        };
        self.at = self.body.len() - rest.len();
        Some(Ok(item))
    }
}

fn split_item(bytes: &[u8]) -> Option<(Item<'_>, &[u8])> {
    let (_, bytes) = bytes.split_first_chunk::<12>()?;
    let (flag, bytes) = bytes.split_first_chunk::<4>()?;
    let (body_len, bytes) = bytes.split_first_chunk::<4>()?;
    let body_len = usize::try_from(i32::from_be_bytes(*body_len)).ok()?;
    let (body, bytes) = bytes.split_at_checked(body_len)?;
    let (properties_len, bytes) = bytes.split_first_chunk::<2>()?;
    let properties_len = usize::try_from(i16::from_be_bytes(*properties_len)).ok()?;
    let (properties, rest) = bytes.split_at_checked(properties_len)?;
    let flag = i32::from_be_bytes(*flag);
    Some((Item { flag, body, properties: Properties::new(properties) }, rest))
}

/// Appends one item. The properties must not be longer than [`PROPERTIES_LEN_MAX`].
pub fn encode_item(item: &Item<'_>, out: &mut Vec<u8>) {
    let properties = item.properties.as_bytes();
    debug_assert!(properties.len() <= PROPERTIES_LEN_MAX, "callers refuse longer properties");
    let total = ITEM_FIXED_LEN + item.body.len() + properties.len();
    out.reserve(total);
    out.extend_from_slice(&i32::try_from(total).unwrap_or(i32::MAX).to_be_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&item.flag.to_be_bytes());
    out.extend_from_slice(&i32::try_from(item.body.len()).unwrap_or(i32::MAX).to_be_bytes());
    out.extend_from_slice(item.body);
    out.extend_from_slice(&i16::try_from(properties.len()).unwrap_or(i16::MAX).to_be_bytes());
    out.extend_from_slice(properties);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(items: &[Item<'_>]) -> Vec<u8> {
        let mut out = Vec::new();
        for item in items {
            encode_item(item, &mut out);
        }
        out
    }

    #[test]
    fn layout_is_javas() {
        let item = Item { flag: 7, body: b"ab", properties: "k\u{1}v\u{2}".into() };
        let expected = [
            &[0, 0, 0, 28][..],
            &[0; 8],
            &[0, 0, 0, 7],
            &[0, 0, 0, 2],
            b"ab",
            &[0, 4],
            b"k\x01v\x02",
        ];
        assert_eq!(encode(&[item]), expected.concat());
    }

    #[test]
    fn every_cut_is_an_error_or_a_shorter_batch() {
        let item = Item { flag: 1, body: b"hello", properties: "a\u{1}b\u{2}".into() };
        let whole = encode(&[item, item]);
        let one = whole.len() / 2;
        for cut in 0..whole.len() {
            let read: Vec<_> = items(&whole[..cut]).collect();
            let good = read.iter().filter(|each| each.is_ok()).count();
            assert_eq!(good, cut / one, "cut at {cut}");
            assert_eq!(read.len() > good, cut % one != 0, "cut at {cut}");
        }
    }

    #[test]
    fn negative_lengths_are_refused() {
        let item = Item { flag: 1, body: b"hello", properties: Properties::default() };
        let mut bytes = encode(&[item]);
        bytes[16] = 0x80;
        assert_eq!(items(&bytes).next(), Some(Err(BadBatch { at: 0 })));
        let mut bytes = encode(&[item]);
        let at = bytes.len() - 2;
        bytes[at] = 0x80;
        assert_eq!(items(&bytes).last(), Some(Err(BadBatch { at: 0 })));
    }

    proptest! {
        #[test]
        fn batches_round_trip(
            raw in prop::collection::vec(
                (any::<i32>(), prop::collection::vec(any::<u8>(), 0..50), "[a-z\u{1}\u{2}]{0,30}"),
                0..6,
            )
        ) {
            let list: Vec<_> = raw
                .iter()
                .map(|(flag, body, text)| Item { flag: *flag, body, properties: text.as_str().into() })
                .collect();
            let bytes = encode(&list);
            let read: Result<Vec<_>, _> = items(&bytes).collect();
            prop_assert_eq!(read, Ok(list));
        }

        #[test]
        fn no_bytes_upset_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = items(&bytes).count();
        }
    }
}
