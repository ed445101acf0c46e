//! Small files that are replaced whole, with the previous content kept as `.bak`.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Replaces `path` by `content`: a crash leaves the old or the new file, never a part. As in
/// 4.4.0 missing folders are made and the old content moves to `<path>.bak`.
pub(crate) fn replace(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let fresh = beside(path, ".tmp");
    let mut file = File::create(&fresh)?;
    file.write_all(content)?;
    file.sync_all()?;
    drop(file);
    if path.exists() {
        keep_old(path)?;
    }
    fs::rename(&fresh, path)?;
    File::open(folder)?.sync_all()
}

/// Gives the old content its second name before the first one goes to the new content. Where
/// the file system knows no links it is copied.
fn keep_old(path: &Path) -> io::Result<()> {
    let second = beside(path, ".bak.tmp");
    match fs::remove_file(&second) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if fs::hard_link(path, &second).is_err() {
        fs::copy(path, &second)?;
    }
    fs::rename(&second, beside(path, ".bak"))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_content_but_one_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("a/b.json");
        for content in ["one", "two", "three"] {
            replace(&path, content.as_bytes()).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), content);
        }
        assert_eq!(fs::read_to_string(beside(&path, ".bak")).unwrap(), "two");
        assert_eq!(fs::read_dir(home.path().join("a")).unwrap().count(), 2);
    }

    #[test]
    fn a_folder_in_the_way_is_an_error() {
        let home = tempfile::tempdir().unwrap();
        assert!(replace(home.path(), b"x").is_err());
    }
}
