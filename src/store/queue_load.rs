//! A consume queue as recovery has it: to itself, looked at without being mapped.

use std::io;
use std::path::Path;

use crate::error::StoreError;
use crate::format::ext;
use crate::format::queue_entry::{ENTRY_LEN, QueueEntry};
use crate::log_end::Extent;
use crate::mapped::{Changes, MappedFile, Reader, Run, remove_all};
use crate::queue_check::can_be_half;

const ENTRY: i64 = ENTRY_LEN as i64;
/// Files looked through for the newest message and the newest extension unit.
const LOOK_BACK: usize = 3;

/// The entries of one file, read one by one.
pub(crate) struct EntryFile {
    reader: Reader,
    pub(crate) count: usize,
}

impl EntryFile {
    /// All that are published.
    pub(crate) fn of(file: &MappedFile) -> io::Result<Self> {
        Ok(Self { reader: Reader::of(file)?, count: file.published() / ENTRY_LEN })
    }

    /// Those where anything was ever written: a look at the rest would fill memory with zeroes.
    fn with_data(file: &MappedFile) -> io::Result<Self> {
        let mut entries = Self::of(file)?;
        entries.count = entries.reader.written()?.div_ceil(ENTRY_LEN).min(entries.count);
        Ok(entries)
    }

    /// Those up to the first one that was never written.
    pub(crate) fn written(file: &MappedFile) -> io::Result<Self> {
        let mut entries = Self::with_data(file)?;
        entries.count = entries.first_not(QueueEntry::is_written)?;
        Ok(entries)
    }

    pub(crate) fn get(&mut self, number: usize) -> io::Result<QueueEntry> {
        let bytes = self.reader.read::<ENTRY_LEN>(number * ENTRY_LEN)?;
        QueueEntry::decode(&bytes).ok_or_else(|| io::ErrorKind::InvalidData.into())
    }

