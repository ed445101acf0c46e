//! Groups: their settings, members and progress.

use std::time::Duration;

use protocol::bodies::{
    ConsumeStats, ConsumeStatsList, ConsumerConnection, ConsumerRunningInfo, ProducerConnection,
    SubscriptionGroupConfig,
};
use protocol::requests::{
    DeleteSubscriptionGroup, GetBrokerConsumeStats, GetConsumeStats, GetConsumerConnectionList,
    GetConsumerRunningInfo, GetProducerConnectionList, QueryTopicConsumeByWho,
    UpdateAndCreateSubscriptionGroup,
};
use protocol::{Command, json, topic};

use super::{Admin, Names, not_online, read};
use crate::ClientError;
use crate::names::typed;

impl Admin {
    /// Creates or changes a consumer group on one broker.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn put_group(
        &self,
        addr: &str,
        config: &SubscriptionGroupConfig,
    ) -> Result<(), ClientError> {
        let request = UpdateAndCreateSubscriptionGroup;
        self.ask(addr, &request, json::to_vec(config)).await.map(drop)
    }

    /// Deletes a consumer group on one broker.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn delete_group(&self, addr: &str, group: &str) -> Result<(), ClientError> {
        let request = DeleteSubscriptionGroup { group_name: group.to_owned() };
        self.ask(addr, &request, Vec::new()).await.map(drop)
    }

    /// The groups that consume a topic, as its first broker knows them; `None` without a broker.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn groups_of_topic(&self, topic: &str) -> Result<Option<Vec<String>>, ClientError> {
        let addrs = self.addresses(topic).await?;
        let Some(addr) = addrs.first() else { return Ok(None) };
        let request = QueryTopicConsumeByWho { topic: topic.to_owned() };
        Ok(Some(self.read::<Names, _>(addr, &request).await?.group_list))
    }

    /// How far a group has consumed, over all brokers; of one topic when given.
    ///
    /// # Errors
    /// Failed calls and refusals; and when the group has consumed nothing yet.
    pub async fn consume_stats(
        &self,
        group: &str,
        topic: Option<&str>,
    ) -> Result<ConsumeStats, ClientError> {
        let request =
            GetConsumeStats { consumer_group: group.to_owned(), topic: topic.map(str::to_owned) };
        let mut all = ConsumeStats::default();
        for addr in self.addresses(&topic::retry(group)).await? {
            let part: ConsumeStats = self.read_slowly(&addr, &request).await?;
            all.consume_tps += part.consume_tps;
            all.offset_table.extend(part.offset_table);
        }
        if all.offset_table.is_empty() {
            return Err(not_online("the group has no offset on any broker yet"));
        }
        Ok(all)
    }

    /// How far all groups of a broker have consumed.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn consume_stats_of_broker(
        &self,
        addr: &str,
        is_order: bool,
        wait: Duration,
    ) -> Result<ConsumeStatsList, ClientError> {
        let request = GetBrokerConsumeStats { is_order };
        let answer = self.call(addr, Command::of(&request)?, wait).await?;
        read(&typed::<GetBrokerConsumeStats>(answer)?.1)
    }

    /// The members of a consumer group, as one broker sees them.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them for groups without a member.
    pub async fn consumers(&self, group: &str) -> Result<ConsumerConnection, ClientError> {
        let addrs = self.addresses(&topic::retry(group)).await?;
        let request = GetConsumerConnectionList { consumer_group: group.to_owned() };
        let mut found = ConsumerConnection::default();
        if let Some(addr) = any(&addrs) {
            found = self.read(addr, &request).await?;
        }
        if found.connection_set.is_empty() {
            return Err(not_online("the group has no member now"));
        }
        Ok(found)
    }

    /// The members of a producer group that send to a topic, as one of its brokers sees them.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them for groups without a member.
    pub async fn producers(
        &self,
        group: &str,
        topic: &str,
    ) -> Result<ProducerConnection, ClientError> {
        let addrs = self.addresses(topic).await?;
        let request = GetProducerConnectionList { producer_group: group.to_owned() };
        let mut found = ProducerConnection::default();
        if let Some(addr) = any(&addrs) {
            found = self.read(addr, &request).await?;
        }
        if found.connection_set.is_empty() {
            let what = format!("the group {group} has no member on the broker that was asked");
            return Err(ClientError::Absent { code: None, what });
        }
        Ok(found)
    }

    /// The inner state of a consumer; `None` when no broker serves its group.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them for clients that are not connected.
    pub async fn running_info(
        &self,
        group: &str,
        client_id: &str,
        jstack_enable: bool,
    ) -> Result<Option<ConsumerRunningInfo>, ClientError> {
        let addrs = self.addresses(&topic::retry(group)).await?;
        let Some(addr) = addrs.first() else { return Ok(None) };
        let request = GetConsumerRunningInfo {
            consumer_group: group.to_owned(),
            client_id: client_id.to_owned(),
            jstack_enable,
        };
        self.read_slowly(addr, &request).await.map(Some)
    }
}

/// One of them by chance: any broker of a topic has all members connected.
fn any(addrs: &[String]) -> Option<&str> {
    let chance = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let chance = chance.map_or(0, |since| since.subsec_nanos() as usize);
    addrs.get(chance % addrs.len().max(1)).map(String::as_str)
}
