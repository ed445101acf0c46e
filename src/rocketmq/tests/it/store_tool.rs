//! `rocketmq store`, over stores made for it.

use std::collections::BTreeMap;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use config::Live;
use store::{NewMessage, Store, StoreConfig};

use crate::program::{Ended, rocketmq, run};

const HOST: SocketAddrV4 = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 10911);

fn open(root: &Path) -> Arc<Store> {
    let text = |path: PathBuf| path.to_str().expect("text").to_owned();
    let config = StoreConfig {
        store_path_commit_log: text(root.join("commitlog")),
        store_path_root_dir: text(root.to_path_buf()),
        maped_file_size_commit_log: 8192,
        maped_file_size_consume_queue: 2000,
        max_hash_slot_num: 5_000_000,
        max_index_num: 20_000_000,
        ..StoreConfig::default()
    };
    let store = Store::open(Arc::new(Live::new(config)), Arc::new(())).expect("open");
    store.start().expect("start");
    store
}

/// A store of fifty messages in two queues, closed.
fn made(root: &Path) {
    let store = open(root);
    for number in 0..50 {
        let body = format!("body {number}");
        let properties = format!("KEYS\u{1}k{number} all\u{2}");
        let message = NewMessage {
            topic: "Tool",
            queue_id: number % 2,
            flag: 7,
            sys_flag: 0,
            born_timestamp: 1,
            born_host: HOST,
            store_host: HOST,
            reconsume_times: 0,
            prepared_transaction_offset: 0,
            body: body.as_bytes(),
            properties: &properties,
        };
        store.append(&message).expect("append");
    }
    store.shutdown().expect("shutdown");
}

fn tool(words: &[&str], root: &Path) -> Ended {
    let (command, options) = words.split_first().expect("a command");
    let mut all = vec!["store", command, root.to_str().expect("text")];
    all.extend(options);
    run(&mut rocketmq(&all))
}

/// Every file below a folder.
fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(root).expect("list") {
        let path = entry.expect("entry").path();
        if path.is_dir() {
            found.extend(contents(&path));
        } else if fs::metadata(&path).expect("stat").len() < 1 << 20 {
            found.insert(path.clone(), fs::read(&path).expect("read"));
        }
    }
    found
}

fn damage(root: &Path, at: usize) {
    let log = root.join("commitlog/00000000000000000000");
    let mut bytes = fs::read(&log).expect("read");
    bytes[at] ^= 1;
    fs::write(&log, bytes).expect("write");
}

#[test]
fn a_good_store_is_told_so_and_left_alone() {
    let dir = tempfile::tempdir().expect("temp dir");
    made(dir.path());
    let before = contents(dir.path());
    let ended = tool(&["check"], dir.path());
    assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{}", ended.out);
    assert!(ended.out.starts_with("commit log: 50 records from 0 to "), "{}", ended.out);
    assert!(ended.out.contains("consume queues: 2 with 50 entries\n"), "{}", ended.out);
    assert!(ended.out.ends_with("all is well\n"), "{}", ended.out);
    let ended = tool(&["repair", "-y"], dir.path());
    assert!(ended.out.ends_with("nothing to repair\n"), "{ended:?}");
    assert_eq!(contents(dir.path()), before);
}

#[test]
fn messages_are_dumped_by_what_is_asked_for() {
    let dir = tempfile::tempdir().expect("temp dir");
    made(dir.path());
    let numbers = |words: &[&str]| -> Vec<i64> {
        let ended = tool(&[&["dump"], words].concat(), dir.path());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        let lines = ended.out.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            assert_eq!((&line["topic"], &line["flag"]), (&"Tool".into(), &7.into()), "{line}");
            let body = line["body"].as_str().expect("body").to_owned();
            body.trim_start_matches("body ").parse().expect("number")
        });
        lines.collect()
    };
    assert_eq!(numbers(&[]), (0..50).collect::<Vec<_>>());
    assert_eq!(numbers(&["-k", "k7"]), [7]);
    assert_eq!(numbers(&["-k", "all", "-c", "3"]), [0, 1, 2]);
    assert_eq!(numbers(&["-i", "1", "-q", "23"]), [47, 49]);
    assert_eq!(numbers(&["-t", "Other"]), Vec::<i64>::new());
    assert_eq!(numbers(&["-e", "5"]), Vec::<i64>::new());
    assert_eq!(numbers(&["-o", "0", "-c", "1"]), [0]);
    let ended = tool(&["dump", "-c", "x"], dir.path());
    assert_eq!(ended.err, "-c x: a number is wanted\n");
}

