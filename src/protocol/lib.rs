//! The vocabulary of RocketMQ 4.x and its bytes: codes, headers, bodies, the message record.
//!
//! This room turns bytes into typed values and back. It does no I/O, knows no runtime and reads
//! no clock: time, addresses and buffers come in as arguments.

pub mod batch;
pub mod bodies;
pub mod codes;
pub mod command;
pub mod escape;
pub mod ext;
pub mod frame;
pub mod json;
pub mod message;
pub mod message_id;
pub mod perm;
pub mod pieces;
pub mod properties;
pub mod requests;
pub mod sysflag;
pub mod topic;
pub mod version;

pub use command::{Body, Command, Encoding, Language, Refusal, Reply};
pub use ext::Ext;
pub use pieces::Pieces;
pub use requests::Request;
