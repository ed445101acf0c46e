//! The commit log: every message of every topic, in the order they came.
//!
//! Appending is one short critical section: find the place, patch the three values known only
//! there into the record's head, copy the parts into the mapping, move `appended`. Everything
//! that may wait for the disk, reserving space and making files, happens outside of it; mostly
//! ahead, in [`crate::ahead`], else in the appender itself before it tries again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use parking_lot::Mutex;
use protocol::message::{BLANK_LEN, blank};

use crate::clock::Clock;
use crate::consume_queue::ConsumeQueue;
use crate::error::{AppendError, Illegal, NotWritable, StoreError, is_disk_full};
use crate::mapped::{MappedFile, Run, Segments, Slice, Tail, page_up, sync_dir};
use crate::replicate::ReplicaError;
use crate::watermark::Watermark;

/// Space reserved at once, ahead of the writer.
pub(crate) const RESERVE_STEP: usize = 64 * 1024 * 1024;

/// Bytes that an appender makes ready itself when it outruns the thread that should have.
const READY_STEP: usize = 256 * 1024;

/// The log and its progress.
#[derive(Debug)]
pub(crate) struct CommitLog {
    segments: Segments,
    writer: Mutex<Writer>,
    /// The next file, made ahead and not yet part of the log.
    ready: Mutex<Option<Arc<MappedFile>>>,
    /// One flush at a time: the system reports a failed write to one of several, and the others
    /// would take their silence for success.
    flushing: Mutex<()>,
    /// One thread makes files at a time.
    creating: Mutex<()>,
    /// When the writer entered the lock, ms; 0 while nobody is in it.
    lock_begin: AtomicI64,
    /// Store time of the newest message, set after `appended`: whoever reads the time first and
    /// the offset then has a time that is not ahead.
    last_store_timestamp: AtomicI64,
    pub(crate) appended: Watermark,
    pub(crate) flushed: Watermark,
    /// Nothing more is appended.
    closed: AtomicBool,
    poisoned: AtomicBool,
    poison: Mutex<Option<String>>,
}

#[derive(Debug)]
struct Writer {
    tail: Option<Tail>,
}

/// The values a record gets inside the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) queue_offset: i64,
    pub(crate) physical_offset: i64,
    pub(crate) store_timestamp: i64,
}

/// What to append: how long it is, and how many entries its queue gets from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Demand {
    pub(crate) len: usize,
    pub(crate) queue_entries: i64,
    /// Half and rolled back messages are not in their queue and have queue offset 0.
    pub(crate) queued: bool,
}

/// Records of a master, to be appended as they are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Raw<'a> {
    pub(crate) offset: i64,
    /// Whole records of one file.
    pub(crate) bytes: &'a [u8],
    /// Of the newest one.
    pub(crate) store_timestamp: i64,
}

/// Why nothing was appended.
pub(crate) enum Refused {
    /// The queue was deleted meanwhile: look it up again.
    QueueGone,
    Error(AppendError),
}

impl From<AppendError> for Refused {
    fn from(error: AppendError) -> Self {
        Self::Error(error)
    }
}

/// What the writer lacks.
enum Lack {
    /// A file that begins there.
    File(i64),
    /// Blocks for the bytes below that position of the file.
    Space(Arc<MappedFile>, usize),
}

impl CommitLog {
    /// Takes up the files of a recovered log that ends at `end`.
    pub(crate) fn new(run: Run, end: i64) -> io::Result<Self> {
        let segments = run.share();
        let tail = segments.last().map(|last| last.tail()).transpose()?;
        Ok(Self {
            segments,
            writer: Mutex::new(Writer { tail }),
            ready: Mutex::default(),
            flushing: Mutex::default(),
            creating: Mutex::default(),
            lock_begin: AtomicI64::new(0),
            last_store_timestamp: AtomicI64::new(0),
            appended: Watermark::new(end),
            flushed: Watermark::new(end),
            closed: AtomicBool::new(false),
            poisoned: AtomicBool::new(false),
            poison: Mutex::default(),
        })
    }

