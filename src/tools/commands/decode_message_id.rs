//! `DecodeMessageId`: what a unique message id tells.

use anyhow::Context as _;
use protocol::message_id::UniqueId;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::Context;
use crate::text::time_with_ms;

pub(super) const COMMAND: Command = Command {
    name: "DecodeMessageId",
    about: "Show address and time in a unique message id",
    json: true,
    options: &[Opt::value('i', "messageId", "The id")],
    run: |context| Box::pin(run(context)),
};

#[derive(Serialize)]
struct Row {
    ip: String,
    date: String,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let text = context.value('i').context("-i is missing")?.to_owned();
    let id: UniqueId = text.parse().with_context(|| format!("{text:?} is no unique id"))?;
    let made = client::made_at(&text).context("the id tells no time")?;
    let date = time_with_ms(made).replace(' ', "#").replace(',', ":");
    let row = Row { ip: id.ip.to_string(), date };
    context.row(&row, format_args!("ip={}date={}", row.ip, row.date))
}
