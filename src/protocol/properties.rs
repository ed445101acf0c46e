//! The properties string of a message: `name 0x01 value 0x02`, repeated.
//!
//! Reading follows 4.4.0 to the letter: an item counts only with exactly one separator and a
//! non-empty value (so an empty value loses the property), and of two items of one name the later
//! wins. The bytes come from clients and may be anything: pairs that are not UTF-8 are left out
//! of the text view, and no input is an error.

use std::borrow::Cow;
use std::fmt;

/// Ends a property's name.
pub const NAME_END: u8 = 1;
/// Ends a property.
pub const ITEM_END: u8 = 2;
/// Separates the keys within the [`name::KEYS`] property.
pub const KEY_SEPARATOR: char = ' ';

/// The property names that clients and brokers give a meaning to.
pub mod name {
    #![allow(
        missing_docs,
        reason = "the names are the vocabulary of 4.4.0; see store-format notes"
    )]
    pub const KEYS: &str = "KEYS";
    pub const TAGS: &str = "TAGS";
    pub const WAIT: &str = "WAIT";
    pub const DELAY: &str = "DELAY";
    pub const RETRY_TOPIC: &str = "RETRY_TOPIC";
    pub const REAL_TOPIC: &str = "REAL_TOPIC";
    pub const REAL_QUEUE_ID: &str = "REAL_QID";
    pub const TRANSACTION_PREPARED: &str = "TRAN_MSG";
    pub const PRODUCER_GROUP: &str = "PGROUP";
    pub const MIN_OFFSET: &str = "MIN_OFFSET";
    pub const MAX_OFFSET: &str = "MAX_OFFSET";
    pub const BUYER_ID: &str = "BUYER_ID";
    pub const ORIGIN_MESSAGE_ID: &str = "ORIGIN_MESSAGE_ID";
    pub const TRANSFER_FLAG: &str = "TRANSFER_FLAG";
    pub const CORRECTION_FLAG: &str = "CORRECTION_FLAG";
    pub const MQ2_FLAG: &str = "MQ2_FLAG";
    pub const RECONSUME_TIME: &str = "RECONSUME_TIME";
    pub const MSG_REGION: &str = "MSG_REGION";
    pub const TRACE_ON: &str = "TRACE_ON";
    pub const UNIQUE_KEY: &str = "UNIQ_KEY";
    pub const MAX_RECONSUME_TIMES: &str = "MAX_RECONSUME_TIMES";
    pub const CONSUME_START_TIME: &str = "CONSUME_START_TIME";
    pub const TRANSACTION_PREPARED_QUEUE_OFFSET: &str = "TRAN_PREPARED_QUEUE_OFFSET";
    pub const TRANSACTION_CHECK_TIMES: &str = "TRANSACTION_CHECK_TIMES";
    pub const CHECK_IMMUNITY_TIME: &str = "CHECK_IMMUNITY_TIME_IN_SECONDS";
}

/// A borrowed properties string.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Properties<'a>(&'a [u8]);

impl<'a> Properties<'a> {
    /// Wraps the stored bytes; nothing is checked or copied.
    #[must_use]
    pub const fn new(raw: &'a [u8]) -> Self {
        Self(raw)
    }

    /// The stored bytes.
    #[must_use]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// Whether there is nothing at all.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The pairs in stored order, as bytes. A name may come more than once; the last one counts.
    pub fn pairs(self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> {
        self.0.split(|&byte| byte == ITEM_END).filter_map(split_item)
    }

    /// The pairs in stored order, without those that are not UTF-8.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.pairs().filter_map(|(name, value)| {
            Some((std::str::from_utf8(name).ok()?, std::str::from_utf8(value).ok()?))
        })
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.get_bytes(name.as_bytes())?).ok()
    }

    /// The value of `name`, as bytes.
    #[must_use]
    pub fn get_bytes(self, name: &[u8]) -> Option<&'a [u8]> {
        self.pairs().filter(|(each, _)| *each == name).map(|(_, value)| value).last()
    }

    /// The non-empty keys of the [`name::KEYS`] property.
    pub fn keys(self) -> impl Iterator<Item = &'a str> {
        let keys = self.get(name::KEYS).unwrap_or_default();
        keys.split(KEY_SEPARATOR).filter(|key| !key.is_empty())
    }
}

