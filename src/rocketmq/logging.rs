//! RocketMQ's log files, fed from `tracing`.
//!
//! The target of an event is the name of the Java logger it belongs to (`RocketmqBroker`), or the
//! path of the module that logs (`store::flush`). [`files`] is the one table that says which file
//! a target goes to, in which format, and when that file rolls.
//!
//! Logging never holds up the one who logs: a line is formatted on its thread and put into a bounded
//! buffer; one thread writes. When the buffer is nearly full, lines below WARN are dropped, when it is
//! full all are; how many were is written as soon as there is room.

mod files;
mod format;
mod roll;
mod writer;

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use config::Env;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter::LevelFilter};

pub(crate) use files::{BROKER, LogFile, NAMESRV, TOOLS};
pub(crate) use writer::Guard;
use writer::Queue;

/// System property with the level, or with levels by logger: `debug`, `info,RocketmqStore=debug`.
const LEVEL_PROPERTY: &str = "rocketmq.log.level";
/// Variable for the same.
const LEVEL_VAR: &str = "ROCKETMQ_LOG";

/// The folder of the log files.
pub(crate) fn folder(env: &Env) -> PathBuf {
    Path::new(env.user_home()).join("logs/rocketmqlogs")
}

/// Opens the files, starts the writing thread and makes this the log of the process. What has not
/// been written when the guard drops is written then.
pub(crate) fn start(files: &'static [LogFile], env: &Env) -> std::io::Result<Guard> {
    let (queue, guard) = writer::start(files, &folder(env))?;
    let levels = levels(env.property_or_var(LEVEL_PROPERTY, LEVEL_VAR));
    let layer = FileLayer { files, queue };
    // An earlier log of this process stays; only tests could have made one.
    let _ = tracing_subscriber::registry().with(levels).with(layer).try_init();
    log_panics();
    Ok(guard)
}

/// A panic is a fault of ours: it goes to stderr as ever, and into the log.
fn log_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        tracing::error!("{info}");
    }));
}

/// The levels to log; INFO where nothing, or nothing readable, is said.
fn levels(text: Option<&str>) -> Targets {
    let given = text.map(str::trim).filter(|text| !text.is_empty());
    given
        .and_then(|text| match LevelFilter::from_str(text) {
            Ok(level) => Some(Targets::new().with_default(level)),
            Err(_) => Targets::from_str(text).ok(),
        })
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

/// Hands every event to the file of its target.
struct FileLayer {
    files: &'static [LogFile],
    queue: Arc<Queue>,
}

impl<S: Subscriber> Layer<S> for FileLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let meta = event.metadata();
        let place = files::place(self.files, meta.target());
        if let Some(file) = self.files.get(place) {
            format::with_line(file.format, event, |line| {
                self.queue.push(place, *meta.level(), line.as_bytes());
            });
        }
    }
}

#[cfg(test)]
mod tests;
