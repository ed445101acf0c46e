//! An ordered run of files that make up one long sequence of bytes, each named by the offset of
//! its first byte.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::RwLock;

use super::disk::Changes;
use super::file::{MappedFile, as_offset};
use crate::error::StoreError;
use crate::format::paths;

/// Largest offset a file may begin at.
const BASE_MAX: i64 = i64::MAX / 2;

/// The files of a folder while one thread has them to itself: at load and recovery.
#[derive(Debug)]
pub(crate) struct Run {
    dir: PathBuf,
    file_len: usize,
    files: Vec<MappedFile>,
}

impl Run {
    /// Finds the files of `dir`; a folder that is not there has none.
    ///
    /// 4.4.0 stops without a word at the first file of another length and then writes over what it
    /// did not look at. Here a last file that is too short (a copy that was cut, a crash while it
    /// was made) is filled up with zeroes, and any other odd length is an error.
    pub(crate) fn load(dir: &Path, file_len: usize) -> Result<Self, StoreError> {
        let mut run = Self { dir: dir.to_path_buf(), file_len, files: Vec::new() };
        let found = list(dir)?;
        let count = found.len();
        for (number, (base, path)) in found.into_iter().enumerate() {
            let len = fs::metadata(&path).map_err(|e| StoreError::io("stat", &path, e))?.len();
            match len.cmp(&(file_len as u64)) {
                std::cmp::Ordering::Equal => {}
                std::cmp::Ordering::Less if number + 1 == count => {
                    tracing::warn!(path = %path.display(), len, file_len, "file is short, filled up");
                    extend(&path, file_len)?;
                }
                _ => {
                    let reason = format!(
                        "file has {len} bytes where the settings say {file_len}; set the size back"
                    );
                    return Err(StoreError::corrupt(&path, reason));
                }
            }
            run.files.push(MappedFile::existing(path, base, file_len));
        }
        run.warn_of_gaps();
        Ok(run)
    }

    fn warn_of_gaps(&self) {
        for pair in self.files.windows(2) {
            let [before, after] = pair else { continue };
            if before.end() != after.base() {
                tracing::error!(
                    before = %before.path().display(),
                    after = %after.path().display(),
                    "a file is missing between these two"
                );
            }
        }
    }

    pub(crate) fn files(&self) -> &[MappedFile] {
        &self.files
    }

    /// The file around `offset`, and where in it that lies.
    pub(crate) fn find(&self, offset: i64) -> Option<(&MappedFile, usize)> {
        let file = self.files.iter().find(|file| file.holds(offset))?;
        Some((file, usize::try_from(offset - file.base()).ok()?))
    }

    /// Declares `end` the end of the sequence: the file around it is cut there, the files behind
    /// are handed back. `clean` says that nothing but zeroes follows.
    pub(crate) fn cut(
        &mut self,
        end: i64,
        clean: bool,
        changes: &mut Changes,
    ) -> Result<Vec<MappedFile>, StoreError> {
        let keep = self.files.iter().position(|file| file.base() > end);
        let behind = keep.map_or_else(Vec::new, |keep| self.files.split_off(keep));
        if let Some(last) = self.files.last_mut() {
            let at = usize::try_from(end - last.base()).unwrap_or(0).min(last.len());
            if clean {
                last.truncate_clean(at);
            } else {
                let path = last.path().to_path_buf();
                last.truncate(at).map_err(|e| StoreError::io("cut", &path, e))?;
                changes.note_file(&path);
            }
        }
        Ok(behind)
    }

    /// Hands all files back; the run has none then.
    pub(crate) fn take_all(&mut self) -> Vec<MappedFile> {
        std::mem::take(&mut self.files)
    }

    /// Opens the run to everybody.
    pub(crate) fn share(self) -> Segments {
        Segments {
            dir: self.dir,
            file_len: self.file_len,
            files: RwLock::new(self.files.into_iter().map(Arc::new).collect()),
        }
    }
}

/// Deletes files. What is not durable by the end of recovery might be back after a power cut.
pub(crate) fn remove_all(files: &[MappedFile], changes: &mut Changes) -> Result<(), StoreError> {
    for file in files {
        file.remove().map_err(|e| StoreError::io("remove", file.path(), e))?;
        file.path().parent().into_iter().for_each(|dir| changes.note_folder(dir));
    }
    Ok(())
}

