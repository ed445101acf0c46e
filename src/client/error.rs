//! What can go wrong, split by what a caller does next.

use protocol::{Command, ext};
use remoting::CallError;

/// Why a client operation failed.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// No name server address was given, or none is a `host:port`.
    #[error("no name server address, set NAMESRV_ADDR or give one: {0:?}")]
    NoNameServer(String),
    /// The message or the settings break a rule; sending again will not help.
    #[error("{0}")]
    Invalid(String),
    /// No broker serves the topic.
    #[error("No route info of this topic, {0}")]
    NoRoute(String),
    /// The peer could not be reached or did not answer.
    #[error(transparent)]
    Call(#[from] CallError),
    /// The peer refused.
    #[error("CODE: {code}  DESC: {remark}")]
    Refused {
        /// Response code.
        code: i32,
        /// The peer's words.
        remark: String,
    },
    /// What was asked about is not there; with a code where 4.4.0 gives one.
    #[error("{}", described(*code, what))]
    Absent {
        /// The response code that says so.
        code: Option<i32>,
        /// What is not there.
        what: String,
    },
    /// The peer's answer does not parse.
    #[error("malformed answer: {0}")]
    Malformed(String),
}

impl ClientError {
    /// The refusal in an answer.
    pub(crate) fn refused(answer: &Command) -> Self {
        Self::Refused { code: answer.code, remark: answer.remark.clone().unwrap_or_default() }
    }

    /// The response code that was answered or says the same.
    #[must_use]
    pub fn code(&self) -> Option<i32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            Self::Absent { code, .. } => *code,
            _ => None,
        }
    }

    /// Whether another broker may take what this one did not.
    pub(crate) fn worth_another_broker(&self) -> bool {
        use protocol::codes::response as code;
        match self {
            Self::Call(_) => true,
            Self::Refused { code, .. } => [
                code::TOPIC_NOT_EXIST,
                code::SERVICE_NOT_AVAILABLE,
                code::SYSTEM_ERROR,
                code::NO_PERMISSION,
                code::NO_BUYER_ID,
                code::NOT_IN_CURRENT_UNIT,
            ]
            .contains(code),
            _ => false,
        }
    }
}

fn described(code: Option<i32>, what: &str) -> String {
    match code {
        Some(code) => format!("CODE: {code}  DESC: {what}"),
        None => what.to_owned(),
    }
}

impl From<ext::Error> for ClientError {
    fn from(error: ext::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}
