//! Master and slave while the network fails, and after the master is gone.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use broker::Settings;
use parking_lot::Mutex;
use protocol::codes::response::{FLUSH_SLAVE_TIMEOUT, SLAVE_NOT_AVAILABLE, SUCCESS};
use protocol::requests::{GetAllTopicConfig, RegisterBrokerReply};
use remoting::{Server, ServerOptions};
use store::BrokerRole;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::harness::*;
use crate::replicate::{
    Knowing, ha_of, master, quick, same_logs, send_some, sends_answer, slave_of,
};

/// What the network does to what passes through it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weather {
    Fair,
    /// A few bytes at a time.
    Slow,
    /// Nothing passes, and nobody is told.
    HalfOpen,
}

/// Passes bytes on as the weather is.
pub(crate) struct Network {
    pub(crate) addr: String,
    weather: watch::Sender<Weather>,
    running: Arc<Mutex<Vec<AbortHandle>>>,
    accepting: AbortHandle,
    connections: Arc<AtomicU64>,
}

impl Network {
    pub(crate) async fn to(target: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap().to_string();
        let running: Arc<Mutex<Vec<AbortHandle>>> = Arc::default();
        let connections = Arc::new(AtomicU64::new(0));
        let weather = watch::Sender::new(Weather::Fair);
        let (all, count, told) = (Arc::clone(&running), Arc::clone(&connections), weather.clone());
        let accepting = tokio::spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                let (target, told) = (target.clone(), told.clone());
                let task = tokio::spawn(async move {
                    let Ok(to) = TcpStream::connect(target).await else { return };
                    let ((from_in, from_out), (to_in, to_out)) =
                        (from.into_split(), to.into_split());
                    tokio::join!(
                        pass(from_in, to_out, told.subscribe()),
                        pass(to_in, from_out, told.subscribe())
                    );
                });
                all.lock().push(task.abort_handle());
            }
        });
        Self { addr, weather, running, accepting: accepting.abort_handle(), connections }
    }

    /// Ends all connections there are.
    pub(crate) fn cut(&self) {
        self.running.lock().drain(..).for_each(|task| task.abort());
    }

    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

async fn pass(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut weather: watch::Receiver<Weather>,
) {
    let mut buffer = [0; 8192];
    loop {
        let now = *weather.borrow_and_update();
        let len = if now == Weather::Slow { 37 } else { buffer.len() };
        let Ok(read) = from.read(&mut buffer[..len]).await else { return };
        if read == 0 {
            let _ = to.shutdown().await;
            return;
        }
        if weather.wait_for(|weather| *weather != Weather::HalfOpen).await.is_err() {
            return;
        }
        if now == Weather::Slow {
            tokio::time::sleep(Duration::from_micros(200)).await;
        }
        if to.write_all(&buffer[..read]).await.is_err() {
            return;
        }
    }
}

/// A slave that a name server tells where its master is, and the topic it knows by now.
async fn slave_with_topic(master: &Fixture, ha: &str, topic: &str) -> (Fixture, Server) {
    let reply = RegisterBrokerReply {
        ha_server_addr: Some(ha.to_owned()),
        master_addr: Some(master.addr.clone()),
    };
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let names = Server::bind(any, ServerOptions::default(), Arc::new(Knowing(reply))).unwrap();
    let addr = names.local_addr().to_string();
    let slave = Fixture::with(|s| {
        slave_of("")(s);
        s.broker.namesrv_addr = addr;
    })
    .await;
    let deadline = tokio::time::Instant::now() + LONG;
    let quoted = format!("\"{topic}\"");
    while !String::from_utf8_lossy(&slave.request(&GetAllTopicConfig).await.body).contains(&quoted)
    {
        assert!(tokio::time::Instant::now() < deadline, "topics never copied");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    (slave, names)
}

fn sync_master(settings: &mut Settings) {
    settings.store.broker_role = BrokerRole::SyncMaster;
    settings.store.ha_transfer_batch_size = 333;
}

async fn all_bodies(fixture: &Fixture, topic: &str) -> Vec<String> {
    let mut all = Vec::new();
    loop {
        let answer = fixture.pull(topic, all.len() as i64).await;
        if answer.code != SUCCESS {
            return all;
        }
        all.extend(bodies(&answer));
    }
}

/// Whatever the network does, the slave has what senders were told it has; and the queues go on
/// behind it when the slave is made the master.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledged_message_is_missing_on_the_slave() {
    let master = master(sync_master).await;
    master.send("T", "first", "").await;
    let network = Network::to(ha_of(&master)).await;
    let (slave, names) = slave_with_topic(&master, &network.addr, "T").await;
    sends_answer(&master, SUCCESS).await;
    let mut acknowledged = Vec::new();
    let weathers = [Weather::Fair, Weather::Slow, Weather::Fair];
    for round in 0..9 {
        network.set(weathers[round % 3]);
        for i in 0..25 {
            let body = format!("{round}/{i} {}", "y".repeat(i * 61 % 1500));
            let answer = master.send("T", &body, "").await;
            match answer.code {
                SUCCESS => acknowledged.push(body),
                SLAVE_NOT_AVAILABLE | FLUSH_SLAVE_TIMEOUT => {}
                other => panic!("{other}"),
            }
            if i == 12 && round % 2 == 0 {
                network.cut();
            }
        }
        sends_answer(&master, SUCCESS).await;
    }
    // The master is lost from here on.
    drop(network);
    let stored = all_bodies(&slave, "T").await;
    assert!(acknowledged.len() > 50, "only {}", acknowledged.len());
    for body in &acknowledged {
        assert!(stored.contains(body), "acknowledged and lost: {body:.12}");
    }
    master.stop().await;

    let promoted = Fixture::open(slave.stop().await, quick).await;
    let count = stored.len() as i64;
    let answer = promoted.send("T", "next", "").await;
    assert_eq!((answer.code, field(&answer, "queueOffset")), (SUCCESS, count.to_string().as_str()));
    assert_eq!(promoted.take("T", count, count + 1).await[0].body, "next");
    promoted.stop().await;
    names.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_given_up_on_both_sides() {
    let silence = |s: &mut Settings| s.store.ha_housekeeping_interval = 400;
    let master = master(|s| {
        sync_master(s);
        silence(s);
    })
    .await;
    let network = Network::to(ha_of(&master)).await;
    let slave = Fixture::with(|s| {
        slave_of(&network.addr)(s);
        silence(s);
    })
    .await;
    sends_answer(&master, SUCCESS).await;
    network.set(Weather::HalfOpen);
    sends_answer(&master, FLUSH_SLAVE_TIMEOUT).await;
    sends_answer(&master, SLAVE_NOT_AVAILABLE).await;
    let before = network.connections();
    eventually("the slave's new try", || network.connections() > before).await;
    network.cut();
    network.set(Weather::Fair);
    sends_answer(&master, SUCCESS).await;
    send_some(&master, "T", 0..20).await;
    same_logs(master.dir.path(), slave.dir.path());
    slave.stop().await;
    master.stop().await;
}
