//! Request and response codes, under the names 4.4.0 gives them.
//!
//! Codes travel as plain integers; an unknown one is a value, not an error. What a request
//! carries and who serves it is said in [`crate::requests`].

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident = $code:literal;)*) => {
        $($(#[doc = $doc])+ pub const $name: i32 = $code;)*

        /// All codes with their names, in ascending order.
        pub const ALL: &[(i32, &str)] = &[$(($name, stringify!($name)),)*];

        /// The name of a code, as Java's constant is called.
        #[must_use]
        pub const fn name(code: i32) -> Option<&'static str> {
            match code {
                $($name => Some(stringify!($name)),)*
                _ => None,
            }
        }
    };
}

/// Codes of answers.
pub mod response {
    codes! {
        /// The request was done.
        SUCCESS = 0;
        /// Something went wrong inside the handler; the remark says what.
        SYSTEM_ERROR = 1;
        /// Refused by flow control; the remark starts with the kind in brackets.
        SYSTEM_BUSY = 2;
        /// The peer serves no such request code.
        REQUEST_CODE_NOT_SUPPORTED = 3;
        /// Defined, never sent by 4.4.0.
        TRANSACTION_FAILED = 4;
        /// Stored, but not flushed to disk in time.
        FLUSH_DISK_TIMEOUT = 10;
        /// Stored, but no slave is close enough; also a transaction end sent to a slave.
        SLAVE_NOT_AVAILABLE = 11;
        /// Stored, but no slave confirmed it in time.
        FLUSH_SLAVE_TIMEOUT = 12;
        /// The message breaks a limit (topic, properties or body too long, forbidden in a batch).
        MESSAGE_ILLEGAL = 13;
        /// The store takes no messages now.
        SERVICE_NOT_AVAILABLE = 14;
        /// Defined, never sent by 4.4.0.
        VERSION_NOT_SUPPORTED = 15;
        /// The broker, the topic or the group lacks the permission.
        NO_PERMISSION = 16;
        /// No such topic, or no route to it.
        TOPIC_NOT_EXIST = 17;
        /// Defined, never sent by 4.4.0.
        TOPIC_EXIST_ALREADY = 18;
        /// No new message at the offset.
        PULL_NOT_FOUND = 19;
        /// Nothing matched in the scanned range; ask again at the next offset.
        PULL_RETRY_IMMEDIATELY = 20;
        /// The offset lies outside the queue.
        PULL_OFFSET_MOVED = 21;
        /// A query found nothing.
        QUERY_NOT_FOUND = 22;
        /// The filter expression does not compile.
        SUBSCRIPTION_PARSE_FAILED = 23;
        /// The group or its subscription of the topic is unknown.
        SUBSCRIPTION_NOT_EXIST = 24;
        /// The broker knows an older subscription than the pull does.
        SUBSCRIPTION_NOT_LATEST = 25;
        /// The subscription group is unknown and may not be created.
        SUBSCRIPTION_GROUP_NOT_EXIST = 26;
        /// No compiled filter is kept for the group.
        FILTER_DATA_NOT_EXIST = 27;
        /// The kept filter is older than the subscription of the pull.
        FILTER_DATA_NOT_LATEST = 28;
        /// Defined, never sent by 4.4.0.
        TRANSACTION_SHOULD_COMMIT = 200;
        /// Defined, never sent by 4.4.0.
        TRANSACTION_SHOULD_ROLLBACK = 201;
        /// Defined, never sent by 4.4.0.
        TRANSACTION_STATE_UNKNOW = 202;
        /// Defined, never sent by 4.4.0.
        TRANSACTION_STATE_GROUP_WRONG = 203;
        /// Never sent by the broker; producers try another broker on it.
        NO_BUYER_ID = 204;
        /// Never sent by the broker; producers try another broker on it.
        NOT_IN_CURRENT_UNIT = 205;
        /// Nobody of the consumer group is connected.
        CONSUMER_NOT_ONLINE = 206;
        /// A call relayed to a client was not answered in time.
        CONSUME_MSG_TIMEOUT = 207;
        /// Raised inside clients when a message was not found.
        NO_MESSAGE = 208;
    }
}

