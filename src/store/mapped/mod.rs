//! Files mapped into memory: the only room with `unsafe`.
//!
//! The invariant everything else builds on: **bytes below a file's published mark never change
//! while the file is shared**. [`Tail`] is the one writer of a file and writes at and above the
//! mark only; [`Slice`] is handed out for bytes below it only. A slice owns its mapping, so a file
//! that was deleted stays readable for those who are still at it.
//!
//! Space is made ready before it is written (see [`MappedFile::make_ready`]): a page without a
//! block behind it would kill the process with SIGBUS on a full disk, a failed reservation is an
//! error.
#![allow(unsafe_code, reason = "memory maps; every block says why it is sound")]

mod disk;
mod file;
mod map;
mod random;
mod reader;
mod segments;
mod space;
mod tap;

pub(crate) use disk::{Changes, Disk};
pub(crate) use file::{MappedFile, Slice, Tail};
pub(crate) use map::mappings;
pub(crate) use map::prefetch;
pub(crate) use random::RandomFile;
pub(crate) use reader::Reader;
pub(crate) use segments::{Run, Segments, is_retired, list, remove_all};
pub(crate) use space::{sync_dir, written};
pub(crate) use tap::tapped;

/// Granularity of mappings and of reservations.
pub(crate) const PAGE: usize = 4096;

/// The next multiple of [`PAGE`].
pub(crate) const fn page_up(at: usize) -> usize {
    at.div_ceil(PAGE) * PAGE
}
