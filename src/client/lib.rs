//! A client of RocketMQ 4.x servers, Java's and ours: producer, push consumer, admin calls, and
//! calls of any request for tools.
//!
//! It finds brokers through name servers, keeps routes fresh, sends heartbeats, and answers what
//! brokers ask. It knows nothing of a store or of a server's inside.
//!
//! ```no_run
//! # async fn demo() -> Result<(), client::ClientError> {
//! use client::{Message, Producer, Settings};
//!
//! let producer = Producer::start(Settings::new("my_group", "127.0.0.1:9876")).await?;
//! let sent = producer.send(&Message::new("TopicTest", "TagA", "Hello RocketMQ")).await?;
//! println!("{sent}");
//! producer.shutdown().await;
//! # Ok(()) }
//! ```

mod admin;
mod allocate;
mod consumer;
mod error;
mod instance;
pub mod java_order;
mod message;
mod names;
mod producer;
mod route;
mod settings;
mod unique_id;

pub use admin::{
    ADMIN_TIMEOUT, Admin, MessageTrack, PullStatus, Pulled, ResetQueue, ResetRequest, TrackType,
};
pub use allocate::allocate_averagely;
pub use consumer::{ConsumeFrom, ConsumeStatus, ConsumerSettings, PushConsumer};
pub use error::ClientError;
pub use instance::Instance;
pub use message::{Message, Received, properties_text};
pub use names::NameServers;
pub use producer::{Producer, SendResult, SendStatus};
pub use route::Route;
pub use settings::Settings;
pub use unique_id::made_at;

/// Log target of this crate, as RocketMQ names the logger.
pub(crate) const LOG: &str = "RocketmqClient";