/// Codes of requests.
pub mod request {
    codes! {
        /// Producer: send a message, header with long field names.
        SEND_MESSAGE = 10;
        /// Consumer: read messages of a queue from an offset.
        PULL_MESSAGE = 11;
        /// Find messages by topic and key.
        QUERY_MESSAGE = 12;
        /// Declared only; no process of 4.4.0 answers it.
        QUERY_BROKER_OFFSET = 13;
        /// Consumer: the committed offset of a queue.
        QUERY_CONSUMER_OFFSET = 14;
        /// Consumer: commit the offset of a queue.
        UPDATE_CONSUMER_OFFSET = 15;
        /// Admin: create or change a topic.
        UPDATE_AND_CREATE_TOPIC = 17;
        /// Slave: the topic table of the master.
        GET_ALL_TOPIC_CONFIG = 21;
        /// Declared only; no process of 4.4.0 answers it.
        GET_TOPIC_CONFIG_LIST = 22;
        /// Declared only; no process of 4.4.0 answers it.
        GET_TOPIC_NAME_LIST = 23;
        /// Admin: change settings of a running broker.
        UPDATE_BROKER_CONFIG = 25;
        /// Admin: all settings of a broker.
        GET_BROKER_CONFIG = 26;
        /// Declared only; no process of 4.4.0 answers it.
        TRIGGER_DELETE_FILES = 27;
        /// Admin: figures of a running broker.
        GET_BROKER_RUNTIME_INFO = 28;
        /// The queue offset at a point in time.
        SEARCH_OFFSET_BY_TIMESTAMP = 29;
        /// The end of a queue.
        GET_MAX_OFFSET = 30;
        /// The start of a queue.
        GET_MIN_OFFSET = 31;
        /// Store time of the oldest message of a queue.
        GET_EARLIEST_MSG_STORETIME = 32;
        /// One message by its physical offset.
        VIEW_MESSAGE_BY_ID = 33;
        /// Client: the groups and subscriptions it stands for.
        HEART_BEAT = 34;
        /// Client: leave the groups.
        UNREGISTER_CLIENT = 35;
        /// Consumer: deliver a message again later.
        CONSUMER_SEND_MSG_BACK = 36;
        /// Transaction producer: commit or roll back.
        END_TRANSACTION = 37;
        /// Consumer: the client ids of its group.
        GET_CONSUMER_LIST_BY_GROUP = 38;
        /// Broker to producer: what became of this transaction?
        CHECK_TRANSACTION_STATE = 39;
        /// Broker to consumer: the group's members changed.
        NOTIFY_CONSUMER_IDS_CHANGED = 40;
        /// Ordered consumer: lock queues.
        LOCK_BATCH_MQ = 41;
        /// Ordered consumer: release queues.
        UNLOCK_BATCH_MQ = 42;
        /// Slave: the offset table of the master.
        GET_ALL_CONSUMER_OFFSET = 43;
        /// Slave: the delivery offsets of the delay levels.
        GET_ALL_DELAY_OFFSET = 45;
        /// Consumer: would this subscription compile?
        CHECK_CLIENT_CONFIG = 46;
        /// Name server: store a configuration value.
        PUT_KV_CONFIG = 100;
        /// Name server: read a configuration value.
        GET_KV_CONFIG = 101;
        /// Name server: remove a configuration value.
        DELETE_KV_CONFIG = 102;
        /// Broker: here I am, with these topics.
        REGISTER_BROKER = 103;
        /// Broker: I am going.
        UNREGISTER_BROKER = 104;
        /// The brokers and queues of a topic.
        GET_ROUTEINTO_BY_TOPIC = 105;
        /// All clusters and brokers.
        GET_BROKER_CLUSTER_INFO = 106;
        /// Admin: create or change a subscription group.
        UPDATE_AND_CREATE_SUBSCRIPTIONGROUP = 200;
        /// Slave: the subscription groups of the master.
        GET_ALL_SUBSCRIPTIONGROUP_CONFIG = 201;
        /// Admin: offsets and last update of a topic's queues.
        GET_TOPIC_STATS_INFO = 202;
        /// Admin: the connections of a consumer group.
        GET_CONSUMER_CONNECTION_LIST = 203;
        /// Admin: the connections of a producer group.
        GET_PRODUCER_CONNECTION_LIST = 204;
        /// Admin: take the write permission of a broker out of all routes.
        WIPE_WRITE_PERM_OF_BROKER = 205;
        /// All topics a name server knows.
        GET_ALL_TOPIC_LIST_FROM_NAMESERVER = 206;
        /// Admin: delete a subscription group.
        DELETE_SUBSCRIPTIONGROUP = 207;
        /// Admin: how far a group has consumed.
        GET_CONSUME_STATS = 208;
        /// Declared only; no process of 4.4.0 answers it.
        SUSPEND_CONSUMER = 209;
        /// Declared only; no process of 4.4.0 answers it.
        RESUME_CONSUMER = 210;
        /// Declared only; no process of 4.4.0 answers it.
        RESET_CONSUMER_OFFSET_IN_CONSUMER = 211;
        /// Declared only; no process of 4.4.0 answers it.
        RESET_CONSUMER_OFFSET_IN_BROKER = 212;
        /// Declared only; no process of 4.4.0 answers it.
        ADJUST_CONSUMER_THREAD_POOL = 213;
        /// Declared only; no process of 4.4.0 answers it.
        WHO_CONSUME_THE_MESSAGE = 214;
        /// Admin: delete a topic on a broker.
        DELETE_TOPIC_IN_BROKER = 215;
        /// Admin: delete a topic from the routes.
        DELETE_TOPIC_IN_NAMESRV = 216;
        /// All configuration values of a namespace.
        GET_KVLIST_BY_NAMESPACE = 219;
        /// Broker to consumer: continue from these offsets.
        RESET_CONSUMER_CLIENT_OFFSET = 220;
        /// Broker to consumer: your offsets, please.
        GET_CONSUMER_STATUS_FROM_CLIENT = 221;
        /// Admin: have the online consumers of a group reset to a time.
        INVOKE_BROKER_TO_RESET_OFFSET = 222;
        /// Admin: gather the offsets of the online consumers of a group.
        INVOKE_BROKER_TO_GET_CONSUMER_STATUS = 223;
        /// The topics of a cluster.
        GET_TOPICS_BY_CLUSTER = 224;
        /// The groups that consume a topic.
        QUERY_TOPIC_CONSUME_BY_WHO = 300;
        /// Filter server: here I am.
        REGISTER_FILTER_SERVER = 301;
        /// To a filter server, which 4.4.0 no longer ships.
        REGISTER_MESSAGE_FILTER_CLASS = 302;
        /// Admin: time span of what a group consumes.
        QUERY_CONSUME_TIME_SPAN = 303;
        /// Names of clusters and brokers.
        GET_SYSTEM_TOPIC_LIST_FROM_NS = 304;
        /// System topics of a broker.
        GET_SYSTEM_TOPIC_LIST_FROM_BROKER = 305;
        /// Admin: delete consume queue files no message belongs to.
        CLEAN_EXPIRED_CONSUMEQUEUE = 306;
        /// Admin, relayed to a consumer: its inner state.
        GET_CONSUMER_RUNNING_INFO = 307;
        /// Offsets to correct a group by.
        QUERY_CORRECTION_OFFSET = 308;
        /// Admin, relayed to a consumer: consume this message now.
        CONSUME_MESSAGE_DIRECTLY = 309;
        /// Producer: send a message, header with short field names.
        SEND_MESSAGE_V2 = 310;
        /// Topics with the unit flag.
        GET_UNIT_TOPIC_LIST = 311;
        /// Topics with a unit subscription.
        GET_HAS_UNIT_SUB_TOPIC_LIST = 312;
        /// Topics with a unit subscription but without the unit flag.
        GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST = 313;
        /// Admin: copy the offsets of a group to another.
        CLONE_GROUP_OFFSET = 314;
        /// Admin: one counter of the broker's statistics.
        VIEW_BROKER_STATS_DATA = 315;
        /// Admin: delete consume queues of topics that are gone.
        CLEAN_UNUSED_TOPIC = 316;
        /// Admin: consumption of all groups of a broker.
        GET_BROKER_CONSUME_STATS = 317;
        /// Admin: change settings of a running name server.
        UPDATE_NAMESRV_CONFIG = 318;
        /// Admin: all settings of a name server.
        GET_NAMESRV_CONFIG = 319;
        /// Producer: send several messages in one record batch.
        SEND_BATCH_MESSAGE = 320;
        /// Admin: entries of a consume queue.
        QUERY_CONSUME_QUEUE = 321;
        /// Broker: is my topic table still the one you know?
        QUERY_DATA_VERSION = 322;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_codes_are_the_ones_of_4_4_0() {
        let listed = include_str!("tests/golden/codes.tsv");
        let expected: Vec<(i32, &str)> = listed
            .lines()
            .filter_map(|line| line.strip_prefix("request\t"))
            .map(|line| line.split_once('\t').expect("code and name"))
            .map(|(code, name)| (code.parse().expect("code"), name))
            .collect();
        assert_eq!(request::ALL, expected);
        let expected: Vec<(i32, &str)> = listed
            .lines()
            .filter_map(|line| line.strip_prefix("response\t"))
            .map(|line| line.split_once('\t').expect("code and name"))
            .map(|(code, name)| (code.parse().expect("code"), name))
            .collect();
        assert_eq!(response::ALL, expected);
    }

    #[test]
    fn unknown_codes_have_no_name() {
        assert_eq!(request::name(310), Some("SEND_MESSAGE_V2"));
        assert_eq!(request::name(9999), None);
        assert_eq!(response::name(5), None);
    }
}