    /// Appends what `write` puts into the tail, at a place it is told.
    pub(crate) fn append(
        &self,
        queue: &ConsumeQueue,
        demand: Demand,
        clock: &dyn Clock,
        write: impl Fn(&mut Tail, Place),
    ) -> Result<Place, Refused> {
        if demand.len + BLANK_LEN > self.segments.file_len() {
            return Err(AppendError::Illegal(Illegal::TooLong(demand.len)).into());
        }
        loop {
            let mut writer = self.writer.lock();
            if self.closed.load(Ordering::Relaxed) {
                return Err(self.why_closed().into());
            }
            if queue.is_deleted() {
                return Err(Refused::QueueGone);
            }
            let tail = match self.tail_with_room(&mut writer, demand.len) {
                Ok(tail) => tail,
                Err(lack) => {
                    drop(writer);
                    self.supply(lack)?;
                    continue;
                }
            };
            let now = clock.now_ms();
            self.lock_begin.store(now, Ordering::Relaxed);
            let next = queue.next_offset();
            let place = Place {
                queue_offset: if demand.queued { next } else { 0 },
                physical_offset: tail.offset(),
                store_timestamp: now,
            };
            write(tail, place);
            debug_assert_eq!(tail.offset(), place.physical_offset + demand.len as i64);
            tail.publish();
            queue.set_next_offset(next + demand.queue_entries);
            self.appended.set_quietly(tail.offset());
            self.last_store_timestamp.store(now, Ordering::Release);
            self.lock_begin.store(0, Ordering::Relaxed);
            drop(writer);
            self.appended.notify();
            return Ok(place);
        }
    }

    /// Appends records that already know their place, the end of the log; an empty log begins with
    /// the file they are in. `counted` runs before anybody sees them.
    pub(crate) fn append_raw(
        &self,
        raw: &Raw<'_>,
        counted: impl FnOnce(),
    ) -> Result<(), ReplicaError> {
        loop {
            let mut writer = self.writer.lock();
            if self.closed.load(Ordering::Relaxed) {
                return Err(self.why_closed().into());
            }
            let tail = match self.tail_at(&mut writer, raw) {
                Ok(Some(tail)) => tail,
                Ok(None) => {
                    let end = self.appended.get();
                    return Err(ReplicaError::OutOfStep { offset: raw.offset, end });
                }
                Err(lack) => {
                    drop(writer);
                    self.supply(lack)?;
                    continue;
                }
            };
            tail.put(raw.bytes);
            counted();
            tail.publish();
            self.appended.set_quietly(tail.offset());
            if raw.store_timestamp > 0 {
                self.last_store_timestamp.store(raw.store_timestamp, Ordering::Release);
            }
            drop(writer);
            self.appended.notify();
            return Ok(());
        }
    }

