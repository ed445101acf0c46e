//! All consume queues: the table from topic and queue id to [`ConsumeQueue`].

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use protocol::sysflag;

use crate::consume_queue::ConsumeQueue;
use crate::error::StoreError;
use crate::format::paths;
use crate::format::queue_entry::{ENTRY_LEN, QueueEntry};
use crate::log_end::each_message;
use crate::mapped::{Changes, MappedFile, Run, is_retired, mappings};
use crate::open::Unsafe;
use crate::queue_check::Truth;
use crate::queue_ext::QueueExt;
use crate::queue_load::LoadedQueue;

/// Mappings from which queues are unmapped although they are in use, and those at which that cannot
/// wait. Linux allows 65,530 a process unless told otherwise.
const MAPPINGS_HIGH: usize = 24_000;
const MAPPINGS_MAX: usize = 40_000;

/// Where queues lie and how long their files are.
#[derive(Debug, Clone)]
pub(crate) struct QueueOptions {
    pub(crate) dir: PathBuf,
    pub(crate) file_len: usize,
    /// Folder and file length of the extension files, if there are any.
    pub(crate) ext: Option<(PathBuf, usize)>,
}

impl QueueOptions {
    fn queue_dir(&self, topic: &str, queue_id: i32) -> Option<PathBuf> {
        paths::queue_dir(&self.dir, topic, queue_id)
    }

    fn ext_dir(&self, topic: &str, queue_id: i32) -> Option<(PathBuf, usize)> {
        let (dir, file_len) = self.ext.as_ref()?;
        Some((paths::queue_dir(dir, topic, queue_id)?, *file_len))
    }
}

/// The queues as recovery has them.
pub(crate) struct LoadedQueues {
    options: QueueOptions,
    clean: bool,
    queues: Vec<(Arc<str>, i32, LoadedQueue)>,
}

impl LoadedQueues {
    /// Finds and recovers all queues below the folder.
    pub(crate) fn load(
        options: QueueOptions,
        clean: bool,
        changes: &mut Changes,
    ) -> Result<Self, StoreError> {
        let mut queues = Vec::new();
        for (topic, topic_dir) in folders(&options.dir)? {
            let topic: Arc<str> = topic.into();
            for (name, dir) in folders(&topic_dir)? {
                if is_retired(&name) {
                    fs::remove_dir_all(&dir).map_err(|e| StoreError::io("remove", &dir, e))?;
                }
                let Some(queue_id) = paths::parse_queue_id(&name) else { continue };
                let queue =
                    LoadedQueue::load(&dir, options.file_len, options.ext.is_some(), changes)?;
                queues.push((Arc::clone(&topic), queue_id, queue));
            }
        }
        Ok(Self { options, clean, queues })
    }

    /// Physical offset of the newest message any queue knows; -1 for none.
    pub(crate) fn max_physical(&self) -> i64 {
        self.queues.iter().map(|(_, _, queue)| queue.max_physical).max().unwrap_or(-1)
    }

