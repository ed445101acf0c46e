//! The logs of servers, changed while they run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::program::{BROKER, Ended, NAMESRV, Running, free_port, rocketmq, run, wait_for};

fn namesrv(home: &Path, port: u16, more: &str) -> Running {
    let file = home.join("namesrv.properties");
    fs::write(&file, format!("listenPort={port}\n{more}")).expect("the home can be written");
    let mut server = Running::start(home, &[NAMESRV, "-c", file.to_str().expect("text")]);
    server.line();
    assert!(server.line().contains("boot success"));
    server
}

fn log(home: &Path, name: &str) -> PathBuf {
    home.join("logs/rocketmqlogs").join(name)
}

fn admin(home: &Path, words: &[&str]) -> Ended {
    let home = format!("-Duser.home={}", home.display());
    let mut all = vec![home.as_str(), "admin"];
    all.extend_from_slice(words);
    run(&mut rocketmq(&all))
}

#[test]
fn the_level_of_a_name_server_changes_at_once_and_stays() {
    let home = tempfile::tempdir().unwrap();
    let port = free_port();
    let addr = format!("127.0.0.1:{port}");
    let server = namesrv(home.path(), port, "");
    let set = |level: &str| {
        let words = ["updateNamesrvConfig", "-n", &addr, "-k", "logLevel", "-v", level];
        let ended = admin(home.path(), &words);
        assert!(ended.out.contains("success"), "{ended:?}");
    };
    let ask = || assert_eq!(admin(home.path(), &["clusterList", "-n", &addr]).code, Some(0));
    let file = log(home.path(), "namesrv.log");
    let asked = " DEBUG worker - receive request code=106 ";
    ask();
    set("RocketmqNamesrv=debug");
    ask();
    let text = wait_for(&file, |text| text.contains(asked));
    assert_eq!(text.matches(asked).count(), 1, "{text}");
    set("error");
    server.signal("TERM");
    assert_eq!(server.end().code, Some(143));
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("shutdown hook"), "{text}");

    let kept = fs::read_to_string(home.path().join("namesrv.properties")).unwrap();
    assert!(kept.lines().any(|line| line == "logLevel=error"), "{kept}");
    let words = ["-c", &home.path().join("namesrv.properties").display().to_string()];
    let mut again = Running::start(home.path(), &[NAMESRV, words[0], words[1]]);
    again.line();
    again.line();
    again.signal("TERM");
    assert_eq!(again.end().code, Some(143));
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn a_level_that_is_none_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let port = free_port();
    let _server = namesrv(home.path(), port, "");
    let addr = format!("127.0.0.1:{port}");
    let words = ["updateNamesrvConfig", "-n", &addr, "-k", "logLevel", "-v", "loud"];
    let ended = admin(home.path(), &words);
    assert!(ended.err.contains("logLevel"), "{ended:?}");
}

#[test]
fn the_logs_of_a_broker_are_json_where_it_is_asked_for() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("broker.properties");
    let text = "listenPort=0\nbrokerName=b\nbrokerIP1=127.0.0.1\nbrokerIP2=127.0.0.1\n\
                mapedFileSizeCommitLog=1048576\nmapedFileSizeConsumeQueue=2000\nlogFormat=json\n";
    fs::write(&file, text).unwrap();
    let mut server = Running::start(home.path(), &[BROKER, "-c", file.to_str().unwrap()]);
    let boot_line = server.line();
    server.signal("TERM");
    assert_eq!(server.end().code, Some(143));
    for (name, logger, message) in
        [("broker.log", "RocketmqBroker", boot_line.as_str()), ("store.log", "store::", "load")]
    {
        let text = fs::read_to_string(log(home.path(), name)).unwrap();
        let lines: Vec<serde_json::Value> = text
            .lines()
            .map(|line| {
                serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))
            })
            .collect();
        let is_it = |line: &&serde_json::Value| {
            line["message"].as_str().is_some_and(|text| text.starts_with(message))
        };
        let line = lines.iter().find(is_it).unwrap_or_else(|| panic!("no {message} in {text}"));
        assert_eq!(line["level"], "INFO");
        assert!(line["logger"].as_str().unwrap().starts_with(logger), "{line}");
        assert_eq!(line["time"].as_str().unwrap().len(), "2026-11-22T14:42:08.123Z".len());
    }
}
