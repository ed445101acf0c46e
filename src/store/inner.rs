//! What the store's threads share.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64};

use config::Live;
use parking_lot::Mutex;

use crate::arrival::ArrivalListener;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::commit_log::CommitLog;
use crate::config::StoreConfig;
use crate::delay::DelayLevels;
use crate::format::paths::Paths;
use crate::index::{Index, Shared};
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
    pub(crate) delays: DelayLevels,
    pub(crate) stats: Stats,
    pub(crate) flags: Flags,
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