impl<'a> From<&'a str> for Properties<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

/// One item: exactly two parts once trailing empty parts are dropped.
fn split_item(item: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = item.iter().rposition(|&byte| byte != NAME_END)? + 1;
    let item = item.get(..end)?;
    let at = item.iter().position(|&byte| byte == NAME_END)?;
    let (name, rest) = item.split_at_checked(at)?;
    let value = rest.get(1..)?;
    (!value.contains(&NAME_END)).then_some((name, value))
}

/// Properties that can be changed, in the order they were put.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PropertiesBuf(Vec<(String, String)>);

impl PropertiesBuf {
    /// No properties.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// The value of `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(each, _)| each == name).map(|(_, value)| value.as_str())
    }

    /// Sets `name`, in its old place if it has one.
    pub fn put(&mut self, name: &str, value: impl Into<String>) {
        match self.0.iter_mut().find(|(each, _)| each == name) {
            Some((_, old)) => *old = value.into(),
            None => self.0.push((name.to_owned(), value.into())),
        }
    }

    /// Takes `name` out.
    pub fn remove(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(each, _)| each == name)?;
        Some(self.0.remove(at).1)
    }

    /// The pairs in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The properties string.
    #[must_use]
    pub fn to_text(&self) -> String {
        let len = self.0.iter().map(|(name, value)| name.len() + value.len() + 2).sum();
        let mut text = String::with_capacity(len);
        for (name, value) in &self.0 {
            text.push_str(name);
            text.push(char::from(NAME_END));
            text.push_str(value);
            text.push(char::from(ITEM_END));
        }
        text
    }
}

impl From<Properties<'_>> for PropertiesBuf {
    fn from(properties: Properties<'_>) -> Self {
        let mut buf = Self::new();
        for (name, value) in properties.iter() {
            buf.put(name, value);
        }
        buf
    }
}

/// The number a consume queue entry keeps for a message's tags: Java's hash of the text, 0 for
/// none.
#[must_use]
pub fn tags_code(tags: &[u8]) -> i64 {
    i64::from(java_hash_bytes(0, tags))
}

/// `String.hashCode` of Java, over UTF-16 units.
#[must_use]
pub fn java_hash(text: &str) -> i32 {
    java_hash_from(0, text)
}

/// Continues a hash: `java_hash_from(java_hash(a), b)` is the hash of `a` followed by `b`.
#[must_use]
pub fn java_hash_from(hash: i32, text: &str) -> i32 {
    if text.is_ascii() {
        return hash_ascii(hash, text.as_bytes());
    }
    text.encode_utf16().fold(hash, |hash, unit| step(hash, i32::from(unit)))
}

/// As [`java_hash_from`] for bytes that should be UTF-8; what is not counts as U+FFFD, as Java
/// decodes it.
#[must_use]
pub fn java_hash_bytes(hash: i32, text: &[u8]) -> i32 {
    if text.is_ascii() {
        return hash_ascii(hash, text);
    }
    match String::from_utf8_lossy(text) {
        Cow::Borrowed(text) => java_hash_from(hash, text),
        Cow::Owned(text) => java_hash_from(hash, &text),
    }
}

const fn step(hash: i32, unit: i32) -> i32 {
    hash.wrapping_mul(31).wrapping_add(unit)
}