#[test]
fn damage_is_found_told_and_repaired_when_asked() {
    let dir = tempfile::tempdir().expect("temp dir");
    made(dir.path());
    damage(dir.path(), 4);
    let before = contents(dir.path());
    let ended = tool(&["check"], dir.path());
    assert_eq!(ended.code, Some(1));
    assert!(ended.out.contains("damage: commit log 0.."), "{}", ended.out);
    assert!(ended.out.contains("wrong entry: Tool/0 at 0 leads to 0\n"), "{}", ended.out);
    let planned = tool(&["repair"], dir.path());
    assert_eq!(planned.code, Some(1));
    assert!(planned.out.contains("to be done, with -y:\n - put a blank"), "{}", planned.out);
    assert_eq!(contents(dir.path()), before, "nothing is changed unasked");
    let ended = tool(&["repair", "-y"], dir.path());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = tool(&["check"], dir.path());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.out.contains("50 records") && ended.out.contains("1 of them in place of"));
    let store = open(dir.path());
    assert_eq!((store.max_offset("Tool", 0), store.max_offset("Tool", 1)), (25, 25));
    assert_eq!(store.query("Tool", "k49", 8, 0, i64::MAX).messages.len(), 1);
}

#[test]
fn a_lost_queue_is_found_and_built_again() {
    let dir = tempfile::tempdir().expect("temp dir");
    made(dir.path());
    fs::remove_dir_all(dir.path().join("consumequeue/Tool/1")).expect("remove");
    let ended = tool(&["check"], dir.path());
    assert!(ended.out.contains("missing entry: Tool/1 at 0 of "), "{}", ended.out);
    assert!(ended.out.contains("and 5 more\n"), "{}", ended.out);
    assert_eq!(tool(&["repair", "-y"], dir.path()).code, Some(0));
    assert_eq!(tool(&["check"], dir.path()).code, Some(0));
}

#[test]
fn a_store_in_use_is_checked_but_not_repaired() {
    let dir = tempfile::tempdir().expect("temp dir");
    made(dir.path());
    let store = open(dir.path());
    let ended = tool(&["check"], dir.path());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let ended = tool(&["repair", "-y"], dir.path());
    assert_eq!(ended.code, Some(255));
    assert!(ended.err.starts_with("Lock failed,MQ already started"), "{ended:?}");
    store.shutdown().expect("shutdown");
}

#[test]
fn usage() {
    let help = run(&mut rocketmq(&["store", "-h"]));
    assert_eq!(help.code, Some(0));
    assert!(help.out.starts_with("usage: rocketmq store <command> <storePath>"), "{help:?}");
    for words in [&["store"][..], &["store", "what"]] {
        let ended = run(&mut rocketmq(words));
        assert_eq!((ended.code, ended.err), (Some(255), help.out.clone()), "{words:?}");
    }
    let ended = run(&mut rocketmq(&["store", "repair", "-h"]));
    assert_eq!(ended.code, Some(0));
    assert_eq!(
        ended.out,
        "usage: rocketmq store repair <storePath> [-h] [-l <arg>] [-y]\n \
         -h,--help              Print this help\n \
         -l,--commitLog <arg>   Folder of the commit log, if it is elsewhere\n \
         -y,--yes               Do what is said\n"
    );
    let ended = run(&mut rocketmq(&["store", "check", "/nonexistent"]));
    assert_eq!((ended.code, ended.out.as_str()), (Some(255), ""));
    assert!(ended.err.contains("there is no commit log"), "{ended:?}");
}
