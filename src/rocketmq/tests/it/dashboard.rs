//! The dashboard for Grafana and the alerts for Prometheus speak of metrics that exist.

use std::collections::BTreeSet;
use std::path::Path;

use observe::{Kind, Metric};
use serde_json::Value;

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    std::fs::read_to_string(path).expect("the file is there")
}

fn dashboard() -> Value {
    serde_json::from_str(&read("conf/grafana/rocketmq.json")).expect("it is JSON")
}

/// All texts under these keys, at any depth.
fn texts<'a>(value: &'a Value, keys: &[&str], found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                match value {
                    Value::String(text) if keys.contains(&key.as_str()) => found.push(text),
                    _ => texts(value, keys, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| texts(value, keys, found)),
        _ => {}
    }
}

/// How names of metrics begin.
const PREFIXES: [&str; 2] = ["rocketmq_", "process_"];

/// The metrics of an expression, each with the labels that stand in its braces.
fn metrics(expression: &str) -> Vec<(String, Vec<String>)> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut rest = expression;
    let next = |text: &str| PREFIXES.iter().filter_map(|prefix| text.find(prefix)).min();
    while let Some(at) = next(rest) {
        rest = &rest[at..];
        let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
        let (name, behind) = rest.split_at(end);
        rest = behind;
        let inside = behind.strip_prefix('{').and_then(|text| text.split_once('}'));
        let labels = inside
            .map_or("", |(labels, _)| labels)
            .split(',')
            .map(|label| label.trim().chars().take_while(|c| is_word(*c)).collect::<String>());
        found.push((name.to_owned(), labels.filter(|label| !label.is_empty()).collect()));
    }
    found
}

/// Labels that Prometheus adds.
const ADDED: [&str; 2] = ["instance", "job"];

#[test]
fn every_metric_and_label_of_the_dashboard_exists() {
    let dashboard = dashboard();
    let mut expressions = Vec::new();
    texts(&dashboard, &["expr", "definition"], &mut expressions);
    let shown = check(expressions.iter().copied());
    assert!(shown.len() >= 30, "{shown:?}");
}

#[test]
fn every_metric_and_label_of_the_alerts_exists() {
    let text = read("conf/prometheus/rules.yml");
    // From `expr:` to the next key.
    let expressions: Vec<_> = text
        .split("expr: ")
        .skip(1)
        .map(|rest| rest.split("for: ").next().unwrap_or(rest))
        .map(|rest| rest.split("annotations:").next().unwrap_or(rest))
        .collect();
    assert_eq!(expressions.len(), text.matches("alert: ").count());
    assert!(check(expressions.into_iter()).len() >= 8);
}

/// The metrics that these expressions speak of; each exists, with the labels it is asked for.
fn check<'a>(expressions: impl Iterator<Item = &'a str>) -> BTreeSet<&'static str> {
    let mut shown = BTreeSet::new();
    for expression in expressions {
        let metrics = metrics(expression);
        assert!(!metrics.is_empty(), "no metric in {expression}");
        for (name, labels) in metrics {
            let row = Metric::ALL.iter().map(|metric| metric.row()).find(|row| match row.kind {
                Kind::Histogram => {
                    let part = name.strip_prefix(row.name).unwrap_or_default();
                    ["_bucket", "_sum", "_count"].contains(&part)
                }
                _ => row.name == name,
            });
            let row = row.unwrap_or_else(|| panic!("no metric {name} for {expression}"));
            for label in &labels {
                let known = row.labels.contains(&label.as_str()) || ADDED.contains(&label.as_str());
                assert!(known, "{name} has no label {label}: {expression}");
            }
            shown.insert(row.name);
        }
    }
    shown
}

#[test]
fn metrics_are_found_in_expressions() {
    let expression = r#"topk(1, rate(rocketmq_a_total{x=~"$x", y="1"}[1m])) / process_b > 0"#;
    let labels = ["x".to_owned(), "y".to_owned()].to_vec();
    let expected = [("rocketmq_a_total".to_owned(), labels), ("process_b".to_owned(), Vec::new())];
    assert_eq!(metrics(expression), expected);
}
