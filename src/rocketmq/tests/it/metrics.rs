//! What a scraper sees of a server that is at work.

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use crate::program::{BROKER, NAMESRV, Running, free_port};

/// Longest wait for a figure to become what it should.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time between two scrapes.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The endpoint of a server.
struct Scraper {
    port: u16,
}

impl Scraper {
    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).expect("it listens");
        let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
        stream.write_all(request.as_bytes()).expect("it reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("it answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("the head has an end");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        (status.expect("there is a status"), body.to_owned())
    }

    fn scrape(&self) -> Figures {
        let (status, text) = self.get("/metrics");
        assert_eq!(status, 200, "{text}");
        Figures(text)
    }

    /// Scrapes until a figure is as expected.
    fn wait_for(&self, name: &str, labels: &[&str], expected: f64) -> Figures {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let figures = self.scrape();
            let value = figures.value(name, labels);
            if value == expected {
                return figures;
            }
            assert!(Instant::now() < deadline, "{name} is {value} in {}", figures.0);
            std::thread::sleep(LOOK_AGAIN);
        }
    }
}

/// One answer.
struct Figures(String);

impl Figures {
    /// The sum of the series that have these labels, each written `name="value"`.
    fn value(&self, name: &str, labels: &[&str]) -> f64 {
        let series = self.0.lines().filter(|line| {
            let behind = line.strip_prefix(name).unwrap_or("-");
            behind.starts_with(['{', ' ']) && labels.iter().all(|label| behind.contains(label))
        });
        let value = |line: &str| -> Option<f64> {
            line.rsplit_once(' ').and_then(|(_, text)| text.parse().ok())
        };
        series.map(|line| value(line).unwrap_or_else(|| panic!("no number: {line}"))).sum::<f64>()
    }
}

fn namesrv(home: &Path, port: u16, more: &str) -> Running {
    let file = home.join("namesrv.properties");
    fs::write(&file, format!("listenPort={port}\n{more}")).expect("the home can be written");
    let mut server = Running::start(home, &[NAMESRV, "-c", file.to_str().expect("text")]);
    server.line();
    assert!(server.line().contains("boot success"));
    server
}

fn broker(home: &Path, names: u16, metrics: u16) -> Running {
    let file = home.join("broker.properties");
    let text = format!(
        "listenPort=0\nbrokerName=b\nbrokerIP1=127.0.0.1\nbrokerIP2=127.0.0.1\n\
         namesrvAddr=127.0.0.1:{names}\nmetricsPort={metrics}\n\
         mapedFileSizeCommitLog=16777216\nmapedFileSizeConsumeQueue=20000\n"
    );
    fs::write(&file, text).expect("the home can be written");
    let mut server = Running::start(home, &[BROKER, "-c", file.to_str().expect("text")]);
    assert!(server.line().contains("boot success"));
    server
}

/// The demo's consumer, when it has shown all that its producer sends.
fn consume(home: &Path, addr: &str) -> Running {
    let words = [addr, "org.apache.rocketmq.example.quickstart.Consumer"];
    let mut consumer = Running::start(home, &words);
    assert_eq!(consumer.line(), "Consumer Started.");
    for _ in 0..1000 {
        assert!(consumer.line().contains("Receive New Messages"));
    }
    consumer
}

/// The demo's producer, from its start to its end.
fn produce(home: &Path, addr: &str) {
    let words = [addr, "org.apache.rocketmq.example.quickstart.Producer"];
    let sent = Running::start(home, &words).end();
    assert_eq!((sent.code, sent.out.matches("SEND_OK").count()), (Some(0), 1000), "{}", sent.err);
}

/// Sockets that a process listens on.
fn listening(pid: u32) -> usize {
    let table = |name: &str| fs::read_to_string(format!("/proc/{pid}/net/{name}"));
    let lines = ["tcp", "tcp6"].map(|name| table(name).unwrap_or_default()).concat();
    let inodes: Vec<String> = lines
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|fields| fields.get(3) == Some(&"0A"))
        .filter_map(|fields| fields.get(9).map(|inode| format!("socket:[{inode}]")))
        .collect();
    let open = fs::read_dir(format!("/proc/{pid}/fd")).expect("it runs");
    let links = open.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| inodes.iter().any(|inode| link.as_os_str() == inode.as_str())).count()
}

