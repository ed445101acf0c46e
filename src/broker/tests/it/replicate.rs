//! Master and slave: replication over the HA port, what senders are told, and what a slave serves.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use broker::Settings;
use protocol::codes::request::REGISTER_BROKER;
use protocol::codes::response::{
    FLUSH_SLAVE_TIMEOUT, SERVICE_NOT_AVAILABLE, SLAVE_NOT_AVAILABLE, SUCCESS,
};
use protocol::requests::{
    GetAllDelayOffset, GetAllSubscriptionGroupConfig, GetAllTopicConfig, GetBrokerConfig,
    QueryConsumerOffset, RegisterBrokerReply, UpdateConsumerOffset,
};
use protocol::{Command, Reply};
use remoting::{Answer, Peer, Server, ServerOptions, Service};
use store::BrokerRole;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::harness::*;
use crate::replicate_faults::Network;

pub(crate) fn quick(settings: &mut Settings) {
    settings.store.ha_send_heartbeat_interval = 100;
    settings.store.ha_housekeeping_interval = 2000;
    settings.store.sync_flush_timeout = 300;
    settings.broker.slave_read_enable = true;
}

pub(crate) async fn master(change: impl FnOnce(&mut Settings)) -> Fixture {
    Fixture::with(|s| {
        quick(s);
        change(s);
    })
    .await
}

pub(crate) fn ha_of(fixture: &Fixture) -> String {
    loopback(fixture.broker.local_addr().port() + 1)
}

pub(crate) fn slave_of(ha: &str) -> impl FnOnce(&mut Settings) {
    move |s| {
        quick(s);
        s.store.broker_role = BrokerRole::Slave;
        s.broker.broker_id = 1;
        s.store.ha_master_address = ha.to_owned();
    }
}

async fn slave(ha: &str) -> Fixture {
    Fixture::with(slave_of(ha)).await
}

fn log_files(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(dir.join("store/commitlog")).unwrap();
    let read = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.unwrap().path();
        (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(path).unwrap())
    };
    entries.map(read).collect()
}

/// The two logs hold the same bytes in every file that the slave has used.
pub(crate) fn same_logs(master: &Path, slave: &Path) {
    let (ours, theirs) = (log_files(master), log_files(slave));
    let used = |bytes: &Vec<u8>| bytes.iter().any(|byte| *byte != 0);
    let used: Vec<_> = theirs.iter().filter(|(_, bytes)| used(bytes)).collect();
    assert!(!used.is_empty(), "the slave has something");
    for (name, bytes) in used {
        assert!(ours.get(name) == Some(bytes), "file {name} differs");
    }
}

pub(crate) async fn send_some(fixture: &Fixture, topic: &str, range: std::ops::Range<usize>) {
    for i in range {
        let body = format!("{i} {}", "x".repeat(i * 37 % 900));
        let answer = fixture.send(topic, &body, &format!("TAGS\u{1}t{i}\u{2}")).await;
        assert_eq!(answer.code, SUCCESS, "{answer:?}");
    }
}

