//! `updateSubGroup`: creates or changes a consumer group.

use std::time::Duration;

use protocol::bodies::SubscriptionGroupConfig;

use crate::cluster::masters;
use crate::command::{Command, Opt};
use crate::context::{Context, say};

/// Pause after a broker that failed.
const FAILURE_PAUSE: Duration = Duration::from_secs(1);

pub(super) const COMMAND: Command = Command {
    name: "updateSubGroup",
    about: "Create or change a subscription group on a broker or a cluster",
    json: false,
    options: &[
        Opt::value('b', "brokerAddr", "Address of the broker to change; wins over -c"),
        Opt::value('c', "clusterName", "Cluster whose masters to change"),
        Opt::required('g', "groupName", "Name of the group"),
        Opt::value('s', "consumeEnable", "Whether the group may consume (true or false)"),
        Opt::value(
            'm',
            "consumeFromMinEnable",
            "Whether it may start at the oldest message (true or false)",
        ),
        Opt::value('d', "consumeBroadcastEnable", "Whether it may broadcast (true or false)"),
        Opt::value('q', "retryQueueNums", "Queues of its retry topic"),
        Opt::value('r', "retryMaxTimes", "Deliveries before the dead letter queue"),
        Opt::value('i', "brokerId", "Id of the broker to read from, 0 is the master"),
        Opt::value(
            'w',
            "whichBrokerWhenConsumeSlowly",
            "Id of the broker to read from when far behind",
        ),
        Opt::value(
            'a',
            "notifyConsumerIdsChanged",
            "Whether members hear of each other (true or false)",
        ),
    ],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let config = config(context)?;
    if let Some(addr) = context.value('b').map(str::to_owned) {
        context.admin().await?.put_group(&addr, &config).await?;
        say!(context, "create subscription group to {addr} success.\n")?;
    } else if let Some(cluster) = context.value('c').map(str::to_owned) {
        let admin = context.admin().await?;
        for addr in masters(context, &cluster).await? {
            match admin.put_group(&addr, &config).await {
                Ok(()) => say!(context, "create subscription group to {addr} success.\n")?,
                Err(error) => {
                    context.complain(error)?;
                    context.pause(FAILURE_PAUSE).await?;
                }
            }
        }
    } else {
        return context.usage();
    }
    Ok(say!(context, "{}", text(&config))?)
}

fn config(context: &Context<'_>) -> anyhow::Result<SubscriptionGroupConfig> {
    let mut config = SubscriptionGroupConfig {
        consume_broadcast_enable: false,
        consume_from_min_enable: false,
        ..SubscriptionGroupConfig::new(context.required('g'))
    };
    for (short, field) in [
        ('s', &mut config.consume_enable),
        ('m', &mut config.consume_from_min_enable),
        ('d', &mut config.consume_broadcast_enable),
        ('a', &mut config.notify_consumer_ids_changed_enable),
    ] {
        *field = context.truth(short).unwrap_or(*field);
    }
    for (short, field) in [('q', &mut config.retry_queue_nums), ('r', &mut config.retry_max_times)]
    {
        *field = context.number(short)?.unwrap_or(*field);
    }
    for (short, field) in
        [('i', &mut config.broker_id), ('w', &mut config.which_broker_when_consume_slowly)]
    {
        *field = context.number(short)?.unwrap_or(*field);
    }
    Ok(config)
}

/// As Java's `SubscriptionGroupConfig.toString` prints it.
fn text(config: &SubscriptionGroupConfig) -> String {
    format!(
        "SubscriptionGroupConfig [groupName={}, consumeEnable={}, consumeFromMinEnable={}, \
         consumeBroadcastEnable={}, retryQueueNums={}, retryMaxTimes={}, brokerId={}, \
         whichBrokerWhenConsumeSlowly={}, notifyConsumerIdsChangedEnable={}]",
        config.group_name,
        config.consume_enable,
        config.consume_from_min_enable,
        config.consume_broadcast_enable,
        config.retry_queue_nums,
        config.retry_max_times,
        config.broker_id,
        config.which_broker_when_consume_slowly,
        config.notify_consumer_ids_changed_enable
    )
}