/// The files named by an offset, in order. Others are none of ours.
pub(crate) fn list(dir: &Path) -> Result<Vec<(i64, PathBuf)>, StoreError> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(StoreError::io("list", dir, e)),
    };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| StoreError::io("list", dir, e))?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        match name.and_then(paths::parse_offset_name) {
            Some(base) if base <= BASE_MAX => found.push((base, path)),
            _ => tracing::warn!(path = %path.display(), "not a file of the store, left alone"),
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn extend(path: &Path, len: usize) -> Result<(), StoreError> {
    let file = fs::OpenOptions::new().write(true).open(path);
    file.and_then(|file| file.set_len(len as u64)).map_err(|e| StoreError::io("fill up", path, e))
}

/// The files of a folder, shared by writers and readers.
#[derive(Debug)]
pub(crate) struct Segments {
    dir: PathBuf,
    file_len: usize,
    files: RwLock<Vec<Arc<MappedFile>>>,
}

impl Segments {
    /// No files yet; the folder is made with the first one.
    pub(crate) fn empty(dir: PathBuf, file_len: usize) -> Self {
        Self { dir, file_len, files: RwLock::default() }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(crate) fn file_len(&self) -> usize {
        self.file_len
    }

    pub(crate) fn last(&self) -> Option<Arc<MappedFile>> {
        self.files.read().last().cloned()
    }

    /// The files in order.
    pub(crate) fn all(&self) -> Vec<Arc<MappedFile>> {
        self.files.read().clone()
    }

    /// The file around `offset`, written there or not.
    pub(crate) fn find(&self, offset: i64) -> Option<Arc<MappedFile>> {
        let files = self.files.read();
        let first = files.first()?;
        let number = offset.checked_sub(first.base())?.checked_div(as_offset(self.file_len))?;
        let holds = |file: &&Arc<MappedFile>| file.holds(offset);
        let guess = usize::try_from(number).ok().and_then(|number| files.get(number));
        // Where a file is missing, the guess is off.
        guess.filter(holds).or_else(|| files.iter().find(holds)).cloned()
    }

    /// Offset of the first byte; `None` without files.
    pub(crate) fn min_offset(&self) -> Option<i64> {
        self.files.read().first().map(|file| file.base())
    }

    /// Makes the file that begins at `base`, without adding it; `ready` bytes of it can be written
    /// at once.
    pub(crate) fn create_file(&self, base: i64, ready: usize) -> std::io::Result<MappedFile> {
        fs::create_dir_all(&self.dir)?;
        MappedFile::create(self.dir.join(paths::offset_name(base)), base, self.file_len, ready)
    }

    /// Adds a file at the end.
    pub(crate) fn push(&self, file: Arc<MappedFile>) {
        let mut files = self.files.write();
        debug_assert!(files.last().is_none_or(|last| last.end() <= file.base()), "files in order");
        files.push(file);
    }

    /// Deletes the first file if it is still `file` and not the only one. Readers finish. A file
    /// whose name cannot be taken away stays: else it would come back with a hole behind it.
    pub(crate) fn remove_first(&self, file: &Arc<MappedFile>) -> std::io::Result<bool> {
        let is_first = |files: &[Arc<MappedFile>]| {
            files.len() > 1 && files.first().is_some_and(|first| Arc::ptr_eq(first, file))
        };
        if !is_first(&self.files.read()) {
            return Ok(false);
        }
        // Outside the lock: taking away a large file takes a while.
        match file.remove() {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
        let mut files = self.files.write();
        let first = is_first(&files);
        if first {
            files.remove(0);
        }
        Ok(first)
    }

    /// Unmaps the files that nobody uses just now; how many.
    pub(crate) fn unmap(&self) -> usize {
        self.files.read().iter().filter(|file| file.unmap()).count()
    }

    /// Empties the run and gives its folder a name that is no queue's; `None` if there is no
    /// folder. The caller deletes it; readers finish.
    pub(crate) fn retire(&self) -> std::io::Result<Option<PathBuf>> {
        self.files.write().clear();
        for number in 0.. {
            let retired = self.dir.with_extension(format!("{RETIRED}{number}"));
            if retired.exists() {
                continue;
            }
            return match fs::rename(&self.dir, &retired) {
                Ok(()) => Ok(Some(retired)),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
                Err(e) => Err(e),
            };
        }
        Ok(None)
    }
}

/// What the names of retired folders have behind their point.
const RETIRED: &str = "deleted";

/// Whether a folder was [retired](Segments::retire) by a store that did not come to delete it.
pub(crate) fn is_retired(name: &str) -> bool {
    name.split_once('.').is_some_and(|(_, rest)| rest.starts_with(RETIRED))
}
