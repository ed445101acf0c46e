//! How far a long command is, for people.

use std::ops::Range;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar on stderr; nothing where nobody watches. It goes away when dropped.
pub(crate) struct Progress {
    bar: ProgressBar,
    start: i64,
}

impl Progress {
    /// A bar over a span of offsets.
    pub(crate) fn new(visible: bool, span: Range<i64>) -> Self {
        let length = u64::try_from(span.end - span.start).unwrap_or(0);
        let bar = if visible { ProgressBar::new(length) } else { ProgressBar::hidden() };
        if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len} {eta}") {
            bar.set_style(style);
        }
        Self { bar, start: span.start }
    }

    /// The offset reached.
    pub(crate) fn at(&self, offset: i64) {
        self.bar.set_position(u64::try_from(offset - self.start).unwrap_or(0));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
