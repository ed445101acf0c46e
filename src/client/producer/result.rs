//! What became of a send.

use std::fmt;

use protocol::bodies::MessageQueue;
use protocol::codes::response;

/// How safely a message is stored (Java: `SendStatus`). All of them mean stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SendStatus {
    /// As safely as the broker is configured to.
    SendOk,
    /// Not yet on disk.
    FlushDiskTimeout,
    /// Not yet on a slave.
    FlushSlaveTimeout,
    /// There is no slave to hold a copy.
    SlaveNotAvailable,
}

impl SendStatus {
    pub(crate) fn of(code: i32) -> Option<Self> {
        match code {
            response::SUCCESS => Some(Self::SendOk),
            response::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            response::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            response::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }

    /// Java's name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendOk => "SEND_OK",
            Self::FlushDiskTimeout => "FLUSH_DISK_TIMEOUT",
            Self::FlushSlaveTimeout => "FLUSH_SLAVE_TIMEOUT",
            Self::SlaveNotAvailable => "SLAVE_NOT_AVAILABLE",
        }
    }
}

/// Where a message went.
#[derive(Debug, Clone, PartialEq)]
pub struct SendResult {
    /// How safely it is stored.
    pub status: SendStatus,
    /// The id this producer gave it; of a batch, those of all its messages, joined by commas.
    pub message_id: String,
    /// The id by its place in the broker's log; of a batch, those of all its messages.
    pub offset_message_id: String,
    /// Its queue.
    pub queue: MessageQueue,
    /// Its place in the queue; of a batch, that of the first message.
    pub queue_offset: i64,
    /// The broker's region, if it tells.
    pub region: Option<String>,
    /// Whether the broker wants messages to be traced.
    pub trace_on: bool,
}

impl fmt::Display for SendResult {
    /// As Java's `SendResult.toString` prints it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "SendResult [sendStatus={}, msgId={}, offsetMsgId={}, messageQueue={}, queueOffset={}]",
            self.status.name(),
            self.message_id,
            self.offset_message_id,
            self.queue,
            self.queue_offset
        )
    }
}
