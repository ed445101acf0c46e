//! Settings, figures and upkeep of servers.

use protocol::bodies::{BrokerStatsData, KvTable, QueryConsumeQueueResponseBody};
use protocol::requests::WipeWritePermOfBrokerReply;
use protocol::requests::{
    CleanExpiredConsumeQueue, CleanUnusedTopic, GetBrokerConfig, GetBrokerRuntimeInfo,
    GetNamesrvConfig, QueryConsumeQueue, UpdateBrokerConfig, UpdateNamesrvConfig,
    ViewBrokerStatsData, WipeWritePermOfBroker,
};

use super::Admin;
use crate::ClientError;

impl Admin {
    /// The figures of a broker.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn runtime_info(&self, addr: &str) -> Result<KvTable, ClientError> {
        self.read(addr, &GetBrokerRuntimeInfo).await
    }

    /// The settings of a broker, as properties text.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn broker_config(&self, addr: &str) -> Result<Vec<u8>, ClientError> {
        // The only request for which 4.4.0 takes the first port.
        let (_, answer) = self.instance.ask(addr, &GetBrokerConfig, Vec::new()).await?;
        Ok(answer.body.to_vec())
    }

    /// Changes settings of a broker, given as properties text.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn put_broker_config(&self, addr: &str, text: &str) -> Result<(), ClientError> {
        self.ask(addr, &UpdateBrokerConfig, text.as_bytes().to_vec()).await.map(drop)
    }

    /// The settings of a name server, as properties text.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn name_server_config(&self, addr: &str) -> Result<Vec<u8>, ClientError> {
        let (_, answer) = self.instance.ask(addr, &GetNamesrvConfig, Vec::new()).await?;
        Ok(answer.body.to_vec())
    }

    /// Changes settings of all name servers, given as properties text; what they remark, for
    /// example that they do not know a setting.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn put_name_server_config(&self, text: &str) -> Result<Vec<String>, ClientError> {
        self.ask_name_servers(&UpdateNamesrvConfig, text.as_bytes()).await
    }

    /// Takes the write permission of a broker out of the routes of one name server, and tells
    /// how many topics lost it.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn wipe_write_perm(
        &self,
        name_server: &str,
        broker_name: &str,
    ) -> Result<i32, ClientError> {
        let request = WipeWritePermOfBroker { broker_name: broker_name.to_owned() };
        let (reply, _): (WipeWritePermOfBrokerReply, _) =
            self.instance.ask(name_server, &request, Vec::new()).await?;
        Ok(reply.wipe_topic_count)
    }

    /// Deletes consume queue files of a broker that no message belongs to any more.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn clean_expired_queues(&self, addr: &str) -> Result<(), ClientError> {
        self.ask(addr, &CleanExpiredConsumeQueue, Vec::new()).await.map(drop)
    }

    /// Deletes consume queues of a broker whose topics are gone.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn clean_unused_topics(&self, addr: &str) -> Result<(), ClientError> {
        self.ask(addr, &CleanUnusedTopic, Vec::new()).await.map(drop)
    }

    /// One item of a broker's statistics.
    ///
    /// # Errors
    /// Failed calls and refusals, one of them for items without a figure.
    pub async fn stats_item(
        &self,
        addr: &str,
        set: &str,
        item: &str,
    ) -> Result<BrokerStatsData, ClientError> {
        let request =
            ViewBrokerStatsData { stats_name: set.to_owned(), stats_key: item.to_owned() };
        self.read(addr, &request).await
    }

    /// Entries of a consume queue.
    ///
    /// # Errors
    /// Failed calls and refusals.
    pub async fn consume_queue(
        &self,
        addr: &str,
        request: &QueryConsumeQueue,
    ) -> Result<QueryConsumeQueueResponseBody, ClientError> {
        self.read(addr, request).await
    }
}
