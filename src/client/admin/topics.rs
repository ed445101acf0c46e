//! Topics.

use protocol::bodies::{JavaEnum as _, TopicConfig, TopicStatsTable};
use protocol::requests::{
    DeleteKvConfig, DeleteTopicInBroker, DeleteTopicInNamesrv, GetKvConfig, GetTopicStatsInfo,
    PutKvConfig, UpdateAndCreateTopic,
};
use protocol::{ext, topic};

use super::Admin;
use crate::ClientError;

/// Namespace in which name servers keep the queues of ordered topics.
pub(crate) const ORDER_NAMESPACE: &str = "ORDER_TOPIC_CONFIG";

impl Admin {
    /// Creates or changes a topic on one broker.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn put_topic(&self, addr: &str, config: &TopicConfig) -> Result<(), ClientError> {
        let request = UpdateAndCreateTopic {
            topic: config.topic_name.clone(),
            default_topic: topic::AUTO_CREATE.to_owned(),
            read_queue_nums: config.read_queue_nums,
            write_queue_nums: config.write_queue_nums,
            perm: config.perm,
            topic_filter_type: config.topic_filter_type.name().to_owned(),
            topic_sys_flag: config.topic_sys_flag,
            order: config.order,
        };
        self.ask(addr, &request, Vec::new()).await.map(drop)
    }

    /// Deletes a topic on one broker.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn delete_topic(&self, addr: &str, topic: &str) -> Result<(), ClientError> {
        let request = DeleteTopicInBroker { topic: topic.to_owned() };
        self.ask(addr, &request, Vec::new()).await.map(drop)
    }

    /// Deletes a topic from the routes of all name servers.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn delete_route(&self, topic: &str) -> Result<(), ClientError> {
        let request = DeleteTopicInNamesrv { topic: topic.to_owned() };
        self.ask_name_servers(&request, &[]).await.map(drop)
    }

    /// Start, end and last update of each queue of a topic.
    ///
    /// # Errors
    /// Failed calls and refusals; and when no broker knows a queue.
    pub async fn topic_stats(&self, topic: &str) -> Result<TopicStatsTable, ClientError> {
        let mut all = TopicStatsTable::default();
        for addr in self.addresses(topic).await? {
            let part = self.topic_stats_of(&addr, topic).await?;
            all.offset_table.extend(part.offset_table);
        }
        if all.offset_table.is_empty() {
            let what = format!("no broker has a queue of the topic {topic}");
            return Err(ClientError::Absent { code: None, what });
        }
        Ok(all)
    }

    pub(super) async fn topic_stats_of(
        &self,
        addr: &str,
        topic: &str,
    ) -> Result<TopicStatsTable, ClientError> {
        self.read(addr, &GetTopicStatsInfo { topic: topic.to_owned() }).await
    }

    /// The clusters that serve a topic: those of its first broker.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn clusters_of_topic(&self, topic: &str) -> Result<Vec<String>, ClientError> {
        let info = self.clusters().await?;
        let route = self.route(topic).await?;
        let broker = route.broker_datas.first().map_or("", |broker| broker.broker_name.as_str());
        let with_it = info.cluster_addr_table.into_iter();
        let with_it = with_it.filter(|(_, names)| names.iter().any(|name| name == broker));
        Ok(with_it.map(|(cluster, _)| cluster).collect())
    }

    /// Sets a value on all name servers.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn put_kv(&self, namespace: &str, key: &str, value: &str) -> Result<(), ClientError> {
        let (namespace, key, value) = (namespace.to_owned(), key.to_owned(), value.to_owned());
        self.ask_name_servers(&PutKvConfig { namespace, key, value }, &[]).await.map(drop)
    }

    /// Removes a value from all name servers.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn delete_kv(&self, namespace: &str, key: &str) -> Result<(), ClientError> {
        let (namespace, key) = (namespace.to_owned(), key.to_owned());
        self.ask_name_servers(&DeleteKvConfig { namespace, key }, &[]).await.map(drop)
    }

    /// Reads a value from a name server.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them for keys that are not set.
    pub async fn kv(&self, namespace: &str, key: &str) -> Result<Option<String>, ClientError> {
        let (namespace, key) = (namespace.to_owned(), key.to_owned());
        let answer = self.ask_name_server(&GetKvConfig { namespace, key }).await?;
        let reply: protocol::requests::GetKvConfigReply = ext::from_ext(&answer.ext)?;
        Ok(reply.value)
    }

    /// The queues of an ordered topic, `broker:count` joined by `;`.
    ///
    /// # Errors
    /// As [`Admin::kv`].
    pub async fn order_conf(&self, topic: &str) -> Result<Option<String>, ClientError> {
        self.kv(ORDER_NAMESPACE, topic).await
    }

    /// Sets the queues of an ordered topic.
    ///
    /// # Errors
    /// As [`Admin::put_kv`].
    pub async fn put_order_conf(&self, topic: &str, conf: &str) -> Result<(), ClientError> {
        self.put_kv(ORDER_NAMESPACE, topic, conf).await
    }

    /// Sets the queues of an ordered topic on one broker, `broker:count`; the others stay.
    ///
    /// # Errors
    /// As [`Admin::put_kv`].
    pub async fn put_order_conf_of_broker(
        &self,
        topic: &str,
        conf: &str,
    ) -> Result<(), ClientError> {
        let old = match self.order_conf(topic).await {
            Ok(old) => old.unwrap_or_default(),
            Err(ClientError::Refused { .. }) => String::new(),
            Err(error) => return Err(error),
        };
        self.put_order_conf(topic, &merged_order_conf(&old, conf)).await
    }

    /// Takes away the order of a topic.
    ///
    /// # Errors
    /// As [`Admin::delete_kv`].
    pub async fn delete_order_conf(&self, topic: &str) -> Result<(), ClientError> {
        self.delete_kv(ORDER_NAMESPACE, topic).await
    }
}

fn merged_order_conf(old: &str, new: &str) -> String {
    let broker = |item: &str| item.split(':').next().unwrap_or_default().to_owned();
    let mut items: Vec<&str> =
        old.split(';').filter(|item| !item.is_empty() && broker(item) != broker(new)).collect();
    items.push(new);
    items.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_brokers_queues_replace_what_it_had() {
        assert_eq!(merged_order_conf("", "a:3"), "a:3");
        assert_eq!(merged_order_conf("a:1;b:2", "a:3"), "b:2;a:3");
        assert_eq!(merged_order_conf("ab:1", "a:3"), "ab:1;a:3");
    }
}
