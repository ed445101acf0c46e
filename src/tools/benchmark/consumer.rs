//! `benchmark.Consumer`: how long messages take from their producer, and from the store, to here.

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use client::{ConsumeStatus, ConsumerBuilder, ConsumerSettings, Filter};
use parking_lot::Mutex;
use protocol::bodies::{EXPRESSION_SQL92, EXPRESSION_TAG};
use protocol::topic;

use super::stats::{Counts, Sample, mean, rate, report};
use super::{Ended, name_servers, options, settings, truth};
use crate::command::Opt;
use crate::quickstart::Environment;
use crate::text::now_ms;

pub(super) const OPTIONS: &[Opt] = &[
    Opt::value('t', "topic", "Topic, BenchmarkTest unless given"),
    Opt::value('g', "group", "Consumer group, benchmark_consumer unless given"),
    Opt::value(
        'p',
        "group prefix enable",
        "Whether a number is put behind the group, true unless given",
    ),
    Opt::value('f', "filterType", "TAG or SQL92"),
    Opt::value('e', "expression", "File with the filter expression, for example ./test/expr"),
];

/// What is counted.
const RECEIVED: usize = 0;
const SINCE_BORN: usize = 1;
const SINCE_STORED: usize = 2;
const SINCE_BORN_MAX: usize = 3;
const SINCE_STORED_MAX: usize = 4;
type Figures = Counts<5>;

/// Consumes until `stop` is done.
///
/// # Errors
/// When there is no name server to ask, the expression cannot be read or is refused, or `out`
/// cannot be written.
pub async fn consume(
    environment: &Environment,
    words: &[String],
    mut out: impl Write,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<Ended> {
    let Some(given) = options("benchmarkConsumer", OPTIONS, words, &mut out)? else {
        return Ok(Ended::Usage);
    };
    let text = |short, default: &str| given.value(short).map_or(default, str::trim).to_owned();
    let (topic, mut group) = (text('t', topic::BENCHMARK), text('g', "benchmark_consumer"));
    let numbered = text('p', "true");
    if truth(Some(&numbered)) {
        group = format!("{group}_{}", now_ms() % 100);
    }
    let (kind, file) = (given.value('f').map(str::trim), given.value('e').map(str::trim));
    writeln!(
        out,
        "topic: {topic}, group: {group}, prefix: {numbered}, filterType: {}, expression: {}",
        kind.unwrap_or("null"),
        file.unwrap_or("null")
    )?;
    let filter = filter(kind, file)?;
    if let (Some(_), Filter::Tags(expression) | Filter::Sql(expression)) = (kind.and(file), &filter)
    {
        writeln!(out, "Expression: {expression}")?;
    }
    let mut consumer = ConsumerSettings::new(&group, "");
    let addrs = name_servers(given.value('n'), environment);
    consumer.client = settings(&group, &addrs, &environment.connections);
    consumer.client.instance_name = now_ms().to_string();
    let counts = Figures::new();
    let counted = Arc::clone(&counts);
    let handler = move |message: client::Received| {
        let now = now_ms();
        let (born, stored) = (now - message.born_timestamp, now - message.store_timestamp);
        counted.add(RECEIVED, 1);
        counted.add(SINCE_BORN, born);
        counted.add(SINCE_STORED, stored);
        counted.raise(SINCE_BORN_MAX, born);
        counted.raise(SINCE_STORED_MAX, stored);
        std::future::ready(ConsumeStatus::Success)
    };
    let consumer = ConsumerBuilder::from(consumer).subscribe(&topic, filter).start(handler);
    let consumer = consumer.await.context("start the consumer")?;
    writeln!(out, "Consumer Started.")?;
    out.flush()?;
    let out = Mutex::new(out);
    let ended = tokio::select! {
        ended = report(&counts, &out, line) => ended,
        () = stop => Ok(()),
    };
    consumer.shutdown().await;
    ended.map(|()| Ended::Stopped)
}

fn filter(kind: Option<&str>, file: Option<&str>) -> anyhow::Result<Filter> {
    let (Some(kind), Some(file)) = (kind, file) else {
        return Ok(Filter::all());
    };
    let expression = std::fs::read_to_string(file).with_context(|| format!("read {file}"))?;
    match kind {
        EXPRESSION_TAG => Ok(Filter::tags(expression)),
        EXPRESSION_SQL92 => Ok(Filter::sql(expression)),
        _ => bail!("Not support filter type! {kind}"),
    }
}

fn line(begin: &Sample<5>, end: &Sample<5>) -> String {
    format!(
        "Consume TPS: {} Average(B2C) RT: {:7.3} Average(S2C) RT: {:7.3} MAX(B2C) RT: {} \
         MAX(S2C) RT: {}",
        rate(begin, end, RECEIVED),
        mean(begin, end, SINCE_BORN, RECEIVED),
        mean(begin, end, SINCE_STORED, RECEIVED),
        end.figures[SINCE_BORN_MAX],
        end.figures[SINCE_STORED_MAX]
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_reads_as_javas() {
        let begin = Sample { at_ms: 0, figures: [0; 5] };
        let end = Sample { at_ms: 9_000, figures: [9, 18, 9, 5, 4] };
        let expected = "Consume TPS: 1 Average(B2C) RT:   2.000 Average(S2C) RT:   1.000 MAX(B2C) RT: 5 MAX(S2C) RT: 4";
        assert_eq!(line(&begin, &end), expected);
    }

    #[test]
    fn filters_come_from_files() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "a > 1").unwrap();
        let path = file.path().to_str();
        assert_eq!(filter(Some("SQL92"), path).unwrap(), Filter::sql("a > 1"));
        assert_eq!(filter(Some("TAG"), path).unwrap(), Filter::tags("a > 1"));
        assert_eq!(filter(Some("TAG"), None).unwrap(), Filter::all());
        assert!(filter(Some("XML"), path).is_err());
        assert!(filter(Some("TAG"), Some("/nowhere/at all")).is_err());
    }
}
