//! Names of the files below the store's root.

use std::path::{Path, PathBuf};

use protocol::topic;

/// Digits of the name of a file that is named by its first byte's offset.
const OFFSET_DIGITS: usize = 20;

/// Where everything lies.
#[derive(Debug, Clone)]
pub struct Paths {
    root: PathBuf,
    commit_log: PathBuf,
}

impl Paths {
    /// From `storePathRootDir` and `storePathCommitLog`; neither follows the other.
    #[must_use]
    pub fn new(root: &str, commit_log: &str) -> Self {
        Self { root: root.into(), commit_log: commit_log.into() }
    }

    /// The root itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Files of the commit log.
    #[must_use]
    pub fn commit_log(&self) -> &Path {
        &self.commit_log
    }

    /// Whole commit log files that recovery took out of the way instead of deleting them.
    #[must_use]
    pub fn set_aside(&self) -> PathBuf {
        self.root.join("commitlog.setaside")
    }

    /// Consume queues: `<topic>/<queueId>/<offset>`.
    #[must_use]
    pub fn consume_queue(&self) -> PathBuf {
        self.root.join("consumequeue")
    }

    /// Their extension files, laid out alike.
    #[must_use]
    pub fn consume_queue_ext(&self) -> PathBuf {
        self.root.join("consumequeue_ext")
    }

    /// Index files.
    #[must_use]
    pub fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    /// The checkpoint.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.root.join("checkpoint")
    }

    /// Exists while a broker runs, or after one died.
    #[must_use]
    pub fn abort(&self) -> PathBuf {
        self.root.join("abort")
    }

    /// Carries the lock on the folder.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }
}

/// Name of a file whose first byte has this offset.
#[must_use]
pub fn offset_name(offset: i64) -> String {
    format!("{offset:020}")
}

/// The offset a file name tells; `None` for other names.
#[must_use]
pub fn parse_offset_name(name: &str) -> Option<i64> {
    let digits = name.len() == OFFSET_DIGITS && name.bytes().all(|b| b.is_ascii_digit());
    if digits { name.parse().ok() } else { None }
}

/// The folder of one queue below `parent`; `None` for a name or an id that is no plain folder.
#[must_use]
pub fn queue_dir(parent: &Path, topic: &str, queue_id: i32) -> Option<PathBuf> {
    let plain = topic::is_path_safe(topic) && queue_id >= 0;
    plain.then(|| parent.join(topic).join(queue_id.to_string()))
}

/// The queue id a folder name tells, if it is one this code would write.
#[must_use]
pub fn parse_queue_id(name: &str) -> Option<i32> {
    name.parse::<i32>().ok().filter(|id| *id >= 0 && id.to_string() == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_offsets() {
        assert_eq!(offset_name(1_073_741_824), "00000000001073741824");
        assert_eq!(parse_offset_name("00000000001073741824"), Some(1_073_741_824));
        for name in [
            "",
            "1073741824",
            "0000000000107374182x",
            "-0000000000000000001",
            "99999999999999999999",
        ] {
            assert_eq!(parse_offset_name(name), None, "{name}");
        }
    }

    #[test]
    fn folders_do_not_climb_out() {
        let parent = Path::new("/s/consumequeue");
        let good = queue_dir(parent, "%RETRY%CG", 3);
        assert_eq!(good.as_deref(), Some(Path::new("/s/consumequeue/%RETRY%CG/3")));
        for name in ["", ".", "..", "a/b", "../a", "/etc", "a\0b"] {
            assert_eq!(queue_dir(parent, name, 0), None, "{name:?}");
        }
        assert_eq!(queue_dir(parent, "T", -1), None);
        assert_eq!(parse_queue_id("12"), Some(12));
        for name in ["-1", "+1", "01", "x", ""] {
            assert_eq!(parse_queue_id(name), None, "{name}");
        }
    }
}
