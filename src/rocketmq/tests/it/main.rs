//! The executable seen from outside, and the reference page of its settings.

mod command_line;
mod life;
mod page;
mod papers;
mod program;
