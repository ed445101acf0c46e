//! `updateKvConfig`: sets a value on all name servers.

use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "updateKvConfig",
    about: "Set a value in a namespace of the name servers",
    json: false,
    options: &[
        Opt::required('s', "namespace", "The namespace"),
        Opt::required('k', "key", "The key"),
        Opt::required('v', "value", "The value"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (namespace, key) = (context.required('s'), context.required('k'));
    context.admin().await?.put_kv(&namespace, &key, &context.required('v')).await?;
    Ok(say!(context, "create or update kv config to namespace success.\n")?)
}
