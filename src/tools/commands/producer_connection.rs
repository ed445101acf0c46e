//! `producerConnection`: the members of a producer group.

use protocol::version;

use super::consumer_connection::ConnectionRow;
use crate::command::{Command, Opt};
use crate::context::Context;

pub(super) const COMMAND: Command = Command {
    name: "producerConnection",
    about: "List the connections of a producer group",
    json: true,
    options: &[
        Opt::required('g', "producerGroup", "Name of the group"),
        Opt::required('t', "topic", "A topic that the group sends to"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (group, topic) = (context.required('g'), context.required('t'));
    let found = context.admin().await?.producers(&group, &topic).await?;
    for (number, connection) in (1..).zip(&found.connection_set) {
        context.row(
            &ConnectionRow::from(connection),
            format_args!(
                "{number:04}  {:<32} {:<22} {:<8} {}\n",
                connection.client_id,
                connection.client_addr,
                connection.language.name(),
                version::name(connection.version)
            ),
        )?;
    }
    Ok(())
}
