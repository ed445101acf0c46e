//! `benchmark.TransactionProducer`: sends half messages and ends them, or leaves that to the
//! broker's questions.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use client::{Message, Producer, ProducerBuilder, TransactionState};
use parking_lot::Mutex;
use protocol::topic;

use super::stats::{Counts, Sample, mean, rate, report};
use super::{Ended, body, number, settings, truth};
use crate::quickstart::Environment;
use crate::text::now_ms;

/// Pause of a task whose send failed; 4.4.0 tries again at once.
const FAILURE_PAUSE: Duration = Duration::from_millis(100);
/// Queues of the topic if it has to be made.
const TOPIC_QUEUES: i32 = 1000;

/// What is counted.
const SENT: usize = 0;
const SEND_FAILED: usize = 1;
const TIME: usize = 2;
const TIME_MAX: usize = 3;
const CHECKED: usize = 4;
type Figures = Counts<5>;

/// Sends until `stop` is done. The words are: tasks (32), bytes of a message (2048), whether to
/// leave ends to questions (false), whether to answer those with a rollback (false).
///
/// # Errors
/// When there is no name server to ask, a value is no number, or `out` cannot be written.
pub async fn produce(
    environment: &Environment,
    words: &[String],
    out: impl Write,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Ended> {
    let word = |at: usize| words.get(at).map(String::as_str);
    let (tasks, size): (usize, usize) = (number(word(0), 32)?, number(word(1), 2048)?);
    let local = if truth(word(2)) { TransactionState::Unknown } else { TransactionState::Commit };
    let checked =
        if truth(word(3)) { TransactionState::Rollback } else { TransactionState::Commit };
    let (name_servers, connections) = (&environment.name_servers, &environment.connections);
    let mut settings = settings("benchmark_transaction_producer", name_servers, connections);
    settings.instance_name = now_ms().to_string();
    settings.default_topic_queues = TOPIC_QUEUES;
    let counts = Figures::new();
    let asked = Arc::clone(&counts);
    let producer = ProducerBuilder::from(settings).check_back(move |_| {
        asked.add(CHECKED, 1);
        std::future::ready(checked)
    });
    let producer = Arc::new(producer.start().await.context("start the producer")?);
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..tasks {
        let (producer, counts) = (Arc::clone(&producer), Arc::clone(&counts));
        let message = Message::new(topic::BENCHMARK, "", body(size));
        sending.spawn(async move { send_for_ever(&producer, &counts, &message, local).await });
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

async fn send_for_ever(
    producer: &Producer,
    counts: &Figures,
    message: &Message,
    local: TransactionState,
) {
    loop {
        let begun = now_ms();
        match producer.send_in_transaction(message, |_| std::future::ready(local)).await {
            Ok(_) => {
                let took = now_ms() - begun;
                counts.add(SENT, 1);
                counts.add(TIME, took);
                counts.raise(TIME_MAX, took);
            }
            Err(error) => {
                counts.add(SEND_FAILED, 1);
                tracing::error!(target: "RocketmqClient", %error, "[BENCHMARK_PRODUCER] Send Exception");
                tokio::time::sleep(FAILURE_PAUSE).await;
            }
        }
    }
}

/// 4.4.0 has a figure for failed responses, which it never counts, and a blank at the end.
fn line(begin: &Sample<5>, end: &Sample<5>) -> String {
    format!(
        "Send TPS: {} Max RT: {} Average RT: {:7.3} Send Failed: {} Response Failed: 0 \
         transaction checkCount: {} ",
        rate(begin, end, SENT),
        end.figures[TIME_MAX],
        mean(begin, end, TIME, SENT),
        end.figures[SEND_FAILED],
        end.figures[CHECKED]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_javas() {
        let begin = Sample { at_ms: 0, figures: [0; 5] };
        let end = Sample { at_ms: 9_000, figures: [9, 1, 18, 5, 4] };
        let expected = "Send TPS: 1 Max RT: 5 Average RT:   2.000 Send Failed: 1 Response Failed: 0 transaction checkCount: 4 ";
        assert_eq!(line(&begin, &end), expected);
    }
}
