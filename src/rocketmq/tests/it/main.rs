//! The executable seen from outside, and the reference page of its settings.

mod command_line;
mod dashboard;
mod life;
mod logs;
mod metrics;
mod page;
mod papers;
mod program;
mod store_tool;
