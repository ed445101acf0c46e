//! Offsets of groups and queues, and setting them.

use std::collections::BTreeMap;

use protocol::Command;
use protocol::bodies::{
    ConsumeStats, GetConsumerStatusBody, MessageQueue, OffsetWrapper, ResetOffsetBody,
};
use protocol::command::Language;
use protocol::requests::{
    GetConsumeStats, GetMaxOffset, GetMinOffset, InvokeBrokerToGetConsumerStatus,
    InvokeBrokerToResetOffset, SearchOffsetByTimestamp, UpdateConsumerOffset,
};

use super::{Admin, read, some_address};
use crate::ClientError;
use crate::java_order::hash_order;
use crate::names::typed;

/// Which offsets to reset, and to what time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetRequest {
    /// The consumer group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// The time to go to in ms, -1 for the end of the queues.
    pub timestamp: i64,
    /// Whether offsets may move forward too.
    pub force: bool,
}

/// What became of one queue in a reset without the clients' help (Java: `RollbackStats`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetQueue {
    /// Name of the broker.
    pub broker_name: String,
    /// Number of the queue on the broker.
    pub queue_id: i32,
    /// The end of the queue.
    pub broker_offset: i64,
    /// The group's offset before.
    pub consumer_offset: i64,
    /// The offset of the time that was asked for.
    pub timestamp_offset: i64,
    /// The group's offset now.
    pub rollback_offset: i64,
}

