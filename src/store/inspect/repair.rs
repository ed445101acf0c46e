//! Putting a store in order that nobody has open.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use config::Live;

use super::check::{Finding, Report, check};
use super::log::{Progress, StorePlace, files};
use crate::config::StoreConfig;
use crate::error::StoreError;
use crate::lock::FolderLock;
use crate::store::Store;

/// What a repair would do.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What is wrong.
    pub report: Report,
    /// What will be done about it, in words, in order.
    pub steps: Vec<String>,
}

/// Looks at a store and says what [`repair`] would do.
///
/// # Errors
/// Somebody has it open, or a file cannot be read.
pub fn plan(place: &StorePlace, progress: Progress<'_>) -> Result<Plan, StoreError> {
    drop(FolderLock::take(&place.paths.lock())?);
    let report = check(place, progress)?;
    let mut steps = Vec::new();
    for finding in &report.findings {
        match finding {
            Finding::Damage { from, to } => steps.push(format!(
                "put a blank record in place of the damaged bytes {from}..{to} of the commit log; \
                 copy them to {} before",
                place.paths.set_aside().display()
            )),
            Finding::TornTail { from, .. } => {
                steps.push(format!(
                    "cut the commit log at {from}: nothing that follows is a record"
                ));
            }
            _ => {}
        }
    }
    let derived = !report.findings.is_empty();
    if derived {
        steps.push("delete consume queues and index, and build them again from the log".to_owned());
    }
    Ok(Plan { report, steps })
}

/// Puts the store in order: takes damage out of the log, cuts its torn tail, builds consume queues
/// and index again. `config` tells sizes of files that are not there.
///
/// # Errors
/// Somebody has it open, or the disk refuses.
pub fn repair(place: &StorePlace, config: &StoreConfig) -> Result<(), StoreError> {
    let paths = &place.paths;
    let config = config_of(place, config)?;
    {
        let _lock = FolderLock::take(&paths.lock())?;
        // Without these, opening looks at all of the log and derives everything.
        for dir in [paths.consume_queue(), paths.consume_queue_ext(), paths.index()] {
            gone(fs::remove_dir_all(&dir)).map_err(|e| StoreError::io("remove", &dir, e))?;
        }
        let file = paths.checkpoint();
        gone(fs::remove_file(&file)).map_err(|e| StoreError::io("remove", &file, e))?;
        let abort = paths.abort();
        fs::write(&abort, "").map_err(|e| StoreError::io("create", &abort, e))?;
    }
    let store = Store::open(Arc::new(Live::new(config)), Arc::new(()))?;
    store.start()?;
    store.shutdown()
}

fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The sizes that the store's files have.
fn config_of(place: &StorePlace, given: &StoreConfig) -> Result<StoreConfig, StoreError> {
    let paths = &place.paths;
    let mut config = given.clone();
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    config.store_path_root_dir = text(paths.root().to_path_buf());
    config.store_path_commit_log = text(paths.commit_log().to_path_buf());
    let size = |len: Option<u64>, usual: i32| {
        len.and_then(|len| i32::try_from(len).ok()).filter(|len| *len > 0).unwrap_or(usual)
    };
    let log = files(paths.commit_log())?;
    config.maped_file_size_commit_log =
        size(log.first().map(|file| file.len), config.maped_file_size_commit_log);
    config.maped_file_size_consume_queue =
        size(file_below(&paths.consume_queue()), config.maped_file_size_consume_queue);
    if let Some(len) = file_below(&paths.consume_queue_ext()) {
        config.enable_consume_queue_ext = true;
        config.mapped_file_size_consume_queue_ext =
            size(Some(len), config.mapped_file_size_consume_queue_ext);
    }
    Ok(config)
}

/// Length of any file two folders below.
fn file_below(dir: &std::path::Path) -> Option<u64> {
    let list = |dir: PathBuf| fs::read_dir(dir).into_iter().flatten().flatten();
    let queues = list(dir.to_path_buf()).flat_map(|topic| list(topic.path()));
    let mut files = queues.flat_map(|queue| list(queue.path()));
    files.find_map(|file| file.metadata().ok().filter(fs::Metadata::is_file).map(|m| m.len()))
}
