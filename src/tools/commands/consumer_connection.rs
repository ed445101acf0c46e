//! `consumerConnection`: the members of a consumer group and what it subscribes to.

use client::java_order::hash_order;
use protocol::bodies::{Connection, ConsumerConnection, JavaEnum};
use protocol::version;
use serde::Serialize;

use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "consumerConnection",
    about: "List the connections and subscriptions of a consumer group",
    json: true,
    options: &[Opt::required('g', "consumerGroup", "Name of the group")],
    run: |context| Box::pin(run(context)),
};

/// A connection as an object.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ConnectionRow<'a> {
    client_id: &'a str,
    client_addr: &'a str,
    language: &'static str,
    version: String,
}

impl<'a> From<&'a Connection> for ConnectionRow<'a> {
    fn from(connection: &'a Connection) -> Self {
        Self {
            client_id: &connection.client_id,
            client_addr: &connection.client_addr,
            language: connection.language.name(),
            version: version::name(connection.version),
        }
    }
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let group = context.required('g');
    let found = context.admin().await?.consumers(&group).await?;
    context.answer(&found)?;
    for (number, connection) in (1..).zip(&found.connection_set) {
        say!(
            context,
            "{number:03}  {:<32} {:<22} {:<8} {}\n",
            connection.client_id,
            connection.client_addr,
            connection.language.name(),
            version::name(connection.version)
        )?;
    }
    say!(context, "\nBelow is subscription:")?;
    for (number, topic) in (1..).zip(hash_order(found.subscription_table.keys())) {
        let expression = found.subscription_table.get(topic).map(|data| data.sub_string.as_str());
        let expression = expression.unwrap_or_default();
        say!(context, "{number:03}  Topic: {topic:<40} SubExpression: {expression}\n")?;
    }
    let ConsumerConnection { consume_type, message_model, consume_from_where, .. } = found;
    say!(context, "ConsumeType: {}\n", name(consume_type))?;
    say!(context, "MessageModel: {}\n", name(message_model))?;
    Ok(say!(context, "ConsumeFromWhere: {}\n", name(consume_from_where))?)
}

fn name(value: Option<impl JavaEnum>) -> &'static str {
    value.map_or("null", JavaEnum::name)
}
