//! The broker as a process.

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ::broker::{Broker, Settings};
use config::Env;
use jiff::Timestamp;
use observe::OnChange;

use crate::launch::{Exit, FrameEncoding, broker, encoding, listen_address, log_file_report, tls};
use crate::logging::{self, Log};
use crate::serve::{Running, serve};
use crate::watch::Watch;

/// Log target of the broker.
const LOG: &str = "RocketmqBroker";

struct Server {
    broker: Arc<Broker>,
    watch: Watch,
    boot_line: String,
}

impl Running for Server {
    fn boot_line(&self) -> String {
        self.boot_line.clone()
    }

    async fn stop(self) {
        tracing::info!(target: LOG, "Shutdown hook was invoked, 1");
        let begun = Instant::now();
        self.watch.while_stopping(self.broker.shutdown()).await;
        let spent = begun.elapsed().as_millis();
        tracing::info!(target: LOG, "Shutdown hook over, consuming total time(ms): {spent}");
    }
}

/// Runs a broker with these arguments until a signal comes.
pub(crate) fn run(words: &[String], mut env: Env) -> Exit {
    let ready = broker::prepare(words, &mut env, Timestamp::now())
        .and_then(|launch| Ok((launch, encoding(&env)?, listen_address(&env)?)));
    let (launch, encoding, listen_on) = match ready {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    Env::install(env);
    // A broker that cannot write logs runs all the same.
    let log = logging::start(logging::BROKER, Env::current(), &launch.configs.observe);
    let on_change = log.as_ref().map(Log::on_change).unwrap_or_default();
    serve(start(launch, encoding, listen_on, on_change))
}

async fn start(
    launch: broker::Launch,
    encoding: FrameEncoding,
    listen_on: IpAddr,
    on_change: OnChange,
) -> Result<Server, Exit> {
    for line in config::lines(&launch.configs.tables(), false) {
        tracing::info!(target: LOG, "{line}");
    }
    let watch = Watch::start(&launch.configs.observe).await?;
    let name = launch.configs.broker.broker_name.clone();
    let name_servers = launch.configs.broker.namesrv_addr.clone();
    let mut settings = Settings::from(launch.configs);
    settings.encoding = encoding.value;
    settings.tls = tls(Env::current());
    settings.listen_on = listen_on;
    settings.on_observe_change = on_change;
    if let Some(file) = launch.file {
        log_file_report(&file, |line| tracing::info!(target: LOG, "{line}"));
        settings.config_file = Some(PathBuf::from(file.path));
        settings.extra_properties = file.properties;
    }
    let broker = Broker::start(settings).await.map_err(|error| {
        tracing::error!(target: LOG, "start failed: {error}");
        Exit::failing(error.exit_code(), format_args!("the broker did not start: {error}"))
    })?;
    watch.started(broker.clone());
    let mut boot_line = format!(
        "The broker[{name}, {}] boot success. serializeType={}",
        broker.addr(),
        encoding.name
    );
    if !name_servers.is_empty() {
        boot_line.push_str(" and name server is ");
        boot_line.push_str(&name_servers);
    }
    tracing::info!(target: LOG, "{boot_line}");
    Ok(Server { broker, watch, boot_line })
}
