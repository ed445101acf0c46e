//! One event as a JSON object on one line.
//!
//! ```text
//! {"time":"2026-11-22T14:42:08.123Z","level":"INFO","logger":"RocketmqStore","thread":"main",
//!  "message":"flushed","fields":{"offset":7}}
//! ```

use std::fmt::{self, Write as _};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata};

use super::format::LINE_MAX;

/// Room that is kept for what stands around the texts.
const FRAME: usize = 1024;

/// Writes the object, without an end of line.
pub(super) fn write(event: &Event<'_>, now: Timestamp, line: &mut String) {
    head(event.metadata(), now, line);
    let mut parts = Parts::default();
    event.record(&mut parts);
    line.push_str(",\"message\":\"");
    line.push_str(&parts.message);
    line.push('"');
    if !parts.fields.is_empty() {
        let _ = write!(line, ",\"fields\":{{{}}}", parts.fields);
    }
    line.push('}');
}

fn head(meta: &Metadata<'_>, now: Timestamp, line: &mut String) {
    let thread = std::thread::current();
    let _ = write!(
        line,
        "{{\"time\":\"{now:.3}\",\"level\":\"{}\",\"logger\":\"{}\",\"thread\":\"",
        meta.level(),
        meta.target(),
    );
    let _ = Escaped(line).write_str(thread.name().unwrap_or("unnamed"));
    line.push('"');
}

/// Message and fields, both escaped; together they fit into a line.
#[derive(Default)]
struct Parts {
    message: String,
    fields: String,
}

impl Parts {
    /// Begins a field.
    fn key(&mut self, field: &Field) {
        if !self.fields.is_empty() {
            self.fields.push(',');
        }
        let _ = write!(self.fields, "\"{}\":", field.name());
    }

    fn text(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        if field.name() == "message" {
            let _ = Escaped(&mut self.message).write_fmt(value);
            return;
        }
        self.key(field);
        self.fields.push('"');
        let _ = Escaped(&mut self.fields).write_fmt(value);
        self.fields.push('"');
    }

    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.key(field);
        let _ = write!(self.fields, "{value}");
    }
}

impl Visit for Parts {
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.text(field, format_args!("{text}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.text(field, format_args!("{value:?}"));
    }
}

/// Escapes as JSON strings are, and ends the text where the line would get too long.
struct Escaped<'a>(&'a mut String);

impl fmt::Write for Escaped<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for c in text.chars() {
            if self.0.len() > (LINE_MAX - FRAME) / 2 {
                return Err(fmt::Error);
            }
            match c {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                // Those above U+001F could stand as they are, but some viewers obey them.
                c if c.is_control() => write!(self.0, "\\u{:04x}", u32::from(c))?,
                c => self.0.push(c),
            }
        }
        Ok(())
    }
}