/// Four units a step: the products of one step do not wait for each other.
fn hash_ascii(hash: i32, text: &[u8]) -> i32 {
    let mut fours = text.chunks_exact(4);
    let mut hash = hash;
    for four in &mut fours {
        let [a, b, c, d] = *four else { continue };
        let new = i32::from(a)
            .wrapping_mul(31 * 31 * 31)
            .wrapping_add(i32::from(b) * (31 * 31))
            .wrapping_add(i32::from(c) * 31 + i32::from(d));
        hash = hash.wrapping_mul(31 * 31 * 31 * 31).wrapping_add(new);
    }
    fours.remainder().iter().fold(hash, |hash, &unit| step(hash, i32::from(unit)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(raw: &str, expected: &[(&str, &str)]) {
        let read: Vec<_> = Properties::from(raw).iter().collect();
        assert_eq!(read, expected, "{raw:?}");
    }

    #[test]
    fn items_count_as_java_splits_them() {
        check("", &[]);
        check("a\u{1}b\u{2}", &[("a", "b")]);
        check("a\u{1}b\u{2}c\u{1}d", &[("a", "b"), ("c", "d")]);
        check("a\u{1}\u{2}c\u{1}d\u{2}", &[("c", "d")]);
        check("a\u{1}b\u{1}c\u{2}", &[]);
        check("a\u{1}b\u{1}\u{1}\u{2}", &[("a", "b")]);
        check("a\u{1}\u{1}b\u{2}", &[]);
        check("\u{1}b\u{2}", &[("", "b")]);
        check("\u{1}\u{2}\u{2}plain\u{2}", &[]);
    }

    #[test]
    fn the_last_of_a_name_wins() {
        let properties = Properties::from("k\u{1}1\u{2}x\u{1}y\u{2}k\u{1}2\u{2}");
        assert_eq!(properties.get("k"), Some("2"));
        assert_eq!(properties.get("z"), None);
        let buf = PropertiesBuf::from(properties);
        assert_eq!(buf.to_text(), "k\u{1}2\u{2}x\u{1}y\u{2}");
    }

    #[test]
    fn keys_are_the_non_empty_words() {
        let properties = Properties::from("KEYS\u{1} a  b c \u{2}");
        assert_eq!(properties.keys().collect::<Vec<_>>(), ["a", "b", "c"]);
    }

    #[test]
    fn bytes_that_are_not_text_are_left_out() {
        let properties = Properties::new(b"a\x01\xFF\x02b\x01c\x02");
        assert_eq!(properties.iter().collect::<Vec<_>>(), [("b", "c")]);
        assert_eq!(properties.get_bytes(b"a"), Some(&b"\xFF"[..]));
        assert_eq!(tags_code(b"\xFF"), 0xFFFD);
    }

    #[test]
    fn hashes_are_javas() {
        assert_eq!(java_hash(""), 0);
        assert_eq!(java_hash("TagA"), 2_598_919);
        assert_eq!(java_hash("hello world"), 1_794_106_052);
        assert_eq!(java_hash("polygenelubricants"), i32::MIN);
        assert_eq!(java_hash("你好"), 652_829);
        assert_eq!(java_hash("\u{1F600}"), 0xD83D * 31 + 0xDE00);
    }

    proptest! {
        #[test]
        fn a_hash_can_be_continued(a in ".{0,20}", b in ".{0,20}") {
            let units: Vec<u16> = a.encode_utf16().chain(b.encode_utf16()).collect();
            let plain = units.iter().fold(0i32, |h, &u| step(h, i32::from(u)));
            prop_assert_eq!(java_hash_from(java_hash(&a), &b), plain);
            prop_assert_eq!(java_hash_bytes(java_hash(&a), b.as_bytes()), plain);
        }

        #[test]
        fn written_properties_read_back(
            pairs in prop::collection::vec(("[a-z]{1,8}", "[^\u{1}\u{2}]{1,12}"), 0..8)
        ) {
            let mut buf = PropertiesBuf::new();
            for (name, value) in &pairs {
                buf.put(name, value.as_str());
            }
            let text = buf.to_text();
            prop_assert_eq!(PropertiesBuf::from(Properties::from(text.as_str())), buf);
        }

        #[test]
        fn no_bytes_upset_the_reader(raw in prop::collection::vec(0u8..5, 0..40)) {
            let properties = Properties::new(&raw);
            for (name, value) in properties.pairs() {
                prop_assert!(!value.is_empty());
                prop_assert!(!name.contains(&ITEM_END) && !value.contains(&NAME_END));
            }
        }
    }
}
