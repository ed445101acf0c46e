//! Opening: lock, load, recover.

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use config::Live;
use parking_lot::Mutex;
use protocol::sysflag;

use crate::arrival::ArrivalListener;
use crate::boot;
use crate::checkpoint::Checkpoint;
use crate::clock::Clock;
use crate::commit_log::CommitLog;
use crate::config::StoreConfig;
use crate::delay::DelayLevels;
use crate::dispatch::{Deriver, walk_log};
use crate::error::{StoreError, is_disk_full};
use crate::format::ext;
use crate::format::index::Shape;
use crate::format::paths::Paths;
use crate::format::queue_entry::ENTRY_LEN;
use crate::index::Index;
use crate::inner::{DamageSeen, Flags, Inner};
use crate::lock::FolderLock;
use crate::log_end::{
    LogEnd, begins_here, find_end, first_to_derive, is_unwritten, look_back, start_of_unsafe,
};
use crate::mapped::{Changes, Disk, MappedFile, Run, remove_all, sync_dir};
use crate::mend::{make_dir, mend, set_copy_aside};
use crate::queue_check::Truth;
use crate::queues::{LoadedQueues, QueueOptions};
use crate::replicate::Seats;
use crate::stats::Stats;
use crate::watermark::Watermark;

/// Sizes that the files must have, checked.
struct Sizes {
    log_file: usize,
    queue_file: usize,
    ext_file: Option<usize>,
    index: Shape,
    record_max: usize,
}

impl Sizes {
    fn of(config: &StoreConfig) -> Result<Self, StoreError> {
        let queue_file =
            at_least("mapedFileSizeConsumeQueue", config.maped_file_size_consume_queue, ENTRY_LEN)?;
        let ext_key = "mappedFileSizeConsumeQueueExt";
        let ext_min = ext::UNIT_LEN_MIN + ext::END_LEN;
        let ext_file = config
            .enable_consume_queue_ext
            .then(|| at_least(ext_key, config.mapped_file_size_consume_queue_ext, ext_min));
        Ok(Self {
            log_file: at_least("mapedFileSizeCommitLog", config.maped_file_size_commit_log, 1024)?,
            queue_file: queue_file.next_multiple_of(ENTRY_LEN),
            ext_file: ext_file.transpose()?,
            index: Shape {
                slots: count_of("maxHashSlotNum", config.max_hash_slot_num, 1)?,
                entries: count_of("maxIndexNum", config.max_index_num, 2)?,
            },
            record_max: at_least("maxMessageSize", config.max_message_size, 1)?,
        })
    }

    fn queue_options(&self, paths: &Paths) -> QueueOptions {
        QueueOptions {
            dir: paths.consume_queue(),
            file_len: self.queue_file,
            ext: self.ext_file.map(|len| (paths.consume_queue_ext(), len)),
        }
    }
}

fn at_least(key: &'static str, value: i32, min: usize) -> Result<usize, StoreError> {
    let size = usize::try_from(value).ok().filter(|size| *size >= min);
    let reason = || format!("{value} is less than {min}");
    size.ok_or_else(|| StoreError::Config { key, reason: reason() })
}

fn count_of(key: &'static str, value: i32, min: usize) -> Result<u32, StoreError> {
    at_least(key, value, min).map(|_| value.unsigned_abs())
}

/// The part of the log that may not have reached the disk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Unsafe {
    pub(crate) from: i64,
    /// A little before: what lies between should be there, and is looked at all the same.
    pub(crate) look_from: i64,
}

