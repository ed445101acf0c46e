//! What a pull wants of a queue: by tags, or by an expression over properties.

use std::sync::Arc;

use filter::Expression;
use protocol::bodies::{SUB_ALL, SubscriptionData};
use protocol::message::Message;
use protocol::properties::{Properties, name};
use store::{ExtUnit, MessageFilter};

use crate::filters::{Filter, Filters};

/// The filter of one pull.
#[derive(Debug, Clone)]
pub(crate) enum Wants {
    /// Every message.
    Everything,
    /// Messages by the hash of their tags.
    Tags(Arc<SubscriptionData>),
    /// Messages by an expression that came with the pull.
    Expression(Arc<Expression>),
    /// Messages by the expression that the group registered, which bit maps may know.
    Registered(Arc<Filter>),
    /// Retries by what the group registered for the topics they come from.
    Retries(Arc<Retries>),
}

/// The filter of a pull from a group's retries (`filterSupportRetry`).
#[derive(Debug)]
pub(crate) struct Retries {
    /// What the pull wants besides.
    pub(crate) tags: Option<Arc<SubscriptionData>>,
    /// The group whose retries they are.
    pub(crate) group: String,
    /// Where its expressions are.
    pub(crate) filters: Arc<Filters>,
}

impl Retries {
    /// A retry of a topic for which the group has no expression passes.
    fn wants(&self, properties: Properties<'_>) -> bool {
        let topic = properties.get(name::RETRY_TOPIC);
        let filter = topic.and_then(|topic| self.filters.get(&self.group, topic));
        filter.is_none_or(|filter| filter.expression.matches(|name| properties.get(name)))
    }
}

impl Wants {
    /// The filter of a subscription by tags.
    pub(crate) fn tags(subscription: Arc<SubscriptionData>) -> Self {
        if subscription.class_filter_mode || subscription.sub_string == SUB_ALL {
            Self::Everything
        } else {
            Self::Tags(subscription)
        }
    }

    /// First look, by what a queue entry says: the code of the tags where it is known, and the
    /// bit map where there is one.
    pub(crate) fn by_entry(
        &self,
        tags_code: Option<i64>,
        store_timestamp: i64,
        bit_map: &[u8],
    ) -> bool {
        match self {
            Self::Everything | Self::Expression(_) => true,
            Self::Tags(data) => by_tags(data, tags_code),
            Self::Registered(filter) => filter.may_match(store_timestamp, bit_map),
            Self::Retries(retries) => {
                retries.tags.as_ref().is_none_or(|data| by_tags(data, tags_code))
            }
        }
    }

    /// Second look, by the properties of the message.
    pub(crate) fn by_properties(&self, properties: Properties<'_>) -> bool {
        match self {
            Self::Everything | Self::Tags(_) => true,
            Self::Expression(expression) => expression.matches(|name| properties.get(name)),
            Self::Registered(filter) => filter.expression.matches(|name| properties.get(name)),
            Self::Retries(retries) => retries.wants(properties),
        }
    }
}

fn by_tags(data: &SubscriptionData, tags_code: Option<i64>) -> bool {
    // As Java's `Long.intValue`: the hash is 32 bits wide.
    tags_code.is_none_or(|code| data.code_set.contains(&(code as i32)))
}

impl MessageFilter for Wants {
    fn matches_queue(&self, tags_code: Option<i64>, ext: Option<&ExtUnit<'_>>) -> bool {
        let (store_timestamp, bit_map) =
            ext.map_or((0, &[][..]), |unit| (unit.store_timestamp, unit.bit_map));
        self.by_entry(tags_code, store_timestamp, bit_map)
    }

    fn matches_record(&self, record: &[u8]) -> bool {
        matches!(self, Self::Everything | Self::Tags(_))
            || Message::decode(record).is_ok_and(|message| self.by_properties(message.properties))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(expression: &str) -> Wants {
        Wants::tags(Arc::new(SubscriptionData::of_tags("T", expression, 0)))
    }

    fn by_tag(wants: &Wants, tag: &str) -> bool {
        let code = protocol::properties::tags_code(tag.as_bytes());
        wants.by_entry(Some(code), 0, &[])
    }

    #[test]
    fn tags_are_compared_by_their_code() {
        let wants = tags("a || b");
        assert!(by_tag(&wants, "a") && by_tag(&wants, "b"));
        assert!(!by_tag(&wants, "c") && !by_tag(&wants, ""));
        assert!(wants.by_entry(None, 0, &[]), "what is not known may be wanted");
        assert!(by_tag(&tags("*"), "c"));
        let class =
            SubscriptionData { class_filter_mode: true, ..SubscriptionData::of_tags("T", "a", 0) };
        assert!(by_tag(&Wants::tags(Arc::new(class)), "c"));
    }

    #[test]
    fn expressions_look_at_properties() {
        let wants = Wants::Expression(Arc::new(Expression::compile("n > 5").unwrap()));
        assert!(wants.by_entry(Some(7), 0, &[]));
        assert!(wants.by_properties("n\u{1}6\u{2}".into()));
        assert!(!wants.by_properties("n\u{1}5\u{2}".into()));
        assert!(tags("a").by_properties("n\u{1}5\u{2}".into()));
    }
}
