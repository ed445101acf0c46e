//! What a server costs, from `/proc`, and standing still while the other one is measured.

use std::fs;

use anyhow::{Context, Result};
use compat_tests::cluster::Node;
use rustix::process::{Pid, Signal, kill_process};

/// Processor seconds (user and system) the process has used so far.
pub(crate) fn cpu_seconds(broker: &Node) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", broker.pid()?))?;
    let fields = stat.rsplit_once(')').context("stat")?.1;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("stat")?.parse()?) };
    Ok((ticks()? + ticks()?) / rustix::param::clock_ticks_per_second() as f64)
}

/// Stops a process until [`resume`], so that it takes nothing from the other one.
pub(crate) fn pause(broker: &Node) -> Result<()> {
    signal(broker, Signal::STOP)
}

/// Lets a paused process go on.
pub(crate) fn resume(broker: &Node) -> Result<()> {
    signal(broker, Signal::CONT)
}

fn signal(broker: &Node, signal: Signal) -> Result<()> {
    let pid = Pid::from_raw(i32::try_from(broker.pid()?)?).context("process number")?;
    Ok(kill_process(pid, signal)?)
}

/// Touches half of the machine's free memory once and gives it back. Where memory is handed to a
/// virtual machine on first touch, that costs more than anything measured here, and would fall on
/// whichever side comes first.
pub(crate) fn touch_memory() -> Result<()> {
    const TOUCHED_BYTES_MAX: usize = 8 << 30;
    const PAGE: usize = 4096;
    let info = fs::read_to_string("/proc/meminfo")?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib: usize = line.context("meminfo")?.trim().trim_end_matches("kB").trim().parse()?;
    let mut memory = vec![0u8; (kib * 1024 / 2).min(TOUCHED_BYTES_MAX)];
    memory.iter_mut().step_by(PAGE).for_each(|byte| *byte = 1);
    std::hint::black_box(&memory);
    Ok(())
}