/// Locks the folder, loads what is there and recovers it. The lock is the caller's to keep.
pub(crate) fn open(
    config: Arc<Live<StoreConfig>>,
    listener: Arc<dyn ArrivalListener>,
    clock: Arc<dyn Clock>,
) -> Result<(Inner, FolderLock), StoreError> {
    let settings = config.snapshot();
    let sizes = Sizes::of(&settings)?;
    let delays = DelayLevels::parse(&settings.message_delay_level)?;
    let paths = Paths::new(&settings.store_path_root_dir, &settings.store_path_commit_log);
    make_dir(paths.root())?;
    make_dir(paths.commit_log())?;
    let lock = FolderLock::take(&paths.lock())?;
    let disk = Disk::open(paths.root())?;

    let clean = !paths.abort().exists();
    tracing::info!("last shutdown {}", if clean { "normally" } else { "abnormally" });
    let checkpoint = Checkpoint::open(&paths.checkpoint())?;
    let times = checkpoint.times();
    let mut run = Run::load(paths.commit_log(), sizes.log_file)?;
    // What is cut; made durable together, before anything is written over it.
    let mut cut = Changes::default();
    let mut queues = LoadedQueues::load(sizes.queue_options(&paths), clean, &mut cut)?;
    // What a process wrote outlives it; only the machine's end takes what was not flushed.
    let whole = clean || boot::is_same(&paths.abort());
    let index = Index::load(paths.index(), sizes.index, whole, times.index)?;

    let unsure = if clean {
        None
    } else {
        let with_index = settings.message_index_enable && settings.message_index_safe;
        let start = unsafe_start(&run, &checkpoint, with_index, clock.now_ms())?;
        Some(Unsafe { from: start, look_from: look_back(&run, start)? })
    };
    let check = settings.check_crc_on_recover;
    let (derive_from, end) =
        recover(&mut run, &mut queues, &paths, &checkpoint, unsure, check, &mut cut)?;
    if derive_from < end.offset {
        // Until that is done and flushed, the store is not as an orderly end leaves it.
        make_abort_file(&paths)?;
    }
    index.cut_to_log(end.offset).map_err(|e| StoreError::io("write", &paths.index(), e))?;
    checkpoint.note_mark(derive_from.min(end.offset));
    let damage = DamageSeen::default();
    end.damaged.iter().for_each(|extent| damage.note(extent.to - extent.from));
    let log = CommitLog::new(run, end.offset)
        .map_err(|e| StoreError::io("map", paths.commit_log(), e))?;
    let queues = queues.share(&mut cut)?;
    disk.sync(&cut)?;
    let now = clock.now_ms();
    let inner = Inner {
        config,
        clock,
        listener,
        queues,
        index,
        index_enabled: settings.message_index_enable,
        checkpoint,
        disk,
        delays,
        stats: Stats::new(now),
        flags: Flags::default(),
        damage,
        opened_end: end.offset,
        dispatched: Watermark::new(0),
        replicated: Watermark::new(0),
        slaves: Seats::default(),
        logics_timestamp: AtomicI64::new(0),
        full_index_files: Mutex::default(),
        record_len_max: sizes.record_max,
        memory: memory_of_machine(),
        paths,
        log,
    };
    derive_missing(&inner, derive_from, end.offset)?;
    tracing::info!("load over, and the max phy offset = {}", end.offset);
    Ok((inner, lock))
}

/// Brings queues and index up to the end of the log, then the counters that hang on them. On a
/// full disk what is missing is left to the dispatcher: the store can be read, and takes messages
/// once there is space.
fn derive_missing(inner: &Inner, from: i64, end: i64) -> Result<(), StoreError> {
    let error = |e| StoreError::io("rebuild from", inner.paths.commit_log(), e);
    let mut reached = end;
    if from < end {
        tracing::info!(from, end, "rebuilding consume queues and index");
        let (until, done) = Deriver::new(inner).catch_up(from, end);
        match done {
            Ok(()) => {}
            Err(e) if is_disk_full(&e) => {
                tracing::error!(until, end, "no space to rebuild consume queues and index");
                reached = until;
                inner.flags.derived_failed.store(true, Ordering::Release);
            }
            Err(e) => return Err(error(e)),
        }
    }
    inner.dispatched.advance(reached);
    let log_min = inner.log.min_offset();
    for queue in inner.queues.all() {
        queue.set_next_offset(queue.next_offset().max(queue.max_offset()));
        let done = queue.drop_spare().and_then(|()| queue.correct_min(log_min));
        done.map_err(|e| StoreError::io("look through", queue.segments().dir(), e))?;
    }
    let raised = walk_log(inner, reached, end, |message, _| {
        let queue = inner.queues.find_or_create(message.topic, message.queue_id);
        if let Some(queue) = queue.filter(|_| sysflag::message::is_queued(message.sys_flag)) {
            let next = message.queue_offset.saturating_add(1);
            queue.set_next_offset(queue.next_offset().max(next));
        }
        Ok(())
    });
    raised.map_err(error)
}

