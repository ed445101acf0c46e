//! A file that is written in any order, by one owner: the index.

use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::map::Mapping;
use super::space;
use super::tap::tapped;

/// A mapped file without a tail. Writing takes `&mut self`, reading copies out: no slice of it
/// ever exists.
pub(crate) struct RandomFile {
    path: PathBuf,
    map: Mapping,
    /// Bytes below can be written, see [`MappedFile`](super::MappedFile::make_ready).
    ready: usize,
}

impl RandomFile {
    /// Creates the file at its full length, with blocks for the first `reserve` bytes.
    pub(crate) fn create(path: PathBuf, len: usize, reserve: usize) -> io::Result<Self> {
        let file = space::create(&path, len)?;
        let map = Mapping::of(&file, len)?;
        let mut new = Self { path, map, ready: 0 };
        if let Err(error) = new.make_ready(reserve) {
            // Nothing but an empty shell: it must not be found at the next start.
            let _ = std::fs::remove_file(&new.path);
            return Err(error);
        }
        Ok(new)
    }

    /// Opens a file of exactly `len` bytes. Which of them have blocks is not known: the writer
    /// reserves again.
    pub(crate) fn open(path: PathBuf, len: usize) -> io::Result<Self> {
        let file = space::open(&path)?;
        let actual = file.metadata()?.len();
        if actual != len as u64 {
            let text = format!("file has {actual} bytes, {len} expected");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let map = Mapping::of(&file, len)?;
        Ok(Self { path, map, ready: 0 })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that can be written.
    pub(crate) fn ready(&self) -> usize {
        self.ready
    }

    /// Makes the bytes below `to` writable.
    pub(crate) fn make_ready(&mut self, to: usize) -> io::Result<()> {
        let to = to.min(self.map.len());
        if to > self.ready {
            let file = space::open(&self.path)?;
            space::reserve(&file, self.ready, to)?;
            self.map.populate(self.ready, to)?;
            self.ready = to;
        }
        Ok(())
    }

    /// Copies `N` bytes out.
    pub(crate) fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        let end = at.checked_add(N).filter(|&end| end <= self.map.len())?;
        // SAFETY: writing takes `&mut self`, so nobody writes while this `&self` lives.
        unsafe { self.map.slice(at, end) }.first_chunk().copied()
    }

    /// Copies bytes in. The space must be ready.
    pub(crate) fn write(&mut self, at: usize, bytes: &[u8]) {
        assert!(at + bytes.len() <= self.ready, "space is made ready before it is written");
        // SAFETY: `&mut self` keeps everybody else away, and no slice of this file outlives the
        // call that made it.
        unsafe { self.map.write(at, bytes) };
    }

    /// Copies bytes over others that were written before; nothing is made ready for it.
    pub(crate) fn overwrite(&mut self, at: usize, bytes: &[u8]) -> io::Result<()> {
        space::open(&self.path)?.write_all_at(bytes, at as u64)
    }

    /// Writes everything to the disk and waits.
    pub(crate) fn sync(&self) -> io::Result<()> {
        let len = self.map.len();
        tapped(&self.path, 0..len, || self.map.sync(0, len))
    }

    /// Takes the file's name away.
    pub(crate) fn remove(&self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}
