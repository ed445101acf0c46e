//! Looking at a store without opening it: nothing is locked, mapped or changed, so that a running
//! broker's store can be looked at, too.

mod check;
mod dump;
mod log;
mod repair;

pub use check::{Finding, Report, check};
pub use dump::{Wanted, dump};
pub use log::{Progress, StorePlace};
pub use repair::{Plan, plan, repair};
