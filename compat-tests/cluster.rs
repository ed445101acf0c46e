//! Name servers and brokers of either product, in a temporary folder of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tempfile::TempDir;

use crate::backend::{BROKER_CLASS, Backend, NAMESRV_CLASS, Products};
use crate::conn::Conn;
use crate::json::Json;
use crate::launch::{Launcher, Program, Running, attach, log_tail, path_text, wait_until};
use crate::ports::free_port;
use crate::reaper;
use crate::wire::Frame;

/// Name of the only broker of a cluster.
pub const BROKER_NAME: &str = "broker-a";
/// Cluster name, as by default.
pub const CLUSTER_NAME: &str = "DefaultCluster";

/// This variable leaves the folders for a look.
const KEEP: &str = "ROCKETMQ_COMPAT_KEEP";
const BOOT_TIMEOUT: Duration = Duration::from_secs(90);
const STOP_TIMEOUT: Duration = Duration::from_secs(60);

/// A server: its folder and port stay, the process may come and go, of either product.
pub struct Node {
    /// Port it listens on.
    pub port: u16,
    /// Its folder.
    pub home: PathBuf,
    class: &'static str,
    name_server: Option<String>,
    properties: Vec<(String, String)>,
    launcher: Launcher,
    running: Option<Box<dyn Running>>,
    output: PathBuf,
    starts: u32,
}

impl Node {
    /// A name server, not started yet.
    pub fn name_server(home: PathBuf, launcher: Launcher) -> Result<Self> {
        let port = free_port()?;
        let properties = vec![("listenPort".to_owned(), port.to_string())];
        Ok(Self::new(NAMESRV_CLASS, home, port, None, properties, launcher))
    }

    /// A broker, not started yet. Later properties win over earlier ones.
    pub fn broker(
        home: PathBuf,
        name_server: Option<String>,
        more: &[(&str, &str)],
        launcher: Launcher,
    ) -> Result<Self> {
        let port = free_port()?;
        let store = home.join("store");
        let mut properties: Vec<(String, String)> = [
            ("brokerName", BROKER_NAME.to_owned()),
            ("brokerClusterName", CLUSTER_NAME.to_owned()),
            ("brokerId", "0".to_owned()),
            ("listenPort", port.to_string()),
            ("haListenPort", (port + 1).to_string()),
            ("brokerIP1", "127.0.0.1".to_owned()),
            ("brokerIP2", "127.0.0.1".to_owned()),
            ("storePathRootDir", path_text(&store)),
            ("storePathCommitLog", path_text(&store.join("commitlog"))),
            ("mapedFileSizeCommitLog", "16777216".to_owned()),
            ("mapedFileSizeConsumeQueue", "60000".to_owned()),
            ("maxHashSlotNum", "50000".to_owned()),
            ("maxIndexNum", "200000".to_owned()),
            ("diskMaxUsedSpaceRatio", "95".to_owned()),
            // A busy machine is not what is tested.
            ("waitTimeMillsInSendQueue", "10000".to_owned()),
            // A round of checks takes positions and offsets; the cases that want one set this.
            ("transactionCheckInterval", "600000".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .to_vec();
        for (name, value) in more {
            properties.retain(|(n, _)| n != name);
            properties.push(((*name).to_owned(), (*value).to_owned()));
        }
        Ok(Self::new(BROKER_CLASS, home, port, name_server, properties, launcher))
    }

    fn new(
        class: &'static str,
        home: PathBuf,
        port: u16,
        name_server: Option<String>,
        properties: Vec<(String, String)>,
        launcher: Launcher,
    ) -> Self {
        let output = home.join("output.0.txt");
        let running = None;
        Node { port, home, class, name_server, properties, launcher, running, output, starts: 0 }
    }

    /// Address clients connect to.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Folder of the store.
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// A raw connection.
    pub fn connect(&self) -> Result<Conn> {
        Conn::open(self.port)
    }

    /// Changes a property for the next start.
    pub fn set(&mut self, name: &str, value: &str) {
        self.properties.retain(|(n, _)| n != name);
        self.properties.push((name.to_owned(), value.to_owned()));
    }

    /// Starts this product over whatever is in the folder, and waits until it serves.
    pub fn start(&mut self, backend: Backend) -> Result<()> {
        self.spawn(backend)?;
        attach(self.wait_ready(), || self.logs())
    }

    /// Starts without waiting.
    pub fn spawn(&mut self, backend: Backend) -> Result<()> {
        if self.running.is_some() {
            bail!("{} runs already", self.class);
        }
        fs::create_dir_all(&self.home)?;
        let config = self.home.join("server.properties");
        let lines: Vec<_> = self.properties.iter().map(|(n, v)| format!("{n}={v}\n")).collect();
        fs::write(&config, lines.concat())?;
        let mut args = vec!["-c".to_owned(), path_text(&config)];
        if let Some(address) = &self.name_server {
            args.extend(["-n".to_owned(), address.clone()]);
        }
        self.starts += 1;
        self.output = self.home.join(format!("output.{}.{}.txt", self.starts, backend.name()));
        let program = Program {
            backend,
            class: self.class,
            args,
            home: self.home.clone(),
            output: self.output.clone(),
        };
        self.running = Some(self.launcher.launch(&program)?);
        Ok(())
    }

    fn wait_ready(&mut self) -> Result<()> {
        let what = format!("{} on port {} to serve", self.class, self.port);
        let (output, port) = (self.output.clone(), self.port);
        let running = self.running.as_mut().context("not started")?;
        wait_until(&what, BOOT_TIMEOUT, || {
            if let Some(status) = running.ended()? {
                bail!("it ended: {status}");
            }
            let booted = fs::read_to_string(&output).unwrap_or_default().contains("boot success");
            Ok(booted && Conn::open(port).is_ok())
        })
    }

    /// Process number.
    pub fn pid(&self) -> Result<u32> {
        Ok(self.running.as_ref().context("not running")?.pid())
    }

    /// Fails when the process has ended.
    pub fn check_alive(&mut self) -> Result<()> {
        let Some(running) = self.running.as_mut() else { bail!("not running") };
        if let Some(status) = running.ended()? {
            bail!("the server ended: {status}\n{}", self.logs());
        }
        Ok(())
    }

    /// Ends it in order.
    pub fn stop(&mut self) -> Result<()> {
        self.end(|running| running.terminate())
    }

    /// Ends it with SIGKILL.
    pub fn kill(&mut self) -> Result<()> {
        self.end(|running| running.kill())
    }

    fn end(&mut self, how: impl FnOnce(&mut dyn Running) -> Result<()>) -> Result<()> {
        let Some(mut running) = self.running.take() else { return Ok(()) };
        if let Some(status) = running.ended()? {
            bail!("{} had ended before: {status}\n{}", self.class, self.logs());
        }
        how(running.as_mut())?;
        let what = format!("the end of {}", self.class);
        let ended = wait_until(&what, STOP_TIMEOUT, || Ok(running.ended()?.is_some()));
        attach(ended, || self.logs())
    }

    /// Bytes of memory of its own (not of mapped files).
    pub fn anonymous_memory(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid()?))?;
        let line = status.lines().find_map(|l| l.strip_prefix("RssAnon:")).context("RssAnon")?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib * 1024)
    }

    /// The last lines of its output and logs.
    pub fn logs(&self) -> String {
        log_tail(&self.output, &self.home, 25)
    }

    /// What it printed since its last start.
    pub fn printed(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

/// What to start.
#[derive(Debug, Clone)]
pub struct Spec<'a> {
    /// Product of the name server; `None` for a broker alone.
    pub name_server: Option<Backend>,
    /// Product of the broker.
    pub broker: Backend,
    /// Broker properties besides the usual ones.
    pub properties: &'a [(&'a str, &'a str)],
    /// Process or container.
    pub launcher: Launcher,
}

