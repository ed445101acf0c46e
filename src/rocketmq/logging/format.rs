//! From an event to the text of its line.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Write as _};

use jiff::Timestamp;
use jiff::tz::TimeZone;
use tracing::field::{Field, Visit};
use tracing::{Event, Metadata};

use super::files::Format;
use super::json;
use crate::launch::log_zone;

/// Longest line in bytes; what is beyond is cut, so that no peer can fill the disk with one event.
pub(super) const LINE_MAX: usize = 64 * 1024;

thread_local! {
    static LINE: RefCell<String> = const { RefCell::new(String::new()) };
    static SECOND: RefCell<(i64, String)> = const { RefCell::new((i64::MIN, String::new())) };
    /// Set while a line is formatted, so that a value that logs when shown cannot come back here.
    static BUSY: Cell<bool> = const { Cell::new(false) };
}

/// Formats the event and hands out its line, end included; without a format as JSON.
pub(crate) fn with_line(format: Option<Format>, event: &Event<'_>, write: impl FnOnce(&str)) {
    if BUSY.replace(true) {
        return;
    }
    LINE.with_borrow_mut(|line| {
        line.clear();
        match format {
            Some(format) => text(format, event, line),
            None => json::write(event, Timestamp::now(), line),
        }
        line.push('\n');
        write(line);
        if line.capacity() > LINE_MAX {
            *line = String::new();
        }
    });
    BUSY.set(false);
}

fn text(format: Format, event: &Event<'_>, line: &mut String) {
    head(format, event.metadata(), Timestamp::now(), line);
    let mut visitor = Fields { line: Clean(line), first: true, rest: String::new() };
    event.record(&mut visitor);
    let rest = std::mem::take(&mut visitor.rest);
    // Cleaned when it was collected.
    line.push_str(&rest);
}

fn head(format: Format, meta: &Metadata<'_>, now: Timestamp, line: &mut String) {
    match format {
        Format::Bare => return,
        Format::Client => {
            let time = now.to_zoned(local_zone()).strftime("%Y-%m-%d %H:%M:%S,%3f").to_string();
            let _ = write!(line, "{time} {} {}", meta.level(), meta.target());
        }
        Format::Full | Format::Time | Format::TimeLevel => push_time(now, line),
    }
    if matches!(format, Format::Full | Format::TimeLevel) {
        let _ = write!(line, " {}", meta.level());
    }
    if format == Format::Full {
        let thread = std::thread::current();
        let _ = write!(line, " {}", thread.name().unwrap_or("unnamed"));
    }
    line.push_str(" - ");
}

/// The time in whole seconds; its text is made once a second and thread.
fn push_time(now: Timestamp, line: &mut String) {
    SECOND.with_borrow_mut(|(second, text)| {
        if *second != now.as_second() {
            *second = now.as_second();
            text.clear();
            let zoned = now.to_zoned(log_zone());
            let _ = write!(text, "{}", zoned.strftime("%Y-%m-%d %H:%M:%S"));
        }
        line.push_str(text);
    });
}

fn local_zone() -> TimeZone {
    static ZONE: std::sync::OnceLock<TimeZone> = std::sync::OnceLock::new();
    ZONE.get_or_init(TimeZone::system).clone()
}

/// Writes the message at once and gathers the other fields to stand behind it.
struct Fields<'a> {
    line: Clean<'a>,
    first: bool,
    rest: String,
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let _ = if field.name() == "message" {
            self.first = false;
            self.line.write_fmt(value)
        } else {
            let blank = if self.first && self.rest.is_empty() { "" } else { " " };
            write!(Clean(&mut self.rest), "{blank}{}={value}", field.name())
        };
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, format_args!("{value}"));
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(Clean(&mut self.rest), ": {error}");
            cause = error.source();
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

/// Keeps control characters, and so made-up lines, out of the log, and the line within its limit.
struct Clean<'a>(&'a mut String);

impl fmt::Write for Clean<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.0.len() + text.len() > LINE_MAX {
            let room = LINE_MAX.saturating_sub(self.0.len());
            let cut = text.floor_char_boundary(room);
            if cut > 0 {
                self.write_str(&text[..cut])?;
            }
            return Err(fmt::Error);
        }
        let mut rest = text;
        while let Some(at) = rest.find(|c: char| c.is_control() && c != '\t') {
            let (plain, odd) = rest.split_at(at);
            self.0.push_str(plain);
            let mut chars = odd.chars();
            match chars.next() {
                Some('\n') => self.0.push_str("\\n"),
                Some('\r') => self.0.push_str("\\r"),
                Some(c) => write!(self.0, "\\u{{{:x}}}", u32::from(c))?,
                None => {}
            }
            rest = chars.as_str();
        }
        self.0.push_str(rest);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clean(text: &str) -> String {
        let mut out = String::new();
        let _ = Clean(&mut out).write_str(text);
        out
    }

    #[test]
    fn control_characters_are_shown_not_sent() {
        assert_eq!(clean("a\tb\nc\r\u{1b}[31mé"), "a\tb\\nc\\r\\u{1b}[31mé");
    }

    #[test]
    fn long_lines_are_cut_at_a_letter() {
        let text = "é".repeat(LINE_MAX);
        let out = clean(&text);
        assert!(out.len() <= LINE_MAX && out.len() > LINE_MAX - 4);
        assert!(out.chars().all(|c| c == 'é'));
    }

    #[test]
    fn time_is_gmt_plus_8_in_seconds() {
        let mut line = String::new();
        push_time(Timestamp::UNIX_EPOCH, &mut line);
        push_time(Timestamp::from_millisecond(999).unwrap(), &mut line);
        push_time(Timestamp::from_millisecond(1000).unwrap(), &mut line);
        assert_eq!(line, "1970-01-01 08:00:001970-01-01 08:00:001970-01-01 08:00:01");
    }
}