#[test]
fn a_scraper_sees_what_producers_and_consumers_did() {
    let home = tempfile::tempdir().unwrap();
    let (names, port) = (free_port(), free_port());
    let _namesrv = namesrv(home.path(), names, "");
    let _broker = broker(home.path(), names, port);
    let scraper = Scraper { port };
    assert_eq!(scraper.get("/readyz"), (200, "ok\n".to_owned()));
    let before = scraper.scrape();
    assert_eq!(before.value("rocketmq_messages_in_total", &[]), 0.0);
    assert_eq!(before.value("rocketmq_store_writable", &["cluster=\"DefaultCluster\""]), 1.0);

    let addr = format!("-Drocketmq.namesrv.addr=127.0.0.1:{names}");
    produce(home.path(), &addr);

    let topic = "topic=\"TopicTest\"";
    let figures = scraper.wait_for("rocketmq_store_dispatched_offset", &[], {
        scraper.scrape().value("rocketmq_store_appended_offset", &["broker=\"b\""])
    });
    let sends = ["request_code=\"310\"", "request=\"SendMessageV2\""];
    let stored = figures.value("rocketmq_throughput_in_total", &[topic]);
    for (name, labels, expected) in [
        ("rocketmq_messages_in_total", &[topic][..], 1000.0),
        ("rocketmq_producer_offset", &[topic], 1000.0),
        ("rocketmq_brokeruntime_msg_put_total_today_now", &["brokerIP=\"127.0.0.1:"], 1000.0),
        ("rocketmq_brokeruntime_put_message_size_total", &[], stored),
        ("rocketmq_brokeruntime_commitlog_maxoffset", &[], stored),
        ("rocketmq_store_appended_offset", &[], stored),
        ("rocketmq_brokeruntime_dispatch_behind_bytes", &[], 0.0),
        ("rocketmq_rpc_latency_seconds_count", &sends, 1000.0),
        ("rocketmq_rpc_latency_seconds_bucket", &[sends[0], sends[1], "le=\"+Inf\""], 1000.0),
        ("rocketmq_flow_control_refusals_total", &[], 0.0),
        ("rocketmq_store_put_failures_total", &[], 0.0),
    ] {
        assert_eq!(figures.value(name, labels), expected, "{name} in {}", figures.0);
    }
    assert!(stored > 1000.0 * 91.0, "{stored}");
    let took = figures.value("rocketmq_rpc_latency_seconds_sum", &sends);
    assert!(took > 0.0 && took < 1000.0, "{took}");

    let group = "group=\"please_rename_unique_group_name_4\"";
    let consumer = consume(home.path(), &addr);
    let got = scraper.wait_for("rocketmq_messages_out_total", &[topic, group], 1000.0);
    assert_eq!(got.value("rocketmq_group_count", &[group]), 1.0);
    // Its pulls wait for more now: one for each queue of the topic, and one for its retries.
    scraper.wait_for("rocketmq_held_pulls", &[], 5.0);
    consumer.signal("TERM");
    assert_eq!(consumer.end().code, Some(143));
    let done = scraper.wait_for("rocketmq_consumer_offset", &[topic, group], 1000.0);
    assert_eq!(done.value("rocketmq_group_diff", &[topic, group, "msgModel=\"1\""]), 0.0);
    scraper.wait_for("rocketmq_held_pulls", &[], 0.0);
}

#[test]
fn what_a_group_has_not_consumed_is_told_with_its_age() {
    let home = tempfile::tempdir().unwrap();
    let (names, port) = (free_port(), free_port());
    let _namesrv = namesrv(home.path(), names, "");
    let _broker = broker(home.path(), names, port);
    let addr = format!("-Drocketmq.namesrv.addr=127.0.0.1:{names}");
    produce(home.path(), &addr);
    let scraper = Scraper { port };
    let consumer = consume(home.path(), &addr);
    scraper.wait_for("rocketmq_messages_out_total", &[], 1000.0);
    consumer.signal("TERM");
    consumer.end();
    scraper.wait_for("rocketmq_consumer_offset", &["topic=\"TopicTest\""], 1000.0);
    produce(home.path(), &addr);
    let labels = ["topic=\"TopicTest\"", "group=\"please_rename_unique_group_name_4\""];
    let behind = scraper.wait_for("rocketmq_group_diff", &labels, 1000.0);
    let age = behind.value("rocketmq_group_get_latency_by_storetime", &labels);
    assert!(age > 0.0 && age < 60_000.0, "{age}");
}

#[test]
fn a_name_server_is_watched_through_its_life() {
    let home = tempfile::tempdir().unwrap();
    let (names, port, brokers) = (free_port(), free_port(), free_port());
    let server = namesrv(home.path(), names, &format!("metricsPort={port}\n"));
    assert_eq!(listening(server.pid()), 2);
    let scraper = Scraper { port };
    assert_eq!(scraper.get("/healthz"), (200, "ok\n".to_owned()));
    assert_eq!(scraper.scrape().value("rocketmq_namesrv_brokers", &[]), 0.0);
    let _broker = broker(home.path(), names, brokers);
    let figures = scraper.scrape();
    assert_eq!(figures.value("rocketmq_namesrv_brokers", &[]), 1.0);
    assert_eq!(figures.value("rocketmq_namesrv_clusters", &[]), 1.0);
    assert!(figures.value("rocketmq_namesrv_topics", &[]) >= 5.0);
    let registered = ["request_code=\"103\"", "request=\"RegisterBroker\""];
    assert_eq!(figures.value("rocketmq_rpc_latency_seconds_count", &registered), 1.0);
    let listener = format!("port=\"{names}\"");
    assert_eq!(figures.value("rocketmq_connections", &[&listener]), 1.0);
    assert!(figures.value("process_resident_memory_bytes", &[]) > 1e6);
    server.signal("TERM");
    assert_eq!(server.end().code, Some(143));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[test]
fn nothing_more_listens_where_no_port_is_configured() {
    let home = tempfile::tempdir().unwrap();
    let server = namesrv(home.path(), free_port(), "metricsAddress=0.0.0.0\n");
    assert_eq!(listening(server.pid()), 1);
}

#[test]
fn a_port_that_is_taken_ends_the_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("n.properties");
    fs::write(&file, format!("listenPort=0\nmetricsPort={port}\n")).unwrap();
    let ended = Running::start(home.path(), &[NAMESRV, "-c", file.to_str().unwrap()]).end();
    assert_eq!(ended.code, Some(255));
    let begin = format!("metricsPort: listen on 127.0.0.1:{port}: ");
    assert!(ended.err.starts_with(&begin), "{}", ended.err);
}
