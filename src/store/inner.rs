//! What the store's threads share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use config::Live;
use parking_lot::Mutex;
use protocol::message::FIXED_LEN;

use crate::arrival::ArrivalListener;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::commit_log::CommitLog;
use crate::config::StoreConfig;
use crate::delay::DelayLevels;
use crate::format::paths::Paths;
use crate::index::{Index, Shared};
use crate::mapped::Disk;
use crate::queues::Queues;
use crate::replicate::Seats;
use crate::stats::Stats;
use crate::watermark::Watermark;

/// Everything but the threads themselves and the folder's lock.
pub(crate) struct Inner {
    pub(crate) config: Arc<Live<StoreConfig>>,
    pub(crate) paths: Paths,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) listener: Arc<dyn ArrivalListener>,
    pub(crate) log: CommitLog,
    pub(crate) queues: Queues,
    pub(crate) index: Index,
    /// `messageIndexEnable` as it was at the start.
    pub(crate) index_enabled: bool,
    pub(crate) checkpoint: Checkpoint,
    pub(crate) disk: Disk,
    pub(crate) delays: DelayLevels,
    pub(crate) stats: Stats,
    pub(crate) flags: Flags,
    pub(crate) damage: DamageSeen,
    /// End of the log when it was opened.
    pub(crate) opened_end: i64,
    pub(crate) dispatched: Watermark,
    pub(crate) replicated: Watermark,
    pub(crate) slaves: Seats,
    /// Store time of the newest message in its queue.
    pub(crate) logics_timestamp: AtomicI64,
    /// Index files to flush for good.
    pub(crate) full_index_files: Mutex<Vec<Shared>>,
    /// `maxMessageSize` as it was at the start.
    pub(crate) record_len_max: usize,
    /// Bytes of memory of the machine.
    pub(crate) memory: u64,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("root", &self.paths.root())
            .field("appended", &self.log.appended)
            .field("flushed", &self.log.flushed)
            .field("dispatched", &self.dispatched)
            .finish_non_exhaustive()
    }
}

/// Why messages may be refused.
#[derive(Debug, Default)]
pub(crate) struct Flags {
    /// Between start and shutdown.
    pub(crate) running: AtomicBool,
    /// Retention found the disk nearly full.
    pub(crate) disk_full: AtomicBool,
    /// Queues or index cannot be written at the moment.
    pub(crate) derived_failed: AtomicBool,
}

/// Damage of the log that this store has come by since it was opened.
#[derive(Debug, Default)]
pub(crate) struct DamageSeen {
    extents: AtomicI64,
    bytes: AtomicI64,
    blank: AtomicI64,
    /// Entries of queues whose message could not be read.
    refused: AtomicI64,
}

impl DamageSeen {
    pub(crate) fn note(&self, bytes: i64) {
        self.extents.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes that may have held messages and do not say so any more.
    pub(crate) fn note_blank(&self, bytes: i64) {
        self.blank.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn extents(&self) -> i64 {
        self.extents.load(Ordering::Relaxed)
    }

    pub(crate) fn bytes(&self) -> i64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn note_refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) -> i64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Messages that can have been lost in it at most: queues may lack so many.
    pub(crate) fn messages_max(&self) -> i64 {
        let bytes = self.bytes() + self.blank.load(Ordering::Relaxed);
        bytes / FIXED_LEN as i64 + self.extents()
    }
}
