//! What a pull wants of a queue: tags or an expression, and the compiled expressions of groups.

use std::collections::HashMap;
use std::sync::Arc;

use filter::Expression;
use parking_lot::RwLock;
use protocol::bodies::{SUB_ALL, SubscriptionData};
use protocol::message::Message;
use protocol::properties::Properties;
use store::format::ext::ExtUnit;
use store::MessageFilter;

use crate::LOG;

/// The filter of one pull.
#[derive(Debug, Clone)]
pub(crate) struct Wants {
    subscription: Arc<SubscriptionData>,
    /// What the expression of a subscription that is not of tags compiled to. Without one
    /// everything passes, as in 4.4.0.
    expression: Option<Arc<Expression>>,
}

impl Wants {
    /// Messages by their tags.
    pub(crate) fn tags(subscription: Arc<SubscriptionData>) -> Self {
        Self { subscription, expression: None }
    }

    /// Messages by their properties.
    pub(crate) fn expression(
        subscription: Arc<SubscriptionData>,
        expression: Option<Arc<Expression>>,
    ) -> Self {
        Self { subscription, expression }
    }

    /// Whether everything passes, so that nobody needs to ask.
    pub(crate) fn everything(&self) -> bool {
        self.subscription.class_filter_mode
            || if self.subscription.is_tags() {
                self.subscription.sub_string == SUB_ALL
            } else {
                self.expression.is_none()
            }
    }

    /// Whether a queue entry may be wanted, by the code of its tags.
    pub(crate) fn by_tags_code(&self, tags_code: i64) -> bool {
        if self.everything() || !self.subscription.is_tags() {
            return true;
        }
        // As Java's `Long.intValue`: the hash is 32 bits wide.
        self.subscription.code_set.contains(&(tags_code as i32))
    }

    /// Whether a message is wanted, by its properties.
    pub(crate) fn by_properties(&self, properties: Properties<'_>) -> bool {
        match &self.expression {
            Some(expression) if !self.everything() => {
                expression.matches(|name| properties.get(name))
            }
            _ => true,
        }
    }

    /// Whether a message needs to be looked at for [`Wants::by_properties`].
    pub(crate) fn needs_properties(&self) -> bool {
        !self.everything() && !self.subscription.is_tags()
    }
}

impl MessageFilter for Wants {
    fn matches_queue(&self, tags_code: Option<i64>, _ext: Option<&ExtUnit<'_>>) -> bool {
        tags_code.is_none_or(|code| self.by_tags_code(code))
    }

    fn matches_record(&self, record: &[u8]) -> bool {
        if !self.needs_properties() {
            return true;
        }
        Message::decode(record).is_ok_and(|message| self.by_properties(message.properties))
    }
}

/// Compiles an expression; the error is the text that 4.4.0 answers.
pub(crate) fn compile(kind: &str, expression: &str) -> Result<Expression, String> {
    if kind != filter::SQL92 {
        return Err(format!("no filter of type {kind}"));
    }
    Expression::compile(expression).map_err(|error| error.to_string())
}

/// The compiled expressions of consumer groups, by group and topic.
#[derive(Debug, Default)]
pub(crate) struct Compiled {
    groups: RwLock<HashMap<String, HashMap<String, Filter>>>,
}

/// One of them.
#[derive(Debug, Clone)]
pub(crate) struct Filter {
    /// The version of the subscription it came with.
    pub(crate) version: i64,
    /// The expression.
    pub(crate) expression: Arc<Expression>,
    text: String,
}

impl Compiled {
    /// A group's heartbeat with its subscriptions: compiles what is new. What does not compile
    /// is left out, and pulls are told so.
    pub(crate) fn registered(&self, group: &str, subscriptions: &[SubscriptionData], _now_ms: i64) {
        for data in subscriptions.iter().filter(|data| !data.is_tags()) {
            if self.is_known(group, data) {
                continue;
            }
            let kind = data.expression_type.as_deref().unwrap_or_default();
            match compile(kind, &data.sub_string) {
                Ok(expression) => {
                    let (version, text) = (data.sub_version, data.sub_string.clone());
                    let filter = Filter { version, expression: Arc::new(expression), text };
                    let mut groups = self.groups.write();
                    groups.entry(group.to_owned()).or_default().insert(data.topic.clone(), filter);
                }
                Err(error) => {
                    tracing::warn!(target: LOG, group, topic = data.topic, error, "filter of a subscription does not compile");
                }
            }
        }
    }

    fn is_known(&self, group: &str, data: &SubscriptionData) -> bool {
        let groups = self.groups.read();
        let known = groups.get(group).and_then(|topics| topics.get(&data.topic));
        known.is_some_and(|old| {
            old.version > data.sub_version
                || (old.version == data.sub_version && old.text == data.sub_string)
        })
    }

    /// Nobody of a group is left.
    pub(crate) fn unregistered(&self, group: &str, _now_ms: i64) {
        self.groups.write().remove(group);
    }

    /// The filter of a group on a topic.
    pub(crate) fn get(&self, group: &str, topic: &str) -> Option<Filter> {
        self.groups.read().get(group)?.get(topic).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(expression: &str) -> Wants {
        Wants::tags(Arc::new(SubscriptionData::of_tags("T", expression, 0)))
    }

    #[test]
    fn tags_are_compared_by_their_code() {
        let code = |tag: &str| protocol::properties::tags_code(tag.as_bytes());
        let wants = tags("a || b");
        assert!(wants.by_tags_code(code("a")) && wants.by_tags_code(code("b")));
        assert!(!wants.by_tags_code(code("c")) && !wants.by_tags_code(0));
        assert!(tags("*").by_tags_code(code("c")));
        assert!(!wants.needs_properties());
        let class =
            SubscriptionData { class_filter_mode: true, ..SubscriptionData::of_tags("T", "a", 0) };
        assert!(Wants::tags(Arc::new(class)).by_tags_code(code("c")));
    }

    #[test]
    fn expressions_look_at_properties() {
        let data = SubscriptionData::of("T", "n > 5", Some("SQL92"), 3);
        let compiled = Compiled::default();
        compiled.registered("g", std::slice::from_ref(&data), 0);
        let filter = compiled.get("g", "T").unwrap();
        assert_eq!(filter.version, 3);
        let wants = Wants::expression(Arc::new(data), Some(filter.expression));
        assert!(wants.by_tags_code(0) && wants.needs_properties());
        assert!(wants.by_properties("n\u{1}6\u{2}".into()));
        assert!(!wants.by_properties("n\u{1}5\u{2}".into()));
        compiled.unregistered("g", 0);
        assert!(compiled.get("g", "T").is_none());
    }

    #[test]
    fn a_newer_version_replaces_a_filter_and_an_older_one_does_not() {
        let compiled = Compiled::default();
        for (text, version) in [("n > 5", 3), ("n > 7", 2), ("n >", 9)] {
            let data = SubscriptionData::of("T", text, Some("SQL92"), version);
            compiled.registered("g", &[data], 0);
        }
        assert_eq!(compiled.get("g", "T").map(|f| f.version), Some(3));
        let data = SubscriptionData::of("T", "n > 7", Some("SQL92"), 4);
        compiled.registered("g", &[data], 0);
        assert_eq!(compiled.get("g", "T").map(|f| f.version), Some(4));
    }
}
