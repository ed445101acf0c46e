//! Sending to a queue that the caller chooses; such a send is not tried elsewhere.

use protocol::bodies::MessageQueue;
use protocol::properties::java_hash;

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
        self.check_goes_to(message, queue)?;
        let route = self.sender.instance.publish_route(&message.topic).await?;
        self.send_once(&route, message, queue).await
    }

    /// Sends one message to a queue without asking whether it arrived.
    ///
    /// # Errors
    /// When it cannot be written to a connection; and when the topic's broker has no master.
    pub async fn send_oneway_to_queue(
        &self,
        message: &Message,
        queue: &MessageQueue,
    ) -> Result<(), ClientError> {
        self.check_goes_to(message, queue)?;
        let route = self.sender.instance.publish_route(&message.topic).await?;
        self.sender.send_oneway_to(&route, queue, &self.sender.prepare(message)?).await
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
        let route = self.sender.instance.publish_route(&message.topic).await?;
        let queue = choose(&route.publish);
        let queue = queue.ok_or_else(|| ClientError::NoRoute(message.topic.clone()))?;
        self.send_once(&route, message, queue).await
    }

    /// Sends one message to the queue that belongs to `key`: messages of one key stay in order,
    /// as long as the topic keeps its queues. Java's `SelectMessageQueueByHash` with the same
    /// string picks the same queue.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn send_ordered(
        &self,
        message: &Message,
        key: &str,
    ) -> Result<SendResult, ClientError> {
        self.send_to_chosen(message, |queues| queues.get(place_of(key, queues.len()))).await
    }

    fn check_goes_to(&self, message: &Message, queue: &MessageQueue) -> Result<(), ClientError> {
        if message.topic != queue.topic {
            let text = format!("a message of {} does not go to {queue}", message.topic);
            return Err(ClientError::Invalid(text));
        }
        self.check(message)
    }

    async fn send_once(
        &self,
        route: &Route,
        message: &Message,
        queue: &MessageQueue,
    ) -> Result<SendResult, ClientError> {
        let prepared = self.sender.prepare(message)?;
        let wait = self.sender.instance.settings().timeout;
        self.sender.send_to(route, queue, &prepared, wait).await
    }
}

fn place_of(key: &str, queues: usize) -> usize {
    java_hash(key).unsigned_abs() as usize % queues.max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_place_that_java_gives_it() {
        assert_eq!(place_of("TagA", 4), 2_598_919 % 4);
        assert_eq!(place_of("", 4), 0);
        // Where Java's Math.abs stays negative, there is no queue at all.
        assert_eq!(place_of("polygenelubricants", 4), 0);
        assert_eq!(place_of("x", 0), 0);
    }
}