impl Admin {
    /// Commits the offset of a group.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn put_offset(
        &self,
        addr: &str,
        group: &str,
        queue: &MessageQueue,
        offset: i64,
    ) -> Result<(), ClientError> {
        let request = UpdateConsumerOffset {
            consumer_group: group.to_owned(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            commit_offset: offset,
        };
        self.ask(addr, &request, Vec::new()).await.map(drop)
    }

    /// The start of a queue.
    ///
    /// # Errors
    /// Failed calls and refusals; and when no master of the broker serves the topic.
    pub async fn min_offset(&self, queue: &MessageQueue) -> Result<i64, ClientError> {
        let addr = self.master_of(queue).await?;
        let request = GetMinOffset { topic: queue.topic.clone(), queue_id: queue.queue_id };
        Ok(self.ask(&addr, &request, Vec::new()).await?.0.offset)
    }

    /// The end of a queue.
    ///
    /// # Errors
    /// As [`Admin::min_offset`].
    pub async fn max_offset(&self, queue: &MessageQueue) -> Result<i64, ClientError> {
        let addr = self.master_of(queue).await?;
        self.max_offset_at(&addr, queue).await
    }

    async fn max_offset_at(&self, addr: &str, queue: &MessageQueue) -> Result<i64, ClientError> {
        let request = GetMaxOffset { topic: queue.topic.clone(), queue_id: queue.queue_id };
        Ok(self.ask(addr, &request, Vec::new()).await?.0.offset)
    }

    /// The offset of a queue at a time.
    ///
    /// # Errors
    /// As [`Admin::min_offset`].
    pub async fn offset_at_time(
        &self,
        queue: &MessageQueue,
        timestamp: i64,
    ) -> Result<i64, ClientError> {
        let addr = self.master_of(queue).await?;
        self.offset_at(&addr, queue, timestamp).await
    }

    async fn offset_at(
        &self,
        addr: &str,
        queue: &MessageQueue,
        timestamp: i64,
    ) -> Result<i64, ClientError> {
        let (topic, queue_id) = (queue.topic.clone(), queue.queue_id);
        let request = SearchOffsetByTimestamp { topic, queue_id, timestamp };
        Ok(self.ask(addr, &request, Vec::new()).await?.0.offset)
    }

    async fn master_of(&self, queue: &MessageQueue) -> Result<String, ClientError> {
        let route = self.instance.route(&queue.topic).await;
        let master = match &route {
            Ok(route) => route.master(&queue.broker_name),
            Err(ClientError::NoRoute(_)) => None,
            Err(_) => return route.map(|_| String::new()),
        };
        master.map(str::to_owned).ok_or_else(|| no_broker(&queue.broker_name))
    }

    /// Has the connected consumers of a group go to a time. `for_cpp` resets clients written in
    /// C++, which read the news in another form.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them when no consumer is connected.
    pub async fn reset_offsets(
        &self,
        reset: &ResetRequest,
        for_cpp: bool,
    ) -> Result<BTreeMap<MessageQueue, i64>, ClientError> {
        let request = InvokeBrokerToResetOffset {
            topic: reset.topic.clone(),
            group: reset.group.clone(),
            timestamp: reset.timestamp,
            is_force: reset.force,
        };
        let mut all = BTreeMap::new();
        for addr in self.addresses(&reset.topic).await? {
            let mut command = Command::of(&request)?;
            if for_cpp {
                command.language = Language::CPP;
            }
            let answer = self.call(&addr, command, self.limit()).await?;
            let answer = typed::<InvokeBrokerToResetOffset>(answer)?.1;
            all.extend(read::<ResetOffsetBody>(&answer)?.offset_table);
        }
        Ok(all)
    }

    /// Commits the offsets of a time for a group none of whose consumers is connected.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn reset_offsets_offline(
        &self,
        reset: &ResetRequest,
    ) -> Result<Vec<ResetQueue>, ClientError> {
        let route = self.route(&reset.topic).await?;
        let mut done = Vec::new();
        for broker in &route.broker_datas {
            let Some(addr) = some_address(broker) else { continue };
            let request = GetConsumeStats { consumer_group: reset.group.clone(), topic: None };
            let stats: ConsumeStats = self.read(addr, &request).await?;
            let mut queues = stats.offset_table;
            queues.retain(|queue, _| queue.topic == reset.topic);
            let mut order: Vec<MessageQueue> = hash_order(queues.keys().cloned());
            if queues.is_empty() {
                // Never consumed: all that is there counts as not consumed yet.
                let table = self.topic_stats_of(addr, &reset.topic).await?.offset_table;
                order = table.keys().cloned().collect();
                queues.extend(table.into_iter().map(|(queue, at)| {
                    let (broker_offset, consumer_offset) = (at.max_offset, at.min_offset);
                    (queue, OffsetWrapper { broker_offset, consumer_offset, last_timestamp: 0 })
                }));
            }
            for queue in order {
                let before = queues.get(&queue).copied().unwrap_or_default();
                done.push(self.reset_queue(addr, reset, &queue, before).await?);
            }
        }
        Ok(done)
    }

    async fn reset_queue(
        &self,
        addr: &str,
        reset: &ResetRequest,
        queue: &MessageQueue,
        before: OffsetWrapper,
    ) -> Result<ResetQueue, ClientError> {
        const END: i64 = -1;
        let wanted = match reset.timestamp {
            END => self.max_offset_at(addr, queue).await?,
            time => self.offset_at(addr, queue, time).await?,
        };
        let moves = reset.force || wanted <= before.consumer_offset;
        if moves {
            self.put_offset(addr, &reset.group, queue, wanted).await?;
        }
        Ok(ResetQueue {
            broker_name: queue.broker_name.clone(),
            queue_id: queue.queue_id,
            broker_offset: before.broker_offset,
            consumer_offset: before.consumer_offset,
            timestamp_offset: wanted,
            rollback_offset: if moves { wanted } else { before.consumer_offset },
        })
    }

    /// The offsets inside the connected consumers of a group, by client id; of one client when
    /// given.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn offsets_of_consumers(
        &self,
        group: &str,
        topic: &str,
        client_id: &str,
    ) -> Result<BTreeMap<String, BTreeMap<MessageQueue, i64>>, ClientError> {
        let addrs = self.addresses(topic).await?;
        let Some(addr) = addrs.first() else { return Ok(BTreeMap::new()) };
        let request = InvokeBrokerToGetConsumerStatus {
            topic: topic.to_owned(),
            group: group.to_owned(),
            client_addr: Some(client_id.to_owned()),
        };
        let body: GetConsumerStatusBody = self.read(addr, &request).await?;
        Ok(body.consumer_table)
    }
}

pub(super) fn no_broker(name: &str) -> ClientError {
    ClientError::Absent { code: None, what: format!("The broker[{name}] not exist") }
}