/// Finds the end of the log, takes damage out of it, and cuts the queues to what is sure. After a
/// crash that is what lies before the unsure part. The result is where to begin deriving.
fn recover(
    run: &mut Run,
    queues: &mut LoadedQueues,
    paths: &Paths,
    checkpoint: &Checkpoint,
    unsure: Option<Unsafe>,
    check_body: bool,
    changes: &mut Changes,
) -> Result<(i64, LogEnd), StoreError> {
    let mut derive_from = first_to_derive(run, queues.max_physical())?;
    let scan_from = unsure.map_or(derive_from, |unsure| unsure.look_from);
    derive_from = unsure.map_or(derive_from, |unsure| derive_from.min(unsure.from));
    let mut end = find_end(run, scan_from, check_body)?;
    if let Some(extent) = mend(run, &end.damaged, paths)? {
        // Where nothing fits in, what follows cannot stay.
        set_rest_aside(run, extent.from, paths, changes)?;
        end = LogEnd { offset: extent.from, zeroes_follow: false, damaged: end.damaged };
    }
    cut_log(run, &end, changes)?;
    if run.files().is_empty() {
        queues.remove_all(changes)?;
    }
    let truth = Truth { run, damaged: &end.damaged };
    if let Some(unsure) = unsure {
        // Of what was not on the disk for sure any part may have got there: it is derived again.
        queues.cut_from(unsure.from.min(end.offset), truth, changes)?;
        let lost = end.damaged.iter().map(|extent| extent.messages_max()).sum();
        if let Some(known) = queues.gap(run, unsure, end.offset, lost)? {
            tracing::error!(from = known, "consume queues lack entries, built again from the log");
            derive_from = derive_from.min(known);
        }
        if derive_from < unsure.from {
            let lowered = checkpoint.lower(derive_from);
            lowered.map_err(|e| StoreError::io("write", &paths.checkpoint(), e))?;
            queues.cut_from(derive_from, truth, changes)?;
        }
    }
    queues.cut_from(end.offset, Truth { run, damaged: &[] }, changes)?;
    Ok((derive_from, end))
}

/// Where the part of the log begins that may not have reached the disk: at the mark of the
/// checkpoint, else where 4.4.0 would begin.
fn unsafe_start(
    run: &Run,
    checkpoint: &Checkpoint,
    with_index: bool,
    now_ms: i64,
) -> Result<i64, StoreError> {
    if let Some(mark) = checkpoint.mark().filter(|_| !with_index)
        && begins_here(run, mark)?
    {
        return Ok(mark);
    }
    let times = checkpoint.times();
    let safe = if with_index { times.safe_with_index() } else { times.safe() };
    // A time that is still to come was not written by a broker.
    start_of_unsafe(run, if safe > now_ms { 0 } else { safe })
}

/// Makes `end` the end of the log; files behind it were never used.
fn cut_log(run: &mut Run, end: &LogEnd, changes: &mut Changes) -> Result<(), StoreError> {
    let behind = run.cut(end.offset, end.zeroes_follow, changes)?;
    remove_all(&behind, changes)
}

/// Copies what lies behind `end` within its file, before it is zeroed, and moves the files behind.
fn set_rest_aside(
    run: &mut Run,
    end: i64,
    paths: &Paths,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    tracing::error!(end, "the commit log is cut here, what lies behind is set aside");
    if let Some((file, from)) = run.find(end) {
        let written = file.written().map_err(|e| StoreError::io("map", file.path(), e))?;
        set_copy_aside(written.get(from..).unwrap_or_default(), end, paths)?;
    }
    for file in run.cut(end, false, changes)? {
        if !is_unwritten(&file)? {
            set_file_aside(&file, paths)?;
        }
    }
    sync_dir(paths.commit_log()).map_err(|e| StoreError::io("sync", paths.commit_log(), e))
}

fn set_file_aside(file: &MappedFile, paths: &Paths) -> Result<(), StoreError> {
    let dir = paths.set_aside();
    make_dir(&dir)?;
    let to = dir.join(file.path().file_name().unwrap_or_default());
    fs::rename(file.path(), &to).map_err(|e| StoreError::io("move", file.path(), e))?;
    tracing::error!(file = %to.display(), "a commit log file behind the damage was moved there");
    sync_dir(&dir).map_err(|e| StoreError::io("sync", &dir, e))
}

/// Makes the file that tells the next start of a broker that ran, durably.
pub(crate) fn make_abort_file(paths: &Paths) -> Result<(), StoreError> {
    let abort = paths.abort();
    let made = fs::write(&abort, boot::id()).and_then(|()| sync_dir(paths.root()));
    made.map_err(|e| StoreError::io("create", &abort, e))
}

fn memory_of_machine() -> u64 {
    let info = rustix::system::sysinfo();
    // Both are machine words; neither is wider than 64 bits.
    #[allow(clippy::unnecessary_cast, reason = "u32 on 32-bit machines")]
    let total = info.totalram as u64;
    total.saturating_mul(info.mem_unit.into())
}
