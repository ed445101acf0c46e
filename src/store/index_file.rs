//! One index file, see [`crate::format::index`].

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{StoreError, is_disk_full};
use crate::format::index::{
    ENTRY_LEN, FIRST_ENTRY, HEADER_LEN, Header, IndexEntry, SLOT_LEN, Shape,
};
use crate::mapped::{RandomFile, page_up};

/// Bytes of entries reserved at once. Header and slots, which are hit at random, are reserved
/// with the file.
const RESERVE_STEP: usize = 1024 * 1024;

/// An open index file and its header.
pub(crate) struct IndexFile {
    file: RandomFile,
    shape: Shape,
    header: Header,
}

impl IndexFile {
    /// Makes a file that goes on where `before` stopped.
    pub(crate) fn create(path: PathBuf, shape: Shape, before: Option<Header>) -> io::Result<Self> {
        let file = RandomFile::create(
            path,
            shape.file_len(),
            page_up(shape.entries_at()).min(shape.file_len()),
        )?;
        let (time, offset) = before.map_or((0, 0), |h| (h.end_timestamp, h.end_offset));
        let header = Header {
            begin_timestamp: time.max(0),
            end_timestamp: time.max(0),
            begin_offset: offset.max(0),
            end_offset: offset.max(0),
            slot_count: 0,
            next_entry: FIRST_ENTRY,
        };
        let mut index = Self { file, shape, header };
        index.write_header();
        // 4.4.0 writes neither count before the first key; both read as their start values.
        index.file.write(HEADER_LEN - 8, &[0; 8]);
        Ok(index)
    }

    /// Opens a file; one of another shape, or with a count that cannot be, is an error.
    pub(crate) fn open(path: PathBuf, shape: Shape) -> Result<Self, StoreError> {
        let at = path.clone();
        let file = RandomFile::open(path, shape.file_len())
            .map_err(|e| StoreError::io("open index file", &at, e))?;
        let header = file.read::<HEADER_LEN>(0).and_then(|raw| Header::decode(&raw));
        match header {
            Some(header) if header.next_entry.unsigned_abs() <= shape.entries => {
                let mut index = Self { file, shape, header };
                index.drop_uncounted().map_err(|e| StoreError::io("write index file", &at, e))?;
                Ok(index)
            }
            _ => Err(StoreError::corrupt(&at, "the entry count is larger than the file")),
        }
    }