impl Spec<'static> {
    /// Name server and broker of one side, started as the environment says.
    pub fn of(products: Products) -> Result<Self> {
        let launcher = Launcher::from_env()?;
        let (name_server, broker) = (Some(products.name_server), products.broker);
        Ok(Spec { name_server, broker, properties: &[], launcher })
    }

    /// A broker that knows no name server.
    pub fn broker_alone(broker: Backend) -> Result<Self> {
        Ok(Spec { name_server: None, ..Self::of(Products { name_server: broker, broker })? })
    }
}

/// A name server and a broker.
pub struct Cluster {
    /// The name server, unless the broker is alone.
    pub name_server: Option<Node>,
    /// The broker.
    pub broker: Node,
    /// The broker's product.
    pub backend: Backend,
    /// The name server's product.
    pub name_server_backend: Backend,
    root: Option<TempDir>,
}

impl Cluster {
    /// Starts everything and waits until the broker is registered.
    pub fn start(spec: &Spec<'_>) -> Result<Self> {
        let root = tempfile::Builder::new().prefix("compat-").tempdir()?;
        if std::env::var_os(KEEP).is_none() {
            reaper::folder(root.path());
        }
        let mut name_server = None;
        if let Some(backend) = spec.name_server {
            let mut node = Node::name_server(root.path().join("namesrv"), spec.launcher)?;
            node.start(backend)?;
            name_server = Some(node);
        }
        let address = name_server.as_ref().map(Node::address);
        let home = root.path().join("broker");
        let mut broker = Node::broker(home, address, spec.properties, spec.launcher)?;
        broker.start(spec.broker)?;
        let backend = spec.broker;
        let name_server_backend = spec.name_server.unwrap_or(backend);
        let root = Some(root);
        let cluster = Cluster { name_server, broker, backend, name_server_backend, root };
        cluster.wait_registered()?;
        Ok(cluster)
    }

    /// Waits until the name server lists the broker.
    pub fn wait_registered(&self) -> Result<()> {
        let Some(name_server) = &self.name_server else { return Ok(()) };
        let mut conn = name_server.connect()?;
        let wait = wait_until("the broker's registration", BOOT_TIMEOUT, || {
            let answer = conn.ok(Frame::request(106))?;
            let info = Json::parse(&String::from_utf8(answer.body)?)?;
            Ok(info.get("brokerAddrTable").is_some_and(|t| t.get(BROKER_NAME).is_some()))
        });
        attach(wait, || self.logs())
    }

    /// The name server; an error when the broker is alone.
    pub fn name_server(&self) -> Result<&Node> {
        self.name_server.as_ref().context("this cluster has no name server")
    }

    /// Folder of the whole cluster.
    pub fn folder(&self) -> &Path {
        self.root.as_ref().map_or_else(|| Path::new("."), TempDir::path)
    }

    /// The last lines of everything that was logged.
    pub fn logs(&self) -> String {
        let names = self.name_server.as_ref().map(Node::logs).unwrap_or_default();
        format!("{names}{}", self.broker.logs())
    }

    /// Ends broker and name server in order.
    pub fn stop(&mut self) -> Result<()> {
        self.broker.stop()?;
        self.name_server.as_mut().map_or(Ok(()), Node::stop)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if std::env::var_os(KEEP).is_some()
            && let Some(root) = self.root.take()
        {
            let _ = root.keep();
        }
    }
}
