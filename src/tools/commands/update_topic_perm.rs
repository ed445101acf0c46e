//! `updateTopicPerm`: changes what is allowed with a topic.

use anyhow::Context as _;
use protocol::bodies::TopicConfig;

use crate::cluster::masters;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

pub(super) const COMMAND: Command = Command {
    name: "updateTopicPerm",
    about: "Change what is allowed with a topic",
    json: false,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker to change; wins over -c"),
        Opt::value('c', "clusterName", "Cluster whose masters to change"),
        Opt::required('t', "topic", "Name of the topic"),
        Opt::required('p', "perm", "What is allowed: 2 writing, 4 reading, 6 both"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let topic = context.required('t');
    let admin = context.admin().await?;
    let route = admin.route(&topic).await?;
    let queues = route.queue_datas.first().context("the topic has no queues")?;
    let perm: i32 = context.number('p')?.context("-p is missing")?;
    let old = queues.perm;
    if perm == old {
        return Ok(say!(context, "new perm equals to the old one!\n")?);
    }
    let config = TopicConfig {
        topic_sys_flag: queues.topic_syn_flag,
        ..TopicConfig::new(topic, queues.read_queue_nums, queues.write_queue_nums, perm)
    };
    if let Some(addr) = context.value('b').map(str::to_owned) {
        admin.put_topic(&addr, &config).await?;
        say!(context, "update topic perm from {old} to {perm} in {addr} success.\n")?;
        say!(context, "{config}\n")?;
    } else if let Some(cluster) = context.value('c').map(str::to_owned) {
        for addr in masters(context, &cluster).await? {
            admin.put_topic(&addr, &config).await?;
            say!(context, "update topic perm from {old} to {perm} in {addr} success.\n")?;
        }
    } else {
        context.usage()?;
    }
    Ok(())
}
