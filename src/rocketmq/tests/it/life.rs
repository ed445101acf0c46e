//! A server from its start to the signal that ends it.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::Path;

use crate::program::{BROKER, NAMESRV, PATIENCE, Running, wait_for_line};

fn namesrv(home: &Path, more: &str) -> Running {
    let file = home.join("namesrv.properties");
    fs::write(&file, format!("listenPort=0\n{more}")).expect("the home can be written");
    let file = file.to_str().expect("the path is text");
    let mut server = Running::start(home, &[NAMESRV, "-c", file]);
    assert_eq!(server.line(), format!("load config properties file OK, {file}"));
    assert_eq!(server.line(), "The Name Server boot success. serializeType=JSON");
    server
}

#[test]
fn a_name_server_starts_logs_and_ends_on_a_signal() {
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let home = tempfile::tempdir().unwrap();
        let server = namesrv(home.path(), "mine=1\nserverWorkerThreads=many\n");
        let log = home.path().join("logs/rocketmqlogs/namesrv.log");
        wait_for_line(&log, " INFO main - The Name Server boot success. serializeType=JSON");
        server.signal(signal);
        let ended = server.end();
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(code), "", ""));
        let text = fs::read_to_string(&log).unwrap();
        for end in [
            " INFO main - listenPort=0",
            " INFO main - orderMessageEnable=false",
            "mine is no setting of this server, kept",
            "serverWorkerThreads=many does not fit the type of this setting, ignored",
            "shutdown hook was invoked, 1 times.",
        ] {
            assert!(text.lines().any(|line| line.ends_with(end)), "{end:?} not in {text}");
        }
        assert!(text.contains("shutdown hook done, consuming time total(ms): "));
        assert!(home.path().join("logs/rocketmqlogs/namesrv_default.log").exists());
    }
}

#[test]
fn logs_are_appended_to_and_their_level_can_be_set() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("logs/rocketmqlogs");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("namesrv.log"), "from before\n").unwrap();
    let file = home.path().join("n.properties");
    fs::write(&file, "listenPort=0\n").unwrap();
    let words = ["-Drocketmq.log.level=error", NAMESRV, "-c", file.to_str().unwrap()];
    let mut server = Running::start(home.path(), &words);
    server.line();
    server.line();
    server.signal("TERM");
    assert_eq!(server.end().code, Some(143));
    assert_eq!(fs::read_to_string(folder.join("namesrv.log")).unwrap(), "from before\n");
}

#[test]
fn a_signal_that_asks_for_a_thread_dump_ends_nothing() {
    let home = tempfile::tempdir().unwrap();
    let server = namesrv(home.path(), "");
    server.signal("QUIT");
    server.signal("TERM");
    let ended = server.end();
    assert_eq!(ended.code, Some(143));
}

#[test]
fn under_nohup_a_hangup_ends_nothing() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("n.properties");
    fs::write(&file, "listenPort=0\n").unwrap();
    let mut server =
        Running::start_ignoring_hangup(home.path(), &[NAMESRV, "-c", file.to_str().unwrap()]);
    server.line();
    server.line();
    server.signal("HUP");
    server.signal("TERM");
    assert_eq!(server.end().code, Some(143));
}

#[test]
fn a_port_in_use_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("n.properties");
    fs::write(&file, format!("listenPort={port}\n")).unwrap();
    let server = Running::start(home.path(), &["namesrv", "-c", file.to_str().unwrap()]);
    let ended = server.end();
    assert_eq!(ended.code, Some(255));
    assert!(ended.err.contains(&port.to_string()), "{}", ended.err);
    assert!(!ended.out.contains("boot success"), "{}", ended.out);
}

#[test]
fn as_many_files_may_be_open_as_the_administrator_allows() {
    let home = tempfile::tempdir().unwrap();
    let server = namesrv(home.path(), "");
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).unwrap();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words[3], words[4], "{line}");
}

/// A broker on ports of its own.
fn broker(home: &Path, more: &str) -> Running {
    let file = home.join("broker.properties");
    let text = format!(
        "listenPort=0\nbrokerName=b\nbrokerIP1=127.0.0.1\nbrokerIP2=127.0.0.1\n\
         mapedFileSizeCommitLog=1048576\nmapedFileSizeConsumeQueue=2000\n{more}"
    );
    fs::write(&file, text).unwrap_or_else(|error| panic!("write {}: {error}", file.display()));
    Running::start(home, &[BROKER, "-c", file.to_str().unwrap_or_default()])
}

