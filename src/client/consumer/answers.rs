//! What brokers ask a push consumer: its state, its offsets, to begin elsewhere, to consume a
//! message at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use protocol::bodies::{
    CmResult, ConsumeMessageDirectlyResult, ConsumeType, ConsumerRunningInfo, JavaEnum as _,
    MessageQueue,
};

use super::Inner;
use super::handler::Verdict;
use super::reader::Reader;
use crate::{LOG, Received};

/// How long the handler may go on with messages of a queue that begins elsewhere.
const RESET_PATIENCE: Duration = Duration::from_secs(10);

impl Inner {
    /// Goes on at other offsets; what is being consumed meanwhile does not count.
    pub(crate) async fn reset_offsets(
        self: &Arc<Self>,
        topic: &str,
        table: &BTreeMap<MessageQueue, i64>,
    ) {
        {
            let _alone = self.balancing.lock().await;
            let gone: Vec<Arc<Reader>> = {
                let mut readers = self.readers.lock();
                let which =
                    |queue: &MessageQueue| queue.topic == topic && table.contains_key(queue);
                readers.extract_if(|queue, _| which(queue)).map(|(_, reader)| reader).collect()
            };
            join_all(gone.iter().map(|reader| reader.abandon(RESET_PATIENCE))).await;
            for reader in gone {
                let Some(offset) = table.get(reader.queue()) else {
                    continue;
                };
                if let Err(error) = self.commit_surely(reader.queue(), *offset).await {
                    tracing::warn!(target: LOG, queue = %reader.queue(), %error, "reset failed");
                }
            }
        }
        self.members.changed();
    }

    /// The progress of our queues of a topic.
    pub(crate) fn progress_of(&self, topic: &str) -> BTreeMap<MessageQueue, i64> {
        let readers = self.readers.lock();
        let ours = readers.iter().filter(|(queue, _)| queue.topic == topic);
        ours.map(|(queue, reader)| (queue.clone(), reader.progress.lock().done())).collect()
    }

    /// Everything about us.
    pub(crate) fn running_info(&self, jstack: bool) -> ConsumerRunningInfo {
        let readers = self.all_readers();
        let subscriptions: Vec<_> = self.members.subscriptions.read().values().cloned().collect();
        let now = Instant::now();
        let status = |topic: &String| (topic.clone(), self.stats.status(topic, now));
        ConsumerRunningInfo {
            jstack: jstack.then(|| calls_under_way(&readers, now)),
            mq_table: readers.iter().map(|it| (it.queue().clone(), it.info())).collect(),
            properties: self.properties(),
            status_table: subscriptions.iter().map(|data| status(&data.topic)).collect(),
            subscription_set: subscriptions,
        }
    }

    /// Our settings under Java's names.
    fn properties(&self) -> BTreeMap<String, String> {
        let (settings, client) = (&self.settings, &self.settings.client);
        let mib = |bytes: usize| (bytes >> 20).to_string();
        let or_default =
            |limit: Option<usize>| limit.map_or_else(|| "-1".to_owned(), |it| it.to_string());
        let times = settings.max_reconsume_times.unwrap_or(-1);
        let pairs = [
            (ConsumerRunningInfo::PROP_CONSUME_ORDERLY, self.handler.is_orderly().to_string()),
            (ConsumerRunningInfo::PROP_THREADPOOL_CORE_SIZE, settings.concurrency.to_string()),
            (ConsumerRunningInfo::PROP_CONSUMER_START_TIMESTAMP, self.started_ms.to_string()),
            ("consumerGroup", client.group.clone()),
            ("namesrvAddr", client.name_servers.clone()),
            ("clientIP", client.client_ip.to_string()),
            ("instanceName", client.instance_name.clone()),
            ("messageModel", settings.model.name().to_owned()),
            ("consumeFromWhere", settings.from.as_java().name().to_owned()),
            ("allocateMessageQueueStrategy", settings.allocate.name()),
            ("consumeThreadMin", settings.concurrency.to_string()),
            ("consumeThreadMax", settings.concurrency.to_string()),
            ("consumeMessageBatchMaxSize", settings.handler_batch.to_string()),
            ("consumeConcurrentlyMaxSpan", settings.pending_span.to_string()),
            ("pullBatchSize", settings.pull_batch.to_string()),
            ("pullInterval", settings.pull_interval.as_millis().to_string()),
            ("pullThresholdForQueue", settings.pending_per_queue.to_string()),
            ("pullThresholdSizeForQueue", mib(settings.pending_bytes_per_queue)),
            ("pullThresholdForTopic", or_default(settings.pending_per_topic)),
            ("pullThresholdSizeForTopic", or_default(settings.pending_bytes_per_topic)),
            ("maxReconsumeTimes", times.to_string()),
            ("suspendCurrentQueueTimeMillis", settings.suspend.as_millis().to_string()),
            ("consumeTimeout", (settings.consume_timeout.as_secs() / 60).to_string()),
            ("heartbeatBrokerInterval", client.heartbeat.as_millis().to_string()),
            ("pollNameServerInterval", client.poll_routes.as_millis().to_string()),
            ("persistConsumerOffsetInterval", settings.commit.as_millis().to_string()),
        ];
        let mut properties = common_properties(ConsumeType::Passively, &client.name_servers);
        properties.extend(pairs.map(|(name, value)| (name.to_owned(), value)));
        properties
    }

    /// Gives a message to the handler at once, out of turn.
    pub(crate) async fn consume_directly(&self, message: Received) -> ConsumeMessageDirectlyResult {
        let (topic, started) = (message.topic().to_owned(), Instant::now());
        let verdict = self.deliver(&topic, vec![message]).await;
        let (result, remark) = match verdict {
            Verdict::Success => (CmResult::Success, None),
            Verdict::Later(_) | Verdict::Suspend(_) => (CmResult::Later, None),
            Verdict::Panicked(text) => (CmResult::ThrowException, Some(text)),
        };
        ConsumeMessageDirectlyResult {
            consume_result: Some(result),
            order: self.handler.is_orderly(),
            remark,
            spent_time_mills: i64::try_from(started.elapsed().as_millis()).unwrap_or(i64::MAX),
            ..ConsumeMessageDirectlyResult::default()
        }
    }
}

/// What every consumer says of itself.
pub(crate) fn common_properties(kind: ConsumeType, name_servers: &str) -> BTreeMap<String, String> {
    let addrs: Vec<&str> = name_servers.split([';', ',']).collect();
    let version = protocol::version::name(protocol::version::CURRENT);
    let pairs = [
        (ConsumerRunningInfo::PROP_CONSUME_TYPE, kind.name().to_owned()),
        (ConsumerRunningInfo::PROP_CLIENT_VERSION, version),
        (ConsumerRunningInfo::PROP_NAMESERVER_ADDR, format!("{};", addrs.join(";"))),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// In place of the stacks of threads, which tasks have none of: what the handler is busy with.
fn calls_under_way(readers: &[Arc<Reader>], now: Instant) -> String {
    let mut text = String::new();
    for reader in readers {
        for (offset, since) in reader.progress.lock().in_handler(now) {
            let queue = reader.queue();
            // Writing into memory cannot fail.
            let _ = writeln!(text, "{queue} offset {offset} in the handler for {since:.0?}");
        }
    }
    text
}
