//! The buffer between those who log and the one thread that writes.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tracing::Level;

use super::files::LogFile;
use super::roll::RollingFile;

/// Bytes that may wait to be written.
const WAITING_MAX: usize = 8 * 1024 * 1024;
/// Above this, lines below WARN are dropped.
const WAITING_BUSY: usize = WAITING_MAX / 5 * 4;
/// A buffer that has grown beyond this is given back.
const KEPT_MAX: usize = 256 * 1024;
/// Most bytes handed to a file at once, so that it rolls near its size.
const WRITE_MAX: usize = 1024 * 1024;

/// Lines waiting for the writing thread.
pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Condvar,
    /// Whether lines are JSON.
    json: AtomicBool,
}

#[derive(Default)]
struct State {
    /// One for each file of the table.
    buffers: Vec<Buffer>,
    bytes: usize,
    stopping: bool,
}

#[derive(Default)]
struct Buffer {
    lines: Vec<u8>,
    dropped: u64,
}

/// Ends the writing thread when dropped, after it has written everything.
pub(crate) struct Guard {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

/// Opens the files and starts the writing thread.
pub(crate) fn start(files: &'static [LogFile], folder: &Path) -> io::Result<(Arc<Queue>, Guard)> {
    let open =
        |file: &LogFile| RollingFile::open(folder, file.name, file.bytes_max, file.rolled_max);
    let opened = files.iter().map(open).collect::<io::Result<Vec<_>>>()?;
    let buffers = files.iter().map(|_| Buffer::default()).collect();
    let queue = Arc::new(Queue {
        state: Mutex::new(State { buffers, ..State::default() }),
        wake: Condvar::new(),
        json: AtomicBool::new(false),
    });
    let shared = Arc::clone(&queue);
    let thread = std::thread::Builder::new()
        .name("log-writer".to_owned())
        .spawn(move || write_all(&shared, opened))?;
    Ok((Arc::clone(&queue), Guard { queue, thread: Some(thread) }))
}

impl Queue {
    /// Takes one line for the file at `place`. Never waits for the disk.
    pub(crate) fn push(&self, place: usize, level: Level, line: &[u8]) {
        let mut state = self.lock();
        let limit = if level <= Level::WARN { WAITING_MAX } else { WAITING_BUSY };
        let fits = state.bytes + line.len() <= limit;
        let was_empty = state.bytes == 0;
        let Some(buffer) = state.buffers.get_mut(place) else { return };
        if !fits {
            buffer.dropped += 1;
            return;
        }
        buffer.lines.extend_from_slice(line);
        state.bytes += line.len();
        drop(state);
        if was_empty {
            self.wake.notify_one();
        }
    }

    /// Lines are JSON from now on, or text.
    pub(crate) fn set_json(&self, json: bool) {
        self.json.store(json, Ordering::Relaxed);
    }

    /// Whether lines are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.json.load(Ordering::Relaxed)
    }

    /// Swaps the waiting lines for empty buffers; false when it is time to end.
    fn take(&self, taken: &mut Vec<Buffer>) -> bool {
        let mut state = self.lock();
        while state.bytes == 0 && !state.stopping {
            state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        std::mem::swap(&mut state.buffers, taken);
        std::mem::take(&mut state.bytes) > 0
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.queue.lock().stopping = true;
        self.queue.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write_all(queue: &Queue, mut files: Vec<RollingFile>) {
    let mut buffers: Vec<_> = files.iter().map(|_| Buffer::default()).collect();
    let mut complained = false;
    while queue.take(&mut buffers) {
        for (file, buffer) in files.iter_mut().zip(&mut buffers) {
            if let Err(error) = write_one(file, buffer, queue.is_json())
                && !complained
            {
                // Once is enough: stderr may be a file on the same full disk.
                complained = true;
                let _ = writeln!(io::stderr(), "cannot write a log file: {error}");
            }
            buffer.lines.clear();
            buffer.lines.shrink_to(KEPT_MAX);
        }
    }
    files.iter_mut().for_each(RollingFile::finish);
}

fn write_one(file: &mut RollingFile, buffer: &mut Buffer, json: bool) -> io::Result<()> {
    let mut rest = buffer.lines.as_slice();
    while !rest.is_empty() {
        let end = whole_lines(rest);
        let (lines, more) = rest.split_at(end);
        file.append(lines)?;
        rest = more;
    }
    if buffer.dropped > 0 {
        let line = match (json, buffer.dropped) {
            (true, count) => format!("{{\"dropped\":{count}}}\n"),
            (false, count) => format!("({count} lines were dropped here)\n"),
        };
        file.append(line.as_bytes())?;
        buffer.dropped = 0;
    }
    Ok(())
}

/// How many bytes of whole lines to write at once.
fn whole_lines(lines: &[u8]) -> usize {
    let is_end = |byte: &u8| *byte == b'\n';
    let Some(window) = lines.get(..WRITE_MAX) else { return lines.len() };
    let ends = window.iter().rposition(is_end).or_else(|| lines.iter().position(is_end));
    ends.map_or(lines.len(), |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logging::files::BROKER;

    fn queue() -> Queue {
        let buffers = (0..2).map(|_| Buffer::default()).collect();
        Queue {
            state: Mutex::new(State { buffers, ..State::default() }),
            wake: Condvar::new(),
            json: AtomicBool::new(false),
        }
    }

    #[test]
    fn a_full_queue_drops_and_counts_instead_of_waiting() {
        let queue = queue();
        let line = vec![b'x'; 64 * 1024];
        for _ in 0..2 * WAITING_MAX / line.len() {
            queue.push(0, Level::INFO, &line);
        }
        let bytes = queue.lock().bytes;
        let dropped = queue.lock().buffers[0].dropped;
        assert!(bytes <= WAITING_BUSY && bytes > WAITING_BUSY - line.len());
        assert!(dropped > 0);
        queue.push(1, Level::ERROR, &line);
        assert_eq!(queue.lock().bytes, bytes + line.len());
        queue.push(9, Level::ERROR, &line);
    }

    #[test]
    fn everything_is_written_before_the_guard_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let (queue, guard) = start(BROKER, dir.path()).unwrap();
        for number in 0..1000 {
            queue.push(1, Level::INFO, format!("{number}\n").as_bytes());
        }
        drop(guard);
        let text = std::fs::read_to_string(dir.path().join("broker.log")).unwrap();
        assert_eq!(text.lines().count(), 1000);
        assert!(text.ends_with("\n999\n"));
        for file in BROKER {
            assert!(dir.path().join(format!("{}.log", file.name)).exists(), "{}", file.name);
        }
    }

    #[test]
    fn chunks_end_with_a_line() {
        let mut lines = vec![b'a'; WRITE_MAX - 2];
        lines.extend_from_slice(b"\nbcd\n");
        assert_eq!(whole_lines(&lines), WRITE_MAX - 1);
        let mut one = vec![b'a'; WRITE_MAX + 5];
        one.push(b'\n');
        assert_eq!(whole_lines(&one), one.len());
        assert_eq!(whole_lines(b"a\nb\n"), 4);
    }
}
