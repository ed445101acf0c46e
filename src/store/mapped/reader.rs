//! Reading a file without mapping it: for looks into many files, few bytes each.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::file::MappedFile;
use super::space;

/// Bytes read at once.
const BLOCK: usize = 4000;

/// A file open for reading, with the block that was read last.
pub(crate) struct Reader {
    file: File,
    len: usize,
    block: Vec<u8>,
    block_at: usize,
}

impl Reader {
    /// Opens the file for a look at its published bytes.
    pub(crate) fn of(file: &MappedFile) -> io::Result<Self> {
        let open = File::open(file.path())?;
        Ok(Self { file: open, len: file.published(), block: Vec::new(), block_at: 0 })
    }

    /// Bytes up to the last one that was ever written.
    pub(crate) fn written(&self) -> io::Result<usize> {
        Ok(space::written(&self.file)?.min(self.len))
    }

    /// The `N` bytes at `at`; zeroes where the file ends.
    pub(crate) fn read<const N: usize>(&mut self, at: usize) -> io::Result<[u8; N]> {
        const { assert!(BLOCK.is_multiple_of(N), "no piece lies in two blocks") };
        let block_at = at / BLOCK * BLOCK;
        if self.block.is_empty() || self.block_at != block_at {
            self.block.resize(BLOCK, 0);
            let read = self.fill(block_at)?;
            self.block.truncate(read);
            self.block_at = block_at;
        }
        let mut piece = [0; N];
        let from = at - block_at;
        let here = self.block.get(from..(from + N).min(self.block.len())).unwrap_or_default();
        piece[..here.len()].copy_from_slice(here);
        Ok(piece)
    }

    fn fill(&mut self, at: usize) -> io::Result<usize> {
        let want = BLOCK.min(self.len.saturating_sub(at));
        let mut done = 0;
        while let Some(rest) = self.block.get_mut(done..want).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, (at + done) as u64) {
                Ok(0) => break,
                Ok(more) => done += more,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(done)
    }

    /// Whether there is nothing but zeroes from `at` on.
    pub(crate) fn is_zero_from(&self, at: usize) -> io::Result<bool> {
        let mut buffer = [0; BLOCK];
        let mut at = at;
        while let Some((from, to)) = space::next_data(&self.file, at)? {
            at = from.max(at);
            while at < to {
                let piece = (to - at).min(BLOCK);
                let read = self.file.read_at(&mut buffer[..piece], at as u64)?;
                if read == 0 {
                    return Ok(true);
                }
                if buffer[..read].iter().any(|byte| *byte != 0) {
                    return Ok(false);
                }
                at += read;
            }
        }
        Ok(true)
    }
}
