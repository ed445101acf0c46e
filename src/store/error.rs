//! What can go wrong, split by what the caller does next.

use std::io;
use std::path::{Path, PathBuf};

/// The store cannot be opened, or an operation on its files failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another store, of this process or another one, Java's included, has the folder open.
    #[error("Lock failed,MQ already started ({})", .0.display())]
    Locked(PathBuf),
    /// The system refused. Nothing was lost; the cause is in the source.
    #[error("{action} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A file is not what it must be, and guessing would lose data.
    #[error("{}: {reason}", .path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// A setting makes no sense.
    #[error("{key}: {reason}")]
    Config {
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        reason: String,
    },
    /// A write to the disk failed earlier. What reached the disk is unknown, so nothing is
    /// written any more; a restart recovers what is there.
    #[error("the store stopped writing: {0}")]
    Poisoned(String),
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_path_buf(), source }
    }

    pub(crate) fn corrupt(path: &Path, reason: impl Into<String>) -> Self {
        Self::Corrupt { path: path.to_path_buf(), reason: reason.into() }
    }

    /// Whether space on the disk is what is missing.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(self, Self::Io { source, .. } if is_disk_full(source))
    }
}

/// Whether the disk, or the user's share of it, is full.
pub(crate) fn is_disk_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Why a message was not stored. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The store takes no messages now. 4.4.0 answers SERVICE_NOT_AVAILABLE.
    #[error("not writable: {0}")]
    NotWritable(NotWritable),
    /// The message breaks a rule; trying again is useless. 4.4.0 answers MESSAGE_ILLEGAL.
    #[error("illegal message: {0}")]
    Illegal(Illegal),
    /// The writer is held up, most likely by the disk. 4.4.0 answers SYSTEM_BUSY
    /// (`OS_PAGECACHE_BUSY`).
    #[error("the log's writer is busy")]
    Busy,
    /// No space for the message on the disk. Later messages may fit again.
    #[error("no space for the message: {0}")]
    Full(io::Error),
    /// A file of the log could not be made. 4.4.0 answers `CREATE_MAPEDFILE_FAILED`.
    #[error("cannot extend the log: {0}")]
    Io(io::Error),
    /// See [`StoreError::Poisoned`].
    #[error("the store stopped writing after a failed flush")]
    Poisoned,
}

/// Why the store takes no messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotWritable {
    /// Not started yet, or stopped.
    #[error("the store is not running")]
    Stopped,
    /// A replica takes messages from its master only.
    #[error("the store is a slave's")]
    Slave,
    /// The disk is as good as full, by `diskSpaceWarningLevelRatio`.
    #[error("the disk is nearly full")]
    DiskFull,
    /// The consume queues or the index cannot be written, so messages would not be found.
    #[error("consume queues or index cannot be written")]
    Derived,
}

/// What is wrong with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Illegal {
    /// The topic is longer than a record can name.
    #[error("topic longer than 127 bytes")]
    TopicTooLong,
    /// The topic cannot be a folder of the store, or the queue id is negative.
    #[error("topic or queue id is no name of a queue")]
    TopicName,
    /// The properties are longer than a record can hold.
    #[error("properties longer than 32767 bytes")]
    PropertiesTooLong,
    /// The record is longer than `maxMessageSize`, or than a file of the log.
    #[error("record of {0} bytes is too long")]
    TooLong(usize),
    /// The batch body is longer than `maxMessageSize`.
    #[error("batch body of {0} bytes is too long")]
    BatchBodyTooLong(usize),
    /// The records of a batch are longer than `maxMessageSize` together.
    #[error("batch records of {0} bytes are too long")]
    BatchTooLong(usize),
    /// A batch can be neither transactional nor delayed.
    #[error("a batch cannot be transactional or delayed")]
    BatchKind,
    /// The batch body cannot be read.
    #[error(transparent)]
    BatchBody(#[from] protocol::batch::BadBatch),
    /// The batch has no message.
    #[error("the batch is empty")]
    BatchEmpty,
}

impl From<Illegal> for AppendError {
    fn from(illegal: Illegal) -> Self {
        Self::Illegal(illegal)
    }
}

impl From<NotWritable> for AppendError {
    fn from(why: NotWritable) -> Self {
        Self::NotWritable(why)
    }
}

impl AppendError {
    /// Sorts the error of a reservation or of a new file.
    pub(crate) fn from_space(error: io::Error) -> Self {
        if is_disk_full(&error) { Self::Full(error) } else { Self::Io(error) }
    }
}
