//! `allocateMQ`: how clients would share the queues of a topic.

use std::collections::BTreeMap;

use client::allocate_averagely;
use client::java_order::hash_order;
use protocol::bodies::MessageQueue;
use protocol::json;
use serde::Serialize;

use crate::cluster::readable_queues;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "allocateMQ",
    about: "Show how clients would share the queues of a topic",
    json: true,
    options: &[
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('i', "ipList", "Addresses of the clients, joined by commas"),
    ],
    run: |context| Box::pin(run(context)),
};

/// Queues by client, in the order of Java's table.
struct Shares(Vec<(String, Vec<MessageQueue>)>);

impl Serialize for Shares {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(client, queues)| (client, queues)))
    }
}

#[derive(Serialize)]
struct Answer {
    result: Shares,
}

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (topic, list) = (context.required('t'), context.required('i'));
    let clients: Vec<String> = list.trim_end_matches(',').split(',').map(str::to_owned).collect();
    let route = context.admin().await?.route(&topic).await?;
    let queues = readable_queues(&topic, &route);
    let mut shares = BTreeMap::new();
    for client in &clients {
        shares.insert(client.clone(), allocate_averagely(client, &clients, &queues));
    }
    let order = hash_order(shares.keys().cloned().collect::<Vec<_>>());
    let shares = order.into_iter().filter_map(|client| shares.remove_entry(&client)).collect();
    let answer = Answer { result: Shares(shares) };
    say!(context, "{}\n", json::to_string(&answer))?;
    context.answer(&answer)
}
