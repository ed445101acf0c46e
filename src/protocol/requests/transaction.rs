//! Ends of transactions and questions about open ones.

use serde::{Deserialize, Serialize};

/// Code 37: a producer commits or rolls back.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EndTransaction {
    /// The producer's group.
    #[serde(default)]
    pub producer_group: String,
    /// Queue offset of the half message.
    pub tran_state_table_offset: i64,
    /// Physical offset of the half message.
    pub commit_log_offset: i64,
    /// 0 unknown, 8 commit, 12 rollback.
    pub commit_or_rollback: i32,
    /// Whether this answers a check.
    #[serde(default)]
    pub from_transaction_check: bool,
    /// Id of the message.
    #[serde(default)]
    pub msg_id: String,
    /// Id of the transaction.
    pub transaction_id: Option<String>,
}

/// Code 39: a broker asks what became of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CheckTransactionState {
    /// Queue offset of the half message.
    pub tran_state_table_offset: i64,
    /// Physical offset of the half message.
    pub commit_log_offset: i64,
    /// Id of the message.
    pub msg_id: Option<String>,
    /// Id of the transaction.
    pub transaction_id: Option<String>,
    /// Id made of address and physical offset.
    pub offset_msg_id: Option<String>,
}
