//! Small files that are replaced whole: the broker's tables.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::mapped::sync_dir;

/// Replaces a file by `bytes` so that a crash leaves the old content or the new one, never a mix.
/// The old content stays in `<path>.bak`, as 4.4.0 keeps it; the folder is made if need be.
///
/// # Errors
/// What the system says. The file itself is untouched then.
pub fn replace_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let dir =
        path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    fs::create_dir_all(dir)?;
    let new = with_suffix(path, ".tmp");
    write_synced(&new, bytes)?;
    match fs::read(path) {
        Ok(old) => write_synced(&with_suffix(path, ".bak"), &old)?,
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    fs::rename(&new, path)?;
    sync_dir(dir)
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

fn write_synced(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_content_stays_beside_the_new() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config/topics.json");
        replace_file(&path, b"one").unwrap();
        assert!(!with_suffix(&path, ".bak").exists());
        replace_file(&path, b"two").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::read(with_suffix(&path, ".bak")).unwrap(), b"one");
        assert!(!with_suffix(&path, ".tmp").exists());
    }

    #[test]
    fn a_failure_leaves_the_file_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t");
        replace_file(&path, b"one").unwrap();
        fs::create_dir(with_suffix(&path, ".tmp")).unwrap();
        assert!(replace_file(&path, b"two").is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
    }
}