    /// Takes out the entry that a killed process wrote and did not count any more. The number is
    /// given again: a slot that still named it would lead into another slot's chain, and what that
    /// slot's own chain holds would not be found any more. 4.4.0 leaves it.
    fn drop_uncounted(&mut self) -> io::Result<()> {
        let number = self.header.next_entry;
        let Some(entry) = self.entry(number) else { return Ok(()) };
        let slot_at = self.shape.slot_at(entry.key_hash);
        if self.file.read(slot_at).map(i32::from_be_bytes) == Some(number) {
            self.file.overwrite(slot_at, &entry.previous.to_be_bytes())?;
        }
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(crate) fn header(&self) -> Header {
        self.header
    }

    /// Puts one key; `false` if the file is full.
    pub(crate) fn put(&mut self, hash: i32, offset: i64, store_timestamp: i64) -> io::Result<bool> {
        let number = self.header.next_entry;
        let Some(entry_at) = self.shape.entry_at(number) else { return Ok(false) };
        self.reserve(entry_at + ENTRY_LEN)?;
        let slot_at = self.shape.slot_at(hash);
        let previous = self.slot(slot_at);
        let entry = IndexEntry {
            key_hash: hash,
            physical_offset: offset,
            seconds: self.header.seconds_after_begin(store_timestamp),
            previous,
        };
        self.file.write(entry_at, &entry.encode());
        self.file.write(slot_at, &number.to_be_bytes());
        if number <= FIRST_ENTRY {
            self.header.begin_offset = offset;
            self.header.begin_timestamp = store_timestamp;
        }
        self.header.end_offset = offset;
        self.header.end_timestamp = store_timestamp;
        self.header.slot_count = self.header.slot_count.wrapping_add(1);
        self.header.next_entry = number + 1;
        self.write_header();
        Ok(true)
    }

    fn reserve(&mut self, to: usize) -> io::Result<()> {
        if to <= self.file.ready() {
            return Ok(());
        }
        match self.file.make_ready(page_up(to) + RESERVE_STEP) {
            Err(error) if is_disk_full(&error) => self.file.make_ready(page_up(to)),
            other => other,
        }
    }

    fn write_header(&mut self) {
        self.file.write(0, &self.header.encode());
    }

    /// The newest entry of a slot, 0 for none.
    fn slot(&self, at: usize) -> i32 {
        let value = self.file.read::<SLOT_LEN>(at).map_or(0, i32::from_be_bytes);
        if (FIRST_ENTRY..self.header.next_entry).contains(&value) { value } else { 0 }
    }

    fn entry(&self, number: i32) -> Option<IndexEntry> {
        let raw = self.file.read::<ENTRY_LEN>(self.shape.entry_at(number)?)?;
        IndexEntry::decode(&raw)
    }

    /// Adds the offsets of a key's messages stored within `begin..=end`, newest first, until `max`
    /// are found.
    pub(crate) fn find(&self, hash: i32, begin: i64, end: i64, max: usize, found: &mut Vec<i64>) {
        let mut number = self.slot(self.shape.slot_at(hash));
        // A damaged chain could run in a ring: no chain is longer than the file.
        for _ in FIRST_ENTRY..self.header.next_entry {
            if found.len() >= max {
                return;
            }
            let Some(entry) = self.entry(number).filter(|entry| entry.seconds >= 0) else { return };
            let after = i64::from(entry.seconds) * 1000;
            let time = self.header.begin_timestamp.saturating_add(after);
            if entry.key_hash == hash && (begin..=end).contains(&time) {
                found.push(entry.physical_offset);
            }
            let previous = entry.previous;
            let ends = previous < FIRST_ENTRY || previous >= self.header.next_entry;
            if ends || previous == number || time < begin {
                return;
            }
            number = previous;
        }
    }

    /// Messages from `log_end` on are new again. Entries of those that were there before stay: a
    /// look at the record tells that it is another one.
    pub(crate) fn lower_end(&mut self, log_end: i64) -> io::Result<()> {
        if self.header.end_offset > log_end {
            self.header.end_offset = log_end;
            self.file.make_ready(HEADER_LEN)?;
            self.write_header();
        }
        Ok(())
    }

    /// Writes everything to the disk.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }

    /// Deletes the file. A reader that has it finishes.
    pub(crate) fn remove(&self) -> io::Result<()> {
        self.file.remove()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two keys' slots in one file: a hash is its slot.
    const SHAPE: Shape = Shape { slots: 2, entries: 20 };

    fn found(index: &IndexFile, hash: i32) -> Vec<i64> {
        let mut found = Vec::new();
        index.find(hash, 0, i64::MAX, usize::MAX, &mut found);
        found
    }

    #[test]
    fn an_entry_that_was_not_counted_costs_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("20261123000000000");
        let mut index = IndexFile::create(path.clone(), SHAPE, None).unwrap();
        for (hash, offset) in [(0, 100), (1, 200), (0, 300)] {
            assert!(index.put(hash, offset, 1000).unwrap());
        }
        // Killed between the slot of the next entry and its count.
        let counted = index.header;
        assert!(index.put(0, 400, 1000).unwrap());
        index.header = counted;
        index.write_header();
        drop(index);

        let mut index = IndexFile::open(path, SHAPE).unwrap();
        assert_eq!(found(&index, 0), [300, 100]);
        // The number goes to another key this time.
        assert!(index.put(1, 400, 1000).unwrap());
        assert!(index.put(0, 500, 1000).unwrap());
        assert_eq!(found(&index, 0), [500, 300, 100]);
        assert_eq!(found(&index, 1), [400, 200]);
    }
}
