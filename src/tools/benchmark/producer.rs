//! `benchmark.Producer`: sends from many tasks at a time, as fast as it goes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use client::{ClientError, Message, Producer};
use parking_lot::Mutex;
use protocol::topic;

use super::stats::{Counts, Sample, mean, rate, report};
use super::{Ended, body, name_servers, number, options, settings, truth};
use crate::command::Opt;
use crate::quickstart::Environment;
use crate::text::now_ms;

pub(super) const OPTIONS: &[Opt] = &[
    Opt::value('w', "threadCount", "Sends at a time, 64 unless given"),
    Opt::value('s', "messageSize", "Bytes of a message, 128 unless given"),
    Opt::value('k', "keyEnable", "Whether messages have keys, false unless given"),
    Opt::value('t', "topic", "Topic, BenchmarkTest unless given"),
];

/// Pause of a task whose send failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(3);

/// What is counted.
const SENT: usize = 0;
const SEND_FAILED: usize = 1;
const RESPONSE_FAILED: usize = 2;
const TIME: usize = 3;
const TIME_MAX: usize = 4;
type Figures = Counts<5>;

/// Sends until `stop` is done.
///
/// # Errors
/// When there is no name server to ask, a value is no number, or `out` cannot be written.
pub async fn produce(
    environment: &Environment,
    words: &[String],
    mut out: impl Write,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Ended> {
    let Some(given) = options("benchmarkProducer", OPTIONS, words, &mut out)? else {
        return Ok(Ended::Usage);
    };
    let topic = given.value('t').map_or(topic::BENCHMARK, str::trim).to_owned();
    let tasks: usize = number(given.value('w'), 64)?;
    let size: usize = number(given.value('s'), 128)?;
    let keys = truth(given.value('k'));
    writeln!(out, "topic {topic} threadCount {tasks} messageSize {size} keyEnable {keys}")?;
    out.flush()?;
    let addrs = name_servers(given.value('n'), environment);
    let mut settings = settings("benchmark_producer", &addrs, &environment.connections);
    settings.instance_name = now_ms().to_string();
    settings.compress_from_bytes = usize::MAX;
    let producer = Arc::new(Producer::start(settings).await.context("start the producer")?);
    let counts = Figures::new();
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let (producer, counts) = (Arc::clone(&producer), Arc::clone(&counts));
        let message = Message::new(&topic, "", body(size));
        sending.spawn(async move { send_for_ever(&producer, &counts, &message, keys).await });
    }
    let out = Mutex::new(out);
    let ended = tokio::select! {
        ended = report(&counts, &out, line) => ended,
        () = stop => Ok(()),
    };
    sending.shutdown().await;
    producer.shutdown().await;
    ended.map(|()| Ended::Stopped)
}

async fn send_for_ever(producer: &Producer, counts: &Figures, message: &Message, keys: bool) {
    loop {
        let begun = now_ms();
        let sent = if keys {
            let key = (begun / 1000).to_string();
            producer.send(&message.clone().keys(&[&key])).await
        } else {
            producer.send(message).await
        };
        match sent {
            Ok(_) => {
                let took = now_ms() - begun;
                counts.add(SENT, 1);
                counts.add(TIME, took);
                counts.raise(TIME_MAX, took);
            }
            Err(error) => {
                let refused = matches!(error, ClientError::Refused { .. });
                counts.add(if refused { RESPONSE_FAILED } else { SEND_FAILED }, 1);
                tracing::error!(target: "RocketmqClient", %error, "[BENCHMARK_PRODUCER] Send Exception");
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

fn line(begin: &Sample<5>, end: &Sample<5>) -> String {
    format!(
        "Send TPS: {} Max RT: {} Average RT: {:7.3} Send Failed: {} Response Failed: {}",
        rate(begin, end, SENT),
        end.figures[TIME_MAX],
        mean(begin, end, TIME, SENT),
        end.figures[SEND_FAILED],
        end.figures[RESPONSE_FAILED]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_javas() {
        let begin = Sample { at_ms: 1000, figures: [0; 5] };
        let end = Sample { at_ms: 10_000, figures: [90_000, 1, 2, 100_000, 37] };
        let expected =
            "Send TPS: 10000 Max RT: 37 Average RT:   1.111 Send Failed: 1 Response Failed: 2";
        assert_eq!(line(&begin, &end), expected);
    }
}
