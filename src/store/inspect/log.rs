//! The commit log, read from its files in order.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use protocol::message::{BLANK_LEN, Message};

use crate::error::StoreError;
use crate::format::paths::Paths;
use crate::mapped::{list, written};
use crate::recover::{Step, step, survivor, zeroes};

/// Bytes read at once.
const WINDOW: usize = 8 * 1024 * 1024;

/// Told how many bytes of how many are done.
pub type Progress<'a> = &'a mut dyn FnMut(u64, u64);

/// Where a store lies.
#[derive(Debug, Clone)]
pub struct StorePlace {
    pub(super) paths: Paths,
}

impl StorePlace {
    /// The store below a root; the commit log is there too unless it is elsewhere.
    ///
    /// # Errors
    /// There is no store.
    pub fn new(root: &Path, commit_log: Option<&Path>) -> Result<Self, StoreError> {
        let log = commit_log.map_or_else(|| root.join("commitlog"), Path::to_path_buf);
        if !log.is_dir() {
            return Err(StoreError::corrupt(&log, "there is no commit log"));
        }
        Ok(Self { paths: Paths::new(&root.to_string_lossy(), &log.to_string_lossy()) })
    }

    /// Whether the last broker on it did not end in order, or runs.
    #[must_use]
    pub fn has_abort_file(&self) -> bool {
        self.paths.abort().exists()
    }

    /// Whether somebody has it open.
    #[must_use]
    pub fn is_in_use(&self) -> bool {
        crate::lock::is_held(&self.paths.lock())
    }
}

/// What lies in the log.
pub(super) enum Piece<'a> {
    /// A record.
    Message(Message<'a>),
    /// No record; there are records behind.
    Damage { from: i64, to: i64 },
    /// Written, no record, and nothing behind: a torn tail.
    Tail { from: i64, to: i64 },
}

/// A file of the log.
pub(super) struct LogFile {
    pub(super) path: PathBuf,
    pub(super) base: i64,
    pub(super) len: u64,
}

/// Files named by their offsets, in order.
pub(super) fn files(dir: &Path) -> Result<Vec<LogFile>, StoreError> {
    let files = list(dir)?.into_iter().map(|(base, path)| {
        let there = fs::metadata(&path).map_err(|e| StoreError::io("stat", &path, e))?;
        Ok(LogFile { path, base, len: there.len() })
    });
    files.collect()
}

