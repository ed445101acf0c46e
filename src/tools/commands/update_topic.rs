//! `updateTopic`: creates or changes a topic.

use protocol::bodies::TopicConfig;
use protocol::{perm, sysflag};

use crate::cluster::{broker_name, broker_names, masters};
use crate::command::{Command, Opt};
use crate::context::{Context, say};

/// Queues of a topic nobody said more about.
const QUEUES: i32 = 8;

pub(super) const COMMAND: Command = Command {
    name: "updateTopic",
    about: "Create or change a topic on a broker or a cluster",
    json: false,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker to change; wins over -c"),
        Opt::value('c', "clusterName", "Cluster whose masters to change"),
        Opt::required('t', "topic", "Name of the topic"),
        Opt::value('r', "readQueueNums", "Queues to read from, 8 unless given"),
        Opt::value('w', "writeQueueNums", "Queues to write to, 8 unless given"),
        Opt::value('p', "perm", "What is allowed: 2 writing, 4 reading, 6 both"),
        Opt::value('o', "order", "Whether messages are ordered across brokers (true or false)"),
        Opt::value('u', "unit", "Whether the topic belongs to a unit (true or false)"),
        Opt::value('s', "hasUnitSub", "Whether units subscribe to it (true or false)"),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let truth = |short| context.truth(short).unwrap_or(false);
    let config = TopicConfig {
        topic_sys_flag: sysflag::topic::build(truth('u'), truth('s')),
        order: truth('o'),
        ..TopicConfig::new(
            context.required('t'),
            context.number('r')?.unwrap_or(QUEUES),
            context.number('w')?.unwrap_or(QUEUES),
            context.number('p')?.unwrap_or(perm::READ | perm::WRITE),
        )
    };
    if let Some(addr) = context.value('b').map(str::to_owned) {
        on_broker(context, &addr, &config).await
    } else if let Some(cluster) = context.value('c').map(str::to_owned) {
        on_cluster(context, &cluster, &config).await
    } else {
        context.usage()
    }
}

async fn on_broker(
    context: &mut Context<'_>,
    addr: &str,
    config: &TopicConfig,
) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    admin.put_topic(addr, config).await?;
    if config.order {
        let clusters = admin.clusters().await?;
        let conf = format!("{}:{}", broker_name(&clusters, addr)?, config.write_queue_nums);
        admin.put_order_conf_of_broker(&config.topic_name, &conf).await?;
        say!(context, "set broker orderConf. isOrder=true, orderConf=[{conf}]")?;
    }
    say!(context, "create topic to {addr} success.\n")?;
    Ok(say!(context, "{config}")?)
}

async fn on_cluster(
    context: &mut Context<'_>,
    cluster: &str,
    config: &TopicConfig,
) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    for addr in masters(context, cluster).await? {
        admin.put_topic(&addr, config).await?;
        say!(context, "create topic to {addr} success.\n")?;
    }
    if config.order {
        let clusters = admin.clusters().await?;
        let names = broker_names(&clusters, cluster)?;
        let items: Vec<_> =
            names.iter().map(|name| format!("{name}:{}", config.write_queue_nums)).collect();
        let conf = items.join(";");
        admin.put_order_conf(&config.topic_name, &conf).await?;
        say!(context, "set cluster orderConf. isOrder=true, orderConf=[{conf}]")?;
    }
    Ok(say!(context, "{config}")?)
}
