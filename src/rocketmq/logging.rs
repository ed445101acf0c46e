//! RocketMQ's log files, fed from `tracing`.
//!
//! The target of an event is the name of the Java logger it belongs to (`RocketmqBroker`), or the
//! path of the module that logs (`store::flush`). [`files`] is the one table that says which file
//! a target goes to, in which format, and when that file rolls. [`levels`] says what is logged;
//! that, and whether lines are text or JSON, can change while the server runs.
//!
//! Logging never holds up the one who logs: a line is formatted on its thread and put into a bounded
//! buffer; one thread writes. When the buffer is nearly full, lines below WARN are dropped, when it is
//! full all are; how many were is written as soon as there is room.

mod files;
mod format;
mod json;
mod levels;
#[cfg(test)]
mod page;
mod roll;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::{Env, JavaValue as _};
use observe::{LogFormat, ObserveConfig, OnChange};
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Context, SubscriberExt};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

pub(crate) use files::{BROKER, LogFile, NAMESRV, TOOLS};
use writer::{Guard, Queue};

/// System property with the level, or with levels by logger: `debug`, `info,RocketmqStore=debug`.
const LEVEL_PROPERTY: &str = "rocketmq.log.level";
/// Variable for the same.
const LEVEL_VAR: &str = "ROCKETMQ_LOG";
/// System property with the format of all lines: `text` or `json`.
const FORMAT_PROPERTY: &str = "rocketmq.log.format";
/// Variable for the same.
const FORMAT_VAR: &str = "ROCKETMQ_LOG_FORMAT";

/// The folder of the log files.
pub(crate) fn folder(env: &Env) -> PathBuf {
    Path::new(env.user_home()).join("logs/rocketmqlogs")
}

/// The log of this process. What has not been written when it drops is written then.
pub(crate) struct Log {
    control: Control,
    _guard: Guard,
}

/// Changes what is logged, and how.
#[derive(Clone)]
struct Control {
    levels: reload::Handle<Targets, Registry>,
    queue: Arc<Queue>,
    /// What holds where the settings say nothing.
    level_text: Option<String>,
    format: LogFormat,
}

/// Opens the files, starts the writing thread and makes this the log of the process.
pub(crate) fn start(
    files: &'static [LogFile],
    env: &Env,
    config: &ObserveConfig,
) -> std::io::Result<Log> {
    let (queue, guard) = writer::start(files, &folder(env))?;
    let (filter, levels) = reload::Layer::new(Targets::new());
    let format = env.property_or_var(FORMAT_PROPERTY, FORMAT_VAR).and_then(LogFormat::parse);
    let control = Control {
        levels,
        queue: Arc::clone(&queue),
        level_text: env.property_or_var(LEVEL_PROPERTY, LEVEL_VAR).map(str::to_owned),
        format: format.unwrap_or_default(),
    };
    control.apply(config);
    let layer = FileLayer { files, queue };
    // An earlier log of this process stays; only tests could have made one.
    let _ = tracing_subscriber::registry().with(filter).with(layer).try_init();
    log_panics();
    Ok(Log { control, _guard: guard })
}

impl Log {
    /// Follows changes of the settings.
    pub(crate) fn on_change(&self) -> OnChange {
        let control = self.control.clone();
        OnChange::new(move |config| control.apply(config))
    }
}

impl Control {
    fn apply(&self, config: &ObserveConfig) {
        let text = config.log_level.get().or(self.level_text.as_deref());
        // It fails only when the log is gone, and then there is nobody to tell.
        let _ = self.levels.reload(levels::parse(text));
        let format = match config.log_format {
            LogFormat::Unset => self.format,
            set => set,
        };
        self.queue.set_json(format == LogFormat::Json);
    }
}

/// A panic is a fault of ours: it goes to stderr as ever, and into the log.
fn log_panics() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        usual(info);
        tracing::error!("{info}");
    }));
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
            let shape = if self.queue.is_json() { None } else { Some(file.format) };
            format::with_line(shape, event, |line| {
                self.queue.push(place, *meta.level(), line.as_bytes());
            });
        }
    }
}

#[cfg(test)]
mod tests;
