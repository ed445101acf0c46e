use super::*;
use tracing_subscriber::layer::SubscriberExt;

/// What `log` leaves in each file of a broker.
fn logged(levels_text: Option<&str>, log: impl FnOnce()) -> impl Fn(&str) -> String {
    let dir = tempfile::tempdir().unwrap();
    let (queue, guard) = writer::start(BROKER, dir.path()).unwrap();
    let subscriber = tracing_subscriber::registry()
        .with(levels::parse(levels_text))
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

/// What is left in the broker's and the store's file by a log that the settings change.
#[test]
fn levels_and_format_change_while_it_runs() {
    let dir = tempfile::tempdir().unwrap();
    let (queue, guard) = writer::start(BROKER, dir.path()).unwrap();
    let (filter, levels) = reload::Layer::new(Targets::new());
    let control = Control {
        levels,
        queue: Arc::clone(&queue),
        level_text: Some("error".to_owned()),
        format: LogFormat::Unset,
    };
    let subscriber =
        tracing_subscriber::registry().with(filter).with(FileLayer { files: BROKER, queue });
    let set = |text: &str| {
        let mut config = ObserveConfig::from_env(&Env::empty());
        let file = config::Properties::parse(text.as_bytes()).unwrap();
        assert!(config::apply(&mut [&mut config], &file).refused.is_empty());
        control.apply(&config);
        tracing::debug!(target: "store::flush", offset = 7, ok = true, "flushed \"{}\"", "a\nb");
        tracing::warn!(target: "RocketmqBroker", peer = %"1.2.3.4", "odd\\");
    };
    tracing::subscriber::with_default(subscriber, || {
        set("");
        set("logLevel=RocketmqStore=debug");
        set("logLevel=debug\nlogFormat=json");
        set("logFormat=text");
    });
    drop(guard);
    let read = |name: &str| std::fs::read_to_string(dir.path().join(name)).unwrap();
    let thread = std::thread::current().name().unwrap_or_default().to_owned();
    let store = read("store.log");
    let lines: Vec<_> = store.lines().collect();
    assert_eq!(lines.len(), 2, "{store}");
    let text = format!(" DEBUG {thread} - flushed \"a\\nb\" offset=7 ok=true");
    assert_eq!(without_time(lines[0]), text);
    let (time, rest) = lines[1].split_at(r#"{"time":"2026-11-22T14:42:08.123Z""#.len());
    assert!(time.starts_with("{\"time\":\"2") && time.ends_with("Z\""), "{time}");
    let json = format!(
        r#","level":"DEBUG","logger":"store::flush","thread":"{thread}","message":"flushed \"a\nb\"","fields":{{"offset":7,"ok":true}}}}"#
    );
    assert_eq!(rest, json);
    let broker = read("broker.log");
    let lines: Vec<_> = broker.lines().collect();
    assert_eq!(lines.len(), 2, "{broker}");
    assert!(lines[0].ends_with(" - odd\\ peer=1.2.3.4"), "{broker}");
    assert!(lines[1].ends_with(r#","message":"odd\\","fields":{"peer":"1.2.3.4"}}"#), "{broker}");
}

/// Keeps the line of the last event.
#[derive(Clone, Default)]
struct Last(Arc<std::sync::Mutex<String>>);

impl<S: Subscriber> Layer<S> for Last {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = self.0.lock().unwrap();
        line.clear();
        json::write(event, jiff::Timestamp::UNIX_EPOCH, &mut line);
    }
}

#[test]
fn a_json_line_is_json_and_has_an_end() {
    let last = Last::default();
    let odd = "\u{1b}[31m\"\\\r\n\t\u{7f}\u{0}é\u{2028}";
    let subscriber = tracing_subscriber::registry().with(last.clone());
    let _default = tracing::subscriber::set_default(subscriber);
    for count in [1, format::LINE_MAX] {
        let text = odd.repeat(count);
        let error = std::io::Error::other(text.clone());
        tracing::info!(target: "x", n = -1, field = %text, error = &error as &dyn std::error::Error, "{text}");
        let line = last.0.lock().unwrap();
        assert!(line.len() <= format::LINE_MAX, "{}", line.len());
        assert!(!line.contains('\n'));
        let value: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(value["time"], "1970-01-01T00:00:00.000Z");
        assert_eq!((&value["level"], &value["logger"]), (&"INFO".into(), &"x".into()));
        assert_eq!(value["fields"]["n"], -1);
        for text in [&value["message"], &value["fields"]["field"]] {
            assert!(text.as_str().unwrap().starts_with(odd), "{text}");
        }
        if count == 1 {
            assert_eq!(value["fields"]["error"], odd);
        }
    }
}
