//! One log file on disk: appended to, rolled by size into compressed, numbered ones.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use flate2::Compression;
use flate2::write::GzEncoder;

/// A log file that is open for appending.
#[derive(Debug)]
pub(crate) struct RollingFile {
    paths: Paths,
    file: File,
    bytes: u64,
    bytes_max: u64,
    rolled_max: u32,
    /// Compresses the file that rolled last.
    packer: Option<JoinHandle<()>>,
}

/// Where a log file and its rolled ones live.
#[derive(Debug, Clone)]
struct Paths {
    active: PathBuf,
    rolled: PathBuf,
    name: String,
}

impl Paths {
    fn number(&self, number: u32) -> PathBuf {
        self.rolled.join(format!("{}.{number}.log.gz", self.name))
    }

    /// The rolled file until it is compressed.
    fn waiting(&self) -> PathBuf {
        self.rolled.join(format!("{}.log.rolling", self.name))
    }

    fn packed(&self) -> PathBuf {
        self.rolled.join(format!("{}.log.gz.tmp", self.name))
    }
}

impl RollingFile {
    /// Opens `folder/name.log`, creating it and its folder.
    pub(crate) fn open(
        folder: &Path,
        name: &str,
        bytes_max: u64,
        rolled_max: u32,
    ) -> io::Result<Self> {
        let paths = Paths {
            active: folder.join(format!("{name}.log")),
            rolled: folder.join("otherdays"),
            name: name.to_owned(),
        };
        fs::create_dir_all(folder)?;
        let file = open_append(&paths.active)?;
        let bytes = file.metadata()?.len();
        let mut this = Self { paths, file, bytes, bytes_max, rolled_max, packer: None };
        if this.paths.waiting().exists() {
            // The last process ended before it had compressed this one.
            this.pack();
        }
        Ok(this)
    }

    /// Appends whole lines; rolls first when they would not fit.
    pub(crate) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        self.follow()?;
        if self.bytes > 0 && self.bytes.saturating_add(lines.len() as u64) > self.bytes_max {
            self.roll()?;
        }
        self.file.write_all(lines)?;
        self.bytes += lines.len() as u64;
        Ok(())
    }

    /// Opens the file anew if somebody else, a second broker or an operator, moved it away.
    fn follow(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        match fs::metadata(&self.paths.active) {
            Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                self.bytes = there.len();
                Ok(())
            }
            Ok(_) => self.reopen(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.reopen(),
            Err(error) => Err(error),
        }
    }

    fn reopen(&mut self) -> io::Result<()> {
        if let Some(folder) = self.paths.active.parent() {
            fs::create_dir_all(folder)?;
        }
        self.file = open_append(&self.paths.active)?;
        self.bytes = self.file.metadata()?.len();
        Ok(())
    }

    fn roll(&mut self) -> io::Result<()> {
        self.finish();
        fs::create_dir_all(&self.paths.rolled)?;
        fs::rename(&self.paths.active, self.paths.waiting())?;
        self.reopen()?;
        self.pack();
        Ok(())
    }

    fn pack(&mut self) {
        let (paths, rolled_max) = (self.paths.clone(), self.rolled_max);
        let packer = std::thread::Builder::new().name("log-roll".to_owned()).spawn(move || {
            // The file stays as it is when this fails, and the next start tries again.
            let _ = compress(&paths).and_then(|()| shift(&paths, rolled_max));
        });
        self.packer = packer.ok();
    }

    /// Waits for the compression that is under way.
    pub(crate) fn finish(&mut self) {
        if let Some(packer) = self.packer.take() {
            let _ = packer.join();
        }
    }
}

fn open_append(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).open(path)
}

fn compress(paths: &Paths) -> io::Result<()> {
    let mut from = File::open(paths.waiting())?;
    let mut to = GzEncoder::new(File::create(paths.packed())?, Compression::fast());
    io::copy(&mut from, &mut to)?;
    to.finish()?.sync_all()
}

/// Moves every number up by one, the last one out, and puts the new one first.
fn shift(paths: &Paths, rolled_max: u32) -> io::Result<()> {
    for number in (1..rolled_max).rev() {
        match fs::rename(paths.number(number), paths.number(number + 1)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    fs::rename(paths.packed(), paths.number(1))?;
    fs::remove_file(paths.waiting())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn unpacked(folder: &Path, number: u32) -> String {
        let file = File::open(folder.join(format!("otherdays/x.{number}.log.gz"))).unwrap();
        let mut text = String::new();
        flate2::read::GzDecoder::new(file).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn rolls_by_size_and_keeps_a_window() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("logs");
        let mut log = RollingFile::open(&folder, "x", 10, 2).unwrap();
        for line in ["first..\n", "second.\n", "third..\n", "fourth.\n"] {
            log.append(line.as_bytes()).unwrap();
        }
        log.finish();
        assert_eq!(fs::read_to_string(folder.join("x.log")).unwrap(), "fourth.\n");
        assert_eq!(unpacked(&folder, 1), "third..\n");
        assert_eq!(unpacked(&folder, 2), "second.\n");
        let mut names: Vec<_> = fs::read_dir(folder.join("otherdays"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["x.1.log.gz", "x.2.log.gz"]);
    }

    #[test]
    fn goes_on_where_the_last_process_stopped() {
        let dir = tempfile::tempdir().unwrap();
        let rolled = dir.path().join("otherdays");
        fs::create_dir(&rolled).unwrap();
        fs::write(rolled.join("x.log.rolling"), "old\n").unwrap();
        fs::write(dir.path().join("x.log"), "kept\n").unwrap();
        let mut log = RollingFile::open(dir.path(), "x", 100, 2).unwrap();
        log.append(b"new\n").unwrap();
        log.finish();
        assert_eq!(fs::read_to_string(dir.path().join("x.log")).unwrap(), "kept\nnew\n");
        assert_eq!(unpacked(dir.path(), 1), "old\n");
    }

    #[test]
    fn a_line_larger_than_the_file_may_be_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RollingFile::open(dir.path(), "x", 4, 1).unwrap();
        log.append(b"longer than four\n").unwrap();
        log.append(b"again\n").unwrap();
        log.finish();
        assert_eq!(unpacked(dir.path(), 1), "longer than four\n");
    }

    #[test]
    fn a_file_that_was_moved_away_comes_back() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = RollingFile::open(dir.path(), "x", 100, 1).unwrap();
        log.append(b"one\n").unwrap();
        fs::rename(dir.path().join("x.log"), dir.path().join("y.log")).unwrap();
        log.append(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(dir.path().join("x.log")).unwrap(), "two\n");
        assert_eq!(fs::read_to_string(dir.path().join("y.log")).unwrap(), "one\n");
    }
}
