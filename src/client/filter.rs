//! What a consumer wants of a topic.

use protocol::bodies::{EXPRESSION_SQL92, EXPRESSION_TAG, SUB_ALL, SubscriptionData};

/// Which messages of a topic are wanted (Java: `MessageSelector`). A string is an expression of
/// tags.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Tags joined by `||`, or `*` for everything.
    Tags(String),
    /// An expression over properties; brokers serve it only with `enablePropertyFilter=true`.
    Sql(String),
}

impl Filter {
    /// Everything.
    #[must_use]
    pub fn all() -> Self {
        Self::Tags(SUB_ALL.to_owned())
    }

    /// Messages with one of these tags: `a || b`.
    #[must_use]
    pub fn tags(expression: impl Into<String>) -> Self {
        Self::Tags(expression.into())
    }

    /// Messages whose properties fit an expression: `a > 5 AND b = 'abc'`.
    #[must_use]
    pub fn sql(expression: impl Into<String>) -> Self {
        Self::Sql(expression.into())
    }

    /// The kind of the expression in Java's words.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Tags(_) => EXPRESSION_TAG,
            Self::Sql(_) => EXPRESSION_SQL92,
        }
    }

    /// The subscription of a topic, of a version.
    pub(crate) fn subscription(&self, topic: &str, version: i64) -> SubscriptionData {
        let (Self::Tags(expression) | Self::Sql(expression)) = self;
        SubscriptionData::of(topic, expression, Some(self.kind()), version)
    }
}

impl From<&str> for Filter {
    fn from(tags: &str) -> Self {
        Self::Tags(tags.to_owned())
    }
}

impl From<String> for Filter {
    fn from(tags: String) -> Self {
        Self::Tags(tags)
    }
}

/// Whether a message that a broker found fits: it filters by the tags' hash codes, and different
/// tags may share one.
pub(crate) fn fits(subscription: &SubscriptionData, tag: Option<&str>) -> bool {
    subscription.tags_set.is_empty() || subscription.tags_set.contains(tag.unwrap_or_default())
}
