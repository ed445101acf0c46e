//! What a server costs, from `/proc`, and standing still while the other one is measured.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use anyhow::{Context, Result};
use compat_tests::cluster::Node;
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};

/// Processor seconds (user and system) the process has used so far.
pub(crate) fn cpu_seconds(broker: &Node) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", broker.pid()?))?;
    let fields = stat.rsplit_once(')').context("stat")?.1;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("stat")?.parse()?) };
    Ok((ticks()? + ticks()?) / rustix::param::clock_ticks_per_second() as f64)
}

/// Lets this process and those it starts have as many connections as the system allows them.
pub(crate) fn allow_connections() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
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

/// Keeps the machine's memory in use, as that of a broker which has run for a day is: full of file
/// pages that can be taken for new ones. Where memory that is free belongs to somebody else, as on
/// many virtual machines, a page of it costs more on first touch than anything measured here, and
/// would fall on whichever side comes first.
pub(crate) struct Memory {
    /// Nothing but a hole: its pages are in memory only.
    file: File,
    filled: u64,
}

impl Memory {
    pub(crate) fn new() -> Result<Self> {
        /// More than is ever read of it.
        const FILE_BYTES: u64 = 1 << 40;
        let file = tempfile::tempfile()?;
        file.set_len(FILE_BYTES)?;
        Ok(Self { file, filled: 0 })
    }

    /// Fills what is free now.
    pub(crate) fn fill(&mut self) -> Result<()> {
        /// So much may be free: the system keeps some for itself.
        const FREE_MAX: u64 = 384 << 20;
        const STEP: usize = 1 << 20;
        let mut buffer = vec![0; STEP];
        // What is given back while it is filled counts again, but not for ever.
        for _ in 0..3 {
            let free = free_bytes()?;
            if free < FREE_MAX {
                break;
            }
            let end = self.filled + free;
            while self.filled < end {
                self.file.read_exact_at(&mut buffer, self.filled)?;
                self.filled += STEP as u64;
            }
        }
        Ok(())
    }
}

fn free_bytes() -> Result<u64> {
    let info = fs::read_to_string("/proc/meminfo")?;
    let line = info.lines().find_map(|line| line.strip_prefix("MemFree:"));
    let kib: u64 = line.context("meminfo")?.trim().trim_end_matches("kB").trim().parse()?;
    Ok(kib * 1024)
}
