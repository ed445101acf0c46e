//! Sending messages.

use std::sync::Arc;

use protocol::topic;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use crate::instance::{Instance, Role};
use crate::sender::Sender;
use crate::trace::Trace;
use crate::{ClientError, Message, Settings};

mod batch;
mod builder;
mod chosen;
mod result;
mod transaction;

pub use batch::batches;
pub use builder::ProducerBuilder;
pub use result::{SendResult, SendStatus};
pub use transaction::{TransactionResult, TransactionState};

pub(crate) use transaction::CheckBack;

/// Sends in the background that may be under way (Java: `clientAsyncSemaphoreValue`).
const BACKGROUND_MAX: usize = 65_535;

/// Sends messages to the brokers of their topics, in turn over all queues.
///
/// ```no_run
/// # async fn demo() -> Result<(), client::ClientError> {
/// use client::{Message, Producer};
///
/// let producer = Producer::builder("my_group").name_servers("127.0.0.1:9876").start().await?;
/// let message = Message::new("TopicTest", "TagA", "Hello").keys(&["order-7"]);
/// println!("{}", producer.send(&message).await?);
/// producer.send_oneway(&message).await?;
/// // All messages of a customer go to the same queue.
/// producer.send_ordered(&message, "customer-3").await?;
/// producer.shutdown().await;
/// # Ok(()) }
/// ```
pub struct Producer {
    sender: Arc<Sender>,
    background: Arc<Semaphore>,
}

impl Producer {
    /// How to make a producer of `group`, with the defaults of 4.4.0.
    #[must_use]
    pub fn builder(group: impl Into<String>) -> ProducerBuilder {
        ProducerBuilder::new(group)
    }

    /// Starts a producer; brokers learn of it with the first message.
    ///
    /// # Errors
    /// Unusable settings.
    pub async fn start(settings: Settings) -> Result<Self, ClientError> {
        Self::with_check_back(settings, None).await
    }

    async fn with_check_back(
        settings: Settings,
        check: Option<Arc<CheckBack>>,
    ) -> Result<Self, ClientError> {
        check_name("group", &settings.group)?;
        if settings.group == topic::group::DEFAULT_PRODUCER {
            let text = "the producer group must not be DEFAULT_PRODUCER".to_owned();
            return Err(ClientError::Invalid(text));
        }
        let trace = if settings.trace { Some(Trace::start(&settings).await?) } else { None };
        let group = settings.group.clone();
        let instance = Instance::start(settings, Role::Producer(check)).await?;
        Ok(Self {
            sender: Arc::new(Sender::new(instance, group, trace)),
            background: Arc::new(Semaphore::new(BACKGROUND_MAX)),
        })
    }

    /// Sends one message and waits for the broker's answer; on failure tries again on another
    /// broker, within the time limit.
    ///
    /// # Errors
    /// The last failure.
    pub async fn send(&self, message: &Message) -> Result<SendResult, ClientError> {
        self.check(message)?;
        self.sender.send(&self.sender.prepare(message)?).await
    }

    /// Starts to send one message and goes on; the handle gives what became of it. Waits only
    /// when very many sends are under way.
    ///
    /// ```no_run
    /// # async fn demo(producer: client::Producer) -> Result<(), client::ClientError> {
    /// # use client::Message;
    /// let mut under_way = Vec::new();
    /// for number in 0..100 {
    ///     let message = Message::new("TopicTest", "", format!("number {number}"));
    ///     under_way.push(producer.send_in_background(message).await?);
    /// }
    /// for sent in under_way {
    ///     println!("{:?}", sent.await);
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// When the message breaks a rule.
    pub async fn send_in_background(
        &self,
        message: Message,
    ) -> Result<JoinHandle<Result<SendResult, ClientError>>, ClientError> {
        self.check(&message)?;
        let prepared = self.sender.prepare(&message)?;
        let place = Arc::clone(&self.background).acquire_owned().await;
        let place = place.map_err(|closed| ClientError::Invalid(closed.to_string()))?;
        let sender = Arc::clone(&self.sender);
        Ok(tokio::spawn(async move {
            let sent = sender.send(&prepared).await;
            drop(place);
            sent
        }))
    }

    /// Sends one message without asking whether it arrived.
    ///
    /// # Errors
    /// When it cannot be written to a connection.
    pub async fn send_oneway(&self, message: &Message) -> Result<(), ClientError> {
        self.check(message)?;
        self.sender.send_oneway(&self.sender.prepare(message)?).await
    }

    /// The queues that messages of a topic go to.
    ///
    /// # Errors
    /// [`ClientError::NoRoute`] when no broker takes messages of the topic.
    pub async fn queues(
        &self,
        topic: &str,
    ) -> Result<Vec<protocol::bodies::MessageQueue>, ClientError> {
        Ok(self.sender.instance.publish_route(topic).await?.publish.clone())
    }

    /// The connections and routes under it, to call any request.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.sender.instance
    }

    /// Says good-bye to the brokers and ends all connections. Sends in the background that are
    /// still under way are waited for.
    pub async fn shutdown(&self) {
        let all = u32::try_from(BACKGROUND_MAX).unwrap_or(u32::MAX);
        let _nothing_under_way = self.background.acquire_many(all).await;
        if let Some(trace) = &self.sender.trace {
            trace.shutdown().await;
        }
        self.sender.instance.shutdown().await;
    }

    fn check(&self, message: &Message) -> Result<(), ClientError> {
        check_message(message, self.sender.instance.settings().message_bytes_max)
    }
}

/// What Java's `Validators.checkMessage` asks of a message.
fn check_message(message: &Message, bytes_max: usize) -> Result<(), ClientError> {
    check_name("topic", &message.topic)?;
    if message.topic == topic::AUTO_CREATE {
        let text = format!("The topic[{}] is conflict with reserved words.", message.topic);
        return Err(ClientError::Invalid(text));
    }
    match message.body.len() {
        0 => Err(ClientError::Invalid("the message body length is zero".to_owned())),
        length if length > bytes_max => {
            let text = format!("the message body size over max value, MAX: {bytes_max}");
            Err(ClientError::Invalid(text))
        }
        _ => Ok(()),
    }
}

/// Topic and group names as Java's `Validators` let them pass.
pub(crate) fn check_name(what: &str, text: &str) -> Result<(), ClientError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '%' | '|' | '-' | '_');
    if text.is_empty() {
        return Err(ClientError::Invalid(format!("The specified {what} is blank")));
    }
    if !text.chars().all(allowed) {
        let text = format!(
            "The specified {what}[{text}] contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"
        );
        return Err(ClientError::Invalid(text));
    }
    if text.len() > topic::NAME_CHARS_MAX {
        let max = topic::NAME_CHARS_MAX;
        let text = format!("The specified {what} is longer than {what} max length {max}.");
        return Err(ClientError::Invalid(text));
    }
    Ok(())
}
