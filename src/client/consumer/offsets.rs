//! Where to start in a queue, and committing where we are.

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
        let addr = self.addr(queue).await?;
        let committed = QueryConsumerOffset {
            consumer_group: self.settings.client.group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
        };
        match self.instance.ask(&addr, &committed, Vec::new()).await {
            Ok((reply, _)) => return Ok(reply.offset),
            Err(ClientError::Refused { code: response::QUERY_NOT_FOUND, .. }) => {}
            Err(error) => return Err(error),
        }
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

    pub(super) async fn commit(
        &self,
        queue: &MessageQueue,
        offset: i64,
    ) -> Result<(), ClientError> {
        let request = UpdateConsumerOffset {
            consumer_group: self.settings.client.group.clone(),
            topic: queue.topic.clone(),
            queue_id: queue.queue_id,
            commit_offset: offset,
        };
        let addr = self.addr(queue).await?;
        self.instance.remoting().oneway(&addr, Command::of(&request)?).await?;
        Ok(())
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
