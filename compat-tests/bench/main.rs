//! Java 4.4.0 and ours side by side: the same raw load on one and the other in turn, in one run.
//!
//! `scripts/bench.sh` builds and runs it; `--help` lists the options.
#![allow(clippy::print_stdout, clippy::print_stderr)]

use std::collections::HashMap;
use std::net::TcpStream;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use compat_tests::backend::{Backend, our_binary};
use compat_tests::cluster::Cluster;

mod load;
mod process;
mod received;
mod report;
mod side;
mod work;

use load::{Outcome, Pace, Template};
use process::Memory;
use report::{Report, Sample};
use side::Side;
use work::{Filter, ROWS, Row, SETTINGS, Setting, Work};

const BACKENDS: [Backend; 2] = [Backend::Java, Backend::Ours];
struct Options {
    rows: Vec<Row>,
    rounds: usize,
    seconds: f64,
    warm_up: f64,
    starts: usize,
    port: Option<u16>,
}

const USAGE: &str = "\
usage: bench [--only NAME,NAME] [--rounds N] [--seconds S] [--warm-up S] [--starts N]
  --only     rows to measure (all); names are printed with --list
  --rounds   times each row is measured on each side, alternately (3)
  --seconds  length of one measurement (5)
  --warm-up  length of the load before the first one (15)
  --starts   cold starts measured on each side (3)
  --port     load the broker that listens there, whatever it is, and print what was reached: for
             profiling";

fn main() -> Result<()> {
    let Some(options) = parse(std::env::args().skip(1))? else {
        return Ok(());
    };
    process::allow_connections()?;
    if let Some(port) = options.port {
        return load_only(port, &options);
    }
    // Built before anything is timed.
    our_binary()?;
    let mut memory = Memory::new()?;
    memory.fill()?;
    let mut report = Report::default();
    for backend in BACKENDS {
        for _ in 0..options.starts {
            report.start(backend, measure_start(backend)?);
        }
    }
    for setting in SETTINGS {
        let rows = options.rows.iter().filter(|row| row.work.setting() == setting);
        let rows: Vec<Row> = rows.copied().collect();
        measure(&rows, &options, setting, &mut report, &mut memory)?;
    }
    println!("{}", report.markdown());
    Ok(())
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Option<Options>> {
    let mut options = Options {
        rows: ROWS.to_vec(),
        rounds: 3,
        seconds: 5.0,
        warm_up: 15.0,
        starts: 3,
        port: None,
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().with_context(|| format!("{word} wants a value\n{USAGE}"));
        match word.as_str() {
            "--only" => {
                let names = value()?;
                let chosen = names.split(',').map(|name| {
                    let row = ROWS.iter().find(|row| row.name == name);
                    row.copied().with_context(|| format!("no row {name}, see --list"))
                });
                options.rows = chosen.collect::<Result<_>>()?;
            }
            "--rounds" => options.rounds = value()?.parse()?,
            "--seconds" => options.seconds = value()?.parse()?,
            "--warm-up" => options.warm_up = value()?.parse()?,
            "--starts" => options.starts = value()?.parse()?,
            "--port" => options.port = Some(value()?.parse()?),
            "--list" => {
                ROWS.iter().for_each(|row| println!("{}", row.name));
                return Ok(None);
            }
            "-h" | "--help" => {
                println!("{USAGE}");
                return Ok(None);
            }
            other => bail!("unknown option {other}\n{USAGE}"),
        }
    }
    Ok(Some(options))
}

/// Loads a broker that somebody else started and watches.
fn load_only(port: u16, options: &Options) -> Result<()> {
    for row in &options.rows {
        let pace = Pace { window: row.window, rate: None };
        let length = Duration::from_secs_f64(options.seconds);
        let templates = row.work.templates(port)?;
        let _idle = idle_connections(port, row.work)?;
        let outcome = perform(port, row.work, &templates, pace, length)?;
        let messages = outcome.requests as f64 * row.work.messages();
        let rate = messages / outcome.elapsed.as_secs_f64();
        println!("{:14} {rate:9.0} msg/s p99.9 {} us", row.name, outcome.percentile(0.999));
    }
    Ok(())
}

/// Does the work for a time.
fn perform(
    port: u16,
    work: Work,
    templates: &[Template],
    pace: Pace,
    length: Duration,
) -> Result<Outcome> {
    match work {
        Work::Received(rate) => received::run(port, rate.into(), length),
        _ => load::run(port, templates, pace, length),
    }
}

/// The connections of a work that do nothing.
fn idle_connections(port: u16, work: Work) -> Result<Vec<TcpStream>> {
    let count = if let Work::Idle(count) = work { count } else { 0 };
    let open = || TcpStream::connect(("127.0.0.1", port)).context("open idle connections");
    (0..count).map(|_| open()).collect()
}

/// From the start of the process on an empty store to the first acknowledged message.
fn measure_start(backend: Backend) -> Result<Duration> {
    let mut cluster = Side::start(backend, Setting::Plain)?.cluster;
    cluster.broker.kill()?;
    std::fs::remove_dir_all(cluster.broker.store())?;
    let templates = Work::Send(128).templates(cluster.broker.port)?;
    let started = Instant::now();
    cluster.broker.spawn(backend)?;
    let one = Pace { window: 1, rate: None };
    let deadline = started + Duration::from_secs(60);
    let accepted = || {
        let outcome = load::run(cluster.broker.port, &templates, one, Duration::ZERO);
        outcome.is_ok_and(|outcome| outcome.requests > 0)
    };
    while !accepted() {
        if Instant::now() > deadline {
            bail!("no message accepted after 60 s\n{}", cluster.logs());
        }
        std::thread::sleep(Duration::from_micros(500));
    }
    Ok(started.elapsed())
}

/// Measures rows on both sides alternately; the side that waits is stopped meanwhile.
fn measure(
    rows: &[Row],
    options: &Options,
    setting: Setting,
    report: &mut Report,
    memory: &mut Memory,
) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let mut sides = Vec::new();
    for backend in BACKENDS {
        let side = Side::start(backend, setting)?;
        let warm = side.resume().and_then(|()| warm_up(&side.cluster, options));
        warm.with_context(|| side.cluster.logs())?;
        side.pause()?;
        sides.push(side);
    }
    let mut java_rate: HashMap<usize, f64> = HashMap::new();
    for row in rows {
        for round in 0..options.rounds {
            for side in &sides {
                let cluster = &side.cluster;
                memory.fill()?;
                side.resume()?;
                let rate = if row.paced { java_rate.get(&bytes(row.work)).copied() } else { None };
                if row.paced && rate.is_none() {
                    bail!("{} needs the row it is paced by, before it", row.name);
                }
                let pace = Pace { window: row.window, rate: rate.map(|rate| rate / 2.0) };
                let sample = one_sample(cluster, row, pace, options.seconds)
                    .with_context(|| format!("{} on {}", row.name, cluster.backend.name()))
                    .with_context(|| cluster.logs())?;
                if cluster.backend == Backend::Java && !row.paced {
                    let best = java_rate.entry(bytes(row.work)).or_default();
                    *best = best.max(sample.per_second);
                }
                eprintln!("{:14} round {round} {:5} {sample}", row.name, cluster.backend.name());
                report.sample(row.name, cluster.backend, sample);
                side.pause()?;
            }
        }
    }
    sides.iter_mut().try_for_each(Side::kill)
}

