//! Blocks on the disk, ahead of the bytes that will lie in them.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{FallocateFlags, SeekFrom};
use rustix::io::Errno;

use super::tap::tapped;

/// Writes of zeroes, where the file system cannot reserve, go in pieces of this size.
const ZEROES: usize = 64 * 1024;

/// Makes a file of `len` bytes for a mapping, all zero and without blocks. A file that is there
/// already is an error: its content would be taken for new.
pub(super) fn create(path: &Path, len: usize) -> io::Result<File> {
    let file = OpenOptions::new().read(true).write(true).create_new(true).open(path);
    let file = file.map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", path.display())))?;
    if let Err(error) = file.set_len(len as u64) {
        let _ = std::fs::remove_file(path);
        return Err(error);
    }
    Ok(file)
}

/// Opens an existing file for a mapping.
pub(super) fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(path)
}

/// Gives the bytes `from..to` of the file real blocks.
pub(super) fn reserve(file: &File, from: usize, to: usize) -> io::Result<()> {
    loop {
        let none = FallocateFlags::empty();
        return match rustix::fs::fallocate(file, none, from as u64, (to - from) as u64) {
            Ok(()) => Ok(()),
            Err(Errno::INTR) => continue,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeroes(file, from, to),
            Err(errno) => Err(errno.into()),
        };
    }
}

/// Makes the bytes `from..to` zero, giving their blocks back where possible.
pub(super) fn clear(file: &File, from: usize, to: usize) -> io::Result<()> {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    loop {
        return match rustix::fs::fallocate(file, flags, from as u64, (to - from) as u64) {
            Ok(()) => Ok(()),
            Err(Errno::INTR) => continue,
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => write_zeroes(file, from, to),
            Err(errno) => Err(errno.into()),
        };
    }
}

/// The next range at or behind `from` that may hold anything but zeroes.
pub(super) fn next_data(file: &File, from: usize) -> io::Result<Option<(usize, usize)>> {
    let start = match rustix::fs::seek(file, SeekFrom::Data(from as u64)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Ok(None),
        // A file system that does not know holes has none.
        Err(Errno::INVAL | Errno::OPNOTSUPP) => from as u64,
        Err(errno) => return Err(errno.into()),
    };
    let end = match rustix::fs::seek(file, SeekFrom::Hole(start)) {
        Ok(end) => end,
        Err(_) => file.metadata()?.len(),
    };
    let to_usize = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    Ok((start < end).then(|| (to_usize(start), to_usize(end))))
}

/// Bytes up to the last one that was ever written, as far as the file system tells.
pub(crate) fn written(file: &File) -> io::Result<usize> {
    let mut end = 0;
    while let Some((_, to)) = next_data(file, end)? {
        end = to;
    }
    Ok(end)
}

/// Writes zeroes the ordinary way, which fails with an error where a mapping would not.
pub(super) fn write_zeroes(file: &File, from: usize, to: usize) -> io::Result<()> {
    let zeroes = [0; ZEROES];
    let mut at = from;
    while at < to {
        let piece = (to - at).min(ZEROES);
        file.write_all_at(&zeroes[..piece], at as u64)?;
        at += piece;
    }
    Ok(())
}

/// Makes the names in a folder durable: files created, renamed or removed there.
pub(crate) fn sync_dir(dir: &Path) -> io::Result<()> {
    tapped(dir, 0..0, || File::open(dir)?.sync_all())
}
