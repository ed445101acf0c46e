//! `getNamesrvConfig`: the settings of name servers.

use std::collections::BTreeMap;

use client::java_order::hash_order;
use config::Properties;
use serde::Serialize;

use crate::command::Command;
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "getNamesrvConfig",
    about: "Show the settings of the name servers",
    json: true,
    options: &[],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
struct Row<'a> {
    server: &'a str,
    settings: &'a BTreeMap<&'a str, &'a str>,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let mut found = Vec::new();
    for server in admin.name_servers() {
        found.push((server, admin.name_server_config(server).await?));
    }
    for server in hash_order(admin.name_servers()) {
        let Some((_, text)) = found.iter().find(|(each, _)| *each == server) else { continue };
        say!(context, "============{server}============\n")?;
        show(context, server, text)?;
    }
    Ok(())
}

/// Prints settings, sorted by name.
pub(super) fn show(context: &mut Context<'_>, server: &str, text: &[u8]) -> anyhow::Result<()> {
    let properties = Properties::parse(text)?;
    let settings: BTreeMap<&str, &str> = properties.iter().collect();
    for (key, value) in &settings {
        say!(context, "{key:<50}=  {value}\n")?;
    }
    context.row(&Row { server, settings: &settings }, format_args!(""))
}
