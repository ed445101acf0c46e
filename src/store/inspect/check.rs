//! Does everything fit together: log, consume queues, index.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;

use protocol::message::{MESSAGE_MAGIC, Message, at};
use protocol::sysflag;

use super::log::{LogFile, Piece, Progress, StorePlace, files, walk};
use crate::error::StoreError;
use crate::format::index::HEADER_LEN;
use crate::format::paths;
use crate::format::queue_entry::{ENTRY_LEN, QueueEntry};
use crate::format::{i32_at, i64_at};
use crate::mend::is_replacement;
use crate::queues::folders;

/// Findings of a kind that are told one by one.
const TOLD_MAX: usize = 20;

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// Bytes of the log that are no record, with records behind.
    Damage {
        /// Where they begin.
        from: i64,
        /// Where they end.
        to: i64,
    },
    /// Bytes at the end of the log that are no record.
    TornTail {
        /// Where they begin.
        from: i64,
        /// Where they end.
        to: i64,
    },
    /// An entry of a queue that leads to no record of that queue.
    Entry {
        /// Of the queue.
        topic: String,
        /// Of the queue.
        queue_id: i32,
        /// Of the entry in the queue.
        offset: i64,
        /// Where it leads.
        physical_offset: i64,
    },
    /// A message of the log that its queue does not know.
    Missing {
        /// Of the queue.
        topic: String,
        /// Of the queue.
        queue_id: i32,
        /// Of the message in the queue.
        offset: i64,
        /// Of the message in the log.
        physical_offset: i64,
    },
    /// A file that cannot be what it should be.
    BadFile {
        /// Which one.
        path: String,
        /// Why.
        reason: String,
    },
}

/// What a check found.
#[derive(Debug, Clone, Default)]
pub struct Report {
    /// Records of the log.
    pub messages: u64,
    /// Of these, those that stand where damage was.
    pub replaced: u64,
    /// Offset of the first byte of the log.
    pub begin: i64,
    /// Offset behind its last record.
    pub end: i64,
    /// Consume queues.
    pub queues: u64,
    /// Their entries.
    pub entries: u64,
    /// Index files.
    pub index_files: u64,
    /// What is wrong; of many alike the first only.
    pub findings: Vec<Finding>,
    /// How many there are in all.
    pub findings_total: u64,
}

impl Report {
    fn find(&mut self, finding: Finding) {
        self.findings_total += 1;
        let kind = std::mem::discriminant(&finding);
        let alike = self.findings.iter().filter(|each| std::mem::discriminant(*each) == kind);
        if alike.count() < TOLD_MAX {
            self.findings.push(finding);
        }
    }
}

/// Checks a store. What a running broker appends or dispatches meanwhile is not taken for a fault.
///
/// # Errors
/// A file cannot be read.
pub fn check(place: &StorePlace, progress: Progress<'_>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let live = place.is_in_use();
    let log = Log::open(place)?;
    report.begin = log.files.first().map_or(0, |(file, _)| file.base);
    let queues = Queues::open(place)?;
    // What comes after now is not looked for in the queues.
    let stop_at = if live { queues.newest()? } else { i64::MAX };
    report.end = walk(place, report.begin, progress, |piece| {
        match piece {
            Piece::Message(message) => {
                report.messages += 1;
                report.replaced += u64::from(is_replacement(&message));
                let queued = sysflag::message::is_queued(message.sys_flag);
                if queued && message.physical_offset <= stop_at && !queues.knows(&message) {
                    report.find(Finding::Missing {
                        topic: message.topic.to_owned(),
                        queue_id: message.queue_id,
                        offset: message.queue_offset,
                        physical_offset: message.physical_offset,
                    });
                }
            }
            Piece::Damage { from, to } => report.find(Finding::Damage { from, to }),
            // A running broker may be writing there.
            Piece::Tail { .. } if live => {}
            Piece::Tail { from, to } => report.find(Finding::TornTail { from, to }),
        }
        true
    })?;
    queues.check(&log, &mut report)?;
    check_index(place, &mut report)?;
    Ok(report)
}

/// The files of the log, open.
struct Log {
    files: Vec<(LogFile, File)>,
}

impl Log {
    fn open(place: &StorePlace) -> Result<Self, StoreError> {
        let opened = files(place.paths.commit_log())?.into_iter().map(|file| {
            let open = File::open(&file.path).map_err(|e| StoreError::io("open", &file.path, e))?;
            Ok((file, open))
        });
        Ok(Self { files: opened.collect::<Result<_, StoreError>>()? })
    }

