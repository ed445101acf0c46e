//! The table of requests: code, header, reply header and lane, one row each.
//!
//! Three groups say who serves what: the broker, the name server and the client. From a row come
//! the arm of the group's enum, the decoding of its header, its [`Request`] implementation and
//! its line in `TABLE`. A server matches the enum without a wildcard, so a row without a handler
//! does not compile.
//!
//! The header structs stand in the modules below, by area; their fields are Java's, in the order
//! Java declares them. A field that 4.4.0 needs in order to answer is required here; one it
//! does without has a default or is an `Option`.

use serde::{Deserialize, Serialize};

use crate::ext::{self, Ext};

/// Declares requests that carry no header: Java sends them without `extFields`.
macro_rules! headerless {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name;
    )* };
}

/// Declares reply headers without fields: Java writes them as an empty `extFields` object.
macro_rules! empty_reply {
    ($($(#[doc = $doc:literal])+ $name:ident;)*) => { $(
        $(#[doc = $doc])+
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        pub struct $name {}
    )* };
}

mod admin;
mod client;
mod group;
mod offset;
mod pull;
mod query;
mod route;
mod send;
mod topic;
mod transaction;

pub use admin::*;
pub use client::*;
pub use group::*;
pub use offset::*;
pub use pull::*;
pub use query::*;
pub use route::*;
pub use send::*;
pub use topic::*;
pub use transaction::*;

/// A request: a header type that knows its code and what answers it.
pub trait Request: Serialize {
    /// The request code.
    const CODE: i32;
    /// The name of the header type, for logs and documentation.
    const NAME: &'static str;
    /// The header of a successful answer.
    type Reply: for<'de> Deserialize<'de>;
}

/// Answers without a header class: no `extFields` at all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoHeader;

/// The classes of requests that are admitted and limited apart from each other, as the thread
/// pools of 4.4.0 are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Lane {
    /// Messages to store.
    Send,
    /// Messages to read.
    Pull,
    /// Messages to find.
    Query,
    /// Heartbeats.
    Heartbeat,
    /// Other matters of client registration.
    Client,
    /// Offsets and members of consumer groups.
    Consumer,
    /// Ends of transactions.
    Transaction,
    /// Everything else a broker does.
    Admin,
    /// Everything a name server does.
    Namesrv,
    /// What a broker asks of a client.
    Callback,
}

/// One line of a group's table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The request code.
    pub code: i32,
    /// The name of the header type.
    pub name: &'static str,
    /// The lane requests of this code run in.
    pub lane: Lane,
    /// What the request is for.
    pub doc: &'static str,
}

