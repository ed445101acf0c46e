//! `wipeWritePerm`: takes the write permission of a broker out of all routes.

use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "wipeWritePerm",
    about: "Take the write permission of a broker out of the routes of all name servers",
    json: false,
    options: &[Opt::required('b', "brokerName", "Name of the broker")],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let broker = context.required('b');
    let admin = context.admin().await?;
    for server in admin.name_servers() {
        match admin.wipe_write_perm(server, &broker).await {
            Ok(count) => say!(
                context,
                "wipe write perm of broker[{broker}] in name server[{server}] OK, {count}\n"
            )?,
            Err(error) => {
                say!(
                    context,
                    "wipe write perm of broker[{broker}] in name server[{server}] Failed\n"
                )?;
                context.complain(error)?;
            }
        }
    }
    Ok(())
}
