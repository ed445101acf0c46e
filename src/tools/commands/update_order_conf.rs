//! `updateOrderConf`: the queues of ordered topics.

use anyhow::bail;

use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "updateOrderConf",
    about: "Set, show or delete the queues of an ordered topic",
    json: false,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::value('v', "orderConf", "Queues by broker, for example brokerA:4;brokerB:4"),
        Opt::required('m', "method", "What to do: put, get or delete"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    match context.required('m').as_str() {
        "get" => {
            let conf = context.admin().await?.order_conf(&topic).await?;
            let conf = conf.as_deref().unwrap_or("null");
            say!(context, "get orderConf success. topic=[{topic}], orderConf=[{conf}] ")?;
        }
        "put" => {
            let conf = context.required('v');
            if conf.is_empty() {
                bail!("-v is missing: the queues to set");
            }
            context.admin().await?.put_order_conf(&topic, &conf).await?;
            say!(context, "update orderConf success. topic=[{topic}], orderConf=[{conf}]")?;
        }
        "delete" => {
            context.announce(format_args!("deletes the queues of ordered topic {topic}"))?;
            context.admin().await?.delete_order_conf(&topic).await?;
            say!(context, "delete orderConf success. topic=[{topic}]")?;
        }
        _ => context.usage()?,
    }
    Ok(())
}
