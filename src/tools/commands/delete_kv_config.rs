//! `deleteKvConfig`: removes a value from all name servers.

use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "deleteKvConfig",
    about: "Delete a value from a namespace of the name servers",
    json: false,
    options: &[
        Opt::required('s', "namespace", "The namespace"),
        Opt::required('k', "key", "The key"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (namespace, key) = (context.required('s'), context.required('k'));
    let admin = context.admin().await?;
    let names = admin.name_servers().join(", ");
    context.announce(format_args!("deletes {namespace}/{key} on name servers [{names}]"))?;
    admin.delete_kv(&namespace, &key).await?;
    Ok(say!(context, "delete kv config from namespace success.\n")?)
}
