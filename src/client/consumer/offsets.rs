//! Where to start reading, and how progress is kept.

use protocol::bodies::MessageQueue;
use protocol::codes::response;
use protocol::requests::{
    GetMaxOffset, QueryConsumerOffset, SearchOffsetByTimestamp, UpdateConsumerOffset,
};
use protocol::{Command, topic};

use super::{ConsumeFrom, Inner};
use crate::ClientError;
use crate::route::MASTER_ID;

impl Inner {
    /// The committed offset of a queue, else where [`ConsumeFrom`] says (Java:
    /// `RebalancePushImpl.computePullFromWhere`).
    pub(super) async fn start_of(&self, queue: &MessageQueue) -> Result<i64, ClientError> {
        if let Some(offset) = self.committed(queue).await? {
            return Ok(offset);
        }
        let addr = self.addr(queue).await?;
        let (topic, queue_id) = (queue.topic.clone(), queue.queue_id);
        match self.settings.from {
            _ if topic::is_retry(&topic) => Ok(0),
            ConsumeFrom::First => Ok(0),
            ConsumeFrom::Last => {
                let request = GetMaxOffset { topic, queue_id };
                Ok(self.instance.ask(&addr, &request, Vec::new()).await?.0.offset)
            }
            ConsumeFrom::Time(timestamp) => {
                let request = SearchOffsetByTimestamp { topic, queue_id, timestamp };
                Ok(self.instance.ask(&addr, &request, Vec::new()).await?.0.offset)
            }
        }
    }

    async fn committed(&self, queue: &MessageQueue) -> Result<Option<i64>, ClientError> {
        if let Some(local) = &self.local_offsets {
            return Ok(local.get(queue));
        }
        let request = QueryConsumerOffset {
            consumer_group: self.settings.client.group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
        };
        let addr = self.addr(queue).await?;
        match self.instance.ask(&addr, &request, Vec::new()).await {
            Ok((reply, _)) => Ok(Some(reply.offset)),
            Err(ClientError::Refused { code: response::QUERY_NOT_FOUND, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Keeps the progress of a queue, without waiting for the broker to have it.
    pub(super) async fn commit(
        &self,
        queue: &MessageQueue,
        offset: i64,
    ) -> Result<(), ClientError> {
        if let Some(local) = &self.local_offsets {
            local.set(queue, offset);
            return Ok(());
        }
        let addr = self.addr(queue).await?;
        let command = Command::of(&self.update_of(queue, offset))?;
        Ok(self.instance.remoting().oneway(&addr, command).await?)
    }

    /// Keeps the progress of a queue; it is kept when this returns.
    pub(super) async fn commit_surely(
        &self,
        queue: &MessageQueue,
        offset: i64,
    ) -> Result<(), ClientError> {
        if let Some(local) = &self.local_offsets {
            local.set(queue, offset);
            local.save();
            return Ok(());
        }
        let addr = self.addr(queue).await?;
        let update = self.update_of(queue, offset);
        self.instance.ask(&addr, &update, Vec::new()).await.map(|_| ())
    }

    fn update_of(&self, queue: &MessageQueue, offset: i64) -> UpdateConsumerOffset {
        UpdateConsumerOffset {
            consumer_group: self.settings.client.group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            commit_offset: offset,
        }
    }

    /// The master of a queue, or whoever of that name is there.
    pub(super) async fn addr(&self, queue: &MessageQueue) -> Result<String, ClientError> {
        self.addr_of(queue, MASTER_ID).await
    }

    pub(super) async fn addr_of(
        &self,
        queue: &MessageQueue,
        id: i64,
    ) -> Result<String, ClientError> {
        let route = self.instance.route(&queue.topic).await?;
        let addr = route.broker(&queue.broker_name, id);
        addr.map(str::to_owned).ok_or_else(|| ClientError::NoRoute(queue.topic.clone()))
    }
}
