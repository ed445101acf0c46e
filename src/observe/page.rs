//! The reference page of the metrics, in Markdown.

use std::fmt::Write as _;

use crate::table::{Kind, Metric, Server};

const HEAD: &str = "\
# Metrics and health

Written from the table in `src/observe/table.rs` by a test; do not edit.

With `metricsPort=<port>` in its file a broker or a name server listens for HTTP on that port of the loopback interface
(`metricsAddress` opens it to others; it asks nobody who they are). Without it nothing listens and nothing is measured.

| path | answer |
|---|---|
| `/metrics` | the metrics below, in the text format of Prometheus |
| `/healthz` | 200 while the process does its work or starts; 503 with the reason once only a new start can help: a sync of the log failed |
| `/readyz` | 200 while clients are served; 503 with the reason while it starts (recovery included) or stops, or takes no messages; a slave is ready as soon as it runs |

Names that [rocketmq-exporter](https://github.com/apache/rocketmq-exporter) has mean the same here, so that its
dashboards and alerts go on working: those marked **e** have its labels, too. It asks a whole cluster from one place; here
each broker tells what is its own, without being asked over the protocol, so that sums over brokers are Prometheus' job.
What only clients know (`rocketmq_client_…`) is not here. [A dashboard](../conf/grafana/rocketmq.json) for Grafana shows
the most important ones.

What is measured costs a look at the clock and a few relaxed additions a request. An answer has at most 100 000
series; what did not fit is counted in `rocketmq_scrape_series_left_out`.
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for (title, server) in
        [("Broker", Server::Broker), ("Name server", Server::Namesrv), ("Both", Server::Both)]
    {
        let _ =
            write!(page, "\n## {title}\n\n| metric | | labels | meaning |\n|---|---|---|---|\n");
        let rows = Metric::ALL.iter().map(|metric| metric.row());
        for row in rows.filter(|row| row.server == server) {
            let mut marks = String::new();
            if row.exporter {
                marks.push('e');
            }
            if row.kind != Kind::Gauge {
                let _ =
                    write!(marks, "{}{}", if row.exporter { ", " } else { "" }, row.kind.word());
            }
            let labels: Vec<_> = row.labels.iter().map(|label| format!("`{label}`")).collect();
            let (name, labels, help) = (row.name, labels.join(", "), row.help_line());
            let _ = writeln!(page, "| `{name}` | {marks} | {labels} | {help} |");
        }
    }
    page
}
