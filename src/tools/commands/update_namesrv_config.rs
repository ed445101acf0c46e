//! `updateNamesrvConfig`: changes one setting of name servers.

use super::update_broker_config::setting;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "updateNamesrvConfig",
    about: "Change a setting of the name servers",
    json: false,
    options: &[
        Opt::required('k', "key", "The setting"),
        Opt::required('v', "value", "Its new value"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let text = setting(context);
    let admin = context.admin().await?;
    for remark in admin.put_name_server_config(&text).await? {
        context.complain(anyhow::anyhow!(remark))?;
    }
    let servers = match context.value('n') {
        Some(_) => format!("[{}]", admin.name_servers().join(", ")),
        None => String::new(),
    };
    let (key, value) = (context.required('k'), context.required('v'));
    Ok(say!(context, "update name server config success!{servers}\n{key} : {value}\n")?)
}
