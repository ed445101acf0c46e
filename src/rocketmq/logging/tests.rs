use super::*;
use tracing_subscriber::layer::SubscriberExt;

/// What `log` leaves in each file of a broker.
fn logged(levels_text: Option<&str>, log: impl FnOnce()) -> impl Fn(&str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (queue, guard) = writer::start(BROKER, dir.path()).unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(levels(levels_text))
        .with(FileLayer { files: BROKER, queue });
    tracing::subscriber::with_default(subscriber, log);
    drop(guard);
    move |name| std::fs::read_to_string(dir.path().join(format!("{name}.log"))).unwrap()
}

/// The line without its time, which is checked for its shape.
fn without_time(line: &str) -> &str {
    let (time, rest) = line.split_at(19);
    let shape: String = time.chars().map(|c| if c.is_ascii_digit() { '0' } else { c }).collect();
    assert_eq!(shape, "0000-00-00 00:00:00");
    rest
}

#[test]
fn lines_have_the_format_of_their_file() {
    let read = logged(None, || {
        tracing::info!(target: "RocketmqBroker", "load {} OK", "x.json");
        tracing::warn!(target: "RocketmqWaterMark", "[WATERMARK] Send");
        tracing::info!(target: "RocketmqStats", "[A] [B] Stats");
        tracing::info!(target: "RocketmqCommercial", "bare");
        tracing::error!("somewhere else");
        tracing::debug!(target: "RocketmqBroker", "not this");
    });
    let broker = read("broker");
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    assert_eq!(without_time(&broker), format!(" INFO {thread} - load x.json OK\n"));
    assert_eq!(without_time(&read("watermark")), " - [WATERMARK] Send\n");
    assert_eq!(without_time(&read("stats")), " INFO - [A] [B] Stats\n");
    assert_eq!(read("commercial"), "bare\n");
    assert_eq!(
        without_time(&read("broker_default")),
        format!(" ERROR {thread} - somewhere else\n")
    );
    assert_eq!(read("lock"), "");
}

#[test]
fn fields_stand_behind_the_message() {
    let error = std::io::Error::other("deep");
    let read = logged(None, || {
        tracing::info!(target: "store::flush", offset = 7, topic = "a\nb", "flushed");
        tracing::info!(target: "store", peer = %"1.2.3.4", code = ?Some(1));
        tracing::warn!(target: "store", error = &error as &dyn std::error::Error, "failed");
    });
    let lines: Vec<_> =
        read("store").lines().map(|l| l.split_once(" - ").unwrap().1.to_owned()).collect();
    assert_eq!(
        lines,
        ["flushed offset=7 topic=a\\nb", "peer=1.2.3.4 code=Some(1)", "failed error=deep"]
    );
}

#[test]
fn levels_are_a_word_or_a_list() {
    let log = || {
        tracing::debug!(target: "RocketmqStore", "s");
        tracing::debug!(target: "RocketmqBroker", "b");
        tracing::info!(target: "RocketmqBroker", "i");
    };
    let count = |text, name: &str| logged(text, log)(name).lines().count();
    assert_eq!(count(Some("debug"), "store"), 1);
    assert_eq!(count(Some("info,RocketmqStore=debug"), "store"), 1);
    assert_eq!(count(Some("info,RocketmqStore=debug"), "broker"), 1);
    assert_eq!(count(Some("WARN"), "broker"), 0);
    assert_eq!(count(Some(""), "broker"), 1);
    assert_eq!(count(Some("=,=;"), "broker"), 1);
}
