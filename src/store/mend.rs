//! Damage in the middle of the log, taken out: what is no record is kept aside, and in its place
//! goes something that 4.4.0 takes for valid, so that recovery, ours or Java's, comes past it.
//!
//! Up to the next record of the file that is a rolled back message of the same length: it is in no
//! queue and in no index. Up to the file's end it is the blank record that ends every file.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use protocol::message::{BLANK_LEN, FIXED_LEN, Host, MESSAGE_MAGIC, Message, at, blank, body_crc};
use protocol::properties::Properties;
use protocol::sysflag;

use crate::error::StoreError;
use crate::format::paths::{Paths, offset_name};
use crate::format::{i32_at, i64_at};
use crate::log_end::Extent;
use crate::mapped::{MappedFile, Run, sync_dir, tapped};

/// Topic of the records that stand where damage was; a shorter one where there is no room.
const TOPIC: &str = "DAMAGED";
/// Longest of these records: 4.4.0 reads each into memory.
const PIECE: usize = 1024 * 1024;
/// Shortest of them.
const PIECE_MIN: usize = FIXED_LEN + 1;

/// Takes the damage out. `Some` is the first extent too small to be replaced, where the log must
/// be cut after all.
pub(crate) fn mend(
    run: &Run,
    damaged: &[Extent],
    paths: &Paths,
) -> Result<Option<Extent>, StoreError> {
    for extent in damaged {
        let Some((file, at)) = run.find(extent.from) else { continue };
        tracing::error!(
            from = extent.from,
            to = extent.to,
            file = %file.path().display(),
            "the commit log is damaged here, with records behind: what cannot be read is given up"
        );
        let Some(bytes) = replacement(file, *extent)? else { return Ok(Some(*extent)) };
        keep(file, *extent, paths)?;
        let open = OpenOptions::new().write(true).open(file.path());
        let written = open.and_then(|open| {
            open.write_all_at(&bytes, at as u64)?;
            tapped(file.path(), 0..file.len(), || open.sync_data())
        });
        written.map_err(|e| StoreError::io("mend", file.path(), e))?;
    }
    Ok(None)
}

/// Whether a record stands where damage was.
pub(crate) fn is_replacement(message: &Message<'_>) -> bool {
    message.sys_flag == sysflag::message::TRANSACTION_ROLLBACK
        && !message.topic.is_empty()
        && TOPIC.starts_with(message.topic)
        && message.properties.as_bytes().is_empty()
}

/// What to write over an extent.
fn replacement(file: &MappedFile, extent: Extent) -> Result<Option<Vec<u8>>, StoreError> {
    let len = usize::try_from(extent.to - extent.from).unwrap_or(0);
    if extent.to == file.end() {
        let left = i32::try_from(len).unwrap_or(i32::MAX);
        return Ok((len >= BLANK_LEN).then(|| blank(left).to_vec()));
    }
    if len < PIECE_MIN {
        return Ok(None);
    }
    let written = file.written().map_err(|e| StoreError::io("map", file.path(), e))?;
    let next = usize::try_from(extent.to - file.base()).unwrap_or(0);
    let behind = written.get(next..).unwrap_or_default();
    debug_assert_eq!(i32_at(behind, at::MAGIC), Some(MESSAGE_MAGIC), "a record follows");
    // 4.4.0 looks at the store time of a file's first record.
    let time = i64_at(behind, at::STORE_TIMESTAMP).unwrap_or(0);
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let left = len - bytes.len();
        let piece = if left < PIECE + PIECE_MIN { left } else { PIECE };
        filler(extent.from + bytes.len() as i64, piece, time, &mut bytes);
    }
    Ok(Some(bytes))
}

fn filler(offset: i64, len: usize, store_timestamp: i64, out: &mut Vec<u8>) {
    let room = len - FIXED_LEN;
    let topic = TOPIC.get(..room.min(TOPIC.len())).unwrap_or(TOPIC);
    let body = vec![0; room - topic.len()];
    let message = Message {
        body_crc: body_crc(&body),
        queue_id: 0,
        flag: 0,
        queue_offset: 0,
        physical_offset: offset,
        sys_flag: sysflag::message::TRANSACTION_ROLLBACK,
        born_timestamp: store_timestamp,
        born_host: Host::default(),
        store_timestamp,
        store_host: Host::default(),
        reconsume_times: 0,
        prepared_transaction_offset: 0,
        body: &body,
        topic,
        properties: Properties::new(b""),
    };
    message.encode(out);
}

/// Copies an extent before it is overwritten, as far as anything is in it.
fn keep(file: &MappedFile, extent: Extent, paths: &Paths) -> Result<(), StoreError> {
    let written = file.written().map_err(|e| StoreError::io("map", file.path(), e))?;
    let position = |offset: i64| usize::try_from(offset - file.base()).unwrap_or(0);
    let end = position(extent.to).min(written.len());
    set_copy_aside(written.get(position(extent.from)..end).unwrap_or_default(), extent.from, paths)
}

/// Writes bytes of the log that lay at `offset` to a file of their own.
pub(crate) fn set_copy_aside(bytes: &[u8], offset: i64, paths: &Paths) -> Result<(), StoreError> {
    let dir = paths.set_aside();
    make_dir(&dir)?;
    let copy = dir.join(offset_name(offset));
    let write = || -> io::Result<()> {
        let file = File::create(&copy)?;
        file.write_all_at(bytes, 0)?;
        tapped(&copy, 0..bytes.len(), || file.sync_all())?;
        sync_dir(&dir)
    };
    write().map_err(|e| StoreError::io("write", &copy, e))?;
    tracing::error!(copy = %copy.display(), bytes = bytes.len(), "damaged bytes were copied there");
    Ok(())
}

pub(crate) fn make_dir(dir: &Path) -> Result<(), StoreError> {
    fs::create_dir_all(dir).map_err(|e| StoreError::io("create", dir, e))
}

#[cfg(test)]
mod tests {
    use protocol::message::{Entry, read};

    use super::*;

    #[test]
    fn a_filler_of_any_length_is_a_record_that_is_in_no_queue() {
        for len in [PIECE_MIN, PIECE_MIN + 1, FIXED_LEN + TOPIC.len(), 200, 5000] {
            let mut bytes = Vec::new();
            filler(77, len, 5, &mut bytes);
            assert_eq!(bytes.len(), len);
            let Ok(Entry::Message(message)) = read(&bytes) else { panic!("no record of {len}") };
            assert!(message.check_body().is_ok() && is_replacement(&message), "{len}");
            assert!(!sysflag::message::is_queued(message.sys_flag));
            assert_eq!((message.physical_offset, message.store_timestamp), (77, 5));
        }
    }
}
