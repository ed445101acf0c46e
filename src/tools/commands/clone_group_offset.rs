//! `cloneGroupOffset`: sets the offsets of a group to the ends of the queues that another consumes.

use anyhow::Context as _;
use client::java_order::hash_order;

use crate::cluster::MASTER_ID;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "cloneGroupOffset",
    about: "Set the offsets of a group to the ends of the queues of another group",
    json: false,
    options: &[
        Opt::required('s', "srcGroup", "The group to take the queues from"),
        Opt::required('d', "destGroup", "The group whose offsets to set"),
        Opt::required('t', "topic", "The topic whose brokers to tell"),
        Opt::value('o', "offline", "Kept for scripts; 4.4.0 does not look at it either"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let (source, target) = (context.required('s'), context.required('d'));
    let topic = context.required('t');
    let admin = context.admin().await?;
    let stats = admin.consume_stats(&source, None).await?;
    let route = admin.route(&topic).await?;
    for queue in hash_order(stats.offset_table.keys()) {
        // 4.4.0 takes the end of the queue, not how far the group is; so do we.
        let offset = stats.offset_table.get(queue).map_or(-1, |offsets| offsets.broker_offset);
        if offset < 0 {
            continue;
        }
        let mut brokers = route.broker_datas.iter();
        let broker = brokers.find(|broker| broker.broker_name == queue.broker_name);
        let addrs = broker.map(|broker| &broker.broker_addrs);
        let addr = addrs.and_then(|all| all.get(&MASTER_ID).or_else(|| all.values().next()));
        let addr = addr.with_context(|| format!("no broker of {topic} serves {queue}"))?;
        admin.put_offset(addr, &target, queue, offset).await?;
    }
    say!(
        context,
        "clone group offset success. srcGroup[{source}], destGroup=[{target}], topic[{topic}]"
    )?;
    Ok(())
}
