//! The disk and nothing else: commit log, consume queues, index, and what keeps them safe.
//!
//! A [`Store`] is one folder in the layout of RocketMQ 4.4.0, byte for byte, so that a Java broker
//! can open it and the reverse. It takes messages ([`Store::append`]), hands them out as slices of
//! its mapped files ([`Store::read`]), and tells how far it got by four [`Watermark`]s:
//! `appended`, `flushed`, `dispatched`, `replicated`. Its threads are its own; there is no async
//! runtime in here, though watermarks can be awaited from one.
//!
//! It knows neither clients nor requests nor groups: topics are names of folders to it.
//!
//! ```text
//! format/   what bytes mean        pure
//! mapped/   files in memory        the only unsafe
//! commit_log, consume_queue, queue_ext, index_file    one kind of file each
//! queues, index                    all of a kind
//! queue_load, queue_check          a queue as recovery has it
//! put, read, query                 what callers do
//! dispatch, flush, ahead, clean    what threads do
//! replicate/                        two state machines, and what they need of the log
//! recover, log_end, mend, open     how it comes up
//! inspect/                         looking at a store without opening it
//! ```

mod ahead;
mod arrival;
mod boot;
mod checkpoint;
mod clean;
mod clock;
mod commit_log;
pub mod config;
mod consume_queue;
mod delay;
#[cfg(test)]
mod device;
mod dispatch;
mod error;
mod flush;
pub mod format;
mod index;
mod index_file;
mod inner;
pub mod inspect;
mod lock;
mod log_end;
mod mapped;
mod mend;
mod open;
mod put;
mod query;
mod queue_check;
mod queue_ext;
mod queue_load;
mod queues;
mod read;
mod recover;
mod replace;
pub mod replicate;
mod stats;
mod store;
mod threads;
mod watermark;

pub use arrival::{Arrival, ArrivalListener, MessageFilter};
pub use clean::DiskUsage;
pub use clock::{Clock, SystemClock};
pub use config::{BrokerRole, FlushDiskType, StoreConfig};
pub use delay::{DelayLevels, level_of_queue, queue_of_level};
pub use error::{AppendError, Illegal, NotWritable, StoreError};
pub use format::ext::ExtUnit;
pub use format::queue_entry::QueueEntry;
pub use put::{Appended, AppendedBatch, NewMessage};
pub use query::QueryResult;
pub use read::{ReadResult, ReadStatus};
pub use replace::replace_file;
pub use stats::Stats;
pub use store::Store;
pub use watermark::{Closed, WaitFor, Waited, Watermark};
