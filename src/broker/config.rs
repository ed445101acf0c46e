//! Settings of a broker, besides those of its sockets and its store.

use config::{Env, Report, Table, config_table};
use observe::ObserveConfig;
use remoting::config::{RCVBUF_PROPERTY, SNDBUF_PROPERTY};
use remoting::{ClientConfig, ServerConfig};
use store::StoreConfig;

config_table! {
    /// What a broker decides.
    pub struct BrokerConfig(env) {
        /// Installation folder: system property `rocketmq.home.dir`, else variable `ROCKETMQ_HOME`.
        @restart @nullable "rocketmqHome" rocketmq_home: String =
            env.property_or_var("rocketmq.home.dir", "ROCKETMQ_HOME").unwrap_or_default().to_owned(),
        /// Name servers, `host:port` with `;` between: system property `rocketmq.namesrv.addr`,
        /// else variable
        /// `NAMESRV_ADDR`. `-n` wins over the file.
        @important @restart @nullable "namesrvAddr" namesrv_addr: String =
            env.property_or_var("rocketmq.namesrv.addr", "NAMESRV_ADDR").unwrap_or_default().to_owned(),
        /// Address that clients and replicas are told, and that message ids hold. By default the
        /// machine's first
        /// IPv4 address outside 127.0 and 192.168.
        @important @restart "brokerIP1" broker_ip1: String = env.local_address().to_owned(),
        /// Address that replicas are told for the HA port.
        @restart "brokerIP2" broker_ip2: String = env.local_address().to_owned(),
        /// Name that a master and its replicas share; also a topic. By default the host name.
        @important @restart "brokerName" broker_name: String = env.host_name().to_owned(),
        /// Cluster this broker belongs to; also a topic.
        @important @restart "brokerClusterName" broker_cluster_name: String =
            "DefaultCluster".to_owned(),
        /// 0 for a master, which always gets 0; more than 0 for a replica.
        @important @restart "brokerId" broker_id: i64 = 0,
        /// What the broker allows: 4 read, 2 write, 6 both. A change is registered at once.
        "brokerPermission" broker_permission: i32 = 6,
        /// Queues of topic TBW102, and so the most an automatically created topic gets.
        "defaultTopicQueueNums" default_topic_queue_nums: i32 = 8,
        /// Create topics when somebody first sends to them, after the model of TBW102.
        @important "autoCreateTopicEnable" auto_create_topic_enable: bool = true,
        /// Let the topic named like the cluster be read and written.
        @restart "clusterTopicEnable" cluster_topic_enable: bool = true,
        /// Let the topic named like the broker be read and written.
        @restart "brokerTopicEnable" broker_topic_enable: bool = true,
        /// Create consumer groups when they first appear.
        @important "autoCreateSubscriptionGroup" auto_create_subscription_group: bool = true,
        /// Java classes around the store, with commas between; the first is the outermost.
        @restart "messageStorePlugIn" message_store_plug_in: String = String::new(),
        /// Topic of message traces.
        @important @restart "msgTraceTopicName" msg_trace_topic_name: String =
            "RMQ_SYS_TRACE_TOPIC".to_owned(),
        /// Create the trace topic at start.
        @important @restart "traceTopicEnable" trace_topic_enable: bool = false,
        /// Threads that serve sends in 4.4.0. No effect here: every request is served where it is
        /// read, on a thread a CPU.
        @restart "sendMessageThreadPoolNums" send_message_thread_pool_nums: i32 = 1,
        /// Threads that serve pulls in 4.4.0: 16 and two a CPU. Here at most so many (256 at most)
        /// read old messages, which may be on the disk only; the others are served where they are
        /// read.
        @restart "pullMessageThreadPoolNums" pull_message_thread_pool_nums: i32 =
            16 + env.cpus() * 2,
        /// Threads that serve queries in 4.4.0: 8 and one a CPU. No effect here.
        @restart "queryMessageThreadPoolNums" query_message_thread_pool_nums: i32 = 8 + env.cpus(),
        /// Threads that serve everything else in 4.4.0. Here as many requests of operators that
        /// read much or write are worked on at once, 256 at most; further ones wait.
        @restart "adminBrokerThreadPoolNums" admin_broker_thread_pool_nums: i32 = 16,
        /// Threads that serve unregistering clients in 4.4.0. No effect here.
        @restart "clientManageThreadPoolNums" client_manage_thread_pool_nums: i32 = 32,
        /// Threads that serve consumer offsets in 4.4.0. No effect here.
        @restart "consumerManageThreadPoolNums" consumer_manage_thread_pool_nums: i32 = 32,
        /// Threads that serve heartbeats in 4.4.0: one a CPU, at most 32. No effect here.
        @restart "heartbeatThreadPoolNums" heartbeat_thread_pool_nums: i32 = env.cpus().min(32),
        /// Threads that serve the ends of transactions in 4.4.0: 8 and two a CPU. No effect here.
        @restart "endTransactionThreadPoolNums" end_transaction_thread_pool_nums: i32 =
            8 + env.cpus() * 2,
        /// Milliseconds between two writes of the consumer offsets.
        @restart "flushConsumerOffsetInterval" flush_consumer_offset_interval: i32 = 5000,
        /// Nothing reads it in 4.4.0.
        "flushConsumerOffsetHistoryInterval" flush_consumer_offset_history_interval: i32 = 60_000,
        /// Turn transactional messages away.
        @important "rejectTransactionMessage" reject_transaction_message: bool = false,
        /// Ask the address server for name servers when none is given.
        @important @restart "fetchNamesrvAddrByAddressServer" fetch_namesrv_addr_by_address_server: bool =
            false,
        /// Sends that may be stored and wait for the disk, a slave or their new topic's table. While
        /// there are so many, further sends and send-backs are answered code 2 with `[OVERLOAD]`.
        /// In 4.4.0: sends that may wait for a thread.
        "sendThreadPoolQueueCapacity" send_thread_pool_queue_capacity: i32 = 10_000,
        /// Pulls that may be held until a message comes. Beyond that, pulls that find nothing are
        /// answered code 2 with `[OVERLOAD]`. In 4.4.0: pulls that may wait for a thread.
        "pullThreadPoolQueueCapacity" pull_thread_pool_queue_capacity: i32 = 100_000,
        /// Queries that may wait for a thread in 4.4.0. No effect here: queries do not wait.
        "queryThreadPoolQueueCapacity" query_thread_pool_queue_capacity: i32 = 20_000,
        /// Unregistering clients that may wait for a thread in 4.4.0. No effect here: they do not
        /// wait.
        "clientManagerThreadPoolQueueCapacity" client_manager_thread_pool_queue_capacity: i32 =
            1_000_000,
        /// Requests about consumer offsets that may wait; 4.4.0 does not heed it. No effect here:
        /// they do not wait.
        "consumerManagerThreadPoolQueueCapacity" consumer_manager_thread_pool_queue_capacity: i32 =
            1_000_000,
        /// Heartbeats that may wait for a thread in 4.4.0. No effect here: heartbeats do not wait.
        "heartbeatThreadPoolQueueCapacity" heartbeat_thread_pool_queue_capacity: i32 = 50_000,
        /// Commits that may be stored and wait for the disk or a slave. While there are so many,
        /// further ends of transactions are answered code 2 with `[OVERLOAD]`. In 4.4.0: ends that
        /// may wait for a thread.
        "endTransactionPoolQueueCapacity" end_transaction_pool_queue_capacity: i32 = 100_000,
        /// Filter servers to keep running with `bin/startfsrv.sh`.
        @restart "filterServerNums" filter_server_nums: i32 = 0,
        /// Hold pulls that find nothing until a message arrives.
        "longPollingEnable" long_polling_enable: bool = true,
        /// Milliseconds such pulls are held without long polling.
        "shortPollingTimeMills" short_polling_time_mills: i64 = 1000,
        /// Tell the consumers of a group when its members change.
        "notifyConsumerIdsChangedEnable" notify_consumer_ids_changed_enable: bool = true,
        /// Nothing reads it in 4.4.0.
        "highSpeedMode" high_speed_mode: bool = false,
        /// Nothing reads it in 4.4.0.
        "commercialEnable" commercial_enable: bool = true,
        /// Nothing reads it in 4.4.0.
        "commercialTimerCount" commercial_timer_count: i32 = 1,
        /// Nothing reads it in 4.4.0.
        "commercialTransCount" commercial_trans_count: i32 = 1,
        /// Nothing reads it in 4.4.0.
        "commercialBigCount" commercial_big_count: i32 = 1,
        /// Factor of the counters of commercial use.
        "commercialBaseCount" commercial_base_count: i32 = 1,
        /// In 4.4.0 copies messages for a pull reply, instead of writing them from the mapped file.
        "transferMsgByHeap" transfer_msg_by_heap: bool = true,
        /// Nothing reads it in 4.4.0.
        "maxDelayTime" max_delay_time: i32 = 40,
        /// Region that every reply to a send names.
        "regionId" region_id: String = "DefaultRegion".to_owned(),
        /// Milliseconds one round of registration may take.
        "registerBrokerTimeoutMills" register_broker_timeout_mills: i32 = 6000,
        /// Send consumers that are far behind to a replica.
        "slaveReadEnable" slave_read_enable: bool = false,
        /// Stop groups that are too far behind.
        "disableConsumeIfConsumerReadSlowly" disable_consume_if_consumer_read_slowly: bool = false,
        /// Bytes a group may be behind before it is stopped.
        "consumerFallbehindThreshold" consumer_fallbehind_threshold: i64 = 16 * 1024 * 1024 * 1024,
        /// Turn requests away, with code 2 and `[TIMEOUT_CLEAN_QUEUE]`, that waited too long to be
        /// served: here, behind others that came over their connection together with them.
        "brokerFastFailureEnable" broker_fast_failure_enable: bool = true,
        /// Milliseconds a send or send-back may wait to be served. (Waiting for the disk or a slave
        /// is bounded by `syncFlushTimeout`.)
        "waitTimeMillsInSendQueue" wait_time_mills_in_send_queue: i64 = 200,
        /// Milliseconds a pull may wait to be served.
        "waitTimeMillsInPullQueue" wait_time_mills_in_pull_queue: i64 = 5000,
        /// Milliseconds a heartbeat may wait to be served.
        "waitTimeMillsInHeartbeatQueue" wait_time_mills_in_heartbeat_queue: i64 = 31_000,
        /// Milliseconds the end of a transaction may wait to be served.
        "waitTimeMillsInTransactionQueue" wait_time_mills_in_transaction_queue: i64 = 3000,
        /// Time, in milliseconds since 1970, before which sends are turned away.
        "startAcceptSendRequestTimeStamp" start_accept_send_request_time_stamp: i64 = 0,
        /// Let clients send message traces; every reply to a send says so.
        "traceOn" trace_on: bool = true,
        /// Work out for each message which SQL filters match it.
        "enableCalcFilterBitMap" enable_calc_filter_bit_map: bool = false,
        /// Consumers expected to use filters; sizes the bit map.
        @restart "expectConsumerNumUseFilter" expect_consumer_num_use_filter: i32 = 32,
        /// Percent of false hits the bit map may have.
        @restart "maxErrorRateOfBloomFilter" max_error_rate_of_bloom_filter: i32 = 20,
        /// Milliseconds the filter of a group that is gone is kept.
        "filterDataCleanTimeSpan" filter_data_clean_time_span: i64 = 24 * 3600 * 1000,
        /// Apply SQL filters to retries as well.
        "filterSupportRetry" filter_support_retry: bool = false,
        /// Allow SQL filters.
        "enablePropertyFilter" enable_property_filter: bool = false,
        /// Send registrations compressed.
        "compressedRegister" compressed_register: bool = false,
        /// Register each time; otherwise only when a name server's data is out of date.
        "forceRegister" force_register: bool = true,
        /// Milliseconds between two registrations, within 10 000 to 60 000.
        @restart "registerNameServerPeriod" register_name_server_period: i32 = 30_000,
        /// Milliseconds before an open transaction is first asked about.
        @important "transactionTimeOut" transaction_time_out: i64 = 6000,
        /// How often it is asked about before it is given up.
        @important "transactionCheckMax" transaction_check_max: i32 = 15,
        /// Milliseconds between two looks for open transactions.
        @important @restart "transactionCheckInterval" transaction_check_interval: i64 = 60_000,
        /// Check the rights of every request, after `conf/plain_acl.yml`.
        @important @restart "aclEnable" acl_enable: bool = false,
        /// File with an `accessKey` and a `secretKey`, shaped as `conf/tools.yml`: the broker signs
        /// what it asks name servers and its master with them, for those that check requests. Empty:
        /// nothing is signed. Changes in the file only.
        @restart @ours "accountFile" account_file: String = String::new(),
    }
}

