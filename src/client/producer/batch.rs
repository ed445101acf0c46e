//! Several messages in one request.

use bytes::Bytes;
use protocol::batch::{ITEM_FIXED_LEN, Item, encode_item};
use protocol::bodies::MessageQueue;
use protocol::message::PROPERTIES_LEN_MAX;
use protocol::properties::{PropertiesBuf, name};
use protocol::topic;

use super::{Producer, SendResult};
use crate::sender::Prepared;
use crate::{ClientError, Message};

impl Producer {
    /// Sends messages of one topic in one request, to one queue: all are stored or none is.
    /// [`batches`] splits what is too long for that.
    ///
    /// # Errors
    /// The last failure; and when they break a rule: one topic, not delayed, no retries, alike in
    /// whether to wait until they are stored, together not longer than a message may be.
    pub async fn send_batch(&self, messages: &[Message]) -> Result<SendResult, ClientError> {
        self.sender.send(&self.prepare_batch(messages)?).await
    }

    /// As [`Producer::send_batch`], to a queue that the caller chose; not tried elsewhere.
    ///
    /// # Errors
    /// As there; and when the topic's broker has no master.
    pub async fn send_batch_to_queue(
        &self,
        messages: &[Message],
        queue: &MessageQueue,
    ) -> Result<SendResult, ClientError> {
        let prepared = self.prepare_batch(messages)?;
        let route = self.sender.instance.publish_route(&prepared.topic).await?;
        let wait = self.sender.instance.settings().timeout;
        self.sender.send_to(&route, queue, &prepared, wait).await
    }

    fn prepare_batch(&self, messages: &[Message]) -> Result<Prepared, ClientError> {
        let first = check_batch(messages)?;
        let mut body = Vec::with_capacity(messages.iter().map(encoded_len).sum());
        let mut ids = Vec::with_capacity(messages.len());
        for message in messages {
            self.check(message)?;
            let mut properties = message.properties.clone();
            if properties.get(name::UNIQUE_KEY).is_none() {
                properties.put(name::UNIQUE_KEY, self.sender.ids.next().as_str());
            }
            ids.push(properties.get(name::UNIQUE_KEY).unwrap_or_default().to_owned());
            let text = properties.to_text();
            if text.len() > PROPERTIES_LEN_MAX {
                let text = format!("the properties are longer than {PROPERTIES_LEN_MAX} bytes");
                return Err(ClientError::Invalid(text));
            }
            let item =
                Item { flag: message.flag, body: &message.body, properties: text.as_str().into() };
            encode_item(&item, &mut body);
        }
        let max = self.sender.instance.settings().message_bytes_max;
        if body.len() > max {
            let text = format!("the message body size over max value, MAX: {max}");
            return Err(ClientError::Invalid(text));
        }
        let mut properties = PropertiesBuf::new();
        properties.put(name::WAIT, first.properties.get(name::WAIT).unwrap_or("true"));
        Ok(Prepared::batch(first.topic.clone(), ids.join(","), properties, Bytes::from(body)))
    }
}

/// The first of messages that may travel together.
fn check_batch(messages: &[Message]) -> Result<&Message, ClientError> {
    let invalid = |text: &str| Err(ClientError::Invalid(text.to_owned()));
    let Some(first) = messages.first() else {
        return invalid("a batch needs a message");
    };
    if topic::is_retry(&first.topic) {
        return invalid("Retry Group is not supported for batching");
    }
    for message in messages {
        let property = |name| message.properties.get(name);
        if property(name::DELAY).is_some_and(|level| level != "0") {
            return invalid("TimeDelayLevel is not supported for batching");
        }
        if message.topic != first.topic {
            return invalid("The topic of the messages in one batch should be the same");
        }
        if property(name::WAIT) != first.properties.get(name::WAIT) {
            return invalid("The waitStoreMsgOK of the messages in one batch should the same");
        }
    }
    Ok(first)
}

/// About what a message takes in a batch; the id it gets is counted.
fn encoded_len(message: &Message) -> usize {
    const ID_BYTES: usize = name::UNIQUE_KEY.len() + 32 + 2;
    let pairs = message.properties.iter();
    let properties: usize = pairs.map(|(name, value)| name.len() + value.len() + 2).sum();
    ITEM_FIXED_LEN + message.body.len() + properties + ID_BYTES
}

/// Splits messages into runs that are not longer than `bytes_max` as a batch, as far as single
/// messages are not.
///
/// ```
/// use client::{Message, batches};
///
/// let messages: Vec<_> = (0..10).map(|_| Message::new("T", "", vec![0; 100])).collect();
/// let runs: Vec<_> = batches(&messages, 800).map(<[_]>::len).collect();
/// assert_eq!(runs.iter().sum::<usize>(), 10);
/// assert!(runs.len() > 1 && runs.iter().all(|run| *run <= 5));
/// ```
pub fn batches(messages: &[Message], bytes_max: usize) -> impl Iterator<Item = &[Message]> {
    let mut left = messages;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = left.iter().take_while(|message| {
            bytes += encoded_len(message);
            bytes <= bytes_max
        });
        let count = fits.count().max(1).min(left.len());
        let (run, rest) = left.split_at_checked(count)?;
        left = rest;
        (!run.is_empty()).then_some(run)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_hold_everything_in_order_and_long_ones_go_alone() {
        let sizes = [10, 2000, 10, 10, 500];
        let all: Vec<_> = sizes.iter().map(|size| Message::new("T", "", vec![1; *size])).collect();
        let runs: Vec<Vec<usize>> =
            batches(&all, 700).map(|run| run.iter().map(|m| m.body.len()).collect()).collect();
        assert_eq!(runs, [vec![10], vec![2000], vec![10, 10], vec![500]]);
        assert_eq!(batches(&[], 700).count(), 0);
    }

    #[test]
    fn what_does_not_belong_together_is_refused() {
        let good = || Message::new("T", "", "x");
        let check = |messages: &[Message], expected: &str| match check_batch(messages) {
            Err(error) => assert!(error.to_string().contains(expected), "{error}"),
            Ok(_) => assert_eq!(expected, ""),
        };
        check(&[good(), good()], "");
        check(&[], "needs a message");
        check(&[good(), Message::new("U", "", "x")], "topic");
        check(&[good(), good().delay_level(1)], "TimeDelayLevel");
        check(&[good(), good().wait_stored(false)], "waitStoreMsgOK");
        check(&[Message::new("%RETRY%g", "", "x")], "Retry");
    }
}
