//! Reading a queue from an offset.

use std::time::Duration;

use protocol::bodies::{EXPRESSION_TAG, MessageQueue, SubscriptionData};
use protocol::requests::PullMessage;
use protocol::{Command, sysflag};

use super::Admin;
use super::offsets::no_broker;
use crate::ClientError;
use crate::pulling::{Pulled, pulled};
use crate::route::MASTER_ID;

/// Time limit of a pull (Java: `consumerPullTimeoutMillis`).
const PULL_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the broker might wait for messages; it is not asked to.
const SUSPEND: Duration = Duration::from_secs(20);

impl Admin {
    /// Reads at most `max` messages of a queue that match a tag expression, for `group`; does
    /// not wait for messages to come.
    ///
    /// # Errors
    /// Failed calls and refusals; and when no broker of that name serves the topic.
    pub async fn pull(
        &self,
        group: &str,
        queue: &MessageQueue,
        expression: &str,
        offset: i64,
        max: i32,
    ) -> Result<Pulled, ClientError> {
        if offset < 0 || max <= 0 {
            let text = format!("no pull of {max} messages at offset {offset}");
            return Err(ClientError::Invalid(text));
        }
        let route = match self.instance.route(&queue.topic).await {
            Err(ClientError::NoRoute(_)) => return Err(no_broker(&queue.broker_name)),
            route => route?,
        };
        let addr = route.broker(&queue.broker_name, MASTER_ID);
        let addr = addr.ok_or_else(|| no_broker(&queue.broker_name))?;
        let wanted = SubscriptionData::of_tags(&queue.topic, expression, 0);
        let request = PullMessage {
            consumer_group: group,
            topic: &queue.topic,
            queue_id: queue.queue_id,
            queue_offset: offset,
            max_msg_nums: max,
            sys_flag: sysflag::pull::SUBSCRIPTION,
            commit_offset: 0,
            suspend_timeout_millis: SUSPEND.as_millis() as i64,
            subscription: Some(&wanted.sub_string),
            sub_version: 0,
            expression_type: Some(EXPRESSION_TAG),
        };
        let remoting = self.instance.remoting();
        let answer = remoting.call(addr, Command::of(&request)?, PULL_TIMEOUT).await?;
        pulled(&answer, queue, &wanted)
    }
}