    /// The tail with room for the bytes; `None` if they do not belong at the end of the log.
    fn tail_at<'a>(
        &self,
        writer: &'a mut Writer,
        raw: &Raw<'_>,
    ) -> Result<Option<&'a mut Tail>, Lack> {
        let file_len = self.segments.file_len() as i64;
        match writer.tail.as_ref() {
            None if raw.offset % file_len == 0 => self.begin_at(writer, raw.offset)?,
            Some(tail) if tail.offset() == raw.offset => {
                if tail.left() == 0 {
                    self.roll(writer)?;
                }
            }
            _ => return Ok(None),
        }
        match writer.tail.as_mut() {
            Some(tail) if tail.has_room(raw.bytes.len()) => Ok(Some(tail)),
            Some(tail) => {
                let to = tail.position() + raw.bytes.len();
                Err(Lack::Space(Arc::clone(tail.file()), to))
            }
            None => Ok(None),
        }
    }

    /// Makes the file that begins at `base` the first one of an empty log.
    fn begin_at(&self, writer: &mut Writer, base: i64) -> Result<(), Lack> {
        let mut ready = self.ready.lock();
        let Some(first) = ready.as_ref().filter(|file| file.base() == base) else {
            return Err(Lack::File(base));
        };
        let Ok(tail) = first.tail() else { return Err(Lack::File(base)) };
        self.segments.push(Arc::clone(first));
        *ready = None;
        writer.tail = Some(tail);
        self.appended.set_quietly(base);
        self.flushed.advance(base);
        Ok(())
    }

    #[cold]
    fn why_closed(&self) -> AppendError {
        match self.poisoned.load(Ordering::Acquire) {
            true => AppendError::Poisoned,
            false => NotWritable::Stopped.into(),
        }
    }

    /// Appends nothing any more; what is being appended is done when this returns.
    pub(crate) fn close(&self) {
        let _writer = self.writer.lock();
        self.closed.store(true, Ordering::Relaxed);
    }

    /// The tail, if `len` bytes fit into its file and have blocks; goes on to the next file where
    /// they do not fit.
    fn tail_with_room<'a>(&self, writer: &'a mut Writer, len: usize) -> Result<&'a mut Tail, Lack> {
        if writer.tail.as_ref().is_none_or(|tail| len + BLANK_LEN > tail.left()) {
            self.roll(writer)?;
        }
        match writer.tail.as_mut() {
            Some(tail) if tail.has_room(len) => Ok(tail),
            Some(tail) => Err(Lack::Space(Arc::clone(tail.file()), tail.position() + len)),
            None => Err(Lack::File(0)),
        }
    }

    /// Ends the tail's file with a blank record and takes the file that was made ahead.
    fn roll(&self, writer: &mut Writer) -> Result<(), Lack> {
        let base = writer.tail.as_ref().map_or(0, |tail| tail.file().end());
        let mut ready = self.ready.lock();
        let Some(next) = ready.as_ref().filter(|file| file.base() == base) else {
            return Err(Lack::File(base));
        };
        // A Java broker that is started on this folder by mistake deletes what it takes for unused
        // before it asks for the lock.
        if !next.path().exists() {
            *ready = None;
            return Err(Lack::File(base));
        }
        if let Some(tail) = writer.tail.as_mut() {
            if tail.left() >= BLANK_LEN {
                if !tail.has_room(BLANK_LEN) {
                    return Err(Lack::Space(Arc::clone(tail.file()), tail.position() + BLANK_LEN));
                }
                tail.put(&blank(i32::try_from(tail.left()).unwrap_or(i32::MAX)));
            }
            tail.skip_rest();
            tail.publish();
        }
        let Ok(tail) = next.tail() else { return Err(Lack::File(base)) };
        self.segments.push(Arc::clone(next));
        *ready = None;
        writer.tail = Some(tail);
        Ok(())
    }

    #[cold]
    fn supply(&self, lack: Lack) -> Result<(), AppendError> {
        match lack {
            Lack::File(base) => self.prepare(base),
            Lack::Space(file, to) => make_ready(&file, to),
        }
        .map_err(AppendError::from_space)
    }

    /// Makes the file that begins at `base`, durable in name and with its first blocks.
    pub(crate) fn prepare(&self, base: i64) -> io::Result<()> {
        let _one_at_a_time = self.creating.lock();
        if self.ready.lock().as_ref().is_some_and(|file| file.base() == base) {
            return Ok(());
        }
        if self.segments.find(base).is_some() {
            return Ok(());
        }
        let file = self.segments.create_file(base, 0)?;
        let made = make_ready(&file, 1)
            .and_then(|()| file.sync_all())
            .and_then(|()| sync_dir(self.segments.dir()));
        if let Err(error) = made {
            let _ = file.remove();
            return Err(error);
        }
        tracing::info!(path = %file.path().display(), "commit log file made");
        let other = self.ready.lock().replace(Arc::new(file));
        // An empty log was to begin with another file.
        other.map_or(Ok(()), |other| other.remove())
    }

    /// Gives back the space and the file that were prepared for messages that did not come. To be
    /// called once closed.
    pub(crate) fn discard_prepared(&self) -> io::Result<()> {
        if let Some(last) = self.segments.last() {
            last.release_reserved()?;
        }
        let _one_at_a_time = self.creating.lock();
        match self.ready.lock().take().map(|file| file.remove()) {
            None => Ok(()),
            // Somebody else was here, see `roll`.
            Some(Err(e)) if e.kind() == io::ErrorKind::NotFound => Ok(()),
            Some(removed) => removed.and_then(|()| sync_dir(self.segments.dir())),
        }
    }

    /// The file the writer is at, and how far; `None` before the first message.
    pub(crate) fn tail_file(&self) -> Option<Arc<MappedFile>> {
        self.segments.last()
    }

    /// The file made ahead, if it is the one that begins at `base`.
    pub(crate) fn prepared(&self, base: i64) -> Option<Arc<MappedFile>> {
        self.ready.lock().clone().filter(|file| file.base() == base)
    }

    pub(crate) fn segments(&self) -> &Segments {
        &self.segments
    }

    /// Offset of the oldest byte; -1 without files.
    pub(crate) fn min_offset(&self) -> i64 {
        self.segments.min_offset().unwrap_or(-1)
    }

    /// The written bytes from `offset` to the end of their file.
    pub(crate) fn slice_from(&self, offset: i64) -> io::Result<Option<Slice>> {
        let Some(file) = self.segments.find(offset) else { return Ok(None) };
        let from = usize::try_from(offset - file.base()).unwrap_or(usize::MAX);
        Ok(Some(file.slice_from(from)?).filter(|slice| !slice.is_empty()))
    }

    /// `len` written bytes at `offset`, all in one file.
    pub(crate) fn slice(&self, offset: i64, len: usize) -> io::Result<Option<Slice>> {
        let Some(file) = self.segments.find(offset) else { return Ok(None) };
        let Ok(from) = usize::try_from(offset - file.base()) else { return Ok(None) };
        file.slice(from, from.saturating_add(len))
    }

    /// Offset of the first byte of the next file.
    pub(crate) fn next_file(&self, offset: i64) -> i64 {
        match self.segments.find(offset) {
            Some(file) => file.end(),
            None => {
                // An offset of a damaged entry may be anything.
                let len = self.segments.file_len() as i64;
                offset.saturating_add(len - offset.rem_euclid(len))
            }
        }
    }

    /// Store time of the newest message appended since the start; 0 before.
    pub(crate) fn last_store_timestamp(&self) -> i64 {
        self.last_store_timestamp.load(Ordering::Acquire)
    }

    /// How long the writer has been in the lock, ms.
    pub(crate) fn lock_time_ms(&self, clock: &dyn Clock) -> i64 {
        match self.lock_begin.load(Ordering::Relaxed) {
            0 => 0,
            begin => (clock.now_ms() - begin).max(0),
        }
    }

    /// Writes everything appended to the disk and moves `flushed`. An error leaves unknown what is
    /// on the disk: the caller must [`poison`](Self::poison).
    pub(crate) fn flush(&self) -> Result<i64, StoreError> {
        let _one_at_a_time = self.flushing.lock();
        if let Some(reason) = self.poisoned() {
            return Err(StoreError::Poisoned(reason));
        }
        self.flush_alone().inspect_err(|error| self.poison(error))
    }

    fn flush_alone(&self) -> Result<i64, StoreError> {
        let target = self.appended.get();
        let mut at = self.flushed.get();
        while at < target {
            let Some(file) = self.segments.find(at) else {
                let reason = format!("no file holds offset {at}, which is to be flushed");
                return Err(StoreError::corrupt(self.segments.dir(), reason));
            };
            let from = usize::try_from(at - file.base()).unwrap_or(0);
            let to = usize::try_from(target.min(file.end()) - file.base()).unwrap_or(0);
            file.sync(from, to).map_err(|e| StoreError::io("flush", file.path(), e))?;
            at = file.base() + to as i64;
            self.flushed.advance(at);
        }
        Ok(at)
    }

    /// Ends all writing: a flush failed, nothing may be promised any more.
    pub(crate) fn poison(&self, error: &StoreError) {
        let mut poison = self.poison.lock();
        if poison.is_none() {
            tracing::error!(%error, "flush failed, the store stops writing; restart to recover");
            *poison = Some(error.to_string());
        }
        self.poisoned.store(true, Ordering::Release);
        drop(poison);
        self.close();
        self.flushed.close();
    }

    /// Why writing ended, if it did.
    pub(crate) fn poisoned(&self) -> Option<String> {
        if !self.poisoned.load(Ordering::Acquire) {
            return None;
        }
        self.poison.lock().clone()
    }

    /// Runs `then` while nothing is appended, with the log's end.
    pub(crate) fn paused<R>(&self, then: impl FnOnce(i64) -> R) -> R {
        let _writer = self.writer.lock();
        then(self.appended.get())
    }

    /// Where the files lie.
    pub(crate) fn dir(&self) -> &Path {
        self.segments.dir()
    }
}

/// Reserves blocks in steps, for the bytes below `to` and some more; on a full disk for no more than
/// those.
pub(crate) fn reserve_ahead(file: &MappedFile, to: usize) -> io::Result<()> {
    match file.reserve(to.next_multiple_of(RESERVE_STEP)) {
        Err(error) if is_disk_full(&error) => file.reserve(page_up(to)),
        other => other,
    }
}

/// Makes the bytes below `to` writable, and some more where there is space.
fn make_ready(file: &MappedFile, to: usize) -> io::Result<()> {
    reserve_ahead(file, to)?;
    match file.make_ready(page_up(to) + READY_STEP) {
        Err(error) if is_disk_full(&error) => file.make_ready(page_up(to)),
        other => other,
    }
}
