//! Subscriptions: an expression as the client gives it, with the tags and hash codes that stand
//! for it in heartbeats and consume queues.

use crate::java;

/// The expression that wants every message.
pub const SUBSCRIBE_ALL: &str = "*";
/// Type of a tag expression.
pub const TAG: &str = "TAG";
/// Type of an SQL92 expression.
pub const SQL92: &str = "SQL92";

/// Whether an expression of this type is a list of tags; an absent or empty type is.
#[must_use]
pub fn is_tag_type(expression_type: Option<&str>) -> bool {
    expression_type.is_none_or(|t| t.is_empty() || t == TAG)
}

/// Why a subscription cannot be built.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionError {
    /// The tag expression holds nothing but separators.
    #[error("subString split error")]
    OnlySeparators,
    /// An expression of a type other than tags is missing or empty.
    #[error("Expression can't be null! {0}")]
    Empty(String),
}

/// The tags of an expression like `TagA || TagB`.
///
/// Consume queues hold only the hash code of a message's tag, so a broker compares codes and the
/// client compares the text again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TagSet {
    /// Distinct tags, in the order of the expression; none for [`SUBSCRIBE_ALL`].
    pub tags: Vec<String>,
    /// Their distinct hash codes (`String.hashCode`), in the same order.
    pub codes: Vec<i32>,
}

impl TagSet {
    /// Splits a tag expression. Empty and `*` expressions yield an empty set.
    pub fn parse(expression: &str) -> Result<Self, SubscriptionError> {
        let mut set = Self::default();
        if expression.is_empty() || expression == SUBSCRIBE_ALL {
            return Ok(set);
        }
        if expression.split("||").all(str::is_empty) {
            return Err(SubscriptionError::OnlySeparators);
        }
        for part in expression.split("||") {
            let tag = part.trim_matches(|c: char| c <= ' ');
            if !tag.is_empty() && !set.tags.iter().any(|t| t == tag) {
                set.tags.push(tag.to_owned());
                let code = java::string_hash(tag);
                if !set.codes.contains(&code) {
                    set.codes.push(code);
                }
            }
        }
        Ok(set)
    }
}

/// A subscription to a topic, built as a broker builds it from a pull request that carries its
/// expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// The expression; [`SUBSCRIBE_ALL`] where tags were asked for with an empty one.
    pub expression: String,
    /// [`TAG`], [`SQL92`] or whatever the client sent.
    pub expression_type: String,
    /// Tags and codes, empty unless the type is [`TAG`].
    pub tag_set: TagSet,
}

impl Subscription {
    /// Builds a subscription. A type that is neither absent nor exactly `TAG` is taken as it is,
    /// without tags, even where [`is_tag_type`] calls it a tag type.
    pub fn build(
        expression: Option<&str>,
        expression_type: Option<&str>,
    ) -> Result<Self, SubscriptionError> {
        match expression_type {
            None | Some(TAG) => {
                let expression = expression.filter(|e| !e.is_empty()).unwrap_or(SUBSCRIBE_ALL);
                Ok(Self {
                    expression: expression.to_owned(),
                    expression_type: TAG.to_owned(),
                    tag_set: TagSet::parse(expression)?,
                })
            }
            Some(other) => match expression {
                Some(expression) if !expression.is_empty() => Ok(Self {
                    expression: expression.to_owned(),
                    expression_type: other.to_owned(),
                    tag_set: TagSet::default(),
                }),
                _ => Err(SubscriptionError::Empty(other.to_owned())),
            },
        }
    }

    /// Whether a tag subscription wants a message whose consume queue entry has this code.
    #[must_use]
    pub fn wants_tags_code(&self, tags_code: i64) -> bool {
        wants_tags_code(&self.expression, &self.tag_set.codes, tags_code)
    }
}

/// The tag rule on the parts of a subscription, wherever the caller keeps them: everything for
/// `*`, otherwise the low half of the code must be one of `codes`.
#[must_use]
pub fn wants_tags_code(expression: &str, codes: &[i32], tags_code: i64) -> bool {
    #[expect(clippy::cast_possible_truncation, reason = "Long.intValue: the hash is 32 bits wide")]
    let code = tags_code as i32;
    expression == SUBSCRIBE_ALL || codes.contains(&code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expression: &str, tags: &[&str]) {
        let set = TagSet::parse(expression).unwrap();
        assert_eq!(set.tags, tags, "{expression:?}");
        let codes: Vec<_> = tags.iter().map(|t| java::string_hash(t)).collect();
        assert_eq!(set.codes, codes, "{expression:?}");
    }

    #[test]
    fn tags_are_split_and_trimmed() {
        check("*", &[]);
        check("", &[]);
        check("TagA", &["TagA"]);
        check(" TagA||TagB \t|| TagC", &["TagA", "TagB", "TagC"]);
        check("TagA || * || TagA", &["TagA", "*"]);
        check("TagA||", &["TagA"]);
        check("||TagA", &["TagA"]);
        check("|||", &["|"]);
        check("a|b", &["a|b"]);
        // Java's trim takes control characters and blanks, not other white space.
        check("\u{1}a\u{a0}", &["a\u{a0}"]);
        check(" || ", &[]);
    }

    #[test]
    fn only_separators_is_an_error() {
        assert_eq!(TagSet::parse("||"), Err(SubscriptionError::OnlySeparators));
        assert_eq!(TagSet::parse("||||"), Err(SubscriptionError::OnlySeparators));
        assert_eq!(SubscriptionError::OnlySeparators.to_string(), "subString split error");
    }

    #[test]
    fn same_hash_counts_once() {
        let set = TagSet::parse("Aa || BB").unwrap();
        assert_eq!((set.tags.len(), set.codes.as_slice()), (2, [2112].as_slice()));
    }

    #[test]
    fn types() {
        let all = Subscription::build(None, None).unwrap();
        assert_eq!((all.expression.as_str(), all.expression_type.as_str()), ("*", "TAG"));
        assert!(all.wants_tags_code(12345));

        let sql = Subscription::build(Some("a = 1"), Some(SQL92)).unwrap();
        assert_eq!((sql.expression.as_str(), sql.expression_type.as_str()), ("a = 1", "SQL92"));
        assert_eq!(
            Subscription::build(Some(""), Some(SQL92)).unwrap_err().to_string(),
            "Expression can't be null! SQL92"
        );
        // An empty type is a tag type elsewhere, yet nobody splits its tags: it matches nothing.
        let odd = Subscription::build(Some("TagA"), Some("")).unwrap();
        assert!(is_tag_type(Some(&odd.expression_type)));
        assert!(!odd.wants_tags_code(i64::from(java::string_hash("TagA"))));
    }

    #[test]
    fn codes_decide() {
        let one = Subscription::build(Some("TagA"), Some(TAG)).unwrap();
        assert!(one.wants_tags_code(i64::from(java::string_hash("TagA"))));
        assert!(!one.wants_tags_code(0));
        let negative = Subscription::build(Some("polygenelubricants"), None).unwrap();
        assert!(negative.wants_tags_code(i64::from(i32::MIN)));
    }
}
