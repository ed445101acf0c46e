//! Sending to a queue that the caller chooses; such a send is not tried elsewhere.

use protocol::bodies::MessageQueue;

use super::{Producer, SendResult};
use crate::route::Route;
use crate::{ClientError, Message};

impl Producer {
    /// Sends one message to a queue.
    ///
    /// # Errors
    /// Failed calls and refusals; and when the topic's broker has no master.
    pub async fn send_to_queue(
        &self,
        message: &Message,
        queue: &MessageQueue,
    ) -> Result<SendResult, ClientError> {
        if message.topic != queue.topic {
            let text = format!("a message of {} does not go to {queue}", message.topic);
            return Err(ClientError::Invalid(text));
        }
        self.check(message)?;
        let route = self.instance.publish_route(&message.topic).await?;
        if route.master(&queue.broker_name).is_none() {
            let what = format!("The broker[{}] not exist", queue.broker_name);
            return Err(ClientError::Absent { code: None, what });
        }
        self.send_once(&route, message, queue).await
    }

    /// Sends one message to the queue that `choose` picks from those of its topic.
    ///
    /// # Errors
    /// Failed calls and refusals; and when none is picked.
    pub async fn send_to_chosen(
        &self,
        message: &Message,
        choose: impl FnOnce(&[MessageQueue]) -> Option<&MessageQueue>,
    ) -> Result<SendResult, ClientError> {
        self.check(message)?;
        let route = self.instance.publish_route(&message.topic).await?;
        let queue = choose(&route.publish);
        let queue = queue.ok_or_else(|| ClientError::NoRoute(message.topic.clone()))?;
        self.send_once(&route, message, queue).await
    }

    async fn send_once(
        &self,
        route: &Route,
        message: &Message,
        queue: &MessageQueue,
    ) -> Result<SendResult, ClientError> {
        let prepared = self.prepare(message)?;
        self.send_to(route, queue, message, &prepared, self.instance.settings().timeout).await
    }
}