/// Port of a broker where the file does not say another.
pub const DEFAULT_PORT: i32 = 10_911;
/// Socket buffers of a broker where no system property says otherwise.
const SOCKET_BUFFER: i32 = 131_072;

/// The tables of a broker, in the order of `mqbroker -p`.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerConfigs {
    /// What it decides.
    pub broker: BrokerConfig,
    /// Its listening sockets.
    pub server: ServerConfig,
    /// Its outgoing connections.
    pub client: ClientConfig,
    /// Its store.
    pub store: StoreConfig,
    /// What operators watch.
    pub observe: ObserveConfig,
}

impl BrokerConfigs {
    /// The defaults of a broker: its own port, larger socket buffers, TLS after the system
    /// properties.
    pub fn from_env(env: &Env) -> Self {
        let mut server = ServerConfig::from_env(env);
        let mut client = ClientConfig::from_env(env);
        server.listen_port = DEFAULT_PORT;
        if env.property(SNDBUF_PROPERTY).is_none() {
            server.server_socket_snd_buf_size = SOCKET_BUFFER;
            client.client_socket_snd_buf_size = SOCKET_BUFFER;
        }
        if env.property(RCVBUF_PROPERTY).is_none() {
            server.server_socket_rcv_buf_size = SOCKET_BUFFER;
            client.client_socket_rcv_buf_size = SOCKET_BUFFER;
        }
        client.use_tls = match env.property("tls.enable") {
            Some(text) => text.eq_ignore_ascii_case("true"),
            None => env.property("tls.server.mode") == Some("enforcing"),
        };
        Self {
            broker: BrokerConfig::from_env(env),
            server,
            client,
            store: StoreConfig::from_env(env),
            observe: ObserveConfig::from_env(env),
        }
    }

