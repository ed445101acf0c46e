//! Message traces of the stock client: stored and found again, as the broker's settings say.

use std::time::Duration;

use anyhow::{Result, ensure};
use libtest_mimic::Trial;

use super::trial;
use crate::backend::{Products, pair};
use crate::cluster::{Cluster, Spec};
use crate::java::Client;
use crate::launch::attach;

const PATIENCE: Duration = Duration::from_secs(90);
const TRACE_TOPIC: &str = "RMQ_SYS_TRACE_TOPIC";
/// Three messages: sent, and before and after they were consumed.
const RECORDS: usize = 9;

pub(super) fn trials() -> Vec<Trial> {
    let one = |name: &str, topic: &'static str, records: usize, properties: &'static [_]| {
        trial(format!("trace::{name}"), move || {
            let (left, right) = pair()?;
            let left = one_side(left, topic, records, properties)?;
            let right = one_side(right, topic, records, properties)?;
            ensure!(left == right, "reference:\n{left}\nunder test:\n{right}");
            Ok(())
        })
    };
    vec![
        one(
            "same_on_both",
            TRACE_TOPIC,
            RECORDS,
            &[("traceTopicEnable", "true"), ("autoCreateTopicEnable", "true")],
        ),
        one(
            "named_topic_and_region",
            "OurTraces",
            RECORDS,
            &[
                ("traceTopicEnable", "true"),
                ("msgTraceTopicName", "OurTraces"),
                ("regionId", "OurRegion"),
            ],
        ),
        trial("native_client::traces", native_traces),
        one("switched_off", TRACE_TOPIC, 0, &[("traceTopicEnable", "true"), ("traceOn", "false")]),
    ]
}

/// What the native client's traces say of the same messages, as Java's client has it.
fn native_traces() -> Result<()> {
    let (left, right) = pair()?;
    let properties = &[("traceTopicEnable", "true"), ("autoCreateTopicEnable", "true")];
    let of = |products, client| -> Result<String> {
        let cluster = Cluster::start(&Spec { properties, ..Spec::of(products)? })?;
        attach(traces(&cluster, client, TRACE_TOPIC, RECORDS), || cluster.logs())
    };
    let java = of(left, Client::Java)?;
    for products in [left, right] {
        let native = of(products, Client::Native)?;
        ensure!(java == native, "java:\n{java}\nnative, {products:?}:\n{native}");
    }
    Ok(())
}

fn one_side(
    products: Products,
    topic: &str,
    records: usize,
    properties: &[(&str, &str)],
) -> Result<String> {
    let cluster = Cluster::start(&Spec { properties, ..Spec::of(products)? })?;
    attach(traces(&cluster, Client::Java, topic, records), || cluster.logs())
}

fn traces(cluster: &Cluster, client: Client, topic: &str, records: usize) -> Result<String> {
    let address = cluster.name_server()?.address();
    let mut all = Vec::new();
    for (what, count) in [("produce", records / 3), ("consume", records)] {
        let args = [address.as_str(), what, "TracedTopic", topic, &count.to_string()];
        let mut program = client.start("Traces", &args)?;
        let mut lines =
            program.lines_until(PATIENCE, |line| line == "DONE" || line.starts_with("FAILED"))?;
        ensure!(lines.pop().as_deref() == Some("DONE"), "{lines:?}");
        lines.retain(|line| line.starts_with("TRACE\t") || line.starts_with("KEY\t"));
        let found = lines.iter().filter(|line| line.starts_with("TRACE\t")).count();
        ensure!(found == count, "{found} records of {count}:\n{}", lines.join("\n"));
        all.extend(lines);
    }
    Ok(all.join("\n"))
}
