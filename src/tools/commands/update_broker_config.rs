//! `updateBrokerConfig`: changes one setting of brokers.

use config::Properties;

use crate::cluster::masters;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "updateBrokerConfig",
    about: "Change a setting of a broker or of the masters of a cluster",
    json: false,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker to change; wins over -c"),
        Opt::value('c', "clusterName", "Cluster whose masters to change"),
        Opt::required('k', "key", "The setting"),
        Opt::required('v', "value", "Its new value"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let text = setting(context);
    if let Some(addr) = context.value('b').map(str::to_owned) {
        context.admin().await?.put_broker_config(&addr, &text).await?;
        say!(context, "update broker config success, {addr}\n")?;
        return Ok(());
    }
    let Some(cluster) = context.value('c').map(str::to_owned) else { return context.usage() };
    let admin = context.admin().await?;
    for addr in masters(context, &cluster).await? {
        match admin.put_broker_config(&addr, &text).await {
            Ok(()) => say!(context, "update broker config success, {addr}\n")?,
            Err(error) => context.complain(error)?,
        }
    }
    Ok(())
}

/// `-k` and `-v` as properties text.
pub(super) fn setting(context: &Context<'_>) -> String {
    [(context.required('k'), context.required('v'))].into_iter().collect::<Properties>().render()
}
