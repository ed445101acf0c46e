//! Delayed messages: on time, on every level at once.
//!
//! The case of the suite is small. With `DELAY_RATE` (messages a second and level) and
//! `DELAY_SECONDS` it measures a machine; docs/testing.md has the command.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use protocol::Command;
use protocol::message;
use protocol::requests::{PullMessage, SendMessageV2};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::harness::{Fixture, field, pull_header, send_header};

/// All of them are at work together; with short delays, for nobody wants to wait two hours.
const LEVELS: &str = "1s 2s 1s 2s 1s 2s 1s 2s 1s 2s 1s 2s 1s 2s 1s 2s 1s 2s";
/// Sends of a level go out together this often.
const TICK: Duration = Duration::from_millis(20);

fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn now_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis().try_into().unwrap()
}

/// Sends `rate` messages a second for `length`.
async fn send(fixture: &Fixture, level: usize, rate: u64, length: Duration) -> i64 {
    let topic = format!("Delay{level}");
    let properties = format!("DELAY\u{1}{level}\u{2}");
    let begun = Instant::now();
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut sent = 0;
    while begun.elapsed() < length {
        ticks.tick().await;
        let due = u64::try_from(begun.elapsed().as_millis()).unwrap() * rate / 1000 + 1;
        let header = SendMessageV2 {
            properties: Some(&properties),
            born_timestamp: now_ms(),
            ..send_header(&topic)
        };
        let calls = (sent..due).map(|_| fixture.call(Command::of(&header).unwrap().body("x")));
        for answer in join_all(calls).await {
            assert_eq!(answer.code, 0, "{answer:?}");
        }
        sent = due.max(sent);
    }
    sent.try_into().unwrap()
}

/// How late each message of a level came, in ms, by what its record says.
async fn lateness(fixture: &Fixture, level: usize, count: i64) -> Vec<i64> {
    let topic = format!("Delay{level}");
    fixture.filled(&topic, count).await;
    let mut late = Vec::new();
    let mut offset = 0;
    while offset < count {
        let header = PullMessage { queue_offset: offset, ..pull_header("g", &topic, offset) };
        let answer = fixture.request(&header).await;
        assert_eq!(answer.code, 0, "{answer:?}");
        for record in message::records(&answer.body) {
            let record = record.unwrap();
            let delay = if level % 2 == 1 { 1000 } else { 2000 };
            late.push(record.store_timestamp - record.born_timestamp - delay);
        }
        offset = field(&answer, "nextBeginOffset").parse().unwrap();
    }
    assert_eq!(late.len(), usize::try_from(count).unwrap(), "level {level}");
    late
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_level_delivers_on_time_while_all_are_busy() {
    let rate = from_env("DELAY_RATE", 50);
    let length = Duration::from_secs(from_env("DELAY_SECONDS", 2));
    let fixture = Fixture::with(|settings| {
        settings.store.message_delay_level = LEVELS.to_owned();
        settings.store.maped_file_size_commit_log = 256 * 1024 * 1024;
        settings.store.maped_file_size_consume_queue = 6_000_000;
    })
    .await;
    let levels: Vec<usize> = (1..=LEVELS.split(' ').count()).collect();
    let sent = join_all(levels.iter().map(|level| send(&fixture, *level, rate, length))).await;
    let mut late = Vec::new();
    for (level, count) in levels.iter().zip(&sent) {
        late.extend(lateness(&fixture, *level, *count).await);
    }
    late.sort_unstable();
    let at = |share: usize| late[(late.len() - 1) * share / 1000];
    let seen = format!(
        "{} messages at {rate}/s on each of {} levels: late by {} ms at least, {} half of them, \
         {} 99 %, {} 99.9 %, {} at most",
        late.len(),
        levels.len(),
        at(0),
        at(500),
        at(990),
        at(999),
        at(1000),
    );
    report(&seen);
    assert!(at(0) >= 0, "too early: {seen}");
    // A machine that is busy with other tests may stop for a while; half of them say enough.
    assert!(at(500) <= 100, "too late: {seen}");
    fixture.stop().await;
}

#[allow(clippy::print_stderr, reason = "shown by --nocapture to whoever measures")]
fn report(seen: &str) {
    eprintln!("{seen}");
}
