//! The name server as a process.

use std::sync::Arc;

use ::namesrv::{Namesrv, Settings};
use config::Env;
use jiff::Timestamp;

use crate::launch::{Exit, code, encoding, listen_address, log_file_report, namesrv, tls};
use crate::logging::{self, Log};
use crate::serve::{Running, say, serve};
use crate::watch::Watch;

/// Log target of the name server.
const LOG: &str = "RocketmqNamesrv";

struct Server {
    namesrv: Arc<Namesrv>,
    watch: Watch,
    boot_line: String,
}

impl Running for Server {
    fn boot_line(&self) -> String {
        self.boot_line.clone()
    }

    async fn stop(self) {
        self.watch.while_stopping(self.namesrv.shutdown()).await;
    }
}

/// Runs a name server with these arguments until a signal comes.
pub(crate) fn run(words: &[String], env: Env) -> Exit {
    let ready = namesrv::prepare(words, &env, Timestamp::now())
        .and_then(|launch| Ok((launch, encoding(&env)?, listen_address(&env)?)));
    let (launch, encoding, listen_on) = match ready {
        Ok(ready) => ready,
        Err(exit) => return exit,
    };
    say(&launch.out);
    Env::install(env);
    // A name server that cannot write logs runs all the same.
    let log = logging::start(logging::NAMESRV, Env::current(), &launch.configs.observe);
    let on_change = log.as_ref().map(Log::on_change).unwrap_or_default();
    serve(async {
        let watch = Watch::start(&launch.configs.observe).await?;
        let mut settings = Settings::new(launch.configs);
        settings.encoding = encoding.value;
        settings.listen_on = listen_on;
        settings.on_observe_change = on_change;
        settings.tls = tls(Env::current()).server();
        settings.product_name_servers = product_name_servers(Env::current());
        if let Some(file) = launch.file {
            log_file_report(&file, |line| tracing::info!(target: LOG, "{line}"));
            settings.extra_properties = file.properties;
        }
        let namesrv = Namesrv::start(settings).map_err(|error| {
            tracing::error!(target: LOG, "start failed: {error}");
            Exit::failing(code::FAILED, format_args!("the name server did not start: {error}"))
        })?;
        let namesrv = Arc::new(namesrv);
        watch.started(namesrv.clone());
        let boot_line = format!("The Name Server boot success. serializeType={}", encoding.name);
        tracing::info!(target: LOG, "{boot_line}");
        Ok(Server { namesrv, watch, boot_line })
    })
}

/// Where `clusterTest` looks topics up that are unknown here.
fn product_name_servers(env: &Env) -> Vec<String> {
    let list = env.property_or_var("rocketmq.namesrv.addr", "NAMESRV_ADDR").unwrap_or_default();
    list.split(';').filter(|addr| !addr.is_empty()).map(str::to_owned).collect()
}
