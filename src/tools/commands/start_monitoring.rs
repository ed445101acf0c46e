//! `startMonitoring`: looks at all groups every minute and notes in the client's log what lags
//! behind, what differs among members, and who lost messages; until it is interrupted.

use std::collections::BTreeMap;
use std::time::Duration;

use client::{
    Admin, ClientError, ConsumeStatus, ConsumerBuilder, ConsumerSettings, PullStatus, Received,
};
use protocol::bodies::{ConsumeStats, MessageQueue, OffsetMovedEvent, OffsetWrapper};
use protocol::topic::group::{MONITOR_CONSUMER, TOOLS_CONSUMER};
use protocol::{json, topic, version};

use crate::command::Command;
use crate::context::Context;
use crate::running::{same_subscriptions, suspicious_queues};
use crate::text::now_ms;

/// The first look comes after this long.
const FIRST: Duration = Duration::from_secs(20);
/// From the start of a round to the start of the next one.
const ROUND: Duration = Duration::from_secs(60);

/// Notes a line where 4.4.0's monitor does.
macro_rules! note {
    ($($text:tt)*) => { tracing::info!(target: "RocketmqClient", "[MONITOR] {}", format_args!($($text)*)) };
}

pub(super) const COMMAND: Command = Command {
    name: "startMonitoring",
    about: "Watch all groups and note in the log what is wrong, until interrupted",
    json: false,
    options: &[],
    run: |context| Box::pin(run(context)),
};

async fn run(context: &mut Context<'_>) -> anyhow::Result<()> {
    let admin = context.admin().await?;
    let mut settings = ConsumerSettings::new(MONITOR_CONSUMER, "");
    settings.client = context.settings(MONITOR_CONSUMER);
    settings.concurrency = 1;
    let handler = |message| std::future::ready(note_moved(&message));
    let listener = ConsumerBuilder::from(settings).subscribe(topic::OFFSET_MOVED_EVENT, "*");
    let _listener = listener.start(handler).await?;
    let mut rounds = tokio::time::interval_at(tokio::time::Instant::now() + FIRST, ROUND);
    loop {
        rounds.tick().await;
        let begun = now_ms();
        if let Err(error) = round(&admin).await {
            tracing::error!(target: "RocketmqClient", %error, "doMonitorWork Exception");
        }
        let spent = now_ms() - begun;
        tracing::info!(
            target: "RocketmqClient",
            "Execute one round monitor work, spent timemills: {spent}"
        );
    }
}

/// A group asked for messages that are gone.
fn note_moved(message: &Received) -> ConsumeStatus {
    if let Ok(event) = json::from_slice::<OffsetMovedEvent>(&message.message.body) {
        note!(
            "reportDeleteMsgsEvent: DeleteMsgsEvent [offsetMovedEvent=OffsetMovedEvent \
             [consumerGroup={}, messageQueue={}, offsetRequest={}, offsetNew={}], \
             eventTimestamp={}]",
            event.consumer_group,
            event.message_queue,
            event.offset_request,
            event.offset_new,
            message.store_timestamp
        );
    }
    ConsumeStatus::Success
}

async fn round(admin: &Admin) -> Result<(), ClientError> {
    note!("=========================================beginRound");
    for name in admin.topics().await? {
        let Some(group) = topic::retry_group(&name) else { continue };
        // A group that cannot be asked about, most often because nobody is there, has no report.
        if let (Ok(stats), Ok(_)) =
            (admin.consume_stats(group, None).await, admin.consumers(group).await)
        {
            note_undone(admin, group, &stats).await;
        }
        if let Err(error) = note_members(admin, group).await {
            tracing::debug!(target: "RocketmqClient", group, %error, "no members to report on");
        }
    }
    note!("=========================================endRound");
    Ok(())
}

async fn note_undone(admin: &Admin, group: &str, stats: &ConsumeStats) {
    let mut topics: BTreeMap<&str, Vec<(&MessageQueue, &OffsetWrapper)>> = BTreeMap::new();
    for (queue, offsets) in &stats.offset_table {
        topics.entry(&queue.topic).or_default().push((queue, offsets));
    }
    for (topic, queues) in topics {
        let (mut total, mut most, mut delay_ms) = (0, 0, 0);
        for (queue, offsets) in queues {
            let behind = offsets.broker_offset.wrapping_sub(offsets.consumer_offset);
            total += behind.max(0);
            most = most.max(behind);
            if offsets.last_timestamp > 0
                && let Some(newest) = newest(admin, queue).await
            {
                delay_ms = delay_ms.max(newest.store_timestamp - offsets.last_timestamp);
            }
        }
        note!(
            "reportUndoneMsgs: UndoneMsgs [consumerGroup={group}, topic={topic}, \
             undoneMsgsTotal={total}, undoneMsgsSingleMQ={most}, \
             undoneMsgsDelayTimeMills={delay_ms}]"
        );
    }
}

/// The last message of a queue.
async fn newest(admin: &Admin, queue: &MessageQueue) -> Option<Received> {
    let end = admin.max_offset(queue).await.ok().filter(|end| *end > 0)?;
    let pulled = admin.pull(TOOLS_CONSUMER, queue, "*", end - 1, 1).await.ok()?;
    let found = pulled.status == PullStatus::Found;
    pulled.messages.into_iter().next().filter(|_| found)
}

async fn note_members(admin: &Admin, group: &str) -> Result<(), ClientError> {
    let mut infos = BTreeMap::new();
    for member in admin.consumers(group).await?.connection_set {
        if member.version < version::V3_1_8_SNAPSHOT {
            continue;
        }
        if let Ok(Some(info)) = admin.running_info(group, &member.client_id, false).await {
            infos.insert(member.client_id, info);
        }
    }
    let now = now_ms();
    if !same_subscriptions(&infos, now) {
        note!(
            " [NOTIFY] reportConsumerRunningInfo: ConsumerGroup: {group}, Subscription different"
        );
    }
    for (client_id, info) in &infos {
        let suspicious = suspicious_queues(client_id, info, now);
        if !suspicious.is_empty() {
            note!(
                " [NOTIFY] reportConsumerRunningInfo: ConsumerGroup: {group}, \
                 ClientId: {client_id}, {suspicious}"
            );
        }
    }
    Ok(())
}
