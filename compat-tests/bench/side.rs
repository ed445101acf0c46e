//! One of the two that are compared: a broker, and where a work wants one its slave.

use std::time::Duration;

use anyhow::{Context, Result};
use compat_tests::backend::Backend;
use compat_tests::cluster::{Cluster, Node, Spec};
use compat_tests::conn::Conn;
use compat_tests::launch::{Launcher, wait_until};
use compat_tests::wire::Frame;

use crate::process;
use crate::work::{Setting, TOPIC, send_frame};

/// The servers run with 4.4.0's own sizes.
const PROPERTIES: &[(&str, &str)] = &[
    ("mapedFileSizeCommitLog", "1073741824"),
    ("mapedFileSizeConsumeQueue", "6000000"),
    ("maxHashSlotNum", "5000000"),
    ("maxIndexNum", "20000000"),
    ("enablePropertyFilter", "true"),
];

/// Its servers.
pub(crate) struct Side {
    pub(crate) cluster: Cluster,
    slave: Option<Node>,
}

impl Side {
    /// Starts a product with a setting.
    pub(crate) fn start(backend: Backend, setting: Setting) -> Result<Self> {
        let properties = [PROPERTIES, setting.properties()].concat();
        let launcher = Launcher::Process;
        let spec = Spec { name_server: None, broker: backend, properties: &properties, launcher };
        let cluster = Cluster::start(&spec)?;
        let slave = if setting.has_slave() { Some(slave(&cluster, launcher)?) } else { None };
        Ok(Self { cluster, slave })
    }

    /// Lets the servers go on, and waits until they are in step.
    pub(crate) fn resume(&self) -> Result<()> {
        process::resume(&self.cluster.broker)?;
        let Some(slave) = &self.slave else { return Ok(()) };
        process::resume(slave)?;
        /// Connections that were not served while the other side was measured are made anew.
        const PATIENCE: Duration = Duration::from_secs(60);
        wait_until("the slave to be in step", PATIENCE, || {
            let sent = Conn::open(self.cluster.broker.port)?.call(send_frame(
                310,
                TOPIC,
                0,
                "",
                vec![b'x'],
            ))?;
            Ok(sent.code == 0 && end(&self.cluster.broker)? == end(slave)?)
        })
    }

    /// Stops the servers until [`resume`](Self::resume), so that they take nothing from others.
    pub(crate) fn pause(&self) -> Result<()> {
        self.slave.iter().chain([&self.cluster.broker]).try_for_each(process::pause)
    }

    /// Ends the servers: what they have stored is of no use to anybody.
    pub(crate) fn kill(&mut self) -> Result<()> {
        for node in self.slave.iter_mut().chain([&mut self.cluster.broker]) {
            process::resume(node)?;
            node.kill()?;
        }
        Ok(())
    }
}

/// A slave of the only broker of a cluster, in its folder.
fn slave(cluster: &Cluster, launcher: Launcher) -> Result<Node> {
    let master = format!("127.0.0.1:{}", cluster.broker.port + 1);
    let own = [("brokerRole", "SLAVE"), ("brokerId", "1"), ("haMasterAddress", master.as_str())];
    let properties = [PROPERTIES, &own].concat();
    let home = cluster.folder().join("slave");
    let mut slave = Node::broker(home, None, &properties, launcher)?;
    slave.start(cluster.backend).context("start the slave")?;
    Ok(slave)
}

fn end(node: &Node) -> Result<i64> {
    let asked = Frame::request(30).with("topic", TOPIC).with("queueId", 0);
    Conn::open(node.port)?.ok(asked)?.number("offset")
}