    /// Takes out what points at or behind `limit`.
    pub(crate) fn cut_from(
        &mut self,
        limit: i64,
        truth: Truth<'_>,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        for (topic, queue_id, queue) in &mut self.queues {
            let is_true =
                |offset, entry: QueueEntry| truth.bears_out(topic, *queue_id, offset, entry);
            queue.cut_from(limit, truth.damaged, is_true, self.clean, changes)?;
        }
        Ok(())
    }

    /// Where to begin deriving if a queue lacks messages that the log has for it before the unsure
    /// part, or between its end and the first one in that part, more than are `lost`.
    pub(crate) fn gap(
        &self,
        run: &Run,
        unsure: Unsafe,
        end: i64,
        lost: i64,
    ) -> Result<Option<i64>, StoreError> {
        let mut known: HashMap<&str, HashMap<i32, &LoadedQueue>> = HashMap::new();
        for (topic, queue_id, queue) in &self.queues {
            known.entry(topic).or_default().insert(*queue_id, queue);
        }
        let mut seen: HashMap<String, HashSet<i32>> = HashMap::new();
        let mut gap: Option<i64> = None;
        each_message(run, unsure.look_from, end, |message| {
            let seen_before =
                seen.get(message.topic).is_some_and(|ids| ids.contains(&message.queue_id));
            if seen_before || !sysflag::message::is_queued(message.sys_flag) {
                return;
            }
            let is_sure = message.physical_offset < unsure.from;
            if !is_sure {
                seen.entry(message.topic.to_owned()).or_default().insert(message.queue_id);
            }
            let queues = known.get(message.topic);
            // One without a folder was deleted, or is made by what is derived in any case.
            let Some(queue) = queues.and_then(|queues| queues.get(&message.queue_id)) else {
                return;
            };
            let entries = queue.end / ENTRY_LEN as i64;
            let may_lack = if is_sure { -1 } else { lost };
            if message.queue_offset > entries.saturating_add(may_lack) {
                let last = queue.max_physical;
                gap = Some(gap.map_or(last, |gap| gap.min(last)));
            }
        })?;
        Ok(gap.map(|last| last.max(run.files().first().map_or(0, MappedFile::base))))
    }

    /// Forgets and deletes all queues.
    pub(crate) fn remove_all(&mut self, changes: &mut Changes) -> Result<(), StoreError> {
        self.queues.clear();
        let dirs = std::iter::once(&self.options.dir).chain(self.options.ext.iter().map(|e| &e.0));
        for dir in dirs {
            match fs::remove_dir_all(dir) {
                Err(e) if e.kind() != io::ErrorKind::NotFound => {
                    return Err(StoreError::io("remove", dir, e));
                }
                _ => dir.parent().into_iter().for_each(|dir| changes.note_folder(dir)),
            }
        }
        Ok(())
    }

    /// Deletes extension files without a queue: the next queue of that name begins anew.
    fn remove_lone_ext(&self, changes: &mut Changes) -> Result<(), StoreError> {
        let Some((dir, _)) = &self.options.ext else { return Ok(()) };
        let known: HashSet<_> =
            self.queues.iter().map(|(topic, id, _)| (topic.as_ref(), id.to_string())).collect();
        for (topic, topic_dir) in folders(dir)? {
            for (name, dir) in folders(&topic_dir)? {
                if !known.contains(&(topic.as_str(), name)) {
                    fs::remove_dir_all(&dir).map_err(|e| StoreError::io("remove", &dir, e))?;
                    changes.note_folder(&topic_dir);
                }
            }
        }
        Ok(())
    }

    /// Opens the queues to everybody.
    pub(crate) fn share(self, changes: &mut Changes) -> Result<Queues, StoreError> {
        self.remove_lone_ext(changes)?;
        let Self { options, clean, queues: loaded } = self;
        let mut topics: HashMap<Arc<str>, Arc<Topic>> = HashMap::new();
        for (topic, queue_id, queue) in loaded {
            let ext = options.ext_dir(&topic, queue_id);
            let ext = ext.as_ref().map(|(dir, file_len)| (dir.as_path(), *file_len, clean));
            let queue = Arc::new(queue.share(Arc::clone(&topic), queue_id, ext, changes)?);
            topics.entry(topic).or_default().queues.write().push((queue_id, queue));
        }
        for topic in topics.values() {
            topic.queues.write().sort_unstable_by_key(|(queue_id, _)| *queue_id);
        }
        Ok(Queues {
            options,
            topics: RwLock::new(topics),
            dirty: Mutex::default(),
            gone: Mutex::default(),
            any_gone: AtomicBool::new(false),
        })
    }
}

