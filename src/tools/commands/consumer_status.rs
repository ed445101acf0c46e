//! `consumerStatus`: the inner state of the members of a consumer group.

use std::collections::BTreeMap;
use std::fs;

use anyhow::Context as _;
use protocol::bodies::{Connection, ConsumerRunningInfo};
use protocol::version;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};
use crate::running::{same_subscriptions, suspicious_queues, text};
use crate::text::now_ms;

pub(super) const COMMAND: Command = Command {
    name: "consumerStatus",
    about: "Show the inner state of the members of a consumer group",
    json: true,
    options: &[
        Opt::required('g', "consumerGroup", "Name of the group"),
        Opt::value('i', "clientId", "Client to show; unless given, a file is written for each"),
        Opt::flag('s', "jstack", "Have the clients tell the stacks of their threads"),
    ],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Row<'a> {
    client_id: &'a str,
    version: String,
    file: &'a str,
}

pub(super) async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let group = context.required('g');
    let admin = context.admin().await?;
    let members = admin.consumers(&group).await?;
    if let Some(client) = context.value('i').map(str::to_owned) {
        if let Some(info) = admin.running_info(&group, &client, context.has('s')).await? {
            say!(context, "{}", text(&info))?;
            context.answer(&Shown::of(&info))?;
        }
        return Ok(());
    }
    let folder = now_ms().to_string();
    let mut infos = BTreeMap::new();
    for member in &members.connection_set {
        match save(context, &group, member, &folder, infos.len() + 1).await {
            Ok(Some(info)) => drop(infos.insert(member.client_id.clone(), info)),
            Ok(None) => {}
            Err(error) => context.complain(error)?,
        }
    }
    judge(context, &infos)
}

/// Writes the state of a member to a file and tells where.
async fn save(
    context: &mut Context<'_>,
    group: &str,
    member: &Connection,
    folder: &str,
    number: usize,
) -> anyhow::Result<Option<ConsumerRunningInfo>> {
    let client_id = &member.client_id;
    let info = context.admin().await?.running_info(group, client_id, context.has('s')).await?;
    let Some(info) = info else { return Ok(None) };
    // Clients choose their ids: one must not lead out of the folder.
    let path = format!("{folder}/{}", client_id.replace(['/', '\0'], "_"));
    fs::create_dir_all(folder)
        .and_then(|()| fs::write(&path, text(&info)))
        .with_context(|| format!("write {path}"))?;
    let row = Row { client_id, version: version::name(member.version), file: &path };
    context.row(&row, format_args!("{number:03}  {client_id:<40} {:<20} {path}\n", row.version))?;
    Ok(Some(info))
}

fn judge(
    context: &mut Context<'_>,
    infos: &BTreeMap<String, ConsumerRunningInfo>,
) -> anyhow::Result<()> {
    if infos.is_empty() {
        return Ok(());
    }
    let now = now_ms();
    if !same_subscriptions(infos, now) {
        say!(context, "\n\nWARN: Different subscription in the same group of consumer!!!")?;
        return Ok(());
    }
    say!(context, "\n\nSame subscription in the same group of consumer")?;
    say!(context, "\n\nRebalance OK\n")?;
    for (client_id, info) in infos {
        say!(context, "{}", suspicious_queues(client_id, info, now))?;
    }
    Ok(())
}

/// The state as an object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    properties: &'a BTreeMap<String, String>,
    subscriptions: &'a [protocol::bodies::SubscriptionData],
    queues: Vec<ShownQueue<'a>>,
    status: &'a BTreeMap<String, protocol::bodies::ConsumeStatus>,
    #[serde(skip_serializing_if = "Option::is_none")]
    jstack: Option<&'a str>,
}

#[derive(Serialize)]
struct ShownQueue<'a> {
    #[serde(flatten)]
    queue: &'a protocol::bodies::MessageQueue,
    #[serde(flatten)]
    held: &'a protocol::bodies::ProcessQueueInfo,
}

impl<'a> Shown<'a> {
    fn of(info: &'a ConsumerRunningInfo) -> Self {
        let queues = info.mq_table.iter().map(|(queue, held)| ShownQueue { queue, held });
        Self {
            properties: &info.properties,
            subscriptions: &info.subscription_set,
            queues: queues.collect(),
            status: &info.status_table,
            jstack: info.jstack.as_deref(),
        }
    }
}