    /// The number of the first entry for which `holds` does not hold, where it holds for those
    /// before and for none behind.
    pub(crate) fn first_not(&mut self, holds: impl Fn(QueueEntry) -> bool) -> io::Result<usize> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low.midpoint(high);
            if holds(self.get(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// The first entry that is of a message.
    fn first_real(&mut self) -> io::Result<Option<QueueEntry>> {
        for number in 0..self.count {
            let entry = self.get(number)?;
            if !entry.is_filler() {
                return Ok(Some(entry).filter(|entry| entry.is_written()));
            }
        }
        Ok(None)
    }

    /// The nearest entry of a message before a number, and where that message lies.
    fn real_before(&mut self, number: usize) -> io::Result<Option<(usize, i64)>> {
        for number in (0..number).rev() {
            let entry = self.get(number)?;
            if !entry.is_filler() {
                return Ok(Some((number, entry.physical_offset)));
            }
        }
        Ok(None)
    }

    fn is_hole(&mut self, number: usize) -> io::Result<bool> {
        Ok(!self.get(number)?.is_written())
    }

    /// As [`before`](Self::before); what may be half an entry, `is_true` tells.
    fn true_before(
        &mut self,
        limit: i64,
        is_true: impl Fn(usize, QueueEntry) -> bool,
    ) -> io::Result<usize> {
        let count = self.before(limit)?;
        let Some(last) = count.checked_sub(1).filter(|last| can_be_half(*last)) else {
            return Ok(count);
        };
        let entry = self.get(last)?;
        Ok(if entry.is_filler() || is_true(last, entry) { count } else { last })
    }

    /// How many entries at the beginning are of messages before `limit`. Behind those anything may
    /// be: what was not on the disk when the power went may have reached it in part.
    fn before(&mut self, limit: i64) -> io::Result<usize> {
        let is_before = |entry: QueueEntry| entry.is_written() && entry.physical_offset < limit;
        let found = self.first_not(is_before)?;
        // The search is misled by entries that stand in for lost messages, and by half entries.
        let last = self.real_before(found)?;
        let misled = match last {
            Some((number, last)) => {
                let earlier = self.real_before(number)?;
                let hole = earlier.map_or(Ok(false), |(number, _)| self.is_hole(number))?;
                last >= limit || earlier.is_some_and(|(_, earlier)| hole || earlier >= last)
            }
            None => false,
        };
        if !misled {
            return Ok(found);
        }
        let mut last = -1;
        for number in 0..self.count {
            let entry = self.get(number)?;
            if !is_before(entry) || (!entry.is_filler() && entry.physical_offset <= last) {
                return Ok(number);
            }
            last = last.max(entry.physical_offset);
        }
        Ok(self.count)
    }
}

/// A queue with the newest message it knows.
#[derive(Debug)]
pub(crate) struct LoadedQueue {
    pub(crate) run: Run,
    /// Offset in bytes behind the last entry.
    pub(crate) end: i64,
    /// The next message must not get a queue offset below: messages that cannot be read any more
    /// had them.
    pub(crate) next_min: i64,
    pub(crate) max_physical: i64,
    pub(crate) max_ext_address: Option<i64>,
    has_ext: bool,
    /// Nothing is behind the end any more.
    is_cut: bool,
    /// The first file, emptied, where nothing in it was sure: most likely it is made again at once.
    pub(crate) spare: Option<MappedFile>,
}

impl LoadedQueue {
    /// Finds the end of the queue: the first entry never written.
    pub(crate) fn load(
        dir: &Path,
        file_len: usize,
        has_ext: bool,
        changes: &mut Changes,
    ) -> Result<Self, StoreError> {
        let mut run = Run::load(dir, file_len)?;
        // A file whose name was not on the disk yet when the power went.
        let hole = run.files().windows(2).find_map(|pair| match pair {
            [before, after] if before.end() != after.base() => Some(before.end()),
            _ => None,
        });
        if let Some(hole) = hole {
            remove_all(&run.cut(hole, true, changes)?, changes)?;
        }
        let mut end = run.files().first().map_or(0, MappedFile::base);
        for file in run.files().iter().rev() {
            let written = EntryFile::written(file).map_err(|e| read_error(file, e))?.count;
            if written > 0 {
                end = file.base() + written as i64 * ENTRY;
                break;
            }
        }
        let (max_physical, max_ext_address) = (-1, None);
        let mut queue = Self {
            run,
            end,
            next_min: 0,
            max_physical,
            max_ext_address,
            has_ext,
            is_cut: false,
            spare: None,
        };
        queue.look_back()?;
        Ok(queue)
    }

    /// Notes the newest message, and the newest extension unit.
    fn look_back(&mut self) -> Result<(), StoreError> {
        (self.max_physical, self.max_ext_address) = (-1, None);
        let files = self.run.files().iter().rev().filter(|file| file.base() < self.end);
        for file in files.take(LOOK_BACK) {
            let error = |e| read_error(file, e);
            let mut entries = EntryFile::of(file).map_err(error)?;
            let until = usize::try_from((self.end - file.base()) / ENTRY).unwrap_or(0);
            for number in (0..until.min(entries.count)).rev() {
                let entry = entries.get(number).map_err(error)?;
                if self.max_physical < 0 && !entry.is_filler() {
                    self.max_physical = entry.physical_offset;
                }
                if self.has_ext
                    && self.max_ext_address.is_none()
                    && ext::is_address(entry.tags_code)
                {
                    self.max_ext_address = Some(entry.tags_code);
                }
                if self.max_physical >= 0 && (!self.has_ext || self.max_ext_address.is_some()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// Takes out the entries of messages at or behind `limit`. Those that point into damage leave
    /// their queue offsets taken. `is_true` tells whether an entry is that of the message it points
    /// at, by its queue offset. `clean`: nothing is behind the end.
    pub(crate) fn cut_from(
        &mut self,
        limit: i64,
        damaged: &[Extent],
        is_true: impl Fn(i64, QueueEntry) -> bool,
        clean: bool,
        changes: &mut Changes,
    ) -> Result<(), StoreError> {
        if self.max_physical < limit && (clean || self.is_cut) {
            return self.cut(self.end, true, changes);
        }
        self.is_cut = true;
        let mut found = None;
        for file in self.run.files().iter().rev() {
            let error = |e| read_error(file, e);
            let mut entries = EntryFile::with_data(file).map_err(error)?;
            // The first entry lies within one sector, so it is whole or not there. One that stands
            // in for a lost message tells nothing.
            let first = entries.first_real().map_err(error)?;
            if first.is_none_or(|first| first.physical_offset >= limit) {
                continue;
            }
            let base = file.base();
            let is_true = |number, entry| is_true(base / ENTRY + number as i64, entry);
            let count = entries.true_before(limit, is_true).map_err(error)?;
            found = Some(base + count as i64 * ENTRY);
            break;
        }
        let first = self.run.files().first().map_or(0, MappedFile::base);
        let end = found.unwrap_or(first);
        if !damaged.is_empty() {
            self.note_taken(end, damaged)?;
        }
        if found.is_none() {
            // The queue begins where the log says, but never again with what it had.
            self.next_min = self.next_min.max(first / ENTRY);
            self.end = 0;
            self.empty(changes)?;
        } else {
            self.cut(end, false, changes)?;
        }
        self.look_back()
    }

    /// Keeps the first file for the next use, without anything in it, and deletes the others.
    fn empty(&mut self, changes: &mut Changes) -> Result<(), StoreError> {
        let mut files = self.run.take_all();
        let others = files.split_off(files.len().min(1));
        if let Some(mut first) = files.pop() {
            let path = first.path().to_path_buf();
            first.truncate(0).map_err(|e| StoreError::io("cut", &path, e))?;
            changes.note_file(&path);
            self.spare = Some(first);
        }
        remove_all(&others, changes)
    }

    fn note_taken(&mut self, from: i64, damaged: &[Extent]) -> Result<(), StoreError> {
        for file in self.run.files().iter().filter(|file| file.end() > from) {
            let error = |e| read_error(file, e);
            let mut entries = EntryFile::with_data(file).map_err(error)?;
            let first = usize::try_from((from - file.base()).max(0) / ENTRY).unwrap_or(0);
            for number in first..entries.count {
                let entry = entries.get(number).map_err(error)?;
                let offset = entry.physical_offset;
                if entry.is_written() && damaged.iter().any(|extent| extent.holds(offset)) {
                    self.next_min = file.base() / ENTRY + number as i64 + 1;
                }
                if !entry.is_written() {
                    break;
                }
            }
        }
        Ok(())
    }

    fn cut(&mut self, end: i64, clean: bool, changes: &mut Changes) -> Result<(), StoreError> {
        self.end = end;
        let clean = clean
            || match self.run.find(end) {
                Some((file, at)) => {
                    let zero = Reader::of(file).and_then(|reader| reader.is_zero_from(at));
                    zero.map_err(|e| read_error(file, e))?
                }
                None => true,
            };
        let behind = self.run.cut(end, clean, changes)?;
        remove_all(&behind, changes)
    }
}

fn read_error(file: &MappedFile, error: io::Error) -> StoreError {
    StoreError::io("read", file.path(), error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_sure_is_cut_whatever_stands_between() {
        let real = |offset| QueueEntry { physical_offset: offset, size: 100, tags_code: 0 };
        let none = QueueEntry { physical_offset: 0, size: 0, tags_code: 0 };
        let gap = QueueEntry::FILLER;
        let check = |entries: &[QueueEntry], limit, expected| {
            let dir = tempfile::tempdir().unwrap();
            let bytes: Vec<_> = entries.iter().flat_map(|entry| entry.encode()).collect();
            let mut file = bytes;
            file.resize(40 * ENTRY_LEN, 0);
            std::fs::write(dir.path().join("00000000000000000000"), file).unwrap();
            let mut cut = Changes::default();
            let mut queue = LoadedQueue::load(dir.path(), 40 * ENTRY_LEN, false, &mut cut).unwrap();
            queue.cut_from(limit, &[], |_, entry| entry.size == 100, false, &mut cut).unwrap();
            assert_eq!(queue.end, expected * ENTRY, "{entries:?}");
        };
        let many: Vec<_> = (0..30).map(|number| real(number * 100)).collect();
        for limit in 0..30 {
            check(&many, limit * 100, limit);
        }
        // Entries in place of lost messages look old and are not.
        let with_gap = [&many[..10], &[gap; 10], &many[20..]].concat();
        for limit in 1..10 {
            check(&with_gap, limit * 100, limit);
        }
        check(&with_gap, 2500, 25);
        // So do entries that reached the disk in part.
        let half = [&many[..10], &[none, real(0), real(5)], &many[13..]].concat();
        check(&half, 700, 7);
        check(&half, 1000, 10);
        check(&[gap, gap, gap, real(700), real(800)], 800, 4);
        check(&[gap, gap, real(700)], 700, 0);
        // An entry across two sectors of which one is there: it looks like that of an old message.
        let torn = |offset| QueueEntry { size: 0x6400, ..real(offset) };
        for behind in [&[][..], &[none; 3], &[real(2900); 3]] {
            check(&[&many[..25], &[torn(2450)], behind].concat(), 2600, 25);
        }
        // The search comes by it first, and nothing lies before.
        let alone = [&many[..10], &[none; 9], &[torn(2450)], &[none; 9], &[real(2900)]].concat();
        check(&alone, 2600, 10);
    }
}
