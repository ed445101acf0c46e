//! Settings at run time (25, 26) and filter servers (301).

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use config::Properties;
use parking_lot::Mutex;
use protocol::bodies::RegisterBrokerBody;
use protocol::codes::request::REGISTER_BROKER;
use protocol::requests::{
    GetBrokerConfig, RegisterBrokerReply, RegisterFilterServer, UpdateBrokerConfig,
};
use protocol::{Command, Reply, json};
use remoting::{Answer, Peer, Server, ServerOptions, Service};

use super::text;
use crate::harness::*;

struct Configured {
    f: Fixture,
    file: PathBuf,
    _folder: tempfile::TempDir,
}

/// A broker that was started with a `-c` file.
async fn configured(namesrv_addr: &str) -> Configured {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("broker.conf");
    std::fs::write(&file, "fileReservedTime=72\nmine=1\n").unwrap();
    let f = Fixture::with(|s| {
        s.config_file = Some(file.clone());
        s.extra_properties = Properties::parse(b"mine=1").unwrap();
        s.broker.namesrv_addr = namesrv_addr.to_owned();
    })
    .await;
    Configured { f, file, _folder: folder }
}

impl Configured {
    async fn update(&self, body: &str) -> Command {
        self.f.call(Command::of(&UpdateBrokerConfig).unwrap().body(body.to_owned())).await
    }