#[test]
fn a_broker_starts_logs_and_ends_on_a_signal() {
    let home = tempfile::tempdir().unwrap();
    let logs = home.path().join("logs/rocketmqlogs");
    for run in 1..=2 {
        let mut server = broker(home.path(), "mine=1\n");
        let line = server.line();
        let port =
            line.strip_prefix("The broker[b, 127.0.0.1:").and_then(|rest| rest.split_once(']'));
        let (port, rest) = port.unwrap_or_else(|| panic!("{line}"));
        assert!(port.parse::<u16>().is_ok_and(|port| port > 0), "{line}");
        assert_eq!(rest, " boot success. serializeType=JSON");
        server.signal("TERM");
        let ended = server.end();
        assert_eq!((ended.code, ended.out.as_str(), ended.err.as_str()), (Some(143), "", ""));
        let text = fs::read_to_string(logs.join("broker.log")).unwrap();
        for end in [
            " INFO main - brokerClusterName=DefaultCluster".to_owned(),
            " INFO main - fastFailIfNoBufferInStorePool=false".to_owned(),
            "mine is no setting of this server, kept".to_owned(),
            format!(" INFO main - {line}"),
            " INFO main - Shutdown hook was invoked, 1".to_owned(),
        ] {
            let count = text.lines().filter(|line| line.ends_with(&end)).count();
            let expected = if end.contains(port) { 1 } else { run };
            assert_eq!(count, expected, "{end:?} in {text}");
        }
        assert!(text.contains("Shutdown hook over, consuming total time(ms): "));
        assert!(!home.path().join("store/abort").exists(), "it ended in good order");
    }
    for name in ["broker_default", "storeerror", "watermark", "commercial"] {
        assert!(logs.join(format!("{name}.log")).exists(), "{name}");
    }
}

#[test]
fn a_second_broker_on_a_store_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let mut first = broker(home.path(), "");
    first.line();
    let ended = broker(home.path(), "").end();
    assert_eq!((ended.code, ended.out.as_str()), (Some(255), ""));
    assert!(ended.err.contains("Lock failed,MQ already started"), "{}", ended.err);
}

#[test]
fn a_store_that_cannot_be_loaded_ends_the_start() {
    let home = tempfile::tempdir().unwrap();
    let ended = broker(home.path(), "messageDelayLevel=1x\n").end();
    assert_eq!((ended.code, ended.out.as_str()), (Some(253), ""));
    assert!(ended.err.contains("messageDelayLevel"), "{}", ended.err);
}

/// A name server that takes connections and never answers keeps the first signal waiting.
#[test]
fn a_second_signal_ends_at_once() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let names = silent.local_addr().unwrap();
    let home = tempfile::tempdir().unwrap();
    let more = format!("namesrvAddr={names}\nregisterBrokerTimeoutMills=50\n");
    let mut server = broker(home.path(), &more);
    assert!(server.line().ends_with(&format!(" and name server is {names}")));
    server.signal("TERM");
    let log = home.path().join("logs/rocketmqlogs/broker.log");
    wait_for_line(&log, " INFO main - Shutdown hook was invoked, 1");
    server.signal("INT");
    assert_eq!(server.end().code, Some(130));
    assert!(home.path().join("store/abort").exists(), "it did not end in good order");
}

/// What a unit with `Type=notify` waits for.
#[test]
fn systemd_is_told_of_start_and_stop() {
    let home = tempfile::tempdir().unwrap();
    let socket = home.path().join("notify");
    let systemd = UnixDatagram::bind(&socket).unwrap();
    systemd.set_read_timeout(Some(PATIENCE)).unwrap();
    let heard = || {
        let mut message = [0; 64];
        let length = systemd.recv(&mut message).expect("a message of the server");
        String::from_utf8_lossy(&message[..length]).trim_end().to_owned()
    };
    let file = home.path().join("n.properties");
    fs::write(&file, "listenPort=0\n").unwrap();
    let words = [NAMESRV, "-c", file.to_str().unwrap()];
    let server = Running::start_with(home.path(), &words, &[("NOTIFY_SOCKET", &socket)]);
    assert_eq!(heard(), "READY=1");
    server.signal("TERM");
    assert_eq!(heard(), "STOPPING=1");
    assert_eq!(server.end().code, Some(143));
}