    /// Whether the entry leads to a record of this queue and offset; one that was deleted counts.
    fn has(&self, entry: QueueEntry, queue_id: i32, offset: i64) -> io::Result<bool> {
        let physical = entry.physical_offset;
        if self.files.first().is_none_or(|(first, _)| physical < first.base) {
            return Ok(true);
        }
        let number = self.files.partition_point(|(file, _)| file.base <= physical);
        let Some((file, open)) = number.checked_sub(1).and_then(|number| self.files.get(number))
        else {
            return Ok(false);
        };
        let mut head = [0; at::PHYSICAL_OFFSET + 8];
        let position = u64::try_from(physical - file.base).unwrap_or(u64::MAX);
        match open.read_exact_at(&mut head, position) {
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(false),
            other => other?,
        }
        Ok(i32_at(&head, at::MAGIC) == Some(MESSAGE_MAGIC)
            && i32_at(&head, at::TOTAL_SIZE) == Some(entry.size)
            && i32_at(&head, at::QUEUE_ID) == Some(queue_id)
            && i64_at(&head, at::QUEUE_OFFSET) == Some(offset)
            && i64_at(&head, at::PHYSICAL_OFFSET) == Some(physical))
    }
}

/// The files of all queues.
struct Queues(BTreeMap<String, BTreeMap<i32, Vec<LogFile>>>);

impl Queues {
    fn open(place: &StorePlace) -> Result<Self, StoreError> {
        let mut topics: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (topic, dir) in folders(&place.paths.consume_queue())? {
            for (name, dir) in folders(&dir)? {
                let Some(queue_id) = paths::parse_queue_id(&name) else { continue };
                topics.entry(topic.clone()).or_default().insert(queue_id, files(&dir)?);
            }
        }
        Ok(Self(topics))
    }

    /// Whether the queue of a message leads to it.
    fn knows(&self, message: &Message<'_>) -> bool {
        let known = self.entry(message.topic, message.queue_id, message.queue_offset);
        known.is_some_and(|known| {
            known.physical_offset == message.physical_offset
                && usize::try_from(known.size) == Ok(message.encoded_len())
        })
    }

    fn entry(&self, topic: &str, queue_id: i32, offset: i64) -> Option<QueueEntry> {
        let files = self.0.get(topic)?.get(&queue_id)?;
        let byte = offset.checked_mul(ENTRY_LEN as i64)?;
        let number = files.partition_point(|file| file.base <= byte).checked_sub(1)?;
        let file = files.get(number)?;
        let mut bytes = [0; ENTRY_LEN];
        let open = File::open(&file.path).ok()?;
        open.read_exact_at(&mut bytes, u64::try_from(byte - file.base).ok()?).ok()?;
        QueueEntry::decode(&bytes)
    }

    /// Physical offset of the newest message that any queue knows.
    fn newest(&self) -> Result<i64, StoreError> {
        let mut newest = -1;
        for file in self.0.values().flat_map(BTreeMap::values).filter_map(|files| files.last()) {
            let last = read(file)?.into_iter().take_while(|entry| entry.is_written()).last();
            newest = newest.max(last.map_or(-1, |entry| entry.physical_offset));
        }
        Ok(newest)
    }

    fn check(&self, log: &Log, report: &mut Report) -> Result<(), StoreError> {
        for (topic, queues) in &self.0 {
            for (&queue_id, files) in queues {
                report.queues += 1;
                for file in files {
                    check_entries(topic, queue_id, file, log, report)?;
                }
            }
        }
        Ok(())
    }
}

fn check_entries(
    topic: &str,
    queue_id: i32,
    file: &LogFile,
    log: &Log,
    report: &mut Report,
) -> Result<(), StoreError> {
    let first = file.base / ENTRY_LEN as i64;
    let entries = read(file)?;
    let written = entries.into_iter().take_while(|entry| entry.is_written());
    for (offset, entry) in (first..).zip(written) {
        report.entries += 1;
        let known = entry.is_filler() || {
            let known = log.has(entry, queue_id, offset);
            known.map_err(|e| StoreError::io("check", &file.path, e))?
        };
        if !known {
            let (topic, physical_offset) = (topic.to_owned(), entry.physical_offset);
            report.find(Finding::Entry { topic, queue_id, offset, physical_offset });
        }
    }
    Ok(())
}

fn read(file: &LogFile) -> Result<Vec<QueueEntry>, StoreError> {
    let bytes = fs::read(&file.path).map_err(|e| StoreError::io("read", &file.path, e))?;
    Ok(crate::format::queue_entry::entries(&bytes).collect())
}

fn check_index(place: &StorePlace, report: &mut Report) -> Result<(), StoreError> {
    let dir = place.paths.index();
    let Ok(entries) = fs::read_dir(&dir) else { return Ok(()) };
    for entry in entries {
        let path = entry.map_err(|e| StoreError::io("list", &dir, e))?.path();
        report.index_files += 1;
        let mut head = [0; HEADER_LEN];
        let read = File::open(&path).and_then(|file| file.read_exact_at(&mut head, 0));
        let reason = match read {
            Err(error) => Some(error.to_string()),
            Ok(()) => match crate::format::index::Header::decode(&head) {
                None => Some("its header is damaged".to_owned()),
                Some(header) if header.end_offset > report.end => {
                    Some(format!("it knows messages up to {}", header.end_offset))
                }
                Some(_) => None,
            },
        };
        if let Some(reason) = reason {
            report.find(Finding::BadFile { path: path.display().to_string(), reason });
        }
    }
    Ok(())
}
