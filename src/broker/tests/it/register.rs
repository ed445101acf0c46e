//! Registration with name servers.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use protocol::bodies::{KvTable, RegisterBrokerBody};
use protocol::codes::request::{REGISTER_BROKER, UNREGISTER_BROKER};
use protocol::requests::{
    GetAllTopicConfig, RegisterBroker, RegisterBrokerReply, UnregisterBroker, UpdateAndCreateTopic,
};
use protocol::{Command, Reply, ext, json};
use remoting::{Answer, Peer, Server, ServerOptions, Service};

use crate::harness::*;

/// A name server that remembers who registers.
#[derive(Default)]
struct Book(Mutex<Vec<Command>>);

impl Service for Book {
    fn call(&self, _: &Arc<Peer>, command: &mut Command) -> Answer {
        let code = command.code;
        self.0.lock().push(std::mem::take(command));
        if code == REGISTER_BROKER {
            let orders: KvTable = [("Ordered", "broker-t:4")].into_iter().collect();
            return Reply::with(&RegisterBrokerReply::default()).body(json::to_vec(&orders)).into();
        }
        Reply::ok().into()
    }
}

impl Book {
    /// The bodies of registrations with `topic` in them, and whether they were one-way.
    fn with_topic(&self, topic: &str) -> Vec<bool> {
        let entries = self.0.lock();
        let registrations = entries.iter().filter(|c| c.code == REGISTER_BROKER);
        let with = registrations.filter(|c| {
            let body: RegisterBrokerBody = json::from_slice(&c.body).unwrap();
            body.topic_config_serialize_wrapper.topic_config_table.contains_key(topic)
        });
        with.map(Command::is_oneway).collect()
    }
}

fn name_server() -> (Server, Arc<Book>, String) {
    let book = Arc::new(Book::default());
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = Server::bind(any, ServerOptions::default(), book.clone()).unwrap();
    let addr = server.local_addr().to_string();
    (server, book, addr)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_name_server_learns_of_the_broker_and_its_topics() {
    let (one, book_one, addr_one) = name_server();
    let (two, book_two, addr_two) = name_server();
    let dead = "127.0.0.1:1";
    let f = Fixture::with(|s| {
        s.broker.namesrv_addr = format!("{addr_one};{dead};{addr_two}");
    })
    .await;
    for book in [&book_one, &book_two] {
        assert_eq!(book.with_topic("TBW102"), [false], "registered when start returns");
        let entries = book.0.lock();
        let header: RegisterBroker = ext::from_ext(&entries[0].ext).unwrap();
        let port = f.broker.local_addr().port();
        assert_eq!(header.broker_name, "broker-t");
        assert_eq!(header.broker_addr, format!("127.0.0.1:{port}"));
        assert_eq!(header.ha_server_addr, Some(format!("127.0.0.1:{}", port + 1)));
        assert_eq!(header.cluster_name, "DefaultCluster");
        assert_eq!((header.broker_id, header.compressed), (0, false));
        assert_eq!(header.body_crc32, RegisterBrokerBody::crc32(&entries[0].body));
    }

    f.send("Fresh", "x", "").await;
    eventually("one-way registration", || {
        book_one.with_topic("Fresh") == [true] && book_two.with_topic("Fresh") == [true]
    })
    .await;
    let update = UpdateAndCreateTopic {
        topic: "Ordered".into(),
        read_queue_nums: 4,
        write_queue_nums: 4,
        perm: 6,
        topic_filter_type: "SINGLE_TAG".into(),
        ..UpdateAndCreateTopic::default()
    };
    assert_eq!(f.request(&update).await.code, 0);
    eventually("registration of the update", || book_two.with_topic("Ordered").contains(&false))
        .await;
    let deadline = tokio::time::Instant::now() + LONG;
    loop {
        let body = f.request(&GetAllTopicConfig).await.body;
        if String::from_utf8_lossy(&body).contains("\"Ordered\":{\"order\":true") {
            break;
        }
        assert!(tokio::time::Instant::now() < deadline, "order configuration never taken over");
    }

    let port = f.broker.local_addr().port();
    f.stop().await;
    for book in [&book_one, &book_two] {
        let entries = book.0.lock();
        let last = entries.last().unwrap();
        assert_eq!(last.code, UNREGISTER_BROKER);
        let header: UnregisterBroker = ext::from_ext(&last.ext).unwrap();
        assert_eq!(header.broker_addr, format!("127.0.0.1:{port}"));
    }
    one.shutdown().await;
    two.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restricted_broker_registers_its_permission_for_all_topics() {
    let (server, book, addr) = name_server();
    let f = Fixture::with(|s| {
        s.broker.namesrv_addr = addr;
        s.broker.broker_permission = 4;
        s.broker.compressed_register = true;
    })
    .await;
    let body = book.0.lock()[0].body.clone();
    let body = RegisterBrokerBody::from_compressed(&body).unwrap();
    let table = body.topic_config_serialize_wrapper.topic_config_table;
    assert!(table.len() >= 6 && table.values().all(|topic| topic.perm == 4), "{table:?}");
    f.stop().await;
    server.shutdown().await;
}