/// Folders with names that are text, in order.
pub(crate) fn folders(dir: &Path) -> Result<Vec<(String, PathBuf)>, StoreError> {
    let error = |e| StoreError::io("list", dir, e);
    let entries = match fs::read_dir(dir) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(error)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(error)?;
        let name = entry.file_name().into_string();
        match name {
            Ok(name) if entry.file_type().map_err(error)?.is_dir() => {
                found.push((name, entry.path()));
            }
            _ => tracing::warn!(path = %entry.path().display(), "not a queue, left alone"),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// The queues of one topic, ordered by id.
#[derive(Debug, Default)]
struct Topic {
    queues: RwLock<Vec<(i32, Arc<ConsumeQueue>)>>,
}

impl Topic {
    fn find(&self, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
        let queues = self.queues.read();
        let at = queues.binary_search_by_key(&queue_id, |(id, _)| *id).ok()?;
        queues.get(at).map(|(_, queue)| Arc::clone(queue))
    }

    fn all(&self) -> Vec<Arc<ConsumeQueue>> {
        self.queues.read().iter().map(|(_, queue)| Arc::clone(queue)).collect()
    }
}

/// The table.
#[derive(Debug)]
pub(crate) struct Queues {
    options: QueueOptions,
    topics: RwLock<HashMap<Arc<str>, Arc<Topic>>>,
    /// Queues with entries that are not on the disk yet.
    dirty: Mutex<Vec<Arc<ConsumeQueue>>>,
    /// Deleted topics, and where the log was then: older messages get no entry any more.
    gone: Mutex<Vec<(Arc<str>, i64)>>,
    any_gone: AtomicBool,
}

impl Queues {
    /// The queue, if it exists.
    pub(crate) fn find(&self, topic: &str, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
        self.topics.read().get(topic)?.find(queue_id)
    }

    /// The queue, made if need be. `None` for names that cannot be a folder.
    pub(crate) fn find_or_create(&self, topic: &str, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
        self.find(topic, queue_id).or_else(|| self.create(topic, queue_id))
    }

    #[cold]
    fn create(&self, topic: &str, queue_id: i32) -> Option<Arc<ConsumeQueue>> {
        let dir = self.options.queue_dir(topic, queue_id)?;
        let ext = self.options.ext_dir(topic, queue_id);
        let ext = ext.map(|(dir, file_len)| QueueExt::empty(&dir, file_len));
        // Held to the end: a deletion of the topic comes before or after, not in between.
        let mut topics = self.topics.write();
        let (name, entry) = match topics.get_key_value(topic) {
            Some((name, entry)) => (Arc::clone(name), Arc::clone(entry)),
            None => {
                let (name, entry) = (Arc::<str>::from(topic), Arc::new(Topic::default()));
                topics.insert(Arc::clone(&name), Arc::clone(&entry));
                (name, entry)
            }
        };
        let mut queues = entry.queues.write();
        match queues.binary_search_by_key(&queue_id, |(id, _)| *id) {
            Ok(at) => queues.get(at).map(|(_, queue)| Arc::clone(queue)),
            Err(at) => {
                let file_len = self.options.file_len;
                let queue = Arc::new(ConsumeQueue::empty(name, queue_id, &dir, file_len, ext));
                queues.insert(at, (queue_id, Arc::clone(&queue)));
                Some(queue)
            }
        }
    }

    /// All queues of a topic, ordered by id.
    pub(crate) fn of_topic(&self, topic: &str) -> Vec<Arc<ConsumeQueue>> {
        self.topics.read().get(topic).map_or_else(Vec::new, |topic| topic.all())
    }

    /// The topics with queues.
    pub(crate) fn topics(&self) -> Vec<Arc<str>> {
        self.topics.read().keys().cloned().collect()
    }

    /// All queues, in no order.
    pub(crate) fn all(&self) -> Vec<Arc<ConsumeQueue>> {
        self.topics.read().values().flat_map(|topic| topic.all()).collect()
    }

    /// Unmaps what was not used since the last time; what was, too, where the process has so many
    /// mappings that it could run out of them.
    pub(crate) fn release_idle(&self) {
        let in_any_case = mappings() > MAPPINGS_HIGH;
        let released: usize = self.all().iter().map(|queue| queue.release(in_any_case)).sum();
        if released > 0 {
            tracing::debug!(released, in_any_case, "consume queue files unmapped");
        }
    }

    /// Sees to it that there are mappings left, whatever the number of queues in use.
    pub(crate) fn relieve(&self) {
        if mappings() > MAPPINGS_MAX {
            self.release_idle();
        }
    }

    /// Notes that a queue has something to flush.
    pub(crate) fn mark_dirty(&self, queue: &Arc<ConsumeQueue>) {
        if !queue.dirty.swap(true, Ordering::AcqRel) {
            self.dirty.lock().push(Arc::clone(queue));
        }
    }

    /// The queues with something to flush. Those that keep some must be marked again.
    pub(crate) fn take_dirty(&self) -> Vec<Arc<ConsumeQueue>> {
        let dirty = std::mem::take(&mut *self.dirty.lock());
        for queue in &dirty {
            queue.dirty.swap(false, Ordering::AcqRel);
        }
        dirty
    }

    /// Takes a topic out of the table; messages appended before `log_end` get no entry any more.
    /// To be called under the log's lock. The result is how many queues there were, and the folders
    /// to delete.
    pub(crate) fn take_topic(
        &self,
        topic: &str,
        log_end: i64,
    ) -> io::Result<(usize, Vec<PathBuf>)> {
        // Held to the end: a new topic of this name makes its files after the old ones are away.
        let mut topics = self.topics.write();
        let Some((name, entry)) = topics.remove_entry(topic) else { return Ok((0, Vec::new())) };
        self.gone.lock().push((name, log_end));
        self.any_gone.store(true, Ordering::Release);
        let queues = entry.all();
        let mut retired = Vec::new();
        for queue in &queues {
            retired.extend(queue.retire()?);
        }
        Ok((queues.len(), retired))
    }

    /// Takes one queue out of the table, and its topic with the last one. To be called under the
    /// log's lock. The result is the folders to delete.
    pub(crate) fn take_queue(&self, queue: &Arc<ConsumeQueue>) -> io::Result<Vec<PathBuf>> {
        let mut topics = self.topics.write();
        let Some(entry) = topics.get(queue.topic()).cloned() else { return Ok(Vec::new()) };
        let mut queues = entry.queues.write();
        queues.retain(|(_, each)| !Arc::ptr_eq(each, queue));
        if queues.is_empty() {
            topics.remove(queue.topic());
        }
        queue.retire()
    }

    /// Whether a message at this offset belongs to a topic that was deleted after it came.
    pub(crate) fn is_gone(&self, topic: &str, physical_offset: i64) -> bool {
        if !self.any_gone.load(Ordering::Acquire) {
            return false;
        }
        let gone = self.gone.lock();
        gone.iter().any(|(name, end)| name.as_ref() == topic && physical_offset < *end)
    }

    /// Forgets deletions that the dispatcher is past.
    pub(crate) fn forget_gone(&self, dispatched: i64) {
        if self.any_gone.load(Ordering::Acquire) {
            let mut gone = self.gone.lock();
            gone.retain(|(_, end)| *end > dispatched);
            self.any_gone.store(!gone.is_empty(), Ordering::Release);
        }
    }

    /// The topics that are not in `keep`.
    pub(crate) fn topics_but(&self, keep: &HashSet<String>) -> Vec<Arc<str>> {
        let topics = self.topics.read();
        topics.keys().filter(|topic| !keep.contains(topic.as_ref())).cloned().collect()
    }

    /// Folder of a topic's queues, and of their extension files.
    pub(crate) fn topic_dirs(&self, topic: &str) -> Vec<PathBuf> {
        let parents =
            std::iter::once(&self.options.dir).chain(self.options.ext.iter().map(|e| &e.0));
        parents.map(|parent| parent.join(topic)).collect()
    }
}
