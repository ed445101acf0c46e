use std::net::SocketAddr;

use parking_lot::Mutex;
use protocol::Reply;
use protocol::codes::request::{QUERY_DATA_VERSION, REGISTER_BROKER};
use remoting::{Answer, ClientOptions, Peer, Server, ServerOptions, Service};

use super::*;
use crate::topics::Rules;

/// A name server that knows a version, and counts what it is asked.
#[derive(Default)]
struct Known {
    version: Mutex<Option<DataVersion>>,
    asked: Mutex<Vec<i32>>,
}

impl Service for Known {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        self.asked.lock().push(command.code);
        let mut version = self.version.lock();
        match command.code {
            QUERY_DATA_VERSION => {
                let theirs = json::from_slice(&command.body).unwrap();
                let reply = QueryDataVersionReply { changed: *version != Some(theirs) };
                Reply::with(&reply).body(version.map(|v| json::to_vec(&v)).unwrap_or_default())
            }
            REGISTER_BROKER => {
                let body: RegisterBrokerBody = json::from_slice(&command.body).unwrap();
                *version = Some(body.topic_config_serialize_wrapper.data_version);
                Reply::ok()
            }
            code => panic!("{code}"),
        }
        .into()
    }
}

async fn registrar(force: bool) -> (Arc<Registrar>, Arc<Known>, Server, tempfile::TempDir) {
    let known = Arc::new(Known::default());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(any, ServerOptions::default(), known.clone()).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let rules = Rules {
        cluster: "C".to_owned(),
        cluster_topic: true,
        broker: "b".to_owned(),
        broker_topic: true,
        auto_create: true,
        auto_create_queues: 8,
        trace_topic: None,
    };
    let identity = Identity {
        cluster: "C".to_owned(),
        name: "b".to_owned(),
        id: 0,
        addr: "127.0.0.1:1".to_owned(),
        ha_addr: "127.0.0.1:2".to_owned(),
    };
    let config = BrokerConfig {
        force_register: force,
        namesrv_addr: format!(" {} ;;", server.local_addr()),
        ..BrokerConfig::default()
    };
    let registrar = Registrar::new(
        identity,
        Client::new(ClientOptions::default()),
        Arc::new(Topics::load(dir.path(), &rules, 1).unwrap()),
        Arc::new(Live::new(config)),
    );
    (Arc::new(registrar), known, server, dir)
}

#[tokio::test]
async fn without_force_a_name_server_that_is_up_to_date_is_left_alone() {
    let (registrar, known, server, _dir) = registrar(false).await;
    let round = async |expected: &[i32]| {
        registrar.register(Round::Periodic).await;
        assert_eq!(*known.asked.lock(), expected);
        known.asked.lock().clear();
    };
    round(&[QUERY_DATA_VERSION, REGISTER_BROKER]).await;
    round(&[QUERY_DATA_VERSION]).await;
    registrar.topics.touch(5);
    round(&[QUERY_DATA_VERSION, REGISTER_BROKER]).await;
    *known.version.lock() = None;
    round(&[QUERY_DATA_VERSION, REGISTER_BROKER]).await;
    registrar.register(Round::Full).await;
    assert_eq!(*known.asked.lock(), [REGISTER_BROKER]);
    server.shutdown().await;
}

#[tokio::test]
async fn of_several_changes_that_wait_only_one_is_told() {
    let (registrar, known, server, _dir) = registrar(true).await;
    registrar.register(Round::Periodic).await;
    assert_eq!(*known.asked.lock(), [REGISTER_BROKER]);
    registrar.topics.touch(5);
    registrar.topics.touch(6);
    for _ in 0..3 {
        registrar.register(Round::Oneway).await;
    }
    registrar.register(Round::Full).await;
    assert_eq!(*known.asked.lock(), [REGISTER_BROKER; 3], "at first, one-way, full");
    assert_eq!(*known.version.lock(), Some(registrar.topics.table().version));
    server.shutdown().await;
}

#[tokio::test]
async fn a_name_server_that_is_not_there_fails_alone() {
    let (registrar, known, server, _dir) = registrar(true).await;
    registrar.set_servers(&format!("127.0.0.1:1;{}", server.local_addr()));
    registrar.register(Round::Full).await;
    assert_eq!(*known.asked.lock(), [REGISTER_BROKER]);
    registrar.set_servers("");
    registrar.register(Round::Full).await;
    assert_eq!(known.asked.lock().len(), 1);
    server.shutdown().await;
}
