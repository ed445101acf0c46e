//! How long requests take and how they end, counted by the connections that serve them.

use std::sync::atomic::{AtomicU64, Ordering};

use protocol::codes::response;
use protocol::requests::Row;
use remoting::{Observer, Served};

use crate::{Latencies, Metric, Scrape};

/// Codes of requests and answers are below this.
const CODES: usize = 512;
/// A code that is not in the table.
const UNKNOWN: u16 = u16::MAX;

/// The counters of one server, all made at the start.
#[derive(Debug)]
pub struct Requests {
    rows: &'static [Row],
    /// The place in `rows` of each code.
    places: Box<[u16; CODES]>,
    /// Two for each row: answered at once, and later; and two for codes that are not served.
    latencies: Latencies,
    /// Answers by code; not counted for success, which is what is left.
    answers: Box<[AtomicU64; CODES]>,
}

impl Requests {
    /// Counters for the requests of a server.
    #[must_use]
    pub fn new(rows: &'static [Row]) -> Self {
        let mut places = Box::new([UNKNOWN; CODES]);
        for (place, row) in rows.iter().enumerate() {
            if let Some(entry) =
                usize::try_from(row.code).ok().and_then(|code| places.get_mut(code))
            {
                *entry = u16::try_from(place).unwrap_or(UNKNOWN);
            }
        }
        Self {
            rows,
            places,
            latencies: Latencies::new(2 * (rows.len() + 1)),
            answers: Box::new([const { AtomicU64::new(0) }; CODES]),
        }
    }

    /// Adds what was counted.
    pub fn collect(&self, scrape: &mut Scrape) {
        let served = self.rows.iter().map(|row| (row.code.to_string(), row.name));
        let all = served.chain([("other".to_owned(), "other")]);
        for (place, (code, name)) in all.enumerate() {
            for (later, answered) in [(0, "at_once"), (1, "later")] {
                let labels = [code.as_str(), name, answered];
                scrape.durations(Metric::RpcLatency, &labels, &self.latencies, 2 * place + later);
            }
        }
        for (code, count) in self.answers.iter().enumerate() {
            let count = count.load(Ordering::Relaxed);
            if count > 0 {
                let name = i32::try_from(code).ok().and_then(response::name).unwrap_or("other");
                let labels = [code.to_string()];
                scrape.set(Metric::RpcFailures, &[&labels[0], name], count as f64);
            }
        }
    }

    fn place(&self, code: i32) -> usize {
        let place = usize::try_from(code).ok().and_then(|code| self.places.get(code));
        place.map_or(UNKNOWN, |place| *place).min(self.rows.len() as u16).into()
    }
}

impl Observer for Requests {
    fn served(&self, request: &Served) {
        let index = 2 * self.place(request.code) + usize::from(request.later);
        self.latencies.note(index, request.took);
        if request.response != response::SUCCESS {
            let count =
                usize::try_from(request.response).ok().and_then(|code| self.answers.get(code));
            if let Some(count) = count {
                count.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::requests::{BrokerRequest, NamesrvRequest};

    use super::*;

    #[test]
    fn requests_are_counted_under_their_names() {
        let requests = Requests::new(BrokerRequest::TABLE);
        let note = |code, response, later| {
            requests.served(&Served { code, response, later, took: Duration::from_millis(1) });
        };
        note(310, 0, false);
        note(310, 2, false);
        note(11, 19, true);
        for odd in [5000, -1, 511, i32::MAX] {
            note(odd, 3, false);
        }
        note(10, 100_000, false);
        let mut scrape = Scrape::default();
        requests.collect(&mut scrape);
        let text = scrape.text();
        for (labels, count) in [
            ("request_code=\"310\",request=\"SendMessageV2\",answered=\"at_once\"", 2),
            ("request_code=\"11\",request=\"PullMessage\",answered=\"later\"", 1),
            ("request_code=\"10\",request=\"SendMessage\",answered=\"at_once\"", 1),
            ("request_code=\"other\",request=\"other\",answered=\"at_once\"", 4),
        ] {
            let line = format!("rocketmq_rpc_latency_seconds_count{{{labels}}} {count}");
            assert!(text.lines().any(|found| found == line), "{line} is not in {text}");
        }
        assert_eq!(text.matches("_seconds_count{").count(), 4);
        let answers: Vec<_> =
            text.lines().filter(|line| line.starts_with("rocketmq_rpc_other_answers")).collect();
        assert_eq!(
            answers,
            [
                "rocketmq_rpc_other_answers_total{response_code=\"2\",response=\"SYSTEM_BUSY\"} 1",
                "rocketmq_rpc_other_answers_total{response_code=\"3\",response=\"REQUEST_CODE_NOT_SUPPORTED\"} 4",
                "rocketmq_rpc_other_answers_total{response_code=\"19\",response=\"PULL_NOT_FOUND\"} 1",
            ]
        );
    }

    #[test]
    fn every_request_has_a_place() {
        for rows in [BrokerRequest::TABLE, NamesrvRequest::TABLE] {
            let requests = Requests::new(rows);
            for (place, row) in rows.iter().enumerate() {
                assert_eq!(requests.place(row.code), place, "{}", row.code);
            }
        }
    }
}