macro_rules! requests {
    (
        $(#[doc = $group_doc:literal])+
        pub enum $group:ident $(<$life:lifetime>)? {
            $(
                $(#[doc = $doc:literal])+
                $code:literal => $request:ident $(<$borrow:lifetime>)? -> $reply:ty, $lane:ident;
            )*
            $(
                also $also_code:literal => $also:ident, $also_lane:ident, $also_doc:literal;
            )*
        }
    ) => {
        $(#[doc = $group_doc])+
        #[derive(Debug, Clone, PartialEq)]
        pub enum $group $(<$life>)? {
            $( $(#[doc = $doc])+ $request($request $(<$borrow>)?), )*
            $( #[doc = $also_doc] $also($also), )*
        }

        impl $(<$life>)? $group $(<$life>)? {
            /// The requests of this group, in the order of their codes (shared ones last).
            pub const TABLE: &'static [Row] = &[
                $( Row {
                    code: $code,
                    name: stringify!($request),
                    lane: Lane::$lane,
                    doc: concat!($($doc),+).trim_ascii(),
                }, )*
                $( Row {
                    code: $also_code,
                    name: stringify!($also),
                    lane: Lane::$also_lane,
                    doc: $also_doc,
                }, )*
            ];

            /// Reads the header of a request; `Ok(None)` for a code this group does not serve.
            ///
            /// # Errors
            /// When a required field is missing or a value does not parse.
            pub fn decode(code: i32, ext: & $($life)? Ext) -> Result<Option<Self>, ext::Error> {
                Ok(Some(match code {
                    $( $code => Self::$request(ext::from_ext(ext)?), )*
                    $( $also_code => Self::$also(ext::from_ext(ext)?), )*
                    _ => return Ok(None),
                }))
            }

            /// Appends the fields of this request's header.
            ///
            /// # Errors
            /// None of the headers here fails; see [`ext::to_ext`].
            pub fn write(&self, into: &mut Ext) -> Result<(), ext::Error> {
                match self {
                    $( Self::$request(header) => ext::to_ext(header, into), )*
                    $( Self::$also(header) => ext::to_ext(header, into), )*
                }
            }

            /// The lane of a code; `None` for a code this group does not serve.
            #[must_use]
            pub const fn lane_of(code: i32) -> Option<Lane> {
                match code {
                    $( $code => Some(Lane::$lane), )*
                    $( $also_code => Some(Lane::$also_lane), )*
                    _ => None,
                }
            }

            /// The lane this request runs in.
            #[must_use]
            pub const fn lane(&self) -> Lane {
                match self {
                    $( Self::$request(_) => Lane::$lane, )*
                    $( Self::$also(_) => Lane::$also_lane, )*
                }
            }

            /// The code of this request.
            #[must_use]
            pub const fn code(&self) -> i32 {
                match self {
                    $( Self::$request(_) => $code, )*
                    $( Self::$also(_) => $also_code, )*
                }
            }

            /// The name of this request's header type.
            #[must_use]
            pub const fn name(&self) -> &'static str {
                match self {
                    $( Self::$request(_) => stringify!($request), )*
                    $( Self::$also(_) => stringify!($also), )*
                }
            }
        }

        $(
            impl $(<$borrow>)? Request for $request $(<$borrow>)? {
                const CODE: i32 = $code;
                const NAME: &'static str = stringify!($request);
                type Reply = $reply;
            }
        )*
    };
}

requests! {
    /// Requests a broker serves.
    pub enum BrokerRequest<'a> {
        /// Stores a message; header with long field names.
        10 => SendMessage<'a> -> SendMessageReply<'static>, Send;
        /// Reads messages of one queue from an offset, waiting for new ones when asked to.
        11 => PullMessage<'a> -> PullMessageReply, Pull;
        /// Finds messages of a topic by key.
        12 => QueryMessage -> QueryMessageReply, Query;
        /// Reads the committed offset of a queue.
        14 => QueryConsumerOffset -> QueryConsumerOffsetReply, Consumer;
        /// Commits the offset of a queue.
        15 => UpdateConsumerOffset -> UpdateConsumerOffsetReply, Consumer;
        /// Creates or changes a topic.
        17 => UpdateAndCreateTopic -> NoHeader, Admin;
        /// Reads the topic table.
        21 => GetAllTopicConfig -> GetAllTopicConfigReply, Admin;
        /// Changes settings; the body is properties text.
        25 => UpdateBrokerConfig -> NoHeader, Admin;
        /// Reads all settings as properties text.
        26 => GetBrokerConfig -> GetBrokerConfigReply, Admin;
        /// Reads the broker's figures as a `KvTable`.
        28 => GetBrokerRuntimeInfo -> NoHeader, Admin;
        /// Finds the queue offset at a point in time.
        29 => SearchOffsetByTimestamp -> SearchOffsetByTimestampReply, Admin;
        /// Reads the end of a queue.
        30 => GetMaxOffset -> GetMaxOffsetReply, Admin;
        /// Reads the start of a queue.
        31 => GetMinOffset -> GetMinOffsetReply, Admin;
        /// Reads the store time of the oldest message of a queue.
        32 => GetEarliestMsgStoretime -> GetEarliestMsgStoretimeReply, Admin;
        /// Reads one message by physical offset.
        33 => ViewMessageById -> NoHeader, Query;
        /// Tells which groups and subscriptions a client stands for; the body is `HeartbeatData`.
        34 => HeartBeat -> NoHeader, Heartbeat;
        /// Takes a client out of its groups.
        35 => UnregisterClient -> UnregisterClientReply, Client;
        /// Has a message delivered again later.
        36 => ConsumerSendMsgBack -> NoHeader, Send;
        /// Commits or rolls back a transaction.
        37 => EndTransaction -> NoHeader, Transaction;
        /// Reads the client ids of a consumer group.
        38 => GetConsumerListByGroup -> GetConsumerListByGroupReply, Consumer;
        /// Locks queues for one member of a group; the body is `LockBatchRequestBody`.
        41 => LockBatchMq -> NoHeader, Admin;
        /// Releases locked queues; the body is `UnlockBatchRequestBody`.
        42 => UnlockBatchMq -> NoHeader, Admin;
        /// Reads the offset table.
        43 => GetAllConsumerOffset -> NoHeader, Admin;
        /// Reads the delivery offsets of the delay levels.
        45 => GetAllDelayOffset -> NoHeader, Admin;
        /// Checks whether a filter expression compiles; the body is `CheckClientRequestBody`.
        46 => CheckClientConfig -> NoHeader, Client;
        /// Creates or changes a group; the body is `SubscriptionGroupConfig`.
        200 => UpdateAndCreateSubscriptionGroup -> NoHeader, Admin;
        /// Reads the subscription groups.
        201 => GetAllSubscriptionGroupConfig -> NoHeader, Admin;
        /// Reads offsets and last update of a topic's queues.
        202 => GetTopicStatsInfo -> NoHeader, Admin;
        /// Lists the connections of a consumer group.
        203 => GetConsumerConnectionList -> NoHeader, Admin;
        /// Lists the connections of a producer group.
        204 => GetProducerConnectionList -> NoHeader, Admin;
        /// Deletes a subscription group.
        207 => DeleteSubscriptionGroup -> NoHeader, Admin;
        /// Reads how far a group has consumed.
        208 => GetConsumeStats -> NoHeader, Admin;
        /// Deletes a topic.
        215 => DeleteTopicInBroker -> NoHeader, Admin;
        /// Has the online consumers of a group reset their offsets to a time.
        222 => InvokeBrokerToResetOffset -> NoHeader, Admin;
        /// Gathers the offsets of the online consumers of a group.
        223 => InvokeBrokerToGetConsumerStatus -> NoHeader, Admin;
        /// Lists the groups that consume a topic.
        300 => QueryTopicConsumeByWho -> NoHeader, Admin;
        /// Registers a filter server.
        301 => RegisterFilterServer -> RegisterFilterServerReply, Admin;
        /// Reads the time span of what a group consumes.
        303 => QueryConsumeTimeSpan -> NoHeader, Admin;
        /// Lists the system topics.
        305 => GetSystemTopicListFromBroker -> NoHeader, Admin;
        /// Deletes consume queue files that no message belongs to any more.
        306 => CleanExpiredConsumeQueue -> NoHeader, Admin;
        /// Asks a consumer for its inner state; relayed by the broker.
        307 => GetConsumerRunningInfo -> NoHeader, Admin;
        /// Reads offsets to correct a group by.
        308 => QueryCorrectionOffset -> NoHeader, Admin;
        /// Has a consumer consume a message now; relayed by the broker.
        309 => ConsumeMessageDirectly -> NoHeader, Admin;
        /// Stores a message; header with one-letter field names.
        310 => SendMessageV2<'a> -> SendMessageReply<'static>, Send;
        /// Copies the offsets of a group to another.
        314 => CloneGroupOffset -> NoHeader, Admin;
        /// Reads one item of the statistics.
        315 => ViewBrokerStatsData -> NoHeader, Admin;
        /// Deletes consume queues of topics that are gone.
        316 => CleanUnusedTopic -> NoHeader, Admin;
        /// Reads the consumption of all groups.
        317 => GetBrokerConsumeStats -> NoHeader, Admin;
        /// Stores a batch of messages; header with one-letter field names.
        320 => SendBatchMessage<'a> -> SendMessageReply<'static>, Send;
        /// Reads entries of a consume queue.
        321 => QueryConsumeQueue -> NoHeader, Admin;
    }
}

requests! {
    /// Requests a name server serves.
    pub enum NamesrvRequest {
        /// Stores a configuration value.
        100 => PutKvConfig -> NoHeader, Namesrv;
        /// Reads a configuration value.
        101 => GetKvConfig -> GetKvConfigReply, Namesrv;
        /// Removes a configuration value.
        102 => DeleteKvConfig -> NoHeader, Namesrv;
        /// Registers a broker with its topics; the body is `RegisterBrokerBody`.
        103 => RegisterBroker -> RegisterBrokerReply, Namesrv;
        /// Takes a broker out of all routes.
        104 => UnregisterBroker -> NoHeader, Namesrv;
        /// Reads the brokers and queues of a topic.
        105 => GetRouteInfoByTopic -> NoHeader, Namesrv;
        /// Reads all clusters and brokers.
        106 => GetBrokerClusterInfo -> NoHeader, Namesrv;
        /// Takes the write permission of a broker out of all routes.
        205 => WipeWritePermOfBroker -> WipeWritePermOfBrokerReply, Namesrv;
        /// Lists all topics.
        206 => GetAllTopicListFromNameserver -> NoHeader, Namesrv;
        /// Deletes a topic from the routes.
        216 => DeleteTopicInNamesrv -> NoHeader, Namesrv;
        /// Reads all configuration values of a namespace.
        219 => GetKvListByNamespace -> NoHeader, Namesrv;
        /// Lists the topics of a cluster.
        224 => GetTopicsByCluster -> NoHeader, Namesrv;
        /// Lists cluster and broker names, which are topics too.
        304 => GetSystemTopicListFromNs -> NoHeader, Namesrv;
        /// Lists topics with the unit flag.
        311 => GetUnitTopicList -> NoHeader, Namesrv;
        /// Lists topics with a unit subscription.
        312 => GetHasUnitSubTopicList -> NoHeader, Namesrv;
        /// Lists topics with a unit subscription but without the unit flag.
        313 => GetHasUnitSubUnunitTopicList -> NoHeader, Namesrv;
        /// Changes settings; the body is properties text.
        318 => UpdateNamesrvConfig -> NoHeader, Namesrv;
        /// Reads all settings as properties text.
        319 => GetNamesrvConfig -> NoHeader, Namesrv;
        /// Compares a broker's topic table version with the known one; the body is `DataVersion`.
        322 => QueryDataVersion -> QueryDataVersionReply, Namesrv;
    }
}

requests! {
    /// Requests a client serves.
    pub enum ClientRequest {
        /// Asks a producer what became of a transaction; the body is the half message.
        39 => CheckTransactionState -> NoHeader, Callback;
        /// Tells a consumer that the members of its group changed.
        40 => NotifyConsumerIdsChanged -> NoHeader, Callback;
        /// Has a consumer continue from other offsets; the body is `ResetOffsetBody`.
        220 => ResetConsumerClientOffset -> NoHeader, Callback;
        /// Asks a consumer for its offsets.
        221 => GetConsumerStatusFromClient -> NoHeader, Callback;
        also 307 => GetConsumerRunningInfo, Callback, "Asks a consumer for its inner state.";
        also 309 => ConsumeMessageDirectly, Callback, "Has a consumer consume a message now.";
    }
}

#[cfg(test)]
mod tests;