/// Hands everything from `from` on to `each`, until that says `false`. The result is the end of the
/// log.
pub(super) fn walk(
    place: &StorePlace,
    from: i64,
    progress: Progress<'_>,
    mut each: impl FnMut(Piece<'_>) -> bool,
) -> Result<i64, StoreError> {
    let files = files(place.paths.commit_log())?;
    let files: Vec<_> = files
        .into_iter()
        .filter(|file| file.base.saturating_add_unsigned(file.len) > from)
        .collect();
    let total = files.iter().map(|file| file.len).sum();
    let mut done = 0;
    let mut end = from;
    // What ends a file that others follow is known only when a record is found in one of those.
    let mut open: Option<(i64, i64)> = None;
    for file in &files {
        let mut walk = FileWalk::open(file, from)?;
        loop {
            match walk.next().map_err(|e| StoreError::io("read", &file.path, e))? {
                Found::Message { len } => {
                    if let Some((from, to)) = open.take()
                        && !each(Piece::Damage { from, to })
                    {
                        return Ok(end);
                    }
                    let bytes = walk.here();
                    let Step::Message(message, _) = step(bytes, None) else { break };
                    end = walk.offset() + len as i64;
                    if !each(Piece::Message(message)) {
                        return Ok(end);
                    }
                    walk.skip(len);
                }
                Found::Damage { to } => {
                    if !each(Piece::Damage { from: walk.offset(), to }) {
                        return Ok(end);
                    }
                    walk.skip_to(to);
                }
                Found::Rest { to } => {
                    open = open.or_else(|| Some((walk.offset(), to)));
                    break;
                }
                Found::Unwritten => {
                    open = open.or_else(|| Some((walk.offset(), walk.offset())));
                    break;
                }
                Found::NextFile => break,
            }
            progress(done + walk.at as u64, total);
        }
        done += file.len;
        progress(done, total);
    }
    if let Some((from, to)) = open.filter(|(from, to)| from < to) {
        each(Piece::Tail { from, to });
    }
    Ok(end)
}

enum Found {
    Message {
        len: usize,
    },
    Damage {
        to: i64,
    },
    /// No record to the end of the file, but not zero up to there.
    Rest {
        to: i64,
    },
    Unwritten,
    NextFile,
}

/// One file, a window of it in memory.
struct FileWalk {
    file: File,
    base: i64,
    len: usize,
    /// Where in the file it stands.
    at: usize,
    window: Vec<u8>,
    window_at: usize,
}

impl FileWalk {
    fn open(file: &LogFile, from: i64) -> Result<Self, StoreError> {
        let open = File::open(&file.path).map_err(|e| StoreError::io("open", &file.path, e))?;
        let at = usize::try_from(from.saturating_sub(file.base)).unwrap_or(0);
        let len = usize::try_from(file.len).unwrap_or(usize::MAX);
        Ok(Self { file: open, base: file.base, len, at, window: Vec::new(), window_at: 0 })
    }

    fn offset(&self) -> i64 {
        self.base + self.at as i64
    }

    fn skip(&mut self, bytes: usize) {
        self.at += bytes;
    }

    fn skip_to(&mut self, offset: i64) {
        self.at = usize::try_from(offset - self.base).unwrap_or(self.len);
    }

    fn here(&self) -> &[u8] {
        self.window.get(self.at - self.window_at..).unwrap_or_default()
    }

    /// Reads a window that begins where the walk stands.
    fn load(&mut self, len: usize) -> io::Result<()> {
        let len = len.min(self.len - self.at);
        self.window.resize(len, 0);
        self.window_at = self.at;
        self.file.read_exact_at(&mut self.window, self.at as u64)
    }

    fn next(&mut self) -> io::Result<Found> {
        if self.at + BLANK_LEN > self.len {
            return Ok(Found::NextFile);
        }
        if self.at < self.window_at || self.here().len() < BLANK_LEN {
            self.load(WINDOW)?;
        }
        let mut known = self.step();
        let whole = self.window_at + self.window.len() >= self.len;
        if matches!(known, Known::Damage) && !whole {
            // It may be cut by the window.
            self.load(WINDOW)?;
            known = self.step();
        }
        match known {
            Known::Message(len) => Ok(Found::Message { len }),
            Known::NextFile => Ok(Found::NextFile),
            Known::Damage => self.behind(),
        }
    }

    fn step(&self) -> Known {
        match step(self.here(), Some(self.at)) {
            Step::Message(_, len) => Known::Message(len),
            Step::NextFile => Known::NextFile,
            Step::End(_) => Known::Damage,
        }
    }

    /// What follows where no record is.
    fn behind(&mut self) -> io::Result<Found> {
        let start = self.at;
        // Not the rest of the file: that is mostly blocks for messages to come.
        self.load(written(&self.file)?.saturating_sub(start))?;
        let rest = &self.window;
        let found = survivor(rest, 1, rest.len(), self.base + start as i64);
        let found = match found {
            Some(next) => Found::Damage { to: self.base + (start + next) as i64 },
            None if zeroes(rest) == rest.len() => Found::Unwritten,
            None => {
                let zero = rest.iter().rev().take_while(|byte| **byte == 0).count();
                Found::Rest { to: self.base + (start + rest.len() - zero) as i64 }
            }
        };
        Ok(found)
    }
}

enum Known {
    Message(usize),
    NextFile,
    Damage,
}
