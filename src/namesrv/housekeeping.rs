//! What runs by the clock: the search for silent brokers, the printing of the configuration.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;

use crate::state::State;

const SCAN_FIRST: Duration = Duration::from_secs(5);
const SCAN_PERIOD: Duration = Duration::from_secs(10);
const PRINT_FIRST: Duration = Duration::from_secs(60);
const PRINT_PERIOD: Duration = Duration::from_secs(600);

/// Runs until `stop`; nothing in it can fail, and nothing is left to finish when it stops.
pub(crate) async fn run(state: Arc<State>, stop: CancellationToken) {
    let mut scan = ticks(SCAN_FIRST, SCAN_PERIOD);
    let mut print = ticks(PRINT_FIRST, PRINT_PERIOD);
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            _ = scan.tick() => state.expire(),
            _ = print.tick() => state.kv.print(),
        }
    }
}

fn ticks(first: Duration, period: Duration) -> tokio::time::Interval {
    let mut ticks = interval_at(Instant::now() + first, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