/// Works of the same size share their rate.
fn bytes(work: Work) -> usize {
    match work {
        Work::Send(bytes) => bytes,
        _ => 0,
    }
}

/// Loads a broker until its compiler has seen the hot paths; leaves messages to pull.
fn warm_up(cluster: &Cluster, options: &Options) -> Result<()> {
    let length = Duration::from_secs_f64(options.warm_up / 3.0);
    for (work, window) in
        [(Work::Send(128), 256), (Work::Send(1024), 256), (Work::Pull(Filter::None), 16)]
    {
        let templates = work.templates(cluster.broker.port)?;
        load::run(cluster.broker.port, &templates, Pace { window, rate: None }, length)?;
    }
    Ok(())
}

fn one_sample(cluster: &Cluster, row: &Row, pace: Pace, seconds: f64) -> Result<Sample> {
    let broker = &cluster.broker;
    if matches!(row.work, Work::Pull(_)) {
        // What is pulled was sent just now, and is the same on both sides.
        let templates = Work::Send(128).templates(broker.port)?;
        let fill = Pace { window: 256, rate: None };
        load::run(broker.port, &templates, fill, Duration::from_secs(2))?;
        std::thread::sleep(Duration::from_millis(500));
    }
    let templates = row.work.templates(broker.port)?;
    let _idle = idle_connections(broker.port, row.work)?;
    let before = process::cpu_seconds(broker)?;
    let length = Duration::from_secs_f64(seconds);
    let outcome = perform(broker.port, row.work, &templates, pace, length)?;
    let cpu = process::cpu_seconds(broker)? - before;
    let messages = outcome.requests as f64 * row.work.messages();
    Ok(Sample {
        per_second: messages / outcome.elapsed.as_secs_f64(),
        per_cpu_second: messages / cpu.max(0.01),
        refused: outcome.refused as f64,
        p50_us: outcome.percentile(0.5),
        p99_us: outcome.percentile(0.99),
        p999_us: outcome.percentile(0.999),
        memory_bytes: broker.anonymous_memory()? as f64,
    })
}