/// Sends until the answer has this code.
pub(crate) async fn sends_answer(fixture: &Fixture, code: i32) {
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let answer = fixture.send("T", "probe", "").await;
        if answer.code == code {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "no answer {code}, but {answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slave_catches_up_and_follows() {
    let master = master(|_| ()).await;
    send_some(&master, "T", 0..50).await;
    let slave = slave(&ha_of(&master)).await;
    slave.filled("T", 50).await;
    send_some(&master, "T", 50..100).await;
    slave.filled("T", 100).await;
    same_logs(master.dir.path(), slave.dir.path());
    let config = slave.request(&GetBrokerConfig).await.body;
    let port = slave.broker.local_addr().port() + 1;
    let config = String::from_utf8(config.to_vec()).unwrap();
    assert!(config.contains(&format!("haListenPort={port}\n")), "{config}");
    let refused = slave.send("T", "x", "").await;
    assert_eq!(refused.code, SERVICE_NOT_AVAILABLE, "{refused:?}");
    let (one, two) = (master.stop().await, slave.stop().await);
    same_logs(one.path(), two.path());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fresh_slave_begins_with_the_last_file() {
    let small = |s: &mut Settings| s.store.maped_file_size_commit_log = 64 * 1024;
    let master = master(small).await;
    send_some(&master, "T", 0..400).await;
    let files = log_files(master.dir.path());
    assert!(files.len() > 3);
    let slave = Fixture::with(|s| {
        slave_of(&ha_of(&master))(s);
        small(s);
    })
    .await;
    slave.filled("T", 400).await;
    send_some(&master, "T", 400..600).await;
    slave.filled("T", 600).await;
    same_logs(master.dir.path(), slave.dir.path());
    let first = log_files(slave.dir.path()).into_keys().next().unwrap();
    assert!(first.as_str() > "00000000000000000000", "{first}");
    let dir = slave.stop().await;
    let again = Fixture::open(dir, |s| {
        slave_of(&ha_of(&master))(s);
        small(s);
    })
    .await;
    send_some(&master, "T", 600..700).await;
    again.filled("T", 700).await;
    same_logs(master.dir.path(), again.dir.path());
    again.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sync_master_says_how_its_slave_is() {
    let master = master(|s| s.store.broker_role = BrokerRole::SyncMaster).await;
    assert_eq!(master.send("T", "alone", "").await.code, SLAVE_NOT_AVAILABLE);
    assert_eq!(master.send("T", "in a hurry", "WAIT\u{1}false\u{2}").await.code, SUCCESS);
    let slave = slave(&ha_of(&master)).await;
    slave.filled("T", 2).await;
    for i in 0..100 {
        assert_eq!(master.send("T", "both", "").await.code, SUCCESS, "{i}");
    }
    slave.stop().await;
    sends_answer(&master, SLAVE_NOT_AVAILABLE).await;
    // One that takes everything and says nothing.
    let mut mute = TcpStream::connect(ha_of(&master)).await.unwrap();
    mute.write_all(&[0; 8]).await.unwrap();
    sends_answer(&master, FLUSH_SLAVE_TIMEOUT).await;
    drop(mute);
    sends_answer(&master, SLAVE_NOT_AVAILABLE).await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slave_too_far_behind_is_none() {
    let master = master(|s| {
        s.store.broker_role = BrokerRole::SyncMaster;
        s.store.ha_slave_fallbehind_max = 4000;
    })
    .await;
    let mut mute = TcpStream::connect(ha_of(&master)).await.unwrap();
    mute.write_all(&[0; 8]).await.unwrap();
    sends_answer(&master, FLUSH_SLAVE_TIMEOUT).await;
    for _ in 0..5 {
        master.send("T", &"x".repeat(1000), "WAIT\u{1}false\u{2}").await;
    }
    assert_eq!(master.send("T", "far", "").await.code, SLAVE_NOT_AVAILABLE);
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_on_the_ha_port_acknowledges_nothing() {
    let master = master(|s| s.store.broker_role = BrokerRole::SyncMaster).await;
    assert_eq!(master.send("T", "alone", "").await.code, SLAVE_NOT_AVAILABLE);
    let reports: [&[i64]; 6] = [
        &[i64::MAX],
        &[1 << 40],
        &[-1],
        &[i64::MIN, 0],
        &[0, 1 << 30],
        &[0x4745_5420_2f20_4854, 0x5450_2f31_2e31_0d0a],
    ];
    let mut open = Vec::new();
    for report in reports {
        let mut liar = TcpStream::connect(ha_of(&master)).await.unwrap();
        let bytes: Vec<u8> = report.iter().flat_map(|offset| offset.to_be_bytes()).collect();
        liar.write_all(&bytes).await.unwrap();
        open.push(liar);
        let code = master.send("T", "still alone", "").await.code;
        assert!([SLAVE_NOT_AVAILABLE, FLUSH_SLAVE_TIMEOUT].contains(&code), "{report:?}: {code}");
        sends_answer(&master, SLAVE_NOT_AVAILABLE).await;
    }
    let slave = slave(&ha_of(&master)).await;
    sends_answer(&master, SUCCESS).await;
    same_logs(master.dir.path(), slave.dir.path());
    drop(open);
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_loses_nothing() {
    let master = master(|s| s.store.ha_transfer_batch_size = 700).await;
    let proxy = Network::to(ha_of(&master)).await;
    let slave = slave(&proxy.addr).await;
    for round in 0..6 {
        send_some(&master, "T", round * 60..round * 60 + 30).await;
        let seen = proxy.connections();
        proxy.cut();
        send_some(&master, "T", round * 60 + 30..round * 60 + 60).await;
        eventually("reconnection", || proxy.connections() > seen).await;
    }
    slave.filled("T", 360).await;
    same_logs(master.dir.path(), slave.dir.path());
    slave.stop().await;
    master.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slave_comes_back_with_whatever_tail() {
    let master = master(|_| ()).await;
    send_some(&master, "T", 0..40).await;
    let mut dir = slave(&ha_of(&master)).await.stop_filled("T", 40).await;
    for (round, tail) in
        [&[][..], &[0xff; 300], b"\0\0\0\x70\xda\xa3\x20\xa7 torn"].iter().enumerate()
    {
        let log = dir.path().join("store/commitlog/00000000000000000000");
        let mut bytes = fs::read(&log).unwrap();
        let end = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        bytes[end..end + tail.len()].copy_from_slice(tail);
        fs::write(&log, bytes).unwrap();
        // As after a crash.
        fs::write(dir.path().join("store/abort"), "").unwrap();
        let count = 40 + round * 20;
        send_some(&master, "T", count..count + 20).await;
        let again = Fixture::open(dir, slave_of(&ha_of(&master))).await;
        again.filled("T", count as i64 + 20).await;
        same_logs(master.dir.path(), again.dir.path());
        dir = again.stop().await;
    }
    master.stop().await;
}

impl Fixture {
    async fn stop_filled(self, topic: &str, count: i64) -> TempDir {
        self.filled(topic, count).await;
        self.stop().await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slave_of_another_log_is_left_as_it_is() {
    let one = master(|_| ()).await;
    send_some(&one, "T", 0..30).await;
    let dir = slave(&ha_of(&one)).await.stop_filled("T", 30).await;
    one.stop().await;
    let before = log_files(dir.path());

    // Shorter than the slave's log at first, then longer, never the same.
    let other = master(|s| s.store.broker_role = BrokerRole::SyncMaster).await;
    let hurry = "WAIT\u{1}false\u{2}";
    for _ in 0..3 {
        assert_eq!(other.send("T", "other", hurry).await.code, SUCCESS);
    }
    let slave = Fixture::open(dir, slave_of(&ha_of(&other))).await;
    for i in 0..300 {
        let answer = other.send("T", &format!("other {i}"), hurry).await;
        assert_eq!(answer.code, SUCCESS);
    }
    for _ in 0..3 {
        let answer = other.send("T", "asks for the slave", "").await;
        assert!([SLAVE_NOT_AVAILABLE, FLUSH_SLAVE_TIMEOUT].contains(&answer.code), "{answer:?}");
    }
    let dir = slave.stop().await;
    assert!(log_files(dir.path()) == before, "the slave's log is untouched");

    // Emptied, it comes into step.
    fs::remove_dir_all(dir.path().join("store")).unwrap();
    let slave = Fixture::open(dir, slave_of(&ha_of(&other))).await;
    sends_answer(&other, SUCCESS).await;
    same_logs(other.dir.path(), slave.dir.path());
    slave.stop().await;
    other.stop().await;
}

/// A slave of 4.4.0 goes on where its log ends, whatever is before: one that was ahead of its
/// master is refused as long as it is what it was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slave_that_was_ahead_is_not_taken_back() {
    let master = master(|s| s.store.broker_role = BrokerRole::SyncMaster).await;
    sends_answer(&master, SLAVE_NOT_AVAILABLE).await;
    let ahead = 3000_i64.to_be_bytes();
    let mut first = TcpStream::connect(ha_of(&master)).await.unwrap();
    first.write_all(&ahead).await.unwrap();
    sends_answer(&master, SLAVE_NOT_AVAILABLE).await;
    for _ in 0..5 {
        master.send("T", &"x".repeat(1000), "WAIT\u{1}false\u{2}").await;
    }
    let mut second = TcpStream::connect(ha_of(&master)).await.unwrap();
    second.write_all(&ahead).await.unwrap();
    for _ in 0..3 {
        let code = master.send("T", "x", "").await.code;
        assert_eq!(code, SLAVE_NOT_AVAILABLE);
    }
    // Another one may ask for what it likes.
    let mut other = TcpStream::connect(ha_of(&master)).await.unwrap();
    other.write_all(&3001_i64.to_be_bytes()).await.unwrap();
    sends_answer(&master, FLUSH_SLAVE_TIMEOUT).await;
    master.stop().await;
}

/// A master that says what it is told to.
async fn false_master(answers: Vec<u8>) -> (String, tokio::task::JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(&answers).await.unwrap();
        let mut heard = Vec::new();
        let reading = stream.read_to_end(&mut heard);
        // The end of the connection may be a reset.
        let _ = tokio::time::timeout(LONG, reading).await.expect("the slave leaves");
        heard
    });
    (addr, task)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbage_from_a_master_is_not_stored() {
    let garbage = [&0_i64.to_be_bytes()[..], &40_i32.to_be_bytes(), &[0xab; 40]].concat();
    let (addr, heard) = false_master(garbage).await;
    let slave = slave(&addr).await;
    assert_eq!(heard.await.unwrap()[..8], [0; 8]);
    let dir = slave.stop().await;
    let stored = log_files(dir.path()).into_values().flatten();
    assert!(stored.into_iter().all(|byte| byte == 0));
}

/// A name server that knows a master.
pub(crate) struct Knowing(pub(crate) RegisterBrokerReply);

impl Service for Knowing {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        match command.code {
            REGISTER_BROKER => Reply::with(&self.0).into(),
            _ => Reply::ok().into(),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slave_learns_its_master_and_copies_its_tables() {
    let master = master(|_| ()).await;
    send_some(&master, "Copied", 0..10).await;
    master.send("Copied", "later", "DELAY\u{1}1\u{2}").await;
    master.filled("Copied", 11).await;
    let commit = UpdateConsumerOffset {
        consumer_group: "g".into(),
        topic: "Copied".into(),
        queue_id: 0,
        commit_offset: 7,
    };
    assert_eq!(master.request(&commit).await.code, SUCCESS);
    assert_eq!(master.pull("Copied", 0).await.code, SUCCESS);

    let reply = RegisterBrokerReply {
        ha_server_addr: Some(ha_of(&master)),
        master_addr: Some(master.addr.clone()),
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let names = Server::bind(any, ServerOptions::default(), Arc::new(Knowing(reply))).unwrap();
    let names_addr = names.local_addr().to_string();
    let slave = Fixture::with(|s| {
        slave_of("")(s);
        s.broker.namesrv_addr = names_addr;
    })
    .await;
    slave.filled("Copied", 11).await;
    let deadline = tokio::time::Instant::now() + LONG;
    let asked =
        QueryConsumerOffset { consumer_group: "g".into(), topic: "Copied".into(), queue_id: 0 };
    loop {
        let offset = slave.request(&asked).await;
        let groups = slave.request(&GetAllSubscriptionGroupConfig).await.body;
        if offset.ext.get("offset") == Some("7")
            && String::from_utf8_lossy(&groups).contains("\"g\":")
        {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "tables never copied: {offset:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let same = |ours: Command, theirs: Command| assert_eq!(ours.body, theirs.body);
    same(slave.request(&GetAllTopicConfig).await, master.request(&GetAllTopicConfig).await);
    same(
        slave.request(&GetAllSubscriptionGroupConfig).await,
        master.request(&GetAllSubscriptionGroupConfig).await,
    );
    same(slave.request(&GetAllDelayOffset).await, master.request(&GetAllDelayOffset).await);
    assert_eq!(bodies(&slave.pull("Copied", 0).await), bodies(&master.pull("Copied", 0).await));
    master.stop().await;
    // Without its master it serves on.
    assert_eq!(slave.pull("Copied", 0).await.code, SUCCESS);
    slave.stop().await;
    names.shutdown().await;
}
