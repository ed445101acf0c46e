//! A client of RocketMQ 4.x servers, Java's and ours: producer, push and pull consumer, admin
//! calls, and calls of any request for tools.
//!
//! It finds brokers through name servers, keeps routes fresh, sends heartbeats, and answers what
//! brokers ask. It knows nothing of a store or of a server's inside. What is not set is as in
//! 4.4.0, and members of a group may be ours and Java's at the same time.
//!
//! - [`Producer`]: sends and waits, in the background, one-way, in batches, to a chosen queue, in
//!   order, in transactions; tries again elsewhere; compresses; leaves slow brokers alone
//! - [`PushConsumer`]: shares queues with its group or gets everything; several messages at a
//!   time or in order; gives back what failed; reads no more than fits
//! - [`PullConsumer`]: reads when it likes and keeps its own time
//! - [`Admin`]: what operators ask
//!
//! ```no_run
//! # async fn demo() -> Result<(), client::ClientError> {
//! use client::{Message, Producer};
//!
//! let producer = Producer::builder("my_group").name_servers("127.0.0.1:9876").start().await?;
//! let sent = producer.send(&Message::new("TopicTest", "TagA", "Hello RocketMQ")).await?;
//! println!("{sent}");
//! producer.shutdown().await;
//! # Ok(()) }
//! ```
//!
//! The folder `examples` has a program for each of them: `cargo run -p client --example producer`.

mod admin;
mod allocate;
mod clock;
mod consumer;
mod error;
mod faults;
mod filter;
mod guarded;
mod instance;
pub mod java_order;
mod message;
mod names;
mod producer;
mod pull_consumer;
mod pulling;
mod route;
mod sender;
mod settings;
mod trace;
mod unique_id;

pub use acl::Credentials;
pub use admin::{ADMIN_TIMEOUT, Admin, MessageTrack, ResetQueue, ResetRequest, TrackType};
pub use allocate::{Allocate, Custom, Nearby, allocate_averagely};
pub use consumer::{
    ConsumeFrom, ConsumeStatus, ConsumerBuilder, ConsumerSettings, OrderStatus, PushConsumer,
};
pub use error::ClientError;
pub use filter::Filter;
pub use instance::Instance;
pub use message::{Message, Received, properties_text};
pub use names::NameServers;
pub use producer::{
    Producer, ProducerBuilder, SendResult, SendStatus, TransactionResult, TransactionState, batches,
};
pub use protocol::bodies::MessageQueue;
pub use pull_consumer::{PullConsumer, PullConsumerBuilder};
pub use pulling::{PullStatus, Pulled};
pub use remoting::ClientOptions;
pub use remoting::tls::TlsSettings;
pub use route::Route;
pub use settings::Settings;
pub use unique_id::made_at;

/// Log target of this crate, as RocketMQ names the logger.
pub(crate) const LOG: &str = "RocketmqClient";