    /// Takes what a properties file says.
    pub fn apply(&mut self, file: &config::Properties) -> Report {
        config::apply(
            &mut [
                &mut self.broker,
                &mut self.server,
                &mut self.client,
                &mut self.store,
                &mut self.observe,
            ],
            file,
        )
    }

    /// The tables, to read.
    pub fn tables(&self) -> [&dyn Table; 5] {
        [&self.broker, &self.server, &self.client, &self.store, &self.observe]
    }
}

impl Default for BrokerConfigs {
    fn default() -> Self {
        Self::from_env(Env::current())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn captured(text: &str) -> Vec<&str> {
        text.lines().map(|line| line.split_once(" - ").map_or(line, |(_, item)| item)).collect()
    }

    /// The machine on which the output of 4.4.0 was captured.
    fn env() -> Env {
        Env::empty()
            .with_var("ROCKETMQ_HOME", "<rocketmqHome>")
            .with_user_home("<user.home>")
            .with_host_name("<host name>")
            .with_local_address("<local ip>")
            .with_cpus(2)
    }

    #[test]
    fn prints_like_4_4_0() {
        let configs = BrokerConfigs::from_env(&env());
        let all = captured(include_str!("tests/data/broker-p.txt"));
        assert_eq!(config::lines(&configs.tables(), false), all);
        let important = captured(include_str!("tests/data/broker-m.txt"));
        assert_eq!(config::lines(&configs.tables(), true), important);
    }

    #[test]
    fn tls_and_buffers_follow_the_system_properties() {
        let enforcing = env().with_property("tls.server.mode", "enforcing");
        assert!(BrokerConfigs::from_env(&enforcing).client.use_tls);
        let off = enforcing.with_property("tls.enable", "no").with_property(SNDBUF_PROPERTY, "7");
        let configs = BrokerConfigs::from_env(&off);
        assert!(!configs.client.use_tls);
        assert_eq!(configs.server.server_socket_snd_buf_size, 7);
        assert_eq!(configs.server.server_socket_rcv_buf_size, SOCKET_BUFFER);
    }

    #[test]
    fn one_file_feeds_all_tables() {
        let mut configs = BrokerConfigs::from_env(&env());
        let file = config::Properties::parse(
            b"brokerName = a\nlistenPort=1\nuseTLS=true\nbrokerRole=SLAVE\nfileReservedTime= 48h\nmine=1\n",
        );
        let report = configs.apply(&file.unwrap());
        assert_eq!(configs.broker.broker_name, "a");
        assert_eq!(configs.server.listen_port, 1);
        assert!(configs.client.use_tls);
        assert_eq!(configs.store.broker_role, store::BrokerRole::Slave);
        assert_eq!(configs.store.file_reserved_time, 72);
        assert_eq!(report.unknown, ["mine"]);
        assert_eq!(report.refused, [("fileReservedTime".to_owned(), "48h".to_owned())]);
    }
}
