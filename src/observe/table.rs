//! The table of metrics: each name, kind, set of labels and help text stands here once. From it come
//! the answers to scrapers and `docs/metrics.md`.

/// What a value means over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows while the process lives.
    Counter,
    /// Durations by class, their number and their sum.
    Histogram,
}

impl Kind {
    /// The word for it in the exposition format.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
            Self::Histogram => "histogram",
        }
    }
}

/// Who has a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// A broker.
    Broker,
    /// A name server.
    Namesrv,
    /// Both.
    Both,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its name.
    pub name: &'static str,
    /// What its value means over time.
    pub kind: Kind,
    /// Who has it.
    pub server: Server,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The lines of its doc comment.
    pub help: &'static [&'static str],
    /// Whether rocketmq-exporter has it under this name, with these labels.
    pub exporter: bool,
}

impl Row {
    /// The help text on one line.
    #[must_use]
    pub fn help_line(&self) -> String {
        self.help.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ")
    }
}

macro_rules! metrics {
    ($(
        $(#[doc = $help:literal])+
        $(@$mark:ident)? $metric:ident = $name:literal, $kind:ident, $server:ident, $labels:expr;
    )*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Metric { $( $(#[doc = $help])+ $metric, )* }

        impl Metric {
            /// All of them, in the order in which they are shown.
            pub const ALL: &'static [Self] = &[$( Self::$metric, )*];

            /// Its line of the table.
            #[must_use]
            pub const fn row(self) -> Row {
                match self {
                    $( Self::$metric => Row {
                        name: $name,
                        kind: Kind::$kind,
                        server: Server::$server,
                        labels: $labels,
                        help: &[$($help),+],
                        exporter: is_exporters!($($mark)?),
                    }, )*
                }
            }
        }
    };
}

macro_rules! is_exporters {
    () => {
        false
    };
    (exporter) => {
        true
    };
}

const NONE: &[&str] = &[];
const BROKER: &[&str] = &["cluster", "broker"];
const BROKER_IP: &[&str] = &["cluster", "brokerIP", "broker"];
const TOPIC: &[&str] = &["cluster", "broker", "topic"];
const GROUP: &[&str] = &["cluster", "broker", "group"];
const TOPIC_GROUP: &[&str] = &["cluster", "broker", "topic", "group"];
const DIFF: &[&str] =
    &["cluster", "broker", "group", "topic", "countOfOnlineConsumers", "msgModel"];
const RUNTIME: &[&str] =
    &["cluster", "brokerIP", "brokerHost", "des", "boottime", "broker_version"];

metrics! {
    /// Messages a second that producers stored, over the last minute.
    @exporter BrokerTps = "rocketmq_broker_tps", Gauge, Broker, BROKER_IP;
    /// Messages a second that consumers got, over the last minute.
    @exporter BrokerQps = "rocketmq_broker_qps", Gauge, Broker, BROKER_IP;
    /// Bytes of the log that the nearest connected slave does not have. Only on a master with a slave.
    @exporter BrokerCommitLogDiff = "rocketmq_broker_commitlog_diff", Gauge, Broker, BROKER_IP;

    /// Messages a second stored in a topic, over the last minute.
    @exporter ProducerTps = "rocketmq_producer_tps", Gauge, Broker, TOPIC;
    /// Bytes a second stored in a topic, over the last minute.
    @exporter ProducerMessageSize = "rocketmq_producer_message_size", Gauge, Broker, TOPIC;
    /// Sum of the ends of a topic's queues.
    @exporter ProducerOffset = "rocketmq_producer_offset", Gauge, Broker, TOPIC;
    /// The same of a group's retry topic.
    @exporter TopicRetryOffset = "rocketmq_topic_retry_offset", Gauge, Broker, TOPIC;
    /// The same of a group's dead letters.
    @exporter TopicDlqOffset = "rocketmq_topic_dlq_offset", Gauge, Broker, GROUP;
    /// Connected producers of a group.
    @exporter ProducerCount = "rocketmq_producer_count", Gauge, Broker, GROUP;

    /// Messages a second that a group got from a topic, over the last minute.
    @exporter ConsumerTps = "rocketmq_consumer_tps", Gauge, Broker, TOPIC_GROUP;
    /// Bytes a second that a group got from a topic, over the last minute.
    @exporter ConsumerMessageSize = "rocketmq_consumer_message_size", Gauge, Broker, TOPIC_GROUP;
    /// Sum of a group's offsets in the queues of a topic.
    @exporter ConsumerOffset = "rocketmq_consumer_offset", Gauge, Broker, TOPIC_GROUP;
    /// Messages that a group gave back in the last minute.
    @exporter SendBackNums = "rocketmq_send_back_nums", Gauge, Broker, TOPIC_GROUP;
    /// Milliseconds that the oldest message which a group has not consumed has been here.
    @exporter GroupLatencyByStoreTime = "rocketmq_group_get_latency_by_storetime", Gauge, Broker,
        TOPIC_GROUP;
    /// Messages of a topic that a group has not consumed. (In rocketmq-exporter summed over all
    /// brokers, and without their labels.)
    GroupDiff = "rocketmq_group_diff", Gauge, Broker, DIFF;
    /// The same of its retry topic.
    GroupRetryDiff = "rocketmq_group_retrydiff", Gauge, Broker, DIFF;
    /// The same of its dead letters, where somebody consumes them.
    GroupDlqDiff = "rocketmq_group_dlqdiff", Gauge, Broker, DIFF;
    /// Connected consumers of a group. (In rocketmq-exporter with their addresses.)
    GroupCount = "rocketmq_group_count", Gauge, Broker, GROUP;

    /// Messages stored since the start.
    @exporter MsgPutTotalTodayNow = "rocketmq_brokeruntime_msg_put_total_today_now", Gauge, Broker,
        RUNTIME;
    /// Messages got since the start.
    @exporter MsgGetTotalTodayNow = "rocketmq_brokeruntime_msg_gettotal_today_now", Gauge, Broker,
        RUNTIME;
    /// Messages stored from the start to the last midnight.
    @exporter MsgPutTotalTodayMorning = "rocketmq_brokeruntime_msg_puttotal_todaymorning", Gauge,
        Broker, RUNTIME;
    /// Messages got from the start to the last midnight.
    @exporter MsgGetTotalTodayMorning = "rocketmq_brokeruntime_msg_gettotal_todaymorning", Gauge,
        Broker, RUNTIME;
    /// Messages stored from the start to the midnight before the last.
    @exporter MsgPutTotalYesterdayMorning = "rocketmq_brokeruntime_msg_puttotal_yesterdaymorning",
        Gauge, Broker, RUNTIME;
    /// Messages got from the start to the midnight before the last.
    @exporter MsgGetTotalYesterdayMorning = "rocketmq_brokeruntime_msg_gettotal_yesterdaymorning",
        Gauge, Broker, RUNTIME;
    /// Messages a second stored, over the last 10 seconds.
    @exporter PutTps10 = "rocketmq_brokeruntime_put_tps10", Gauge, Broker, RUNTIME;
    /// The same over the last minute.
    @exporter PutTps60 = "rocketmq_brokeruntime_put_tps60", Gauge, Broker, RUNTIME;
    /// The same over the last ten minutes.
    @exporter PutTps600 = "rocketmq_brokeruntime_put_tps600", Gauge, Broker, RUNTIME;
    /// Reads a second that found messages, over the last 10 seconds.
    @exporter GetFoundTps10 = "rocketmq_brokeruntime_getfound_tps10", Gauge, Broker, RUNTIME;
    /// The same over the last minute.
    @exporter GetFoundTps60 = "rocketmq_brokeruntime_getfound_tps60", Gauge, Broker, RUNTIME;
    /// The same over the last ten minutes.
    @exporter GetFoundTps600 = "rocketmq_brokeruntime_getfound_tps600", Gauge, Broker, RUNTIME;
    /// Reads a second that found nothing, over the last 10 seconds.
    @exporter GetMissTps10 = "rocketmq_brokeruntime_getmiss_tps10", Gauge, Broker, RUNTIME;
    /// The same over the last minute.
    @exporter GetMissTps60 = "rocketmq_brokeruntime_getmiss_tps60", Gauge, Broker, RUNTIME;
    /// The same over the last ten minutes.
    @exporter GetMissTps600 = "rocketmq_brokeruntime_getmiss_tps600", Gauge, Broker, RUNTIME;
    /// Reads a second, over the last 10 seconds.
    @exporter GetTotalTps10 = "rocketmq_brokeruntime_gettotal_tps10", Gauge, Broker, RUNTIME;
    /// The same over the last minute.
    @exporter GetTotalTps60 = "rocketmq_brokeruntime_gettotal_tps60", Gauge, Broker, RUNTIME;
    /// The same over the last ten minutes.
    @exporter GetTotalTps600 = "rocketmq_brokeruntime_gettotal_tps600", Gauge, Broker, RUNTIME;
    /// Messages a second that were read, over the last 10 seconds.
    @exporter GetTransferedTps10 = "rocketmq_brokeruntime_gettransfered_tps10", Gauge, Broker,
        RUNTIME;
    /// The same over the last minute.
    @exporter GetTransferedTps60 = "rocketmq_brokeruntime_gettransfered_tps60", Gauge, Broker,
        RUNTIME;
    /// The same over the last ten minutes.
    @exporter GetTransferedTps600 = "rocketmq_brokeruntime_gettransfered_tps600", Gauge, Broker,
        RUNTIME;
    /// Bytes of the log that are not in their queues yet.
    @exporter DispatchBehindBytes = "rocketmq_brokeruntime_dispatch_behind_bytes", Gauge, Broker,
        RUNTIME;
    /// Bytes of the log that are not on the disk yet. (rocketmq-exporter drops the unit.)
    @exporter RemainToFlush = "rocketmq_brokeruntime_remain_howmanydata_toflush", Gauge, Broker,
        RUNTIME;
    /// End of the log: its offset, in bytes.
    @exporter CommitLogMaxOffset = "rocketmq_brokeruntime_commitlog_maxoffset", Gauge, Broker,
        RUNTIME;
    /// Begin of the log.
    @exporter CommitLogMinOffset = "rocketmq_brokeruntime_commitlog_minoffset", Gauge, Broker,
        RUNTIME;
    /// How full the disk of the log is, from 0 to 1.
    @exporter CommitLogDiskRatio = "rocketmq_brokeruntime_commitlog_disk_ratio", Gauge, Broker,
        RUNTIME;
    /// How full the disk of the consume queues is, from 0 to 1.
    @exporter ConsumeQueueDiskRatio = "rocketmq_brokeruntime_consumequeue_disk_ratio", Gauge,
        Broker, RUNTIME;
    /// Bytes of the disk of the store.
    @exporter CommitLogDirTotal = "rocketmq_brokeruntime_commitlogdir_capacity_total", Gauge,
        Broker, RUNTIME;
    /// Free bytes of it.
    @exporter CommitLogDirFree = "rocketmq_brokeruntime_commitlogdir_capacity_free", Gauge, Broker,
        RUNTIME;
    /// Store time of the oldest message, milliseconds since 1970.
    @exporter EarliestMessageTimestamp = "rocketmq_brokeruntime_earliest_message_timestamp", Gauge,
        Broker, RUNTIME;
    /// Bytes of messages stored since the start.
    @exporter PutMessageSizeTotal = "rocketmq_brokeruntime_put_message_size_total", Gauge, Broker,
        RUNTIME;
    /// Their mean.
    @exporter PutMessageAverageSize = "rocketmq_brokeruntime_put_message_average_size", Gauge,
        Broker, RUNTIME;
    /// Messages stored since the start, at least 1.
    @exporter PutMessageTimesTotal = "rocketmq_brokeruntime_putmessage_times_total", Gauge, Broker,
        RUNTIME;
    /// Longest time storing a message took, in milliseconds.
    @exporter PutMessageEntireTimeMax = "rocketmq_brokeruntime_putmessage_entire_time_max", Gauge,
        Broker, RUNTIME;
    /// Longest time a read took, in milliseconds.
    @exporter GetMessageEntireTimeMax = "rocketmq_brokeruntime_getmessage_entire_time_max", Gauge,
        Broker, RUNTIME;
    /// How long the present writer of the log has been at it, in milliseconds.
    @exporter PageCacheLockTime = "rocketmq_brokeruntime_pagecache_lock_time_mills", Gauge, Broker,
        RUNTIME;
    /// Sends that are stored and wait for the disk, a slave or their topic.
    @exporter SendQueueSize = "rocketmq_brokeruntime_send_threadpool_queue_size", Gauge, Broker,
        RUNTIME;
    /// How many may.
    @exporter SendQueueCapacity = "rocketmq_brokeruntime_send_threadpoolqueue_capacity", Gauge,
        Broker, RUNTIME;
    /// Pulls that may be held.
    @exporter PullQueueCapacity = "rocketmq_brokeruntime_pull_threadpoolqueue_capacity", Gauge,
        Broker, RUNTIME;
    /// Time before which sends are refused, milliseconds since 1970.
    @exporter StartAcceptSendRequestTime = "rocketmq_brokeruntime_start_accept_sendrequest_time",
        Gauge, Broker, RUNTIME;
    /// Appends since the last full minute of the store that took less than a millisecond.
    @exporter Pmdt0 = "rocketmq_brokeruntime_pmdt_0ms", Gauge, Broker, RUNTIME;
    /// The same, less than 10 ms.
    @exporter Pmdt10 = "rocketmq_brokeruntime_pmdt_0to10ms", Gauge, Broker, RUNTIME;
    /// The same, less than 50 ms.
    @exporter Pmdt50 = "rocketmq_brokeruntime_pmdt_10to50ms", Gauge, Broker, RUNTIME;
    /// The same, less than 100 ms.
    @exporter Pmdt100 = "rocketmq_brokeruntime_pmdt_50to100ms", Gauge, Broker, RUNTIME;
    /// The same, less than 200 ms.
    @exporter Pmdt200 = "rocketmq_brokeruntime_pmdt_100to200ms", Gauge, Broker, RUNTIME;
    /// The same, less than 500 ms.
    @exporter Pmdt500 = "rocketmq_brokeruntime_pmdt_200to500ms", Gauge, Broker, RUNTIME;
    /// The same, less than 1 s.
    @exporter Pmdt1000 = "rocketmq_brokeruntime_pmdt_500to1s", Gauge, Broker, RUNTIME;
    /// The same, less than 2 s.
    @exporter Pmdt2000 = "rocketmq_brokeruntime_pmdt_1to2s", Gauge, Broker, RUNTIME;
    /// The same, less than 3 s.
    @exporter Pmdt3000 = "rocketmq_brokeruntime_pmdt_2to3s", Gauge, Broker, RUNTIME;
    /// The same, less than 4 s.
    @exporter Pmdt4000 = "rocketmq_brokeruntime_pmdt_3to4s", Gauge, Broker, RUNTIME;
    /// The same, less than 5 s.
    @exporter Pmdt5000 = "rocketmq_brokeruntime_pmdt_4to5s", Gauge, Broker, RUNTIME;
    /// The same, less than 10 s.
    @exporter Pmdt10000 = "rocketmq_brokeruntime_pmdt_5to10s", Gauge, Broker, RUNTIME;
    /// The same, longer.
    @exporter PmdtMore = "rocketmq_brokeruntime_pmdt_10stomore", Gauge, Broker, RUNTIME;

    /// Messages stored in a topic since the start. `rate()` of it is truer than
    /// rocketmq_producer_tps.
    MessagesIn = "rocketmq_messages_in_total", Counter, Broker, TOPIC;
    /// Bytes stored in a topic since the start.
    BytesIn = "rocketmq_throughput_in_total", Counter, Broker, TOPIC;
    /// Messages that a group got from a topic since the start.
    MessagesOut = "rocketmq_messages_out_total", Counter, Broker, TOPIC_GROUP;
    /// Bytes that a group got from a topic since the start.
    BytesOut = "rocketmq_throughput_out_total", Counter, Broker, TOPIC_GROUP;
    /// Messages that a group gave back since the start.
    SentBack = "rocketmq_sent_back_total", Counter, Broker, TOPIC_GROUP;
    /// Appends that were refused or failed since the start.
    PutFailures = "rocketmq_store_put_failures_total", Counter, Broker, BROKER;

    /// End of the log, in bytes.
    StoreAppended = "rocketmq_store_appended_offset", Gauge, Broker, BROKER;
    /// How much of it is on the disk.
    StoreFlushed = "rocketmq_store_flushed_offset", Gauge, Broker, BROKER;
    /// How much of it is in its queues and the index.
    StoreDispatched = "rocketmq_store_dispatched_offset", Gauge, Broker, BROKER;
    /// How much of it some slave has acknowledged.
    StoreReplicated = "rocketmq_store_replicated_offset", Gauge, Broker, BROKER;
    /// 1 while messages are taken, 0 while they are not: a slave, a full disk, a failed sync.
    StoreWritable = "rocketmq_store_writable", Gauge, Broker, BROKER;
    /// How full the disk of the index is, from 0 to 1.
    IndexDiskRatio = "rocketmq_store_index_disk_ratio", Gauge, Broker, BROKER;
    /// Slaves that are connected to this master.
    Slaves = "rocketmq_slaves", Gauge, Broker, BROKER;
    /// Messages of a delay level that are not delivered yet, due or not.
    DelayBehind = "rocketmq_delay_waiting_messages", Gauge, Broker,
        &["cluster", "broker", "level"];
    /// Pulls that are held until a message comes.
    HeldPulls = "rocketmq_held_pulls", Gauge, Broker, BROKER;
    /// Ends of transactions that are stored and wait for the disk or a slave.
    WaitingEnds = "rocketmq_waiting_transaction_ends", Gauge, Broker, BROKER;
    /// Requests turned away by flow control. `reason`: `reject` (the disk holds the writer up),
    /// `overload` (too many wait), `timeout` (waited too long to be served).
    FlowRefusals = "rocketmq_flow_control_refusals_total", Counter, Broker,
        &["cluster", "broker", "reason"];
    /// Topics of this broker, its own included.
    Topics = "rocketmq_topics", Gauge, Broker, BROKER;
    /// Subscription groups of this broker.
    Groups = "rocketmq_subscription_groups", Gauge, Broker, BROKER;

    /// Broker addresses that are registered.
    NamesrvBrokers = "rocketmq_namesrv_brokers", Gauge, Namesrv, NONE;
    /// Clusters that are known.
    NamesrvClusters = "rocketmq_namesrv_clusters", Gauge, Namesrv, NONE;
    /// Topics that are known.
    NamesrvTopics = "rocketmq_namesrv_topics", Gauge, Namesrv, NONE;

    /// Time from the read of a request off its socket until its answer is ready to be written.
    /// `answered` is `later` for requests that waited: for a message, the disk, a slave, another
    /// server or a thread that may block. Held pulls are there.
    RpcLatency = "rocketmq_rpc_latency_seconds", Histogram, Both,
        &["request_code", "request", "answered"];
    /// Answers other than success, by response code.
    RpcFailures = "rocketmq_rpc_other_answers_total", Counter, Both, &["response_code", "response"];
    /// Connections of a listener.
    Connections = "rocketmq_connections", Gauge, Both, &["port"];
    /// 1, with the version of this program.
    BuildInfo = "rocketmq_build_info", Gauge, Both, &["version", "role"];
    /// Series that did not fit into this answer.
    LeftOut = "rocketmq_scrape_series_left_out", Gauge, Both, NONE;

    /// Processor time used.
    ProcessCpuSeconds = "process_cpu_seconds_total", Counter, Both, NONE;
    /// Memory in use, mapped files that are in memory included.
    ProcessResidentBytes = "process_resident_memory_bytes", Gauge, Both, NONE;
    /// Address space.
    ProcessVirtualBytes = "process_virtual_memory_bytes", Gauge, Both, NONE;
    /// Threads.
    ProcessThreads = "process_threads", Gauge, Both, NONE;
    /// Open files and connections.
    ProcessOpenFds = "process_open_fds", Gauge, Both, NONE;
    /// How many there may be.
    ProcessMaxFds = "process_max_fds", Gauge, Both, NONE;
    /// Time of the start, seconds since 1970.
    ProcessStartSeconds = "process_start_time_seconds", Gauge, Both, NONE;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_prometheus_takes_and_stand_once() {
        let mut names: Vec<_> = Metric::ALL.iter().map(|metric| metric.row().name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        for (index, metric) in Metric::ALL.iter().enumerate() {
            assert_eq!(*metric as usize, index);
            let row = metric.row();
            let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
            assert!(row.name.chars().all(plain) && row.labels.iter().all(|l| l.chars().all(plain)));
            if row.kind == Kind::Counter {
                assert!(row.name.ends_with("_total"), "{}", row.name);
            }
            assert!(row.help_line().ends_with(['.', ')']), "{}", row.name);
        }
    }
}
