//! A server from its start to the signal that ends it.

use std::fs;
use std::path::Path;

use crate::program::{NAMESRV, Running, wait_for_line};

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