    async fn read(&self) -> Properties {
        let answer = self.f.request(&GetBrokerConfig).await;
        assert_eq!(answer.code, 0);
        Properties::parse(&answer.body).unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_are_read_changed_and_written() {
    let c = configured("").await;
    let before = c.f.request(&GetBrokerConfig).await;
    let version = field(&before, "version");
    assert!(version.starts_with(r#"{"counter":0,"timestamp":1"#), "{version}");
    let settings = Properties::parse(&before.body).unwrap();
    assert_eq!(settings.get("brokerName"), Some("broker-t"));
    assert_eq!(settings.get("fileReservedTime"), Some("72"));
    assert_eq!(settings.get("mine"), Some("1"));
    assert_eq!(settings.get("serverAsyncSemaphoreValue"), Some("64"));
    assert_eq!(settings.get("clientPooledByteBufAllocatorEnable"), Some("false"));
    assert_eq!(settings.get("namesrvAddr"), None, "Java leaves null out");

    let answer = c.update("fileReservedTime=48\nmine=2\nunknownKey=3").await;
    assert_eq!((answer.code, remark(&answer), answer.ext.present()), (0, "", false));
    let after = c.read().await;
    assert_eq!(after.get("fileReservedTime"), Some("48"));
    assert_eq!(after.get("mine"), Some("2"));
    assert_eq!(after.get("unknownKey"), None);
    let answer = c.f.request(&GetBrokerConfig).await;
    assert!(field(&answer, "version").starts_with(r#"{"counter":1,"#));
    assert_eq!(std::fs::read(&c.file).unwrap(), answer.body);
    let backup = std::fs::read_to_string(c.file.with_extension("conf.bak")).unwrap();
    assert_eq!(backup, "fileReservedTime=72\nmine=1\n");

    assert_eq!(c.update("").await.code, 0);
    c.f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_value_is_refused_and_nothing_changes() {
    let c = configured("").await;
    let before = c.f.request(&GetBrokerConfig).await;
    let answer = c.update("regionId=elsewhere\nfileReservedTime=2 days").await;
    assert_eq!((answer.code, remark(&answer)), (1, "`2 days` is no value of fileReservedTime"));
    let after = c.f.request(&GetBrokerConfig).await;
    assert_eq!(
        (after.body.clone(), field(&after, "version")),
        (before.body.clone(), field(&before, "version"))
    );
    assert_eq!(std::fs::read_to_string(&c.file).unwrap(), "fileReservedTime=72\nmine=1\n");
    c.f.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paths_commands_and_classes_do_not_change_over_the_wire() {
    let c = configured("").await;
    let before = c.read().await;
    let marker = c.file.with_file_name("marker");
    let command = format!("-c $@|sh . echo touch {};", marker.display());
    for change in [
        format!("filterServerNums=1\nrocketmqHome={command}"),
        "storePathRootDir=/tmp/elsewhere".to_owned(),
        "storePathCommitLog=/tmp/elsewhere".to_owned(),
        "messageStorePlugIn=org.example.Plugin".to_owned(),
        "kvConfigPath=/tmp/x".to_owned(),
        "configStorePath=/tmp/x".to_owned(),
    ] {
        let answer = c.update(&format!("fileReservedTime=1\n{change}")).await;
        assert_eq!(answer.code, 16, "{change}: {answer:?}");
        assert!(remark(&answer).contains("cannot be changed over the wire"), "{answer:?}");
        assert_eq!(c.read().await, before, "{change}");
    }
    assert!(!marker.exists());
    c.f.stop().await;
}

/// A name server that remembers registrations.
#[derive(Default)]
struct Book(Mutex<Vec<RegisterBrokerBody>>);

impl Service for Book {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        if command.code == REGISTER_BROKER {
            self.0.lock().push(json::from_slice(&command.body).unwrap());
            return Reply::with(&RegisterBrokerReply::default()).into();
        }
        Reply::ok().into()
    }
}

fn name_server() -> (Server, Arc<Book>) {
    let book = Arc::new(Book::default());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    (Server::bind(any, ServerOptions::default(), book.clone()).unwrap(), book)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_changed_permission_is_registered_at_once() {
    let (server, book) = name_server();
    let c = configured(&server.local_addr().to_string()).await;
    let count = |perm: i32| {
        let entries = book.0.lock();
        let perms = entries.iter().map(|body| {
            let table = &body.topic_config_serialize_wrapper.topic_config_table;
            table.get("SELF_TEST_TOPIC").map(|topic| topic.perm)
        });
        perms.filter(|found| *found == Some(perm)).count()
    };
    assert_eq!((count(6), count(4)), (1, 0));
    assert_eq!(c.update("brokerPermission=4").await.code, 0);
    eventually("registration with the new permission", || count(4) == 1).await;
    // Also when it stays the same.
    assert_eq!(c.update("brokerPermission=4").await.code, 0);
    eventually("registration", || count(4) == 2).await;
    let versions: Vec<_> = book
        .0
        .lock()
        .iter()
        .map(|b| b.topic_config_serialize_wrapper.data_version.counter)
        .collect();
    assert_eq!(versions, [0, 1, 2]);
    c.f.stop().await;
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn filter_servers_are_named_in_registrations() {
    let (server, book) = name_server();
    let c = configured(&server.local_addr().to_string()).await;
    let header = RegisterFilterServer { filter_server_addr: "127.0.0.1:30000".to_owned() };
    let other = remoting::Client::new(remoting::ClientOptions::default());
    let answer = other.call(&c.f.addr, Command::of(&header).unwrap(), LONG).await.unwrap();
    assert_eq!((answer.code, text(&answer)), (0, ""));
    assert_eq!((field(&answer, "brokerName"), field(&answer, "brokerId")), ("broker-t", "0"));
    let last = || book.0.lock().last().map(|body| body.filter_server_list.clone()).unwrap();
    assert_eq!(c.update("brokerPermission=6").await.code, 0);
    eventually("registration with the filter server", || last() == ["127.0.0.1:30000"]).await;
    // Its connection closes: it is gone.
    other.shutdown().await;
    let deadline = tokio::time::Instant::now() + LONG;
    while !last().is_empty() {
        assert!(tokio::time::Instant::now() < deadline);
        c.update("brokerPermission=6").await;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let odd = RegisterFilterServer { filter_server_addr: "a b".to_owned() };
    assert_eq!(c.f.request(&odd).await.code, 1);
    c.f.stop().await;
    server.shutdown().await;
}
